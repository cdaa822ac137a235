# shellcheck shell=bash disable=SC2034
TITLE="Phase 3 with a default route from the hub: shortcuts for what is more specific"
HUBS="ours"
NIGHTLY=1
PROTECTION=psk
HUB_IS=(ROUTING=ebgp ROUTES= OFFER=default)
SPOKES_ARE=(ROUTING=ebgp ROUTES= UNDERLAY=192.0.2.0/24)

scenario() {
    holds_within 60 "both BGP sessions are up" hub_has_sessions 2
    holds_within 30 "spoke 2 has a default route by way of the hub" spoke_routes_via 2 default "$HUB_TUNNEL"
    holds "and nothing else by BGP" spoke_has_routes 2 1 bgp
    holds "its LAN reaches the data centre" in_lan 2 ping -c 3 -i 0.2 -W 2 10.0.0.10
    through_hub_then_shortcut 2 1
}
