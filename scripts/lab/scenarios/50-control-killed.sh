# shellcheck shell=bash disable=SC2034
TITLE="hub-control is killed with SIGKILL during a ping flood: no ping is lost, no registration forgotten"
HUBS="ours"

KILLS=5

# Pings that answer one another's arrival, through the hub: spoke 1 takes no shortcut.
flood() { in_lan 1 ping -q -i 0.002 -c 6000 -W 5 "$(spoke_host 2)"; }

control_answers_with_both() { control_ready && hub_knows_both; }

scenario() {
    local flooding i
    spoke_become 1 SHORTCUT=0
    spoke_become 2 SHORTCUT=0
    holds_within 20 "both spokes are registered" all_registered
    holds "the way is open" in_lan 1 ping -c 3 -i 0.2 -W 2 "$(spoke_host 2)"
    flood >"$RUN/flood" 2>&1 &
    flooding=$!
    for ((i = 1; i <= KILLS; i++)); do
        hub_kill control
        holds_not "control is dead ($i of $KILLS)" control_ready
        control_start
        holds_within 5 "and back with both registrations" control_answers_with_both
    done
    holds "the flood lasted longer than the kills" alive "$flooding"
    wait "$flooding" || true
    holds "6000 of 6000 pings: $(grep -o '[0-9]* received' "$RUN/flood")" grep -q ' 6000 received, 0% packet loss' "$RUN/flood"
    holds "a spoke still registers" spoke_registered 1
}
