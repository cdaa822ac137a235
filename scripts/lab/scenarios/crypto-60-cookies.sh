# shellcheck shell=bash disable=SC2034
TITLE="a flood of half-open exchanges: cookies are asked for, and spokes still get in"
HUBS="ours"
PROTECTION=psk
HUB_IS=(COOKIE_THRESHOLD=20)

COOKIES="src host $HUB_NBMA and udp src port 500 and udp[24] = 41 and udp[42:2] = 16390"

asked_for_cookies() { [ "$(captured "$HUB_SIDE" "$COOKIES")" -gt 0 ]; }

scenario() {
    [ -e "/run/netns/$NET_ID-crowd" ] || crowd_up
    in_ns_exec crowd python3 "$LAB/lib/half-open.py" 203.0.113.97 30 "$HUB_NBMA" 300 90 >"$RUN/half-open" 2>&1 &
    local flooding=$!
    undo "stop_pid $flooding"
    holds_within 10 "the hub asks the flood for cookies" asked_for_cookies
    holds "spokes that are in stay in" in_lan 1 ping -c 5 -i 0.2 -W 2 "$(spoke_host 2)"
    spoke_become 2 HOLDTIME=61
    holds_within 20 "a spoke that comes now gets in" spoke_registered 2
    holds "and it had to show a cookie" guest s2 'grep -i "cookie" /run/keys/charon.log'
    holds "the flood lasted longer" alive "$flooding"
    stop_pid "$flooding"
    holds "/metrics counts them" eval 'hub_metrics | grep -E "cookie.* [1-9]"'
}
