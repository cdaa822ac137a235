# shellcheck shell=bash disable=SC2034
TITLE="two hubs, one cloud: one dies, traffic moves in BGP's time, shortcuts pass all the while; it returns without loss"
HUBS="ours"
LIMIT=600
PROTECTION=psk
SPOKES="1 2 3"
HUB_IS=(ROUTING=ebgp ROUTES= GRACEFUL=0 SPEAKERS=10.0.0.10@65100)
SPOKES_ARE=(ROUTING=ebgp ROUTES= GRACEFUL=0 HUB_TUNNELS="10.255.0.1 10.255.0.2"
    NHS="dynamic@192.0.2.1 dynamic@192.0.2.2" DPD=3)

more_hubs() { at_hub 2 another_hub ROUTING=ebgp ROUTES= GRACEFUL=0 SPEAKERS=10.0.1.10@65100; }

scenario() {
    both_hubs_are_up
    through_hub_then_shortcut 1 2
    pings_begin shortcut 1 "$(spoke_host 2)" 100
    hub_dies
    holds_within 20 "the first dies: spoke 3 goes by way of the second" spoke_routes_via 3 172.16.0.0/28 10.255.0.2
    holds_within 20 "its LAN reaches the data centre" reaches_dc 3
    holds_within 20 "and the data centre that LAN" dc_reaches "$(spoke_host 3)"
    holds_within 20 "LANs without a shortcut reach each other" in_lan 3 ping -c 1 -W 1 "$(spoke_host 1)"
    pings_end shortcut 1
    holds "of the pings by the shortcut none was lost" none_lost shortcut 100
    pings_begin return 3 172.16.0.1 50
    hub_returns
    holds_within 130 "the first is back: four BGP sessions" hub_has_sessions 4
    holds_within 60 "every spoke is registered" all_registered
    holds_within 60 "spoke 3 goes by way of it again" spoke_routes_via 3 172.16.0.0/28 10.255.0.1
    pings_end return 3
    holds "of the pings meanwhile none was lost" none_lost return 50
}
