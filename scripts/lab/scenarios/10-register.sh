# shellcheck shell=bash disable=SC2034
TITLE="both spokes register within 5 s of their start"
HUBS="ours frr"

spokes_registered() { spoke_registered 1 && spoke_registered 2; }

# Milliseconds from the start of a spoke's nhrpd to the hub's first Registration Reply to it.
registration_took() {
    echo $(($(captured_at "$HUB_SIDE" "$(nhrp_of_type 4) and dst host $(spoke_nbma "$1")") - $(spoke_started "$1")))
}

scenario() {
    local n took
    spoke_stop 1
    spoke_stop 2
    restart_captures
    spoke_start 1 &
    spoke_start 2
    wait $!
    holds_within 15 "the hub answered both" spokes_registered
    for n in 1 2; do
        took=$(registration_took "$n")
        holds "spoke $n took $took ms" between 0 "$took" 5000
    done
    holds "the hub lists both with tunnel and NBMA address" hub_knows_both
    holds "spokes sent Registration Requests" saw_nhrp "$HUB_SIDE" 3
    holds "the hub sent Registration Replies" saw_nhrp "$HUB_SIDE" 4 src host "$HUB_NBMA"
}
