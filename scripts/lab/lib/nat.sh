# shellcheck shell=bash
# A NAT between a bridge of its own, br-nat, and the spokes' network. Guests are plugged into either.

NAT_INSIDE=192.168.102.1 NAT_PUBLIC=203.0.113.144
# The address of spoke N behind it.
nat_private() { echo "192.168.102.$((10 + $1))"; }

nat_up() {
    [ ! -e "/run/netns/$NET_ID-nat" ] || return 0
    net_namespace nat
    net_wire inet to-nat nat outside
    ip -n "$NET_ID-inet" link set to-nat master br-spokes
    ip -n "$NET_ID-inet" link add br-nat type bridge stp_state 0 forward_delay 0 mcast_snooping 0
    ip -n "$NET_ID-inet" link set br-nat up
    net_wire inet from-nat nat inside
    ip -n "$NET_ID-inet" link set from-nat master br-nat
    ip -n "$NET_ID-nat" address add "$NAT_PUBLIC/24" dev outside
    ip -n "$NET_ID-nat" address add "$NAT_INSIDE/24" dev inside
    ip -n "$NET_ID-nat" route add default via "$SPOKE_GATEWAY"
    in_ns nat sysctl -qw net.ipv4.ip_forward=1
}

# nat_one_to_one PRIVATE: the address alone, for GRE in the clear. Without connection tracking: when both spokes send
# their first GRE packet at the same moment, the two entries clash and one way stays untranslated for as long as packets
# come.
nat_one_to_one() {
    nat_up
    in_ns nat nft -f - <<END
flush ruleset
table ip nat {
    chain in {
        type filter hook prerouting priority -300
        notrack
        iifname "outside" ip daddr $NAT_PUBLIC ip daddr set $1
    }
    chain out {
        type filter hook postrouting priority 100
        oifname "outside" ip saddr $1 ip saddr set $NAT_PUBLIC
    }
}
END
}

# nat_masquerade FIRST-PORT: what a branch office or a carrier has. Called again with other ports it forgets what it
# knew, as such a box does when it is switched off and on.
nat_masquerade() {
    nat_up
    in_ns nat nft -f - <<END
flush ruleset
table ip nat {
    chain out {
        type nat hook postrouting priority 100
        oifname "outside" meta l4proto udp masquerade to :$1-$(($1 + 999))
    }
}
END
    # An interface that goes down takes its masqueraded connections with it.
    ip -n "$NET_ID-nat" link set outside down
    ip -n "$NET_ID-nat" link set outside up
    ip -n "$NET_ID-nat" route replace default via "$SPOKE_GATEWAY"
}

# spoke_behind_nat N [NAME=VALUE ...]: plug spoke N into the NAT's network and configure it for there.
spoke_behind_nat() {
    local n=$1
    shift
    guest_plug "s$n" br-nat
    spoke_become "$n" "NBMA=$(nat_private "$n")/24" "GATEWAY=$NAT_INSIDE" "$@"
}
