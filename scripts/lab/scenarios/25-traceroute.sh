# shellcheck shell=bash disable=SC2034
TITLE="traceroute from a spoke's LAN shows the hub and then the other spoke; what cannot be reached is told"
HUBS="ours frr"

# ping fails, as it must; what it says is the point.
told_unreachable() {
    grep "From $HUB_LAN.1 .*Destination $2 Unreachable" < <(in_ns dc ping -c 3 -i 0.3 -W 2 "$1" 2>&1)
}

scenario() {
    local path
    path=$(hops 1 "$(spoke_host 2)")
    holds "the way is $path" test "$path" = "$(spoke_lan 1).1 $HUB_TUNNEL $(spoke_tunnel 2) $(spoke_host 2)"
    is_ours || return 0
    in_lan 1 ping -c 2 -i 0.2 -W 2 10.0.0.10 >/dev/null
    path=$(hops 1 10.0.0.10)
    holds "into the data centre it is $path" test "$path" = "$(spoke_lan 1).1 $HUB_TUNNEL 10.0.0.10"
    holds "where no route leads the data centre is told so by the hub" told_unreachable 10.99.99.1 Net
    holds "and that there is no spoke with an address" told_unreachable "$(spoke_tunnel 77)" Host
}
