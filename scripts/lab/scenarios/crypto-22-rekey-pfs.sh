# shellcheck shell=bash disable=SC2034
TITLE="rekeying with perfect forward secrecy, in CBC with ESN, by both ends at once"
HUBS="ours frr"
PROTECTION=psk
HUB_IS=("ESP=aes256-sha256-ecp384-esn aes256gcm16-x25519" CHILD_LIFE=5)
SPOKES_ARE=(SHORTCUT=0 CHILD_LIFE=3 ESP=aes256gcm16-x25519)

scenario() {
    local children
    spoke_become 1 "${SPOKES_ARE[@]}" ESP=aes256-sha256-ecp384-esn
    holds_within 30 "both spokes are registered" all_registered
    holds "spoke 1 counts in 64 bits" spoke_kernel_uses 1 'esn'
    holds_within 10 "the way is open" in_lan 1 ping -c 1 -W 1 "$(spoke_host 2)"
    children=$(children_of 1)
    flood_begin 2000 5
    flood_end
    holds "$(($(children_of 1) - children)) new child SAs" at_least $(($(children_of 1) - children)) 3
}
