# shellcheck shell=bash
# The hub under test, behind one set of names: ours, or FRR as a hub in a guest. The second proves the lab itself: a
# scenario that fails with FRR's hub says something about the scenario.

LAB_HUB=${LAB_HUB:-ours}
is_ours() { [ "$LAB_HUB" = ours ]; }

lab_routes() {
    local n
    for n in 1 2; do hub_route "$(spoke_lan "$n").0/24" "$(spoke_tunnel "$n")"; done
}

frr_hub_conf() {
    cat <<END
ROLE=hub
NBMA=$HUB_NBMA/24
GATEWAY=$HUB_GATEWAY
TUNNEL=$HUB_TUNNEL
LAN=
KEY=42
HUB=
NHS=
MTU=1400
HOLDTIME=60
UNIQUE=0
SHORTCUT=0
ROUTES='$(spoke_lan 1).0/24@$(spoke_tunnel 1) $(spoke_lan 2).0/24@$(spoke_tunnel 2)'
END
}

lab_hub_start() {
    if is_ours; then
        HUB_NHRP=$(lab_hub_nhrp) hub_config "$(lab_routes)"
        dataplane_start
        control_start
    else
        guest_start h br-hub
        guest_wait h
        frr_hub_conf >"$(guest_dir h)/share/router.conf"
        guest h '/host/router network && /host/router start'
    fi
}

# hub_reconfigure NHRP-TOML: our hub with another line in [tunnel.nhrp], or '', started anew without memory.
hub_reconfigure() {
    hub_down
    rm -rf "$(hub_dir)/state" "$(hub_dir)/run"
    HUB_NHRP=$(lab_hub_nhrp "$1") hub_config "$(lab_routes)"
    dataplane_start
    control_start
}
lab_hub_nhrp() { printf '%s\n' 'redirect-timeout = 2' "$@"; }

lab_hub_stop() { if is_ours; then hub_down; else guest_kill h; fi; }

# The Ethernet address that the hub's packets come from.
lab_hub_mac() {
    if is_ours; then in_ns hub cat /sys/class/net/wan/address; else guest h cat /sys/class/net/eth0/address; fi
}

# hub_knows TUNNEL-ADDRESS NBMA: registered, by the hub's own account.
hub_knows() {
    if is_ours; then
        hubctl --json show ip nhrp dynamic | jq -e --arg protocol "$1" --arg nbma "$2" \
            '[.. | objects | select(.via? == $protocol and .nbma? == $nbma)] | length > 0'
    else
        guest h "vtysh -c 'show ip nhrp cache json'" | jq -e --arg protocol "$1" --arg nbma "$2" \
            '.table[] | select(.type == "dynamic" and .protocol == $protocol and .nbma == $nbma)'
    fi
}

hub_knows_spoke() { hub_knows "$(spoke_tunnel "$1")" "$(spoke_nbma "$1")"; }
hub_knows_both() { hub_knows_spoke 1 && hub_knows_spoke 2; }

# By the spokes' account and the hub's. A spoke that was started anew is still registered at the hub, but has no route
# before it hears so itself.
all_registered() { spoke_registered 1 && spoke_registered 2 && hub_knows_both; }

# Begin a scenario from the same place, however the one before ended.
lab_baseline() {
    if is_ours; then
        [ ! -e "$RUN/hub/reconfigured" ] || hub_reconfigure ''
        rm -f "$RUN/hub/reconfigured"
        hub_runs dataplane || dataplane_start
        hub_runs control || control_start
    fi
    local n
    for n in 1 2; do
        guest_runs "s$n" || spokes_boot "$n"
        # What a scenario that failed left behind would make new shortcuts.
        guest "s$n" 'pkill -x ping || true'
        spoke_become "$n"
    done
    wait_until 30 spoke_registered 1 || die "spoke 1 does not register"
    wait_until 30 spoke_registered 2 || die "spoke 2 does not register"
    for n in 1 2; do spoke_forget_shortcuts "$n"; done
}
