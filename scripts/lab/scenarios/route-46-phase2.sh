# shellcheck shell=bash disable=SC2034
TITLE="Phase 2: the hub reflects routes with their next hops and redirects nobody; who has the other's address goes direct"
HUBS="ours"
NIGHTLY=1
PROTECTION=psk
SPOKES="1 2"
HUB_IS=(ROUTING=ibgp ROUTES= OFFER=preserve PHASE=2)
# nhrpd resolves no next hop by itself, as a Phase 2 router of Cisco's does: it is told the other's address.
SPOKES_ARE=(ROUTING=ibgp ASN=65000 ROUTES= SHORTCUT=0)

spoke_has_next_hop() {
    spoke_json "$1" show bgp ipv4 unicast "$2" | jq -e --arg via "$3" '.paths[] | select(any(.nexthops[]; .ip == $via))'
}
lan_to_lan() { in_lan 2 ping -c 1 -W 1 "$(spoke_host 1)"; }

scenario() {
    holds_within 60 "both BGP sessions are up" hub_has_sessions 2
    holds_within 30 "spoke 2 has LAN 1 with spoke 1 as next hop" spoke_has_next_hop 2 "$(spoke_lan 1).0/24" "$(spoke_tunnel 1)"
    holds_within 20 "which it reaches by way of the hub as yet" goes 2 "$(spoke_host 1)" \
        "$(spoke_lan 2).1" "$HUB_TUNNEL" "$(spoke_tunnel 1)" "$(spoke_host 1)"
    holds "no indication came" guest s2 '! grep -q Traffic-Indication /var/log/frr/frr.log'
    spoke_vtysh_configure 2 "interface gre1" "ip nhrp map $(spoke_tunnel 1) $(spoke_nbma 1)"
    spoke_vtysh_configure 1 "interface gre1" "ip nhrp map $(spoke_tunnel 2) $(spoke_nbma 2)"
    holds_within 30 "with its address known, LAN 1 is reached" lan_to_lan
    holds_within 20 "directly" goes 2 "$(spoke_host 1)" "$(spoke_lan 2).1" "$(spoke_tunnel 1)" "$(spoke_host 1)"
}
