# shellcheck shell=bash disable=SC2034
TITLE="a spoke behind NAT: registered under its public address, and reached directly there"
HUBS="ours frr"

PRIVATE=192.168.102.2 PUBLIC=203.0.113.144

# Network address translation, one to one, between a bridge of its own and the spokes' network. Without connection
# tracking: when both spokes send their first GRE packet at the same moment, the two entries clash and one way stays
# untranslated for as long as packets come.
nat_up() {
    net_namespace nat
    net_wire inet to-nat nat outside
    ip -n "$NET_ID-inet" link set to-nat master br-spokes
    ip -n "$NET_ID-inet" link add br-nat type bridge stp_state 0 forward_delay 0 mcast_snooping 0
    ip -n "$NET_ID-inet" link set br-nat up
    net_wire inet from-nat nat inside
    ip -n "$NET_ID-inet" link set from-nat master br-nat
    ip -n "$NET_ID-nat" address add "$PUBLIC/24" dev outside
    ip -n "$NET_ID-nat" address add "${PRIVATE%.*}.1/24" dev inside
    ip -n "$NET_ID-nat" route add default via "$SPOKE_GATEWAY"
    in_ns nat sysctl -qw net.ipv4.ip_forward=1
    in_ns nat nft -f - <<END
table ip nat {
    chain in {
        type filter hook prerouting priority -300
        notrack
        iifname "outside" ip daddr $PUBLIC ip daddr set $PRIVATE
    }
    chain out {
        type filter hook postrouting priority 100
        oifname "outside" ip saddr $PRIVATE ip saddr set $PUBLIC
    }
}
END
}

scenario() {
    guest_kill s2
    [ -e "/run/netns/$NET_ID-nat" ] || nat_up
    guest_start s2 br-nat
    # The next scenario finds spoke 2 in its own place again.
    undo guest_kill s2
    guest_wait s2
    spoke_become 2 "NBMA=$PRIVATE/24" "GATEWAY=${PRIVATE%.*}.1"
    holds_within 20 "spoke 2 registers" spoke_registered 2
    holds_within 5 "the hub has it at its public address" hub_knows "$(spoke_tunnel 2)" "$PUBLIC"
    holds "LAN 1 pings LAN 2" in_lan 1 ping -c 5 -i 0.2 -W 2 "$(spoke_host 2)"
    in_lan 1 timeout 60 ping -q -i 0.3 "$(spoke_host 2)" >/dev/null 2>&1 &
    local pinging=$!
    # Whatever fails here, the next scenario must not find this shortcut in use.
    undo "guest s1 'pkill -INT -x ping' >/dev/null"
    holds_within 45 "spoke 1 has a shortcut to LAN 2" spoke_has_shortcut 1 "$(spoke_lan 2).0/24" "$(spoke_tunnel 2)"
    holds_within 10 "its packets go directly to the public address" saw_gre "$UNDERLAY" "$(spoke_nbma 1)" "$PUBLIC" "$(spoke_host 2)"
    holds_within 20 "spoke 2's come directly back" saw_gre "$UNDERLAY" "$PUBLIC" "$(spoke_nbma 1)" "$(spoke_host 1)"
    guest s1 'pkill -INT -x ping || true'
    wait "$pinging" || true
    holds "the shortcut carries a ping without loss" in_lan 1 ping -c 10 -i 0.1 -W 2 "$(spoke_host 2)"
}
