# shellcheck shell=bash disable=SC2034
TITLE="two hubs, each with a cloud: one dies, traffic moves to the other in BGP's time, shortcuts move as well; it returns without loss"
HUBS="ours"
NIGHTLY=1
LIMIT=600
PROTECTION=psk
SPOKES="1 2 3"
CLOUDS=2
HUB_IS=(ROUTING=ebgp ROUTES= GRACEFUL=0 SPEAKERS=10.0.0.10@65100)
SPOKES_ARE=(ROUTING=ebgp ROUTES= GRACEFUL=0 HUB_TUNNELS="10.255.0.1 10.255.1.2" DPD=3)

# A shortcut that is renewed in the other cloud has another next hop. FRR's nhrpd takes the route away before it sets the
# new one, and that before the neighbour is known: a packet or two of that moment.
MOVING=3

more_hubs() { at_hub 2 another_hub ROUTING=ebgp ROUTES= GRACEFUL=0 SPEAKERS=10.0.1.10@65100; }

scenario() {
    both_hubs_are_up
    through_hub_then_shortcut 1 2
    pings_begin shortcut 1 "$(spoke_host 2)" 100
    hub_dies
    holds_within 20 "the first dies: spoke 3 goes by way of the second" spoke_routes_via 3 172.16.0.0/28 10.255.1.2
    holds_within 20 "its LAN reaches the data centre" reaches_dc 3
    holds_within 20 "and the data centre that LAN" dc_reaches "$(spoke_host 3)"
    at_hub 2 through_hub_then_shortcut 3 1
    holds_within 90 "the shortcut from before was renewed in the second cloud" at_hub 2 spoke_has_shortcut 1 "$(spoke_lan 2).0/24" 10.255.1.12
    pings_end shortcut 1
    holds "of the pings by it no more than $MOVING were lost, as it moved" lost_at_most $MOVING shortcut 100
    pings_begin return 3 172.16.0.1 50
    pings_begin back 1 "$(spoke_host 2)" 100
    hub_returns
    holds_within 130 "the first is back: four BGP sessions" hub_has_sessions 4
    holds_within 60 "every spoke is registered" all_registered
    holds_within 60 "spoke 3 goes by way of it again" spoke_routes_via 3 172.16.0.0/28 10.255.0.1
    pings_end return 3
    holds "of the pings to the data centre meanwhile none was lost" none_lost return 50
    holds_within 90 "the shortcut is renewed in the first cloud" spoke_has_shortcut 1 "$(spoke_lan 2).0/24" "$(spoke_tunnel 2)"
    pings_end back 1
    holds "of the pings by it no more than $MOVING were lost" lost_at_most $MOVING back 100
}
