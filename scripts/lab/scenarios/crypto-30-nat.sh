# shellcheck shell=bash disable=SC2034
TITLE="a protected spoke behind NAT, and the NAT gives it another port"
HUBS="ours frr"
PROTECTION=psk
SPOKES_ARE=(SHORTCUT=0)

from_port_range() { captured "$HUB_SIDE" "udp and src host $NAT_PUBLIC and src portrange $1-$(($1 + 999)) and dst host $HUB_NBMA and dst port 4500"; }
to_port_range() { captured "$HUB_SIDE" "udp and dst host $NAT_PUBLIC and dst portrange $1-$(($1 + 999)) and src host $HUB_NBMA and src port 4500"; }
hub_follows() { [ "$(to_port_range "$1")" -gt 0 ]; }

scenario() {
    local ike_sas
    nat_masquerade 30000
    spoke_behind_nat 2 SHORTCUT=0
    holds_within 20 "spoke 2 registers" spoke_registered 2
    holds_within 5 "the hub has it at its public address" hub_knows "$(spoke_tunnel 2)" "$NAT_PUBLIC"
    holds_within 10 "LAN 1 pings LAN 2" in_lan 1 ping -c 3 -i 0.2 -W 2 "$(spoke_host 2)"
    holds "its ESP is in UDP, from a port that the NAT chose" at_least "$(from_port_range 30000)" 1
    holds "and the hub's goes there" hub_follows 30000
    ike_sas=$(ike_sas_of 2)
    in_lan 2 timeout 60 ping -q -i 0.2 "$(spoke_host 1)" >/dev/null 2>&1 &
    local pinging=$!
    undo "guest s2 'pkill -INT -x ping' >/dev/null"
    nat_masquerade 40000
    holds_within 10 "the NAT gives it another port, and the hub follows" hub_follows 40000
    holds "LAN 1 pings LAN 2 without loss" in_lan 1 ping -c 10 -i 0.1 -W 2 "$(spoke_host 2)"
    guest s2 'pkill -INT -x ping || true'
    wait "$pinging" || true
    holds "in the same IKE SA" test "$(ike_sas_of 2)" = "$ike_sas"
}
