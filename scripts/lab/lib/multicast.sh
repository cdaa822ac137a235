# shellcheck shell=bash
# A stream from the host in the data centre to a group, and who gets it. On a protected tunnel a packet of it is known by
# its length alone.

STREAM_LENGTH=600
# Hosts as members, without a program: the kernel answers queries for an address that it has.
lan_joins() { guest "s$2" "ip netns exec lan ip address add $1/32 dev eth0 autojoin"; }
lan_leaves() { guest "s$2" "ip netns exec lan ip address del $1/32 dev eth0"; }
# The spoke's router as the LAN's member, of one source.
lan_joins_source() { spoke_vtysh_configure "$3" "interface lan0" "ip igmp join $1 $2"; }
lan_leaves_source() { spoke_vtysh_configure "$3" "interface lan0" "no ip igmp join $1 $2"; }

stream_py() { python3 "$LAB/lib/stream.py" "$@"; }
# stream GROUP COUNT MILLISECONDS: so many packets, numbered on from the last stream.
stream() { in_ns dc python3 "$LAB/lib/stream.py" send "$1" 10.0.0.10 "$2" "$3" "$RUN/stream"; }
# stream_begin, with the same words: in the background; stream_end ends it.
stream_begin() {
    stream "$@" &
    STREAMING=$!
}
stream_end() {
    pkill -TERM -P "$STREAMING" 2>/dev/null || true
    wait "$STREAMING" 2>/dev/null || true
}
# The number of the next packet.
stream_at() { echo $(($(cat "$RUN/stream"))); }
stream_is_at() { [ "$(stream_at)" -ge "$1" ]; }

# stream_goes_on COUNT: so many packets more were sent.
stream_goes_on() { wait_until 120 stream_is_at $(($(stream_at) + $1)); }

# What comes to the host behind a spoke is captured there.
listen() {
    guest "s$1" "ip netns exec lan setsid tcpdump -s 128 -B 8192 --immediate-mode -U -n -Z root -i eth0 -w /host/stream.pcap \
        udp port 5004 </dev/null >/run/listen.log 2>&1 & until grep -qs '^listening\|: listening' /run/listen.log; do busybox usleep 50000; done"
}
listen_end() { guest "s$1" 'pkill -x tcpdump || true'; }

# came N FIRST END: of the packets with these numbers: how many came to the host behind spoke N, how many twice.
came() { stream_py count "$(guest_dir "s$1")/share/stream.pcap" "$2" "$3"; }
all_came() {
    came "$@" | tee /dev/stderr
    [ "$(came "$@")" = "$(($3 - $2)) 0" ]
}
none_came() { [ "$(came "$@")" = "0 0" ]; }
# some_comes N FIRST: of the packets from that number on, the stream reaches it. FIRST is of before the stream began: what
# came of an earlier one says nothing.
some_comes() { [ "$(came "$1" "$2" "$(stream_at)")" != "0 0" ]; }

# copies_to N: packets as long as the stream's that went to spoke N on the underlay.
copies_to() { captured "$HUB_SIDE" "src host $HUB_NBMA and dst host $(spoke_nbma "$1") and greater $STREAM_LENGTH"; }

# mroute GROUP SOURCE: as the hub shows it; mroute_count FIELD GROUP SOURCE
mroute() { hubctl --json show ip mroute "$1" | jq -e --arg source "$2" '.[] | select(.source == $source)'; }
mroute_count() { mroute "$2" "$3" | jq --arg field "$1" '.[$field]'; }
# mroute_members GROUP SOURCE N...: exactly these spokes have joined.
mroute_members() {
    local group=$1 source=$2 n
    shift 2
    mroute "$group" "$source" | jq -r '[.outgoing[].spokes[].tunnel] | sort | .[]' | tee /dev/stderr |
        diff - <(for n; do spoke_tunnel "$n"; done | sort)
}

# `SOURCE GROUP INCOMING OUTGOING...`, a line for each route, of the kernel and of the hub.
mroutes_of_kernel() {
    in_ns "$HUB_NS" ip mroute show | sed -n 's/^(\([^,]*\),\([^)]*\)) *Iif: \([^ ]*\) *\(Oifs: \)\{0,1\}\(.*\)State: resolved.*/\1 \2 \3 \5/p' |
        sed 's/^0\.0\.0\.0 /* /' | sorted_mroutes
}
mroutes_of_hub() {
    hubctl --json show ip mroute | jq -r '.[] | "\(.source // "*") \(.group) \(.incoming) \([.outgoing[].interface] | unique | join(" "))"' |
        sed 's/Tunnel0/tun0/g' | sorted_mroutes
}
sorted_mroutes() {
    local source group incoming outgoing
    while read -r source group incoming outgoing; do
        # shellcheck disable=SC2086  # words
        echo "$source $group $incoming $(printf '%s\n' $outgoing | sort -u | paste -sd' ')"
    done | sort
}
mroutes_agree() { diff <(mroutes_of_kernel) <(mroutes_of_hub) && [ -n "$(mroutes_of_hub)" ]; }

hub_has_pim_neighbours() { hub_json show ip pim neighbor | jq -e --argjson want "$1" '[.tun0 // {} | keys[]] | length == $want'; }
