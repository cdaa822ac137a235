# shellcheck shell=bash disable=SC2034
TITLE="tunnel mode and transport mode side by side"
HUBS="ours frr"
PROTECTION=psk

scenario() {
    # strongSwan's wildcard traps are for transport mode: this spoke knows its hub.
    spoke_become 1 MODE=tunnel PEER="$HUB_NBMA" SHORTCUT=0
    holds_within 20 "spoke 1 registers in tunnel mode" spoke_registered 1
    holds "its kernel has SAs in tunnel mode" spoke_kernel_uses 1 'mode tunnel'
    holds "spoke 2's are in transport mode" spoke_kernel_uses 2 'mode transport'
    holds "LAN 1 pings LAN 2" in_lan 1 ping -c 5 -i 0.2 -W 2 "$(spoke_host 2)"
    holds "LAN 2 pings LAN 1" in_lan 2 ping -c 5 -i 0.2 -W 2 "$(spoke_host 1)"
    holds "and with packets as large as they may be" in_lan 1 ping -c 3 -i 0.2 -W 2 -M "do" -s 1372 "$(spoke_host 2)"
}
