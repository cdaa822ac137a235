# shellcheck shell=bash disable=SC2034
TITLE="a spoke that registered as unique cannot be displaced from another NBMA address"
HUBS="ours"

THIEF=203.0.113.52

scenario() {
    spoke_become 2 UNIQUE=1
    holds_within 15 "spoke 2 registers as unique" spoke_registered 2
    guest_kill s2
    spokes_boot 2
    spoke_become 2 UNIQUE=1 "NBMA=$THIEF/24"
    holds_within 15 "the hub refuses it from $THIEF, and says so" hub_blames "$THIEF" unique-conflict
    holds "the old registration stands" hub_knows_spoke 2
    holds "the log names the spoke" grep -q "$THIEF" "$(hub_dir)/control.log"
    hubctl clear ip nhrp >/dev/null
    holds_within 40 "cleared by an operator, the spoke gets in" hub_knows "$(spoke_tunnel 2)" "$THIEF"
    hubctl clear ip nhrp >/dev/null
}
