# shellcheck shell=bash disable=SC2034
TITLE="a spoke is killed and comes back with another NBMA address"
HUBS="ours frr"

MOVED=203.0.113.52

scenario() {
    local to_old
    guest_kill s2
    spokes_boot 2
    spoke_become 2 "NBMA=$MOVED/24"
    holds_within 15 "spoke 2 registers from $MOVED" spoke_registered 2
    holds_within 5 "the hub has it at $MOVED" hub_knows "$(spoke_tunnel 2)" "$MOVED"
    holds_not "and no longer at $(spoke_nbma 2)" hub_knows_spoke 2
    to_old=$(captured "$HUB_SIDE" dst host "$(spoke_nbma 2)")
    holds "LAN 1 pings LAN 2 through the hub" in_lan 1 ping -c 5 -i 0.2 -W 2 "$(spoke_host 2)"
    holds "the hub sends to $MOVED" saw_gre "$HUB_SIDE" "$HUB_NBMA" "$MOVED" "$(spoke_host 2)"
    holds "and nothing more to the old address" less_than \
        "$(captured "$HUB_SIDE" dst host "$(spoke_nbma 2)")" $((to_old + 1))
}
