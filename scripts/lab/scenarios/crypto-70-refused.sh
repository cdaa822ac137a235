# shellcheck shell=bash disable=SC2034
TITLE="wrong pre-shared key, no common proposal, another PFS group: each has its cause in show, log and metric"
HUBS="ours"
PROTECTION=psk

# refused CAUSE METRIC [NAME=VALUE ...]: with this configuration spoke 2 stays outside, and the hub says why.
refused() {
    local cause=$1 text=$2
    shift 2
    spoke_become 2 "$@"
    holds_within 20 "$text: the hub blames it for $cause" hub_blames "$(spoke_nbma 2)" "$cause"
    holds "the log names it" grep -q "$(spoke_nbma 2).*$cause\|$cause.*$(spoke_nbma 2)" "$(hub_dir)/control.log"
    holds "/metrics counts it" eval "hub_metrics | grep -E '$cause.* [1-9]'"
    holds_not "its tunnel carries nothing" guest s2 ping -c 2 -i 0.2 -W 1 "$HUB_TUNNEL"
    hubctl clear ip nhrp >/dev/null
}

scenario() {
    refused authentication "another pre-shared key" PSK=guess
    refused ike-proposal "an IKE proposal that the hub has not" IKE=aes128-sha1-modp1536
    refused esp-proposal "an ESP proposal that the hub has not" ESP=aes192ctr-sha1
    hub_become ESP=aes256gcm16-ecp384
    refused pfs "another group for PFS" ESP=aes256gcm16-modp2048
    holds_not "neither key is in the log" grep -e "$LAB_PSK" -e guess "$(hub_dir)/control.log"
}
