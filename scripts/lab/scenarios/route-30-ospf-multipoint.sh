# shellcheck shell=bash disable=SC2034
TITLE="OSPF point-to-multipoint over three spokes: adjacencies, prefixes both ways, shortcuts"
HUBS="ours"
PROTECTION=psk
SPOKES="1 2 3"
HUB_IS=(ROUTING=ospf-multipoint ROUTES=)
SPOKES_ARE=(ROUTING=ospf-multipoint ROUTES= "1:MANY=20 17")

scenario() {
    holds_within 60 "three adjacencies are full" hub_has_adjacencies 3
    learnt_both_ways ospf
    through_hub_then_shortcut 2 3
    holds "the adjacencies are still full" hub_has_adjacencies 3
}
