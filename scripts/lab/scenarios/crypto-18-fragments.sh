# shellcheck shell=bash disable=SC2034
TITLE="certificates too large for a datagram: both ends cut IKE into fragments"
HUBS="ours frr"
PROTECTION=certificate
HUB_IS=(CERT=long-hub)

# The first payload of an IKE message is an Encrypted Fragment, RFC 7383 2.5.
FRAGMENTS='(udp port 500 and udp[24] = 53) or (udp port 4500 and udp[28] = 53)'

fragments() { captured "$HUB_SIDE" "($FRAGMENTS) and src host $1 and dst host $2"; }

scenario() {
    spoke_become 2 CERT=long
    holds_within 30 "spoke 2 registers with its long chain" spoke_registered 2
    holds "its certificates came in $(fragments "$(spoke_nbma 2)" "$HUB_NBMA") fragments" \
        at_least "$(fragments "$(spoke_nbma 2)" "$HUB_NBMA")" 3
    holds "the hub's went in $(fragments "$HUB_NBMA" "$(spoke_nbma 2)")" at_least "$(fragments "$HUB_NBMA" "$(spoke_nbma 2)")" 3
    holds "none of them larger than 1500 octets" test "$(captured "$HUB_SIDE" 'udp and ip[2:2] > 1500 or (ip[6:2] & 0x3fff != 0)')" = 0
    holds "LAN 1 pings LAN 2" in_lan 1 ping -c 5 -i 0.2 -W 2 "$(spoke_host 2)"
}
