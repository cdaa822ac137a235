# shellcheck shell=bash disable=SC2034
TITLE="two protected spokes behind one address: both registered, and they reach each other through the hub"
HUBS="ours"
PROTECTION=psk

both_known() { hub_knows "$(spoke_tunnel 1)" "$NAT_PUBLIC" && hub_knows "$(spoke_tunnel 2)" "$NAT_PUBLIC"; }

scenario() {
    nat_masquerade 30000
    spoke_behind_nat 2 &
    local other=$!
    spoke_behind_nat 1
    wait "$other"
    holds_within 20 "spoke 1 registers" spoke_registered 1
    holds_within 20 "spoke 2 registers" spoke_registered 2
    holds_within 5 "the hub has both at the same address" both_known
    holds_within 10 "the data centre pings spoke 1's LAN" in_ns dc ping -c 3 -i 0.2 -W 2 "$(spoke_host 1)"
    holds_within 10 "and spoke 2's" in_ns dc ping -c 3 -i 0.2 -W 2 "$(spoke_host 2)"
    holds "LAN 1 pings LAN 2" in_lan 1 ping -c 20 -i 0.2 -W 2 "$(spoke_host 2)"
    holds "LAN 2 pings LAN 1" in_lan 2 ping -c 20 -i 0.2 -W 2 "$(spoke_host 1)"
    # They could not reach each other at the address that they share.
    holds_not "nobody is offered a shortcut" spoke_has_shortcut 1 "$(spoke_lan 2).0/24" "$(spoke_tunnel 2)"
}
