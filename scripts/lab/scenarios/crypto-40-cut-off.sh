# shellcheck shell=bash disable=SC2034
TITLE="a protected spoke is cut off: the hub asks whether it lives; back again it gets its session by itself"
HUBS="ours frr"
LIMIT=500
PROTECTION=psk
HUB_IS=(DPD=3)
SPOKES_ARE=(DPD=3)

# IKE's timers let go of a peer after 165 s without an answer, as strongSwan's do. LAB_LONG=1, which a nightly run sets, waits for that.
hub_asked() { captured "$HUB_SIDE" "udp port 500 and udp[26] = 37 and src host $HUB_NBMA and dst host $(spoke_nbma 2)"; }
hub_asked_again() { [ "$(hub_asked)" -ge $((asked + 3)) ]; }
hub_has_no_session() { ! hub_has_session 2; }

wait_for_death() {
    holds_within 200 "cut off, its session ends" hub_has_no_session
    is_ours || return 0
    holds "for a reason" hub_blames "$(spoke_nbma 2)" ike-unanswered
    holds "the log says so" grep -q "$(spoke_nbma 2).*dead peer" "$(hub_dir)/control.log"
}

scenario() {
    local asked pinging
    holds "the hub has a session with spoke 2" hub_has_session 2
    asked=$(hub_asked)
    guest_unplug s2
    holds_within 30 "cut off, the hub asks whether it lives, and again" hub_asked_again
    [ -z "${LAB_LONG:-}" ] || wait_for_death
    guest_plug s2 br-spokes
    guest s2 -t 70 "timeout 60 ping -q -i 0.5 $HUB_TUNNEL" >/dev/null 2>&1 &
    pinging=$!
    holds_within 40 "within reach again, it pings the hub" guest s2 ping -c 1 -W 1 "$HUB_TUNNEL"
    guest s2 'pkill -INT -x ping || true'
    wait "$pinging" || true
    holds "the hub has a session with it" hub_has_session 2
    holds_within 40 "and LAN 1 reaches LAN 2" in_lan 1 ping -c 1 -W 1 "$(spoke_host 2)"
}
