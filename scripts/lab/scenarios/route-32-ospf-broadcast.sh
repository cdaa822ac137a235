# shellcheck shell=bash disable=SC2034
TITLE="OSPF broadcast with three spokes on point-to-point tunnels, the hub is the designated router: prefixes both ways"
HUBS="ours"
NIGHTLY=1
PROTECTION=psk
SPOKES="1 2 3"
HUB_IS=(ROUTING=ospf-broadcast ROUTES= PHASE=1)
# They register once: see `point-to-point` of guest/router.
SPOKES_ARE=(ROUTING=ospf-broadcast ROUTES= SHORTCUT=0 HOLDTIME=3600 "1:MANY=20 17")

# The hub is designated, by its priority, and of the spokes nobody.
hub_is_designated() { hub_json show ip ospf interface | jq -e '.interfaces.tun0 | .state == "DR"'; }

scenario() {
    undo spokes_are_stale
    in_spokes '/host/router point-to-point'
    holds_within 90 "three adjacencies are full" hub_has_adjacencies 3
    holds "the hub is the designated router" hub_is_designated
    learnt_both_ways ospf own
    holds "LAN 2 reaches LAN 3" in_lan 2 ping -c 20 -i 0.05 -W 2 "$(spoke_host 3)"
    holds "by way of the hub" goes 2 "$(spoke_host 3)" "$(spoke_lan 2).1" "$HUB_TUNNEL" "$(spoke_tunnel 3)" "$(spoke_host 3)"
    holds "the adjacencies are still full" hub_has_adjacencies 3
}
