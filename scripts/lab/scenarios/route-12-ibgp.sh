# shellcheck shell=bash disable=SC2034
TITLE="iBGP by listen range, the hub a route reflector: thousands of prefixes both ways, and shortcuts"
HUBS="ours"
NIGHTLY=1
PROTECTION=psk
SPOKES="1 2 3"
HUB_IS=(ROUTING=ibgp ROUTES= SPEAKERS=10.0.0.10@65100)
SPOKES_ARE=(ROUTING=ibgp ASN=65000 ROUTES= "1:MANY=2000 17")

ALL=4003

scenario() {
    dc_router_up 2000 16
    holds_within 60 "four BGP sessions are up" hub_has_sessions 4
    holds_within 60 "the hub's kernel has $ALL routes by BGP" hub_has_routes "$ALL" bgp
    holds_within 10 "hubctl show ip route says the same as the kernel" hub_agrees_with_kernel
    holds_within 60 "spoke 2 has $((ALL + 1))" spoke_has_routes 2 $((ALL + 1)) bgp
    holds_within 60 "and so has spoke 3" spoke_has_routes 3 $((ALL + 1)) bgp
    holds "spoke 3's LAN reaches the last of the data centre" in_lan 3 ping -c 3 -i 0.2 -W 2 172.16.124.241
    holds "the data centre reaches the last of spoke 1" in_ns dc ping -c 3 -i 0.2 -W 2 172.17.124.241
    through_hub_then_shortcut 2 3
    through_hub_then_shortcut 3 1 172.17.100.1 172.17.100.0/28
}
