# shellcheck shell=bash disable=SC2034
TITLE="Phase 1 with a default route: everything goes by way of the hub, which redirects nobody"
HUBS="ours"
PROTECTION=psk
HUB_IS=(ROUTING=ebgp ROUTES= OFFER=default PHASE=1)
SPOKES_ARE=(ROUTING=ebgp ROUTES= UNDERLAY=192.0.2.0/24)

indications() { guest s2 "grep -c 'Traffic-Indication' /var/log/frr/frr.log || true"; }

scenario() {
    local before
    holds_within 60 "both BGP sessions are up" hub_has_sessions 2
    holds_within 30 "spoke 2 has a default route by way of the hub" spoke_routes_via 2 default "$HUB_TUNNEL"
    before=$(indications)
    holds "LAN 2 reaches LAN 1" in_lan 2 ping -c 50 -i 0.05 -W 2 "$(spoke_host 1)"
    holds "by way of the hub" goes 2 "$(spoke_host 1)" "$(spoke_lan 2).1" "$HUB_TUNNEL" "$(spoke_tunnel 1)" "$(spoke_host 1)"
    holds "and its LAN the data centre" in_lan 2 ping -c 3 -i 0.2 -W 2 10.0.0.10
    holds "no indication came" test "$(indications)" = "$before"
}
