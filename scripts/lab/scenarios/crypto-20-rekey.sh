# shellcheck shell=bash disable=SC2034
TITLE="child and IKE SAs rekeyed every few seconds by the spokes, then by the hub, under a flood of pings: none is lost"
HUBS="ours frr"
PROTECTION=psk
SPOKES_ARE=(SHORTCUT=0 CHILD_LIFE=3 IKE_LIFE=7)

# rekeyed_at_least CHILDREN IKE-SAS: since the counts were taken, on spoke 1.
take_counts() { children=$(children_of 1) ike_sas=$(ike_sas_of 1); }
rekeyed_at_least() {
    local more_children=$(($(children_of 1) - children)) more_ike_sas=$(($(ike_sas_of 1) - ike_sas))
    holds "$more_children new child SAs" at_least "$more_children" "$1"
    holds "$more_ike_sas new IKE SAs" at_least "$more_ike_sas" "$2"
}

under_flood() {
    take_counts
    flood_begin 3000 5
    flood_end
    rekeyed_at_least "$@"
}

scenario() {
    holds_within 10 "the way is open" in_lan 1 ping -c 1 -W 1 "$(spoke_host 2)"
    under_flood 3 1
    hub_become CHILD_LIFE=5 IKE_LIFE=7
    spokes_become SHORTCUT=0
    holds_within 40 "the hub rekeys, and both spokes are registered" all_registered
    holds_within 10 "the way is open" in_lan 1 ping -c 1 -W 1 "$(spoke_host 2)"
    under_flood 3 1
}
