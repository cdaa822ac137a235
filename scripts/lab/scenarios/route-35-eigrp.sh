# shellcheck shell=bash disable=SC2034
TITLE="EIGRP with three spokes on point-to-point tunnels: neighbours, prefixes both ways, a summary"
HUBS="ours"
NIGHTLY=1
PROTECTION=psk
SPOKES="1 2 3"
HUB_IS=(ROUTING=eigrp ROUTES= PHASE=1)
# They register once: see `point-to-point` of guest/router.
SPOKES_ARE=(ROUTING=eigrp ROUTES= SHORTCUT=0 HOLDTIME=3600)

# What eigrpd announces is a network of an interface: the summary is the hub's address in all spokes' LANs, and theirs are
# longer. A wire to itself is an interface that is up.
# shellcheck disable=SC2153  # HUB_NS is of net.sh
summary_up() {
    net_wire "$HUB_NS" summary "$HUB_NS" summary-end
    # eigrpd aborts when an interface of its own goes: it is to be gone first. A hub without its words begins anew.
    undo "rm -f '$(hub_dir).conf'"
    undo "ip -n '$NET_ID-$HUB_NS' link del summary"
    undo "frr_stop '$HUB_NS'"
    ip -n "$NET_ID-$HUB_NS" address add 10.100.255.254/16 dev summary
}

scenario() {
    summary_up
    in_spokes '/host/router point-to-point'
    holds_within 90 "three neighbours are up" hub_has_eigrp_neighbours 3
    holds_within 60 "the hub's kernel has the LANs" hub_has_prefixes eigrp "$(lans)"
    holds_within 10 "hubctl show ip route says the same as the kernel" hub_agrees_with_kernel
    holds_within 60 "spoke 2 has the data centre" spoke_routes_via 2 10.0.0.0/24 "$HUB_TUNNEL"
    holds_within 60 "and the summary" spoke_routes_via 2 10.100.0.0/16 "$HUB_TUNNEL"
    holds_within 60 "and so has spoke 3" spoke_routes_via 3 10.100.0.0/16 "$HUB_TUNNEL"
    holds "the data centre reaches LAN 2" in_ns dc ping -c 3 -i 0.2 -W 2 "$(spoke_host 2)"
    holds "LAN 2 reaches LAN 3" in_lan 2 ping -c 20 -i 0.05 -W 2 "$(spoke_host 3)"
    holds "by way of the hub" goes 2 "$(spoke_host 3)" "$(spoke_lan 2).1" "$HUB_TUNNEL" "$(spoke_tunnel 3)" "$(spoke_host 3)"
    holds "the neighbours are still up" hub_has_eigrp_neighbours 3
}
