# shellcheck shell=bash disable=SC2034
TITLE="hub-dataplane is killed and started again: spokes recover by themselves"
HUBS="ours"

lan_to_lan() { in_lan 1 ping -c 1 -W 1 "$(spoke_host 2)"; }

scenario() {
    holds_within 10 "LAN 1 reaches LAN 2" lan_to_lan
    hub_kill dataplane
    holds_not "without it spoke 1 does not reach the hub" guest s1 ping -c 1 -W 1 "$HUB_TUNNEL"
    dataplane_start
    holds_within 10 "started again, spoke 1 reaches the hub" guest s1 ping -c 1 -W 1 "$HUB_TUNNEL"
    holds_within 10 "spoke 2 too" guest s2 ping -c 1 -W 1 "$HUB_TUNNEL"
    holds_within 10 "and LAN 1 LAN 2" lan_to_lan
    holds "no registration was lost" hub_knows_both
    hub_down
    dataplane_start
    control_start
    holds_within 30 "both processes gone and back: LAN 1 reaches LAN 2" lan_to_lan
    holds_within 30 "both spokes are registered" hub_knows_both
    wait_until 30 spoke_registered 1
    holds_within 10 "the data centre reaches LAN 1" in_ns dc ping -c 1 -W 1 "$(spoke_host 1)"
}
