# shellcheck shell=bash
# Two hubs of ours, of which the first dies and comes back, and what is lost meanwhile.

# The data centre speaks to both hubs, and each has its sessions and spokes.
both_hubs_are_up() {
    dc_router_up 100 16 10.0.0.1 10.0.1.1
    holds_within 60 "the first hub has four BGP sessions" hub_has_sessions 4
    holds_within 60 "and so has the second" at_hub 2 hub_has_sessions 4
    holds_within 60 "every spoke is registered with the first" all_registered
    holds_within 60 "and with the second" at_hub 2 all_registered
    holds_within 30 "spokes prefer the first" spoke_routes_via 3 172.16.0.0/28 10.255.0.1
    holds_within 30 "hubctl show ip route says the same as the kernel, on both" hub_agrees_with_kernel
    holds "on the second" at_hub 2 hub_agrees_with_kernel
}

# Should the scenario end before the hub is back, the next one has to make it anew.
hub_dies() {
    mv "$(hub_dir).conf" "$(hub_dir).conf.dead"
    hub_kill dataplane
    hub_kill control
    for daemon in bgpd staticd zebra; do frr_kill hub "$daemon"; done
    rm -rf "$(hub_dir)/run" "$(hub_dir)/state"
    mkdir "$(hub_dir)/run" "$(hub_dir)/state"
}

# Then spokes find it. FRR's nhrpd asks a server that is silent after 2, 4, 8 ... 64 s, then again after 2; who comes back
# in the longest of these gaps has to wait for its end: 130 s are patience enough.
hub_returns() {
    mv "$(hub_dir).conf.dead" "$(hub_dir).conf"
    dataplane_start
    control_start
    routing_up
}

# One ping after another, from the LAN of a spoke: pings_begin NAME N ADDRESS MILLISECONDS, at most 999; pings_end NAME N.
pings_file() { echo "$RESULTS/$NAME-pings-$1.txt"; }
pings_begin() { in_lan "$2" -t 400 "ping -i 0.$(printf %03d "$4") -W 2 $3" >"$(pings_file "$1")" 2>&1 & }
pings_end() {
    guest "s$2" 'pkill -INT -x ping || true'
    wait_until 10 grep -q 'packets transmitted' "$(pings_file "$1")"
    grep 'packets transmitted' "$(pings_file "$1")"
}
# lost NAME N: those without an answer, until the last that has one. What is under way when ping ends, it calls lost as well;
# of those there may be N.
lost() {
    sed -n 's/.* icmp_seq=\([0-9]*\) ttl=.*/\1/p; s/^\([0-9]*\) packets transmitted.*/sent \1/p' "$(pings_file "$1")" |
        awk -v worth="$2" '$1 == "sent" { sent = $2; next } !seen[$1]++ { got++ } $1 > last { last = $1 }
            END { print (sent - last > worth ? sent : last) - got }'
}
# lost_at_most COUNT NAME MILLISECONDS: nor was an answer more than two seconds late at the end.
lost_at_most() { [ "$(lost "$2" $((2000 / $3)) | tee /dev/stderr)" -le "$1" ]; }
none_lost() { lost_at_most 0 "$@"; }

dc_reaches() { in_ns dc ping -c 1 -W 1 -I 172.16.0.1 "$1"; }
reaches_dc() { in_lan "$1" ping -c 1 -W 1 172.16.0.1; }
