# shellcheck shell=bash disable=SC2034
TITLE="hub-control is killed with SIGKILL during a flood in ESP: no ping is lost, no SA is made anew"
HUBS="ours"
PROTECTION=psk
SPOKES_ARE=(SHORTCUT=0)

KILLS=3

control_answers_with_both() { control_ready && hub_knows_both; }
sas() { echo "$(children_of 1) $(ike_sas_of 1) $(children_of 2) $(ike_sas_of 2)"; }

scenario() {
    local before i
    holds_within 10 "the way is open" in_lan 1 ping -c 1 -W 1 "$(spoke_host 2)"
    before=$(sas)
    flood_begin 3000 4
    for ((i = 1; i <= KILLS; i++)); do
        hub_kill control
        holds_not "control is dead ($i of $KILLS)" control_ready
        control_start
        holds_within 5 "and back with both registrations" control_answers_with_both
    done
    flood_goes_on "the flood lasted longer than the kills"
    flood_end
    holds "the spokes have the SAs that they had" test "$(sas)" = "$before"
    holds "the hub shows a session with spoke 1" hub_has_session 1
    holds "a rekey still works" guest s1 swanctl --rekey --child dmvpn
    holds_within 10 "with a new SA" eval "[ \"\$(children_of 1)\" -gt ${before%% *} ]"
    holds "and pings go on" in_lan 1 ping -c 5 -i 0.2 -W 2 "$(spoke_host 2)"
}
