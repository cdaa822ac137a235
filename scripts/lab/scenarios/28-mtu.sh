# shellcheck shell=bash disable=SC2034
TITLE="path MTU: ICMP with the tunnel's MTU, fragments where allowed, TCP with a clamped MSS"
HUBS="ours"

# ping fails, as it must; what it says is the point.
told_mtu() { grep 'mtu *= *1400' < <(in_ns dc ping -c 2 -i 0.2 -W 2 -M "do" -s 1400 "$(spoke_host 1)" 2>&1); }

# iperf3 from LAN 1 to the data centre: kbit/s received. No more than tshark reads in a moment.
tcp_rate() {
    in_ns dc timeout 60 iperf3 -s -1 -D --logfile /dev/null
    wait_until 5 eval "in_ns dc ss -Htln 'sport = 5201' | grep . >/dev/null"
    in_lan 1 timeout 40 iperf3 -J -n 8M -c 10.0.0.10 | jq '.end.sum_received.bits_per_second / 1000 | floor'
}

scenario() {
    local rate
    holds "a packet of 1400 octets passes whole" in_ns dc ping -c 3 -i 0.2 -W 2 -M "do" -s 1372 "$(spoke_host 1)"
    # Linux clears what it has learnt by this.
    in_ns dc ip route flush cache
    holds "one of 1428 that may not be fragmented is told MTU 1400" told_mtu
    in_ns dc ip route flush cache
    holds "one that may is fragmented and arrives" in_ns dc ping -c 3 -i 0.2 -W 2 -M dont -s 1452 "$(spoke_host 1)"
    holds "and so it goes from a LAN behind a spoke" in_lan 2 ping -c 3 -i 0.2 -W 2 -M dont -s 1600 10.0.0.10
    rate=$(tcp_rate)
    holds "TCP moves data: $((rate / 1000)) Mbit/s" at_least "$rate" 1000
}
