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
    echo "identity = \"hub.$LAB_DOMAIN\""
    # shellcheck disable=SC2086  # a list of words
    echo "proposals = $(toml_list $IKE)"
    echo "lifetime = $IKE_LIFE"
    echo "dpd = $DPD"
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
    echo "certificate = \"$pki/hub.pem\""
    echo "private-key = \"$pki/hub.key\""
    echo "authority = [\"$pki/ca.pem\"]"
    echo "crl = [\"$pki/ca.crl\"]"
}
