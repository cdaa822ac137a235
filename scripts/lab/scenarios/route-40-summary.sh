# shellcheck shell=bash disable=SC2034
TITLE="Phase 3 with summaries from the hub: shortcuts for what is more specific"
HUBS="ours"
PROTECTION=psk
SPOKES="1 2 3"
HUB_IS=(ROUTING=ebgp ROUTES= OFFER=summary)
SPOKES_ARE=(ROUTING=ebgp ROUTES= "1:MANY=20 17")

scenario() {
    holds_within 60 "three BGP sessions are up" hub_has_sessions 3
    holds_within 30 "spoke 2 has the two summaries and nothing else" spoke_has_routes 2 2 bgp
    holds_within 10 "one by way of the hub" spoke_routes_via 2 10.0.0.0/8 "$HUB_TUNNEL"
    holds "spoke 2's LAN reaches the data centre" in_lan 2 ping -c 3 -i 0.2 -W 2 10.0.0.10
    holds "and the data centre that LAN" in_ns dc ping -c 3 -i 0.2 -W 2 "$(spoke_host 2)"
    through_hub_then_shortcut 2 3
    # The spoke answers for all of 172.17.0.0/16, the hub passes on what it routes to that spoke.
    through_hub_then_shortcut 3 1 172.17.1.1 172.17.1.0/28
}
