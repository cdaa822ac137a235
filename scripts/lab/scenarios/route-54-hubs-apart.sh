# shellcheck shell=bash disable=SC2034
TITLE="two hubs, one cloud, and spokes that have no hub in common: by the LAN between the hubs, if each names itself as next hop"
HUBS="ours"
NIGHTLY=1
LIMIT=600
PROTECTION=psk
HUB_IS=(ROUTING=ebgp ROUTES= GRACEFUL=0 SPEAKERS=10.0.1.1@65000)
SPOKES_ARE=(ROUTING=ebgp ROUTES= GRACEFUL=0 HUB_TUNNELS="10.255.0.1 10.255.0.2"
    NHS="dynamic@192.0.2.1 dynamic@192.0.2.2" DPD=3)

more_hubs() { at_hub 2 another_hub ROUTING=ebgp ROUTES= GRACEFUL=0 SPEAKERS=10.0.0.1@65000; }

# The data centre's host is the router between the hubs' LANs, and knows which hub has which spoke.
lans_of_hubs_up() {
    in_ns dc sysctl -qw net.ipv4.ip_forward=1
    undo in_ns dc sysctl -qw net.ipv4.ip_forward=0
    in_ns dc ip route replace "$(spoke_lan 2).0/24" via 10.0.1.1
    undo in_ns dc ip route del "$(spoke_lan 2).0/24"
    in_ns hub ip route replace 10.0.1.0/24 via 10.0.0.10
    undo in_ns hub ip route del 10.0.1.0/24
    in_ns hub2 ip route replace 10.0.0.0/24 via 10.0.1.10
    undo in_ns hub2 ip route del 10.0.0.0/24 via 10.0.1.10
}

# cut_off N HUB-NBMA: the Internet takes nothing from one to the other.
cut_off() {
    local from=${1?} to=${2?}
    from=$(spoke_nbma "$from")
    in_ns inet ip rule add from "$from" to "$to" blackhole
    undo in_ns inet ip rule del from "$from" to "$to" blackhole
    in_ns inet ip rule add from "$to" to "$from" blackhole
    undo in_ns inet ip rule del from "$to" to "$from" blackhole
}

# hub_routes_by PREFIX WORDS: the first hub's kernel has it so.
hub_routes_by() { in_ns hub ip route show "$1" | grep -F " $2 "; }
knows_not() { ! hub_knows_spoke "$1"; }
drops_since() { [ "$(hub_drops no_adjacency)" -gt "$1" ]; }
lan_1_reaches_2() { in_lan 1 ping -c 1 -W 1 "$(spoke_host 2)"; }

# The hub's word, to the other hub. It is not what the hub's words say: who comes next has to make it anew.
names_itself() {
    undo "rm -f '$(hub_dir).conf'"
    hub_vtysh_configure "router bgp 65000" "address-family ipv4 unicast" "neighbor $1 next-hop-self"
}

scenario() {
    local before
    lans_of_hubs_up
    holds_within 60 "the first hub has sessions with both spokes and the second hub" hub_has_sessions 3
    holds_within 60 "and so has the second" at_hub 2 hub_has_sessions 3
    cut_off 1 192.0.2.2
    cut_off 2 192.0.2.1
    holds_within 60 "the second hub loses spoke 1" at_hub 2 hub_has_sessions 2
    holds_within 60 "and the first spoke 2" hub_has_sessions 2
    holds_within 120 "which is registered there no longer" knows_not 2
    holds_within 10 "its LAN is heard of from the second hub" hub_routes_by "$(spoke_lan 2).0/24" "via $(spoke_tunnel 2) dev tun0"
    before=$(hub_drops no_adjacency)
    holds_not "with spoke 2 as next hop LAN 1 does not reach LAN 2" lan_1_reaches_2
    holds_within 10 "and the first hub says why" drops_since "$before"
    holds "the hubs name themselves" names_itself 10.0.1.1
    holds "both" at_hub 2 names_itself 10.0.0.1
    holds_within 30 "the way to LAN 2 is by the hubs' LAN" hub_routes_by "$(spoke_lan 2).0/24" "via 10.0.0.10 dev lan"
    holds_within 30 "LAN 1 reaches LAN 2" lan_1_reaches_2
    holds_within 20 "by both hubs" goes 1 "$(spoke_host 2)" "$(spoke_lan 1).1" 10.255.0.1 10.0.0.10 10.0.1.1 "$(spoke_tunnel 2)" "$(spoke_host 2)"
    holds "without loss" in_lan_without_loss 1 -c 100 -i 0.02
    holds "and nobody was redirected" guest s1 '! grep -q Traffic-Indication /var/log/frr/frr.log'
}
