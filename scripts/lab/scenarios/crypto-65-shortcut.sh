# shellcheck shell=bash disable=SC2034
TITLE="Phase 3 between protected spokes: redirect, resolution, then ESP directly between them"
HUBS="ours frr"
PROTECTION=psk

scenario() {
    local one two to_hub pinging
    one=$(spoke_nbma 1) two=$(spoke_nbma 2)
    in_lan 1 -t 90 timeout 80 ping -q -i 0.2 "$(spoke_host 2)" >/dev/null 2>&1 &
    pinging=$!
    undo "guest s1 'pkill -INT -x ping' >/dev/null"
    holds_within 45 "spoke 1 has a shortcut to LAN 2" spoke_has_shortcut 1 "$(spoke_lan 2).0/24" "$(spoke_tunnel 2)"
    holds_within 20 "spoke 2 has a shortcut to LAN 1" spoke_has_shortcut 2 "$(spoke_lan 1).0/24" "$(spoke_tunnel 1)"
    holds_within 20 "ESP from spoke 1 to spoke 2" saw_esp "$UNDERLAY" "$one" "$two"
    holds_within 20 "ESP from spoke 2 to spoke 1" saw_esp "$UNDERLAY" "$two" "$one"
    guest s1 'pkill -INT -x ping || true'
    wait "$pinging" || true
    to_hub=$(captured_esp "$HUB_SIDE" "$one" "$HUB_NBMA")
    holds "the shortcut carries a ping without loss" in_lan 1 ping -c 40 -i 0.05 -W 2 "$(spoke_host 2)"
    # A refresh of the registration or a keepalive of IKE may come in between.
    holds "and nothing of it goes to the hub" less_than "$(captured_esp "$HUB_SIDE" "$one" "$HUB_NBMA")" $((to_hub + 5))
}
