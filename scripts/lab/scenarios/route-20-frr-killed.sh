# shellcheck shell=bash disable=SC2034
TITLE="hub-control, all of FRR, then bgpd alone are killed with SIGKILL under traffic: no packet is lost"
HUBS="ours"
NIGHTLY=1
LIMIT=900
PROTECTION=psk
SPOKES="1 2"
# Who waits for one that restarts does not connect to it by itself: the hub has to know its spokes by name.
HUB_IS=(ROUTING=ebgp ROUTES= RESTART_TIME=120 SPEAKERS=10.0.0.10@65100 "NAMED=10.255.0.11 10.255.0.12")
# A bgpd of 8.4 that started anew thinks that it knows all once all neighbours that are up by then have said End-of-RIB,
# though others are still to come: zebra removes what was not told again, and so do those who hear the hub's End-of-RIB.
# Neighbours that say none have it wait for its time.
SPOKES_ARE=(ROUTING=ebgp ROUTES= EOR=0 SHORTCUT=0 "1:MANY=500 17")

# Longer than bgpd waits for its neighbours.
ZEBRA_KEEPS=120
# Two LANs, and what spoke 1 and the data centre have besides.
ALL=1002
# For so long after its start a bgpd says to whom it meets that it was restarted itself, and nobody waits for its routes.
YOUNG=125

control_answers() { control_ready && hub_knows_both; }
all_is_well() { hub_has_sessions 3 && hub_has_routes "$ALL" bgp && hub_agrees_with_kernel; }
is_over() { [ $((SECONDS - $1)) -gt "$2" ]; }

# It has looked at what its neighbours told, and has told zebra.
bgpd_has_chosen() { hub_json show bgp ipv4 unicast | jq -e --argjson want "$ALL" '[.routes[][] | select(.bestpath)] | length >= $want'; }

# Routes of BGP that were taken out of the kernel since the beginning.
withdrawn() { grep -c 'Deleted .* proto bgp' "$RESULTS/$NAME-monitor.txt" || true; }
none_withdrawn() { [ "$(withdrawn | tee /dev/stderr)" = 0 ]; }

scenario() {
    local daemon since born
    (in_ns_exec hub ip -ts monitor route nexthop) >"$RESULTS/$NAME-monitor.txt" 2>&1 &
    undo "kill $!"
    DC_EOR=0 dc_router_up 500 16
    born=$SECONDS
    holds_within 60 "three BGP sessions are up" hub_has_sessions 3
    holds_within 60 "the hub's kernel has $ALL routes by BGP" hub_has_routes "$ALL" bgp
    holds_within 60 "spoke 2 has $((ALL + 1))" spoke_has_routes 2 $((ALL + 1)) bgp
    holds_within 30 "hubctl show ip route says the same as the kernel" hub_agrees_with_kernel

    flood_begin 2000 20 172.17.1.1 2
    hub_kill control
    control_start
    holds_within 20 "hub-control killed and started: both are registered" control_answers
    holds_within 20 "and all is there" all_is_well
    flood_goes_on
    flood_end

    holds_within "$YOUNG" "neighbours no longer say that they were restarted" is_over "$born" "$YOUNG"
    flood_begin 6500 20 172.17.1.1 2
    for daemon in zebra bgpd staticd; do frr_kill hub "$daemon"; done
    holds "all of FRR is dead: the routes are in the kernel" hub_has_routes "$ALL" bgp
    since=$SECONDS
    for daemon in zebra staticd bgpd; do frr_again hub "$daemon"; done
    holds_within 90 "back, all is there" all_is_well
    # By then a new zebra lets go of what nobody has claimed again.
    holds_within $((ZEBRA_KEEPS + 30)) "zebra has let go of what nobody claimed" is_over "$since" $((ZEBRA_KEEPS + 2))
    holds "all is there" all_is_well
    flood_end
    holds "no route was taken out of the kernel" none_withdrawn

    flood_begin 4500 20 172.17.1.1 2
    frr_kill hub bgpd
    holds "bgpd is dead: its routes are in the kernel" hub_has_routes "$ALL" bgp
    frr_again hub bgpd
    holds_within 60 "back, it has its sessions" hub_has_sessions 3
    holds_within 90 "and has chosen its routes" bgpd_has_chosen
    holds_within 20 "all is there" all_is_well
    flood_goes_on
    flood_end
    holds "no route was taken out of the kernel" none_withdrawn
    holds "all is there" all_is_well
}
