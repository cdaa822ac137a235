# shellcheck shell=bash disable=SC2034
TITLE="the hub stops and starts: protected spokes come back by themselves"
HUBS="ours"
PROTECTION=psk
SPOKES_ARE=(DPD=3)

lan_to_lan() { in_lan 1 ping -c 1 -W 1 "$(spoke_host 2)"; }

scenario() {
    hub_down
    dataplane_start
    control_start
    holds_within 60 "stopped politely and started: LAN 1 reaches LAN 2" lan_to_lan
    holds_within 60 "both spokes are registered" all_registered
    hub_kill control
    hub_kill dataplane
    rm -rf "$(hub_dir)/run"
    mkdir "$(hub_dir)/run"
    dataplane_start
    control_start
    holds_within 90 "killed, with all that it kept in memory: LAN 1 reaches LAN 2" lan_to_lan
    holds_within 60 "both spokes are registered" all_registered
}
