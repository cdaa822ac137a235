# shellcheck shell=bash disable=SC2034
TITLE="a spoke behind NAT: registered under its public address, and reached directly there"
HUBS="ours frr"

scenario() {
    nat_one_to_one "$(nat_private 2)"
    spoke_behind_nat 2
    holds_within 20 "spoke 2 registers" spoke_registered 2
    holds_within 5 "the hub has it at its public address" hub_knows "$(spoke_tunnel 2)" "$NAT_PUBLIC"
    holds "LAN 1 pings LAN 2" in_lan 1 ping -c 5 -i 0.2 -W 2 "$(spoke_host 2)"
    in_lan 1 timeout 60 ping -q -i 0.3 "$(spoke_host 2)" >/dev/null 2>&1 &
    local pinging=$!
    # Whatever fails here, the next scenario must not find this shortcut in use.
    undo "guest s1 'pkill -INT -x ping' >/dev/null"
    holds_within 45 "spoke 1 has a shortcut to LAN 2" spoke_has_shortcut 1 "$(spoke_lan 2).0/24" "$(spoke_tunnel 2)"
    holds_within 10 "its packets go directly to the public address" saw_gre "$UNDERLAY" "$(spoke_nbma 1)" "$NAT_PUBLIC" "$(spoke_host 2)"
    holds_within 20 "spoke 2's come directly back" saw_gre "$UNDERLAY" "$NAT_PUBLIC" "$(spoke_nbma 1)" "$(spoke_host 1)"
    guest s1 'pkill -INT -x ping || true'
    wait "$pinging" || true
    holds "the shortcut carries a ping without loss" in_lan 1 ping -c 10 -i 0.1 -W 2 "$(spoke_host 2)"
}
