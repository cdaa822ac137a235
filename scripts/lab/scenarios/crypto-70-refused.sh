# shellcheck shell=bash disable=SC2034
TITLE="wrong pre-shared key, no common proposal, another PFS group: each has its cause in show, log and metric"
HUBS="ours"
PROTECTION=psk

# What the log says since this scenario began.
mark_log() { marked=$(wc -l <"$(hub_dir)/control.log"); }
logged() { tail -n "+$((marked + 1))" "$(hub_dir)/control.log" | grep "$1"; }

# named CAUSE TEXT [NAME=VALUE ...]: spoke 2 is so, and the hub says what is wrong with that.
named() {
    local cause=$1 text=$2
    shift 2
    mark_log
    spoke_become 2 "$@"
    holds_within 20 "$text: the hub blames it for $cause" hub_blames "$(spoke_nbma 2)" "$cause"
    holds "a line of the log says so" logged "NEG_ABORT.*$(spoke_nbma 2)"
    holds "/metrics counts it" counted_failure "$cause"
}

refused() {
    named "$@"
    holds_not "its tunnel carries nothing" guest s2 ping -c 2 -i 0.2 -W 1 "$HUB_TUNNEL"
}

scenario() {
    refused ike-authentication "another pre-shared key" PSK=guess
    refused ike-proposal "an IKE proposal that the hub has not" IKE=aes128-sha1-modp1536
    refused esp-proposal "an ESP proposal that the hub has not" ESP=aes192ctr-sha1
    hub_become ESP=aes256gcm16-ecp384
    # The first child SA has its keys from IKE's exchange; PFS is a matter of rekeys, RFC 7296 1.2.
    named pfs-mismatch "another group for PFS" ESP=aes256gcm16-modp2048 CHILD_LIFE=3
    holds_not "neither key is in the log" grep -e "$LAB_PSK" -e guess "$(hub_dir)/control.log"
}
