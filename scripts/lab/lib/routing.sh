# shellcheck shell=bash
# Routing over the tunnel: what a scenario may say of it, and what the routers know.

# routing_words TUNNEL-INTERFACE: of a router that has no routing protocol, as guest/routing reads them.
routing_words() {
    cat <<END
ROUTING=
OFFER=own
MANY=
SPEAKERS=
NAMED=
BFD=0
PIM=0
GRACEFUL=1
EOR=1
RESTART_TIME=30
DEFER_TIME=40
TUNNEL_IF=$1
TUNNEL_NET=$(cloud_net)
END
}

# What the hub's FRR says, wherever it runs.
hub_vtysh() { if is_ours; then frr_vtysh "$HUB_NS" -c "$*"; else guest h "vtysh -c '$*'"; fi; }
# hub_vtysh_configure LINE...: of our hub's.
hub_vtysh_configure() {
    local line words=(-c "configure terminal")
    for line; do words+=(-c "$line"); done
    frr_vtysh "$HUB_NS" "${words[@]}"
}
hub_json() { hub_vtysh "$@" json | sed -n '/^[[{]/,$p'; }

# hub_has_sessions COUNT: so many BGP sessions are up.
hub_has_sessions() { hub_json show bgp ipv4 unicast summary | jq -e --argjson want "$1" '[.peers[] | select(.state == "Established")] | length == $want'; }

# hub_has_adjacencies COUNT: so many OSPF neighbours are full.
hub_has_adjacencies() { hub_json show ip ospf neighbor | jq -e --argjson want "$1" '[.neighbors[][] | select((.nbrState // .state) | startswith("Full"))] | length == $want'; }

hub_has_eigrp_neighbours() { [ "$(hub_vtysh show ip eigrp neighbors | tee /dev/stderr | grep -c ' tun0 ')" = "$1" ]; }

# hub_has_bfd COUNT: so many BFD sessions are up; hub_bfd_downs: how often one of them went down.
hub_has_bfd() { hub_json show bfd peers | jq -e --argjson want "$1" '[.[] | select(.status == "up")] | length == $want'; }
hub_bfd_downs() { hub_json show bfd peers counters | jq '[.[]."session-down"] | add'; }

# LANs of all spokes of this scenario.
lans() {
    local n
    for n in $SPOKES; do echo "$(spoke_lan "$n").0/24"; done | paste -sd' '
}

# hub_has_prefixes PROTOCOL 'PREFIX ...': the kernel beside the hub has them by that protocol.
hub_has_prefixes() {
    local prefix have
    have=$(in_ns "$HUB_NS" ip route show proto "$1")
    echo "$have"
    for prefix in $2; do grep -q "^$prefix " <<<"$have" || return 1; done
}

