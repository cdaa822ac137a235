# shellcheck shell=bash disable=SC2034
TITLE="A front-door VRF: one default route for the transport, another one through the tunnel, which is in a VRF of its own"
HUBS="ours"
PROTECTION=psk
# What the hub knows nothing better of goes to spoke 1.
HUB_IS=(FVRF=FVRF@1010 VRF=RED@1001 "ROUTES=$(spoke_lan 2).0/24@$(spoke_tunnel 2) 0.0.0.0/0@$(spoke_tunnel 1)")
SPOKES_ARE=("1:MANY=1 17" "2:ROUTES=10.0.0.0/8@$HUB_TUNNEL 172.16.0.0/12@$HUB_TUNNEL")

# shellcheck disable=SC2153  # of net.sh, and no word of a router
table_has() { in_ns "$HUB_NS" ip route show table "$1" | tee /dev/stderr | grep -F "$2"; }
main_lacks() { ! in_ns "$HUB_NS" ip route show table main | tee /dev/stderr | grep -F "$1"; }
# hub_goes VRF ADDRESS GATEWAY: by the hub's own account.
hub_goes() {
    hubctl --json show ip route vrf "$1" "$2" | tee /dev/stderr |
        jq -e --arg vrf "$1" --arg via "$3" '[.. | objects | select(.vrf? == $vrf)] | length == 1 and (tostring | contains("\"via\":\"\($via)\""))'
}
hub_has_no_route() { hubctl --json show ip route "$@" | tee /dev/stderr | jq -e '[.. | objects | select(.prefix?)] | length == 0'; }

scenario() {
    holds_within 30 "the transport's default route is in the front-door VRF's table" table_has 1010 "default via $HUB_GATEWAY dev wan"
    holds_within 30 "the tunnel's is in the customer's" table_has 1001 "default via $(spoke_tunnel 1) dev tun0"
    holds "and neither is in the main one" main_lacks default
    holds "hubctl show ip route vrf RED: to the Internet by spoke 1" hub_goes RED 172.17.1.1 "$(spoke_tunnel 1)"
    holds "the global VRF has no route there" hub_has_no_route 172.17.1.1
    holds_within 30 "LAN 2 reaches what is behind spoke 1 by the tunnel's default route" in_lan 2 ping -c 3 -i 0.2 -W 2 172.17.1.1
    holds_within 20 "the data centre does, too" in_ns dc ping -c 3 -i 0.2 -W 2 172.17.1.1
    holds "and LAN 2" in_ns dc ping -c 3 -i 0.2 -W 2 "$(spoke_host 2)"
    hub_kill control
    holds "hub-control killed: it reaches what is behind spoke 1 all the same" in_ns dc ping -c 10 -i 0.1 -W 2 172.17.1.1
    control_start
    holds_within 60 "started again, the hub knows both spokes" hub_knows_both
    holds_within 30 "and has the customer's routes" hub_goes RED 172.17.1.1 "$(spoke_tunnel 1)"
    holds_within 60 "shortcuts are as without VRFs: LAN 1 reaches LAN 2 directly" \
        goes 1 "$(spoke_host 2)" "$(spoke_lan 1).1" "$(spoke_tunnel 2)" "$(spoke_host 2)"
    holds "no packet wanted into another VRF" test "$(hub_drops other_vrf)" = 0
}
