# shellcheck shell=bash disable=SC2034
TITLE="a spoke that dies silently is dropped after its holding time, and shown as down"
HUBS="ours"

is_down() {
    hubctl --json show dmvpn | jq -e --arg tunnel "$(spoke_tunnel 2)" \
        '[.. | objects | select(.tunnel? == $tunnel and .state? != null and .state != "up")] | length > 0'
}

hub_forgot_2() { ! hub_knows_spoke 2; }

scenario() {
    local died
    spoke_become 2 HOLDTIME=9
    holds_within 15 "spoke 2 registers with a holding time of 9 s" spoke_registered 2
    died=$(now_ms)
    guest_kill s2
    holds "for now its registration stands" hub_knows_spoke 2
    holds_within 12 "then it is gone" hub_forgot_2
    holds "after $(($(now_ms) - died)) ms" between 5000 "$(($(now_ms) - died))" 13000
    holds "show dmvpn has it as not up" is_down
    holds "for a reason" hub_blames "$(spoke_nbma 2)" expired
    holds "the log says so" grep -q "$(spoke_tunnel 2).*is DOWN" "$(hub_dir)/control.log"
    spokes_boot 2
    spoke_become 2
    holds_within 15 "alive again it registers" hub_knows_spoke 2
}
