# shellcheck shell=bash disable=SC2034
TITLE="a spoke without IPsec at a protected hub: dropped, counted, named; nothing is answered in the clear"
HUBS="ours"
PROTECTION=psk
CLEAR="not src host $(spoke_nbma 2)"

scenario() {
    local before
    before=$(hub_drops gre_unprotected)
    spoke_become 2 AUTH=
    holds_within 15 "the drop counter gre_unprotected grows" eval "less_than $before \"\$(hub_drops gre_unprotected)\""
    holds_within 5 "the hub names spoke 2 and the cause" hub_blames "$(spoke_nbma 2)" unprotected
    holds_within 5 "the log names it" grep -q "$(spoke_nbma 2)" "$(hub_dir)/control.log"
    holds "/metrics counts it" eval 'hub_metrics | grep -E "gre_unprotected.* [1-9]"'
    holds "spoke 2 hears nothing" test "$(captured "$HUB_SIDE" "ip proto 47 and dst host $(spoke_nbma 2)")" = 0
    spoke_become 2
    holds_within 20 "with IPsec it registers" hub_knows_spoke 2
}
