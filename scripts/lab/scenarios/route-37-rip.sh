# shellcheck shell=bash disable=SC2034
TITLE="RIPv2 over three spokes: prefixes both ways, shortcuts"
HUBS="ours"
PROTECTION=psk
SPOKES="1 2 3"
HUB_IS=(ROUTING=rip ROUTES=)
SPOKES_ARE=(ROUTING=rip ROUTES= "1:MANY=20 17")

scenario() {
    learnt_both_ways rip
    through_hub_then_shortcut 2 3
}
