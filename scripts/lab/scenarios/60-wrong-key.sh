# shellcheck shell=bash disable=SC2034
TITLE="a spoke with the wrong tunnel key leaves a counter, a cause, and a line in the log"
HUBS="ours"

scenario() {
    local before
    before=$(hub_drops gre_key_mismatch)
    spoke_become 2 KEY=43
    holds_within 15 "the drop counter gre_key_mismatch grows" eval "less_than $before \"\$(hub_drops gre_key_mismatch)\""
    holds_within 5 "the hub names spoke 2 and the cause" hub_blames "$(spoke_nbma 2)" key-mismatch
    holds_within 5 "the log names it" grep -q "$(spoke_nbma 2)" "$(hub_dir)/control.log"
    holds "/metrics counts it" eval 'hub_metrics | grep -E "gre_key_mismatch.* [1-9]"'
    spoke_become 2 KEY=
    holds_within 15 "no key at all is a mismatch too" eval "less_than $((before + 1)) \"\$(hub_drops gre_key_mismatch)\""
    spoke_become 2
    holds_within 15 "with the right key it registers" hub_knows_spoke 2
}
