# shellcheck shell=bash disable=SC2034
TITLE="multicast from the data centre to those of three spokes that join by PIM, while they come and go and control is killed"
HUBS="ours"
NIGHTLY=1
LIMIT=600
PROTECTION=psk
SPOKES="1 2 3"
HUB_IS=(PIM=1 ROUTES=)
SPOKES_ARE=(PIM=1)

GROUP=239.1.2.3
# A group of one source (RFC 4607): no tree to an RP stands in for what a prune takes.
ONE=232.1.2.3
SOURCE=10.0.0.10

# burst GROUP N...: 500 packets; exactly these spokes' hosts get all of them, and the counters tell so.
burst() {
    local group=$1 first packets copies bytes n
    shift
    first=$(stream_at)
    packets=$(mroute_count packets "$group" $SOURCE) copies=$(mroute_count copies "$group" $SOURCE) bytes=$(mroute_count bytes "$group" $SOURCE)
    stream "$group" 500 5
    for n in $SPOKES; do
        case " $* " in
        *" $n "*) holds_within 20 "spoke $n's host has all 500 of a stream, each once" all_came "$n" "$first" $((first + 500)) ;;
        *) holds "spoke $n's has none" none_came "$n" "$first" $((first + 500)) ;;
        esac
    done
    holds "the hub has counted 500 packets" test "$(mroute_count packets "$group" $SOURCE)" = $((packets + 500))
    holds "with all their octets" test "$(mroute_count bytes "$group" $SOURCE)" = $((bytes + 500 * 636))
    holds "and $((500 * $#)) copies" test "$(mroute_count copies "$group" $SOURCE)" = $((copies + 500 * $#))
}

# none_missing_since NUMBER N...: of a stream that goes on, these spokes had all. The capture is written a little later.
none_missing_since() {
    local first=$1 end n
    shift
    end=$(stream_at)
    for n; do holds_within 20 "spoke $n's host has missed none" all_came "$n" "$first" "$end"; done
}

scenario() {
    local n first
    echo 0 >"$RUN/stream"
    for n in $SPOKES; do
        # What a scenario that failed left behind.
        lan_leaves $GROUP "$n" 2>/dev/null || true
        lan_leaves_source $ONE $SOURCE "$n" >/dev/null 2>&1 || true
        undo listen_end "$n"
        listen "$n"
    done
    holds_within 60 "the hub has three PIM neighbours" hub_has_pim_neighbours 3
    lan_joins $GROUP 1
    lan_joins $GROUP 2
    first=$(stream_at)
    stream_begin $GROUP 60000 10
    holds_within 60 "two hosts join: the stream reaches the first" some_comes 1 "$first"
    holds_within 60 "and the second" some_comes 2 "$first"
    holds_within 60 "show ip mroute names their spokes" mroute_members $GROUP $SOURCE 1 2
    stream_end
    holds_within 10 "it says the same as the kernel" mroutes_agree
    burst $GROUP 1 2
    holds "on the underlay no copy went to the third" test "$(copies_to 3)" = 0
    stream_begin $GROUP 60000 10
    first=$(stream_at)
    lan_joins $GROUP 3
    holds_within 60 "the third joins" some_comes 3 "$first"
    holds_within 60 "show ip mroute names three" mroute_members $GROUP $SOURCE 1 2 3
    stream_goes_on 100
    none_missing_since "$first" 1 2
    stream_end
    burst $GROUP 1 2 3
    stream_begin $GROUP 60000 10
    first=$(stream_at)
    hub_kill control
    holds_not "control is dead" control_ready
    control_start
    holds_within 30 "and back: it knows who has joined" mroute_members $GROUP $SOURCE 1 2 3
    stream_goes_on 300
    none_missing_since "$first" 1 2 3
    first=$(stream_at)
    lan_leaves $GROUP 1
    holds_within 60 "the first leaves" mroute_members $GROUP $SOURCE 2 3
    stream_goes_on 500
    none_missing_since "$first" 2 3
    stream_end
    burst $GROUP 2 3
    holds_within 10 "hub and kernel agree" mroutes_agree
    one_source
}

one_source() {
    local n first
    for n in $SPOKES; do lan_joins_source $ONE $SOURCE "$n"; done
    first=$(stream_at)
    stream_begin $ONE 60000 10
    for n in $SPOKES; do holds_within 60 "of a group of one source spoke $n gets the stream" some_comes "$n" "$first"; done
    first=$(stream_at)
    lan_leaves_source $ONE $SOURCE 2
    holds_within 60 "the second leaves" mroute_members $ONE $SOURCE 1 3
    # Longer than the prune waits for objections.
    stream_goes_on 600
    none_missing_since "$first" 1 3
    stream_end
    burst $ONE 1 3
    holds_within 10 "hub and kernel agree" mroutes_agree
    for n in 1 3; do lan_leaves_source $ONE $SOURCE "$n"; done
    for n in 2 3; do lan_leaves $GROUP "$n"; done
}
