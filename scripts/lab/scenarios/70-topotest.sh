# shellcheck shell=bash disable=SC2034
TITLE="the scenarios of FRR's own nhrp_topo test: caches, routes, flood, shortcut, a target cut off"
HUBS="ours frr"

# The cache of a spoke, as FRR's test expects it of a freshly registered one.
spoke_cache_is_expected() {
    spoke_json "$1" show ip nhrp cache | jq -e --arg hub "$HUB_TUNNEL" --arg hub_nbma "$HUB_NBMA" \
        --arg me "$(spoke_tunnel "$1")" --arg my_nbma "$(spoke_nbma "$1")" '
        .attr.entriesCount == 2 and (.table | map({type, protocol, nbma}) | sort_by(.type)) == [
            {type: "local", protocol: $me, nbma: $my_nbma},
            {type: "nhs", protocol: $hub, nbma: $hub_nbma}]'
}

spoke_route_is_expected() {
    spoke_json "$1" show ip route nhrp | jq -e --arg prefix "$HUB_TUNNEL/32" \
        '.[$prefix][0] | .protocol == "nhrp" and .selected and .installed and .distance == 10
            and .nexthops[0].interfaceName == "gre1" and .nexthops[0].active'
}

# nhrpd takes the NOARP flag off the tunnel, so that the kernel asks it for neighbours.
spoke_interface_is_expected() {
    spoke_json "$1" show interface gre1 | jq -e '.gre1.flags == "<UP,LOWER_UP,RUNNING,MULTICAST>"' ||
        guest "s$1" 'ip -j link show gre1' | jq -e '.[0].flags | index("NOARP") | not'
}

flood() { guest s1 ping -q -f -c 100 "$HUB_TUNNEL" | grep '100 packets transmitted, 100 received'; }

requests_of_spoke_1() { captured_nhrp "$HUB_SIDE" 1 src host "$(spoke_nbma 1)"; }
requests_relayed() { captured_nhrp "$HUB_SIDE" 1 src host "$HUB_NBMA" and dst host "$(spoke_nbma 2)"; }
asked_again() { [ "$(requests_of_spoke_1)" -ge 2 ]; }
incomplete() { spoke_vtysh 1 show ip nhrp shortcut | grep incomplete >/dev/null; }

# Pings go on while conditions are waited for; each that passes through the hub may be answered by an indication.
begin_pings() {
    in_lan 1 timeout 200 ping -q -i 0.5 "$(spoke_host 2)" >/dev/null 2>&1 &
    pinging=$!
}

end_pings() {
    guest s1 'pkill -INT -x ping || true'
    wait "$pinging" || true
}

shortcut_appears() {
    begin_pings
    holds_within 60 "$1" spoke_has_shortcut 1 "$(spoke_lan 2).0/24" "$(spoke_tunnel 2)"
    end_pings
}

cut_off_target() {
    for n in 1 2; do spoke_forget_shortcuts "$n"; done
    restart_captures
    guest s2 'iptables-legacy -I INPUT -i eth0 -j DROP'
    begin_pings
    holds_within 60 "cut off, its shortcut stays incomplete" incomplete
    holds_within 90 "spoke 1 asks again" asked_again
    end_pings
    holds "each of its $(requests_of_spoke_1) requests was relayed" test "$(requests_of_spoke_1)" = "$(requests_relayed)"
    guest s2 'iptables-legacy -D INPUT -i eth0 -j DROP'
    wait_until 60 spoke_registered 2
}

scenario() {
    local n
    for n in 1 2; do
        spoke_stop "$n"
        spoke_start "$n"
    done
    for n in 1 2; do
        holds_within 20 "cache of spoke $n as JSON" spoke_cache_is_expected "$n"
        holds_within 20 "NHRP route of spoke $n as JSON" spoke_route_is_expected "$n"
        holds_within 5 "tunnel interface of spoke $n" spoke_interface_is_expected "$n"
    done
    holds "the hub's cache has both" hub_knows_both
    holds "flood ping: 100 of 100" flood
    shortcut_appears "redirect, then a shortcut"
    cut_off_target
    shortcut_appears "within reach again, the shortcut appears"
}
