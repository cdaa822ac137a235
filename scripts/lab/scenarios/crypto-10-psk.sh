# shellcheck shell=bash disable=SC2034
TITLE="pre-shared key: registration, pings and a hairpin in ESP"
HUBS="ours frr"
PROTECTION=psk

scenario() {
    holds "the hub lists both" hub_knows_both
    holds "spoke 1 pings the hub's tunnel address" guest s1 ping -c 5 -i 0.2 -W 2 "$HUB_TUNNEL"
    holds "spoke 2 pings the hub's tunnel address" guest s2 ping -c 5 -i 0.2 -W 2 "$HUB_TUNNEL"
    holds "LAN 1 pings LAN 2" in_lan 1 ping -c 5 -i 0.2 -W 2 "$(spoke_host 2)"
    holds "ESP from spoke 1 to the hub" saw_esp "$HUB_SIDE" "$(spoke_nbma 1)" "$HUB_NBMA"
    holds "ESP from the hub to spoke 2" saw_esp "$HUB_SIDE" "$HUB_NBMA" "$(spoke_nbma 2)"
    is_ours || return 0
    holds "the hub pings spoke 1" in_ns hub ping -c 3 -i 0.2 -W 2 "$(spoke_tunnel 1)"
    holds "LAN 1 pings the data centre" in_lan 1 ping -c 3 -i 0.2 -W 2 10.0.0.10
    holds "the data centre pings LAN 2" in_ns dc ping -c 3 -i 0.2 -W 2 "$(spoke_host 2)"
}
