# shellcheck shell=bash disable=SC2034
TITLE="configuration faults of a spoke that leave no trace on other hubs: each has a cause and a line here"
HUBS="ours"

scenario() {
    local before
    spoke_become 2 "NHS=10.255.0.99@$HUB_NBMA"
    holds_within 20 "registering with an address that is not the hub's: wrong-nhs" hub_blames "$(spoke_nbma 2)" wrong-nhs
    holds "the log names it" grep -q "$(spoke_nbma 2)" "$(hub_dir)/control.log"
    hubctl clear ip nhrp >/dev/null
    before=$(hub_drops unknown_peer)
    # Neighbour and route by hand, as `ip nhrp map` without `ip nhrp nhs` makes them.
    spoke_stop 2
    guest s2 "ip neighbour replace $HUB_TUNNEL lladdr $HUB_NBMA nud permanent dev gre1; ip route replace $HUB_TUNNEL dev gre1"
    guest s2 ping -c 3 -i 0.3 -W 1 "$HUB_TUNNEL" >/dev/null || true
    holds_within 5 "a map but no NHS: its data is dropped as unknown_peer" \
        eval "less_than $before \"\$(hub_drops unknown_peer)\""
    holds_within 5 "and it is named" hub_blames "$(spoke_nbma 2)" unknown-peer
    spoke_conf 2
    spoke_apply 2
    spoke_start 2
    holds_within 15 "put right, it registers" hub_knows_spoke 2
}
