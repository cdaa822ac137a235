# shellcheck shell=bash disable=SC2034
TITLE="redirect, resolution through the hub, then direct packets both ways"
HUBS="ours frr"

ping_until_shortcut() {
    guest s1 -t 70 "timeout 60 ip netns exec lan ping -q -i 0.2 $(spoke_host 2)" >"$RUN/shortcut-ping" 2>&1 &
    pinging=$!
    holds_within 45 "spoke 1 has a shortcut to LAN 2" spoke_has_shortcut 1 "$(spoke_lan 2).0/24" "$(spoke_tunnel 2)"
    holds_within 20 "spoke 2 has a shortcut to LAN 1" spoke_has_shortcut 2 "$(spoke_lan 1).0/24" "$(spoke_tunnel 1)"
}

scenario() {
    local one two to_hub
    one=$(spoke_nbma 1) two=$(spoke_nbma 2)
    ping_until_shortcut
    holds "the hub sent a Traffic Indication to spoke 1" saw_nhrp "$HUB_SIDE" 8 src host "$HUB_NBMA" and dst host "$one"
    holds "spoke 1 asked through the hub" saw_nhrp "$HUB_SIDE" 1 src host "$one"
    holds "the hub passed it on to spoke 2" saw_nhrp "$HUB_SIDE" 1 src host "$HUB_NBMA" and dst host "$two"
    holds "spoke 2's answer came" saw_nhrp "$UNDERLAY" 2 dst host "$one"
    holds_within 10 "direct packets from spoke 1 to spoke 2" saw_gre "$UNDERLAY" "$one" "$two" "$(spoke_host 2)"
    holds_within 10 "direct packets from spoke 2 to spoke 1" saw_gre "$UNDERLAY" "$two" "$one" "$(spoke_host 1)"
    to_hub=$(captured_gre "$HUB_SIDE" "$one" "$HUB_NBMA" "$(spoke_host 2)")
    holds "the shortcut carries a ping without loss" in_lan 1 ping -c 20 -i 0.05 -W 2 "$(spoke_host 2)"
    holds "and nothing of it goes to the hub" less_than \
        "$(captured_gre "$HUB_SIDE" "$one" "$HUB_NBMA" "$(spoke_host 2)")" $((to_hub + 1))
    guest s1 'pkill -INT ping || true'
    wait "$pinging" || true
}
