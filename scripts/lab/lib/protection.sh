# shellcheck shell=bash
# What protects the tunnel: one set of words for the spokes, for FRR's hub and for ours.
#
# PROTECTION of a scenario: none | psk | certificate. More words about one router, `NAME=VALUE`, as the guest's `protection`
# reads them; a hub that is ours gets the same in its own language.

LAB_PSK=lab-secret-of-the-spokes
PROTECTION=${PROTECTION:-none}
# What the hub takes, and each spoke offers one of unless it is told otherwise.
LAB_IKE=(aes256gcm16-prfsha384-ecp384 aes256-sha256-ecp256 aes128gcm16-prfsha256-x25519 aes128-sha256-modp2048)
LAB_ESP=(aes128gcm16 aes256gcm16 aes256-sha256)

is_protected() { [ "$PROTECTION" != none ]; }

# The words of any router under the protection of this scenario.
protection_conf() {
    local auth=
    case $PROTECTION in
    psk) auth=psk ;;
    certificate) auth=pubkey ;;
    esac
    cat <<END
AUTH=$auth
PSK=$LAB_PSK
MODE=transport
IKE=${LAB_IKE[0]}
ESP=${LAB_ESP[0]}
IKE_LIFE=4h
CHILD_LIFE=1h
DPD=10s
FRAGMENT=1280
END
}

toml_list() {
    local word list=
    for word; do list="$list${list:+, }\"$word\""; done
    echo "[$list]"
}

# hub_protection_toml: [ike], its keys and the profile of our hub, from variables that hub_conf has set.
hub_protection_toml() {
    [ -n "$AUTH" ] || return 0
    echo '[ike]'
    echo "identity = \"$ID\""
    # shellcheck disable=SC2086  # a list of words
    echo "proposals = $(toml_list $IKE)"
    echo "lifetime = $IKE_LIFE"
    echo "dpd = $DPD"
    # Runs are in /tmp, which may be a disk; keys of the lab are nobody's secret.
    echo 'persist-sessions = "always"'
    [ -z "$COOKIE_THRESHOLD" ] || echo "cookie-threshold = $COOKIE_THRESHOLD"
    [ "$AUTH" != pubkey ] || hub_certificate_toml
    [ "$AUTH" != psk ] || printf '\n[[ike.key]]\naddress = "0.0.0.0/0"\npre-shared-key = "%s"\n' "$PSK"
    printf '\n[[protection]]\nname = "DMVPN"\n'
    # shellcheck disable=SC2086
    echo "proposals = $(toml_list $ESP)"
    echo "lifetime-seconds = $CHILD_LIFE"
}

hub_certificate_toml() {
    local pki
    pki=$(pki_dir)
    echo "certificate = \"$pki/$CERT$([ ! -e "$pki/$CERT.chain.pem" ] || echo .chain).pem\""
    echo "private-key = \"$pki/$CERT.key\""
    echo "authority = [\"$pki/ca.pem\"]"
    echo "crl = [\"$pki/ca.crl\"]"
}

# What charon of spoke N has written since its start: how often this happened.
spoke_says() { guest "s$1" "grep -cE '$2' /run/keys/charon.log || true"; }
# Child SAs and IKE SAs that spoke N has made so far, by whoever's wish.
children_of() { spoke_says "$1" 'CHILD_SA dmvpn.* established with SPIs'; }
ike_sas_of() { spoke_says "$1" 'IKE_SA dmvpn.* (established|rekeyed) between'; }

# spoke_kernel_uses N TEXT: the SAs of its kernel are of this kind.
spoke_kernel_uses() { guest "s$1" ip xfrm state | grep -E "$2"; }

# Pings that go through the hub all the time: flood_begin COUNT MILLISECONDS-BETWEEN [ADDRESS [FROM]]; flood_end waits for the last and
# claims that none was lost. Spoke 1 must take no shortcut.
flood_begin() {
    FLOOD=$1
    in_lan "${4:-1}" -t 300 ping -q -i "0.$(printf %03d "$2")" -c "$1" -W 5 "${3:-$(spoke_host 2)}" >"$RUN/flood" 2>&1 &
    FLOODING=$!
}
flood_goes_on() { holds "${1:-the flood lasted longer}" alive "$FLOODING"; }
flood_end() {
    wait "$FLOODING" || true
    holds "$FLOOD of $FLOOD pings: $(grep -o '[0-9]* received.*loss' "$RUN/flood")" grep -q " $FLOOD received, 0% packet loss" "$RUN/flood"
}
