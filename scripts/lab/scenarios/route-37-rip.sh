# shellcheck shell=bash disable=SC2034
TITLE="RIPv2 over three spokes: prefixes both ways, shortcuts"
HUBS="ours"
PROTECTION=psk
SPOKES="1 2 3"
HUB_IS=(ROUTING=rip ROUTES=)
SPOKES_ARE=(ROUTING=rip ROUTES= "1:MANY=20 17")

scenario() {
    holds_within 60 "the hub's kernel has the LANs, and what is behind the first" hub_has_prefixes rip "$(lans) 172.17.0.0/16"
    holds_within 10 "hubctl show ip route says the same as the kernel" hub_agrees_with_kernel
    holds_within 30 "spoke 2 has the data centre" spoke_routes_via 2 10.0.0.0/24 "$HUB_TUNNEL"
    holds_within 30 "spoke 3 has what is behind spoke 1" spoke_routes_via 3 172.17.0.0/16 "$HUB_TUNNEL"
    holds_within 30 "spoke 2 has spoke 3's LAN" spoke_routes_via 2 "$(spoke_lan 3).0/24" "$HUB_TUNNEL"
    holds_within 30 "and spoke 3 spoke 2's" spoke_routes_via 3 "$(spoke_lan 2).0/24" "$HUB_TUNNEL"
    holds "the data centre reaches it" in_ns dc ping -c 3 -i 0.2 -W 2 172.17.1.1
    through_hub_then_shortcut 2 3
}
