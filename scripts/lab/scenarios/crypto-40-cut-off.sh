# shellcheck shell=bash disable=SC2034
TITLE="a protected spoke is cut off: dead peer detection finds it gone; it returns by itself"
HUBS="ours frr"
PROTECTION=psk
HUB_IS=(DPD=3)
SPOKES_ARE=(DPD=3)

hub_has_no_session() { ! hub_has_session 2; }

scenario() {
    holds "the hub has a session with spoke 2" hub_has_session 2
    guest_unplug s2
    holds_within 60 "cut off, its session ends" hub_has_no_session
    if is_ours; then
        holds "for a reason" hub_blames "$(spoke_nbma 2)" ike-unanswered
        holds "the log says so" grep -q "$(spoke_nbma 2)" "$(hub_dir)/control.log"
    fi
    guest_plug s2 br-spokes
    guest s2 -t 70 "timeout 60 ping -q -i 0.5 $HUB_TUNNEL" >/dev/null 2>&1 &
    local pinging=$!
    holds_within 40 "within reach again, it pings the hub" guest s2 ping -c 1 -W 1 "$HUB_TUNNEL"
    guest s2 'pkill -INT -x ping || true'
    wait "$pinging" || true
    holds_within 40 "and LAN 1 reaches LAN 2" in_lan 1 ping -c 1 -W 1 "$(spoke_host 2)"
}
