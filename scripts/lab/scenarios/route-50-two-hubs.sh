# shellcheck shell=bash disable=SC2034
TITLE="two hubs, one cloud: one dies, traffic moves in BGP's time, shortcuts pass all the while; it returns without loss"
HUBS="ours"
PROTECTION=psk
SPOKES="1 2 3"
HUB_IS=(ROUTING=ebgp ROUTES= GRACEFUL=0 SPEAKERS=10.0.0.10@65100)
SPOKES_ARE=(ROUTING=ebgp ROUTES= GRACEFUL=0 HUB_TUNNELS="10.255.0.1 10.255.0.2"
    NHS="dynamic@192.0.2.1 dynamic@192.0.2.2" DPD=3)

more_hubs() { at_hub 2 another_hub ROUTING=ebgp ROUTES= GRACEFUL=0 SPEAKERS=10.0.1.10@65100; }

hub_dies() {
    hub_kill dataplane
    hub_kill control
    for daemon in bgpd staticd zebra; do frr_kill hub "$daemon"; done
    rm -rf "$(hub_dir)/run" "$(hub_dir)/state"
    mkdir "$(hub_dir)/run" "$(hub_dir)/state"
}

hub_returns() {
    dataplane_start
    control_start
    routing_up
}

# One ping after another, from the LAN of a spoke: pings_begin NAME N ADDRESS MILLISECONDS; pings_end NAME N.
pings_begin() { in_lan "$2" -t 200 "ping -i 0.$(printf %03d "$4") -W 2 $3" >"$RUN/pings-$1" 2>&1 & }
pings_end() {
    guest "s$2" 'pkill -INT -x ping || true'
    wait_until 10 grep -q 'packets transmitted' "$RUN/pings-$1"
    grep 'packets transmitted' "$RUN/pings-$1"
}
lost() { echo $(($(sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 - \2/p' "$RUN/pings-$1"))); }

dc_reaches() { in_ns dc ping -c 1 -W 1 -I 172.16.0.1 "$1"; }
reaches_dc() { in_lan "$1" ping -c 1 -W 1 172.16.0.1; }

scenario() {
    dc_router_up 100 16 10.0.0.1 10.0.1.1
    holds_within 60 "the first hub has four BGP sessions" hub_has_sessions 4
    holds_within 60 "and so has the second" at_hub 2 hub_has_sessions 4
    holds_within 20 "every spoke is registered with the first" all_registered
    holds_within 20 "and with the second" at_hub 2 all_registered
    holds_within 30 "spokes prefer the first" spoke_routes_via 3 172.16.0.0/28 10.255.0.1
    holds_within 10 "hubctl show ip route says the same as the kernel, on both" hub_agrees_with_kernel
    holds "on the second" at_hub 2 hub_agrees_with_kernel
    through_hub_then_shortcut 1 2
    pings_begin shortcut 1 "$(spoke_host 2)" 100
    hub_dies
    holds_within 20 "the first dies: spoke 3 goes by way of the second" spoke_routes_via 3 172.16.0.0/28 10.255.0.2
    holds_within 20 "its LAN reaches the data centre" reaches_dc 3
    holds_within 20 "and the data centre that LAN" dc_reaches "$(spoke_host 3)"
    holds_within 20 "LANs without a shortcut reach each other" in_lan 3 ping -c 1 -W 1 "$(spoke_host 1)"
    pings_end shortcut 1
    holds "of the pings by the shortcut none was lost" test "$(lost shortcut)" = 0
    pings_begin return 3 172.16.0.1 50
    hub_returns
    holds_within 60 "the first is back: four BGP sessions" hub_has_sessions 4
    holds_within 60 "every spoke is registered" all_registered
    holds_within 60 "spoke 3 goes by way of it again" spoke_routes_via 3 172.16.0.0/28 10.255.0.1
    pings_end return 3
    holds "of the pings meanwhile none was lost" test "$(lost return)" = 0
}
