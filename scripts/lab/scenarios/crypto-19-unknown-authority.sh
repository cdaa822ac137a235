# shellcheck shell=bash disable=SC2034
TITLE="a certificate of an authority that the hub does not know"
HUBS="ours"
PROTECTION=certificate

scenario() {
    spoke_become 2 CERT=stranger
    holds_within 20 "the hub blames spoke 2 for it" hub_blames "$(spoke_nbma 2)" certificate
    holds "the log names it" grep -q "$(spoke_nbma 2)" "$(hub_dir)/control.log"
    holds "/metrics counts it" counted_failure certificate
    holds_not "its tunnel carries nothing" guest s2 ping -c 2 -i 0.2 -W 1 "$HUB_TUNNEL"
    spoke_become 2
    holds_within 20 "with a good one it registers" hub_knows_spoke 2
}
