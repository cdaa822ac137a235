# shellcheck shell=bash
# Private network namespaces around a hub:
#
#   spokes ── br-spokes [inet] br-hub ── wan0 [hub] lan0 ── eth0 [dc]
#             203.0.113.254    192.0.2.254                  10.0.0.10, a host in the data centre
#
# `inet` is the Internet: it routes between the spokes' network and the hub's. Names start with NET_ID, so several
# labs and demos run side by side and nothing outside is touched.

NET_ID=${NET_ID:-dmvpn$$}
# shellcheck disable=SC2034  # used by the scripts that source this file
HUB_NBMA=192.0.2.1 HUB_GATEWAY=192.0.2.254 HUB_TUNNEL=10.255.0.1 SPOKE_GATEWAY=203.0.113.254
# The hub's namespace, and its network in the data centre.
# shellcheck disable=SC2034
HUB_NS=hub HUB_LAN=10.0.0

# in_ns NAME COMMAND...
in_ns() {
    local name=$1
    shift
    ip netns exec "$NET_ID-$name" "$@"
}

# The same in the place of this shell: for `in_ns_exec ... &`, whose $! is then the command's.
in_ns_exec() {
    local name=$1
    shift
    exec ip netns exec "$NET_ID-$name" "$@"
}

net_namespace() {
    ip netns add "$NET_ID-$1"
    in_ns "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    ip -n "$NET_ID-$1" link set lo up
}

# A wire carries finished checksums and nothing above its MTU, so the kernel may leave neither to a device.
net_no_offloads() {
    local feature
    for feature in tx rx tso gso gro; do
        in_ns "$1" ethtool -K "$2" "$feature" off >/dev/null 2>&1 || true
    done
}

# net_wire NS1 IF1 NS2 IF2: a veth pair that behaves as a wire.
net_wire() {
    ip link add "$2" netns "$NET_ID-$1" type veth peer name "$4" netns "$NET_ID-$3"
    net_no_offloads "$1" "$2"
    net_no_offloads "$3" "$4"
    ip -n "$NET_ID-$1" link set "$2" up
    ip -n "$NET_ID-$3" link set "$4" up
}

# A bridge takes the lowest MAC address of its ports unless it has one: it would change as ports come and go, and
# everybody would lose the gateway for a while.
net_bridge() {
    local ns=$1 bridge=$2 address=$3 mac
    mac=02:$(printf %s "$bridge" | md5sum | sed 's/\(..\)\(..\)\(..\)\(..\)\(..\).*/\1:\2:\3:\4:\5/')
    ip -n "$NET_ID-$ns" link add "$bridge" address "$mac" type bridge stp_state 0 forward_delay 0 mcast_snooping 0
    ip -n "$NET_ID-$ns" address add "$address" dev "$bridge"
    ip -n "$NET_ID-$ns" link set "$bridge" up
    net_no_offloads "$ns" "$bridge"
}

net_up() {
    local ns
    for ns in inet hub dc; do net_namespace "$ns"; done
    in_ns inet sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
    net_bridge inet br-spokes "$SPOKE_GATEWAY/24"
    net_bridge inet br-hub "$HUB_GATEWAY/24"
    net_wire inet to-hub hub wan0
    ip -n "$NET_ID-inet" link set to-hub master br-hub
    net_wire dc eth0 hub lan0
    ip -n "$NET_ID-dc" address add 10.0.0.10/24 dev eth0
    ip -n "$NET_ID-dc" route add default via 10.0.0.1
}

# net_another_hub: the namespace that HUB_NS names, beside the first hub's, with a wire of its own to the data centre.
net_another_hub() {
    net_namespace "$HUB_NS"
    net_wire inet "to-$HUB_NS" "$HUB_NS" wan0
    ip -n "$NET_ID-inet" link set "to-$HUB_NS" master br-hub
    net_wire dc "to-$HUB_NS" "$HUB_NS" lan0
    ip -n "$NET_ID-dc" address add "$HUB_LAN.10/24" dev "to-$HUB_NS"
}

# Its wires go first: those of a namespace that is deleted vanish only when the kernel comes round to it.
net_another_hub_gone() {
    ip -n "$NET_ID-inet" link del "to-$1"
    ip -n "$NET_ID-dc" link del "to-$1"
    ip netns del "$NET_ID-$1"
}

net_down() {
    local ns
    for ns in $(ip netns list | awk -v id="$NET_ID-" 'index($1, id) == 1 { print $1 }'); do
        ip netns del "$ns" || true
    done
}
