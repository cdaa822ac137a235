# shellcheck shell=bash disable=SC2034
TITLE="BFD between the hub's bfdd and three spokes: up, and a spoke that is cut off is known within a second or two"
HUBS="ours"
PROTECTION=psk
SPOKES="1 2 3"
HUB_IS=(ROUTING=ebgp ROUTES= BFD=1)
SPOKES_ARE=(ROUTING=ebgp ROUTES= BFD=1)

scenario() {
    local since
    holds_within 60 "three BGP sessions are up" hub_has_sessions 3
    holds_within 30 "three BFD sessions are up" hub_has_bfd 3
    since=$(hub_bfd_downs)
    holds_within 30 "the hub's kernel has three LANs" hub_has_routes 3 bgp
    holds "packets pass" in_lan 1 ping -c 20 -i 0.2 -W 2 10.0.0.10
    holds "and no BFD session went down meanwhile" test "$(hub_bfd_downs)" = "$since"
    guest_unplug s3
    holds_within 5 "spoke 3 cut off: BFD tells BGP, whose own timer has 9 s" hub_has_sessions 2
    guest_plug s3 br-spokes
    holds_within 60 "back again" hub_has_bfd 3
}
