# shellcheck shell=bash disable=SC2034
TITLE="what a spoke offers is what it gets: IKE with four key exchanges, ESP with GCM-128, GCM-256, CBC-256 and SHA-256"
HUBS="ours frr"
PROTECTION=psk

GCM='aead rfc4106\(gcm\(aes\)\) 0x'

# spoke_uses N IKE ESP KERNEL-TEXT: with these proposals it gets through, and its kernel has such SAs.
spoke_uses() {
    holds_within 20 "spoke $1 registers with $2, $3" spoke_registered "$1"
    holds "its kernel has $3" spoke_kernel_uses "$1" "$4"
    holds "its IKE SA is $2" guest "s$1" "swanctl --list-sas | grep -i '$5'"
}

suites() {
    spoke_become 2 IKE="$4" ESP="$5" &
    local other=$!
    spoke_become 1 IKE="$1" ESP="$2"
    wait "$other"
    spoke_uses 1 "$1" "$2" "${GCM}[0-9a-f]{$3} 128" "${7:-}"
    spoke_uses 2 "$4" "$5" "$6" "${8:-}"
    holds "LAN 1 pings LAN 2" in_lan 1 ping -c 5 -i 0.2 -W 2 "$(spoke_host 2)"
}

scenario() {
    # A key of AES-GCM in the kernel carries 4 octets of salt.
    suites "${LAB_IKE[0]}" aes128gcm16 40 "${LAB_IKE[1]}" aes256-sha256 'auth-trunc hmac\(sha256\) 0x[0-9a-f]{64} 128' ECP_384 ECP_256
    suites "${LAB_IKE[2]}" aes256gcm16 72 "${LAB_IKE[3]}" aes256-sha256 'enc cbc\(aes\) 0x[0-9a-f]{64}' CURVE_25519 MODP_2048
}