# What FRR beside our hub knows, for an autopsy.
routing_show() {
    local what daemon
    frr_runs "$HUB_NS" zebra || return 0
    for what in "ip route summary" "bgp summary" "bgp nexthop" "ip ospf neighbor" "ip ospf interface" "ip eigrp neighbor" "ip rip status" "bfd peers"; do
        daemon=$(case $what in bgp*) echo bgpd ;; *ospf*) echo ospfd ;; *eigrp*) echo eigrpd ;; *rip*) echo ripd ;; bfd*) echo bfdd ;; *) echo zebra ;; esac)
        ! frr_runs "$HUB_NS" "$daemon" || { printf '### frr: show %s\n' "$what" && frr_vtysh "$HUB_NS" -c "show $what"; }
    done
    tail -n 60 "$(frr_dir "$HUB_NS")"/*.log
}

# hub_has_routes COUNT PROTOCOL: so many routes of that protocol are in the kernel beside the hub.
hub_routes() { in_ns "$HUB_NS" ip route show proto "$1" | grep -c '^[^ \t]' || true; }
hub_has_routes() { [ "$(hub_routes "$2" | tee /dev/stderr)" = "$1" ]; }
spoke_routes() { guest "s$1" "ip route show proto $2 | grep -c '^[^ \t]' || true"; }
spoke_has_routes() { [ "$(spoke_routes "$1" "$3" | tee /dev/stderr)" = "$2" ]; }

# spoke_routes_via N PREFIX GATEWAY: its kernel has that route.
spoke_routes_via() { guest "s$1" "ip route show $2" | grep -F " via $3 "; }

# The kernel's routes through tunnel and LAN port, and those of the hub's table that come from it: `PREFIX GATEWAY` a line.
routes_of_kernel() {
    in_ns "$HUB_NS" ip -j route show | jq -r '.[] | select(.dev == "tun0" or .dev == "lan") | select(.gateway) |
        "\(if .dst == "default" then "0.0.0.0/0" elif (.dst | contains("/")) then .dst else .dst + "/32" end) \(.gateway)"' | sort
}
routes_of_hub() {
    hubctl --json show ip route | jq -r '.[] | select(.origin | type == "object" or . == "static") |
        .prefix as $prefix | [.target | .. | objects | .via? // empty] | select(length > 0) | "\($prefix) \(first)"' | sort
}
hub_agrees_with_kernel() { diff <(routes_of_kernel) <(routes_of_hub) && [ -n "$(routes_of_kernel)" ]; }

# hops N ADDRESS: of a traceroute from the LAN of spoke N. One probe a hop, one at a time: by the time of the last, a
# shortcut may exist, and no earlier.
hops() { in_lan "$1" traceroute -n -q 1 -N 1 -w 3 -m 6 "$2" | awk 'NR > 1 { print $2 }' | paste -sd' '; }

# goes N ADDRESS HOP...: that is the way.
goes() {
    local from=$1 to=$2 way
    shift 2
    way=$(hops "$from" "$to")
    echo "$way"
    [ "$way" = "$*" ]
}

# Pings get lost while a shortcut comes up: its IKE is between the spokes.
lans_reach_each_other() {
    local from to
    for from in $SPOKES; do
        for to in $SPOKES; do
            [ "$from" = "$to" ] || holds_within 30 "LAN $from reaches LAN $to" in_lan "$from" ping -c 1 -W 1 "$(spoke_host "$to")"
        done
    done
}

# learnt_both_ways PROTOCOL [own]: the hub has what the spokes have, and they the data centre and each other's, by way of
# the hub or, with `own`, with whose it is as the next hop.
learnt_both_ways() {
    local protocol=$1 own=${2:-}
    # shellcheck disable=SC2153  # of net.sh, and no word of a router
    next_hop() { [ -n "$own" ] && spoke_tunnel "$1" || echo "$HUB_TUNNEL"; }
    holds_within 60 "the hub's kernel has the LANs, and what is behind the first" hub_has_prefixes "$protocol" "$(lans) 172.17.0.0/16"
    holds_within 10 "hubctl show ip route says the same as the kernel" hub_agrees_with_kernel
    holds_within 30 "spoke 2 has the data centre" spoke_routes_via 2 10.0.0.0/24 "$HUB_TUNNEL"
    holds_within 30 "spoke 3 has what is behind spoke 1" spoke_routes_via 3 172.17.0.0/16 "$(next_hop 1)"
    holds_within 30 "spoke 2 has spoke 3's LAN" spoke_routes_via 2 "$(spoke_lan 3).0/24" "$(next_hop 3)"
    holds_within 30 "and spoke 3 spoke 2's" spoke_routes_via 3 "$(spoke_lan 2).0/24" "$(next_hop 2)"
    holds "the data centre reaches what is behind spoke 1" in_ns dc ping -c 3 -i 0.2 -W 2 172.17.1.1
}

# A hub that offers the prefixes of all: traffic between LANs through it, then the shortcut, and the way of each.
# through_hub_then_shortcut FROM TO [ADDRESS [PREFIX]]: from the LAN of one spoke to that of the other.
through_hub_then_shortcut() {
    local from=$1 to=$2 address=${3:-$(spoke_host "$2")} prefix=${4:-$(spoke_lan "$2").0/24} pinging
    # shellcheck disable=SC2153  # of net.sh, and no word of a router
    holds "LAN $from reaches $address by way of the hub and spoke $to" \
        goes "$from" "$address" "$(spoke_lan "$from").1" "$HUB_TUNNEL" "$(spoke_tunnel "$to")" "$address"
    in_lan "$from" -t 90 timeout 80 ping -q -i 0.2 "$address" >/dev/null 2>&1 &
    pinging=$!
    undo "guest s$from 'pkill -INT -x ping' >/dev/null"
    holds_within 45 "a redirect, and spoke $from has a shortcut to $prefix" spoke_has_shortcut "$from" "$prefix" "$(spoke_tunnel "$to")"
    holds_within 30 "the way is direct" goes "$from" "$address" "$(spoke_lan "$from").1" "$(spoke_tunnel "$to")" "$address"
    guest "s$from" 'pkill -INT -x ping || true'
    wait "$pinging" || true
    holds "the shortcut carries a ping without loss" in_lan "$from" ping -c 20 -i 0.05 -W 2 "$address"
}

# A router in the data centre, beside its host: FRR with prefixes that are all that host's.
# dc_router_up COUNT SECOND [HUB-ADDRESS...]: AS 65100 with COUNT prefixes of 28 bits in 172.SECOND.0.0/16; DC_EOR=0: it
# never says End-of-RIB.
dc_router_up() {
    local many="$1 $2" daemon
    ip -n "$NET_ID-dc" route replace local "172.$2.0.0/16" dev lo
    shift 2
    frr_mkdir dc
    undo frr_stop dc
    for daemon in zebra bgpd; do
        (
            # shellcheck source=/dev/null
            . "$GUEST_FILES/routing"
            eval "$(routing_words eth0)"
            # shellcheck disable=SC2034  # bgpd_conf reads them
            ROUTING=ebgp ROLE=spoke ASN=65100 TUNNEL=10.0.0.10 LAN='' HUB_TUNNELS=${*:-10.0.0.1} MANY=$many GRACEFUL=$([ $# -gt 1 ] && echo 0 || echo 1) EOR=${DC_EOR:-1}
            "${daemon}_conf"
        ) | frr_file dc "$daemon"
        frr_daemon dc "$daemon"
    done
}
