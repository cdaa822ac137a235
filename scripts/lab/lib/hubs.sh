# shellcheck shell=bash
# The hub under test, behind one set of names: ours, or FRR as a hub in a guest. The second proves the lab itself: a
# scenario that fails with FRR's hub says something about the scenario.

LAB_HUB=${LAB_HUB:-ours}
is_ours() { [ "$LAB_HUB" = ours ]; }

# The static routes in the hub's words.
lab_routes() {
    local route
    for route in $ROUTES; do hub_route "${route%@*}" "${route#*@}"; done
}

# hub_conf [NAME=VALUE ...]: what the hub under test is to be, as shell variables: those of a guest's `router` and
# `protection`, and for ours NHRP, more lines of [tunnel.nhrp], PHASE, COOKIE_THRESHOLD, and FVRF and VRF, as hub_config
# takes them.
hub_conf() {
    local setting
    cat <<END
ROLE=hub
NBMA=$HUB_NBMA/24
GATEWAY=$HUB_GATEWAY
UNDERLAY=default
TUNNEL=$HUB_TUNNEL
LAN=
KEY=$(cloud_key)
NETWORK=$(cloud_network)
NHS=
TUNNEL2=
MTU=1400
HOLDTIME=60
UNIQUE=0
SHORTCUT=0
ROUTES='$(spoke_lan 1).0/24@$(spoke_tunnel 1) $(spoke_lan 2).0/24@$(spoke_tunnel 2)'
ID=$HUB_NS.$LAB_DOMAIN
CERT=hub
START=none
PEER=%any
NHRP=
PHASE=3
COOKIE_THRESHOLD=
HUB_TUNNELS=
ASN=65000
FVRF=
VRF=
END
    routing_words gre1
    protection_conf
    printf '%s=%q\n' IKE "${LAB_IKE[*]}" ESP "${LAB_ESP[*]}" IKE_LIFE 86400 CHILD_LIFE 3600 DPD 10
    for setting; do printf '%s=%q\n' "${setting%%=*}" "${setting#*=}"; done
}

# In the words of our hub.
# shellcheck disable=SC2034  # hub_config reads them
ours_write() (
    # shellcheck source=/dev/null
    . "$(hub_dir).conf"
    HUB_NHRP="redirect-timeout = 2
$NHRP"
    HUB_KEY=$KEY HUB_NETWORK=$NETWORK HUB_PROTECTION=${AUTH:+DMVPN}
    HUB_PHASE=$PHASE HUB_FVRF=$FVRF HUB_VRF=$VRF
    # FRR's ospfd wants the same mask at both ends, and its nhrpd host prefixes on tunnels.
    case $ROUTING in ospf-multipoint) HUB_TUNNEL_WORDS="host-prefix = true" ;; esac
    hub_config "$(hub_protection_toml)" "$(lab_routes)"
)

ours_reconfigure() {
    local twin
    frr_stop "$HUB_NS"
    hub_down
    rm -rf "$(hub_dir)/state" "$(hub_dir)/run"
    # They outlive the processes, with the addresses that they had.
    for twin in wan lan tun0; do ip -n "$NET_ID-$HUB_NS" link del "$twin" 2>/dev/null || true; done
    ours_write
    dataplane_start
    control_start
    routing_up
}

frr_hub_reconfigure() {
    guest h '[ ! -e /host/router.conf ] || { /host/router stop; /host/protection stop; }'
    cp "$(hub_dir).conf" "$(guest_dir h)/share/router.conf"
    pki_to_guest h
    guest h '/host/router network && /host/protection start && /host/router start'
}

# hub_become [NAME=VALUE ...]: configured so, and started anew without memory unless it is already so.
hub_become() {
    hub_conf "$@" >"$(hub_dir).conf.new"
    ! cmp -s "$(hub_dir).conf" "$(hub_dir).conf.new" || return 0
    mv "$(hub_dir).conf.new" "$(hub_dir).conf"
    spokes_are_stale
    if is_ours; then ours_reconfigure; else frr_hub_reconfigure; fi
}

lab_hub_start() {
    if ! is_ours; then
        guest_start h br-hub
        guest_wait h
    fi
    hub_become
}

lab_hub_stop() {
    if is_ours; then
        frr_stop "$HUB_NS"
        hub_down
    else guest_kill h; fi
}

# The Ethernet address that the hub's packets come from.
lab_hub_mac() {
    if is_ours; then in_ns "$HUB_NS" cat /sys/class/net/wan/address; else guest h cat /sys/class/net/eth0/address; fi
}

# at_hub N COMMAND [ARGUMENT...]: with the hub of that number in the place of the first, where it is ours too, and its
# cloud in the place of the first, where each has one.
at_hub() {
    local n=$1 cloud=0
    shift
    [ "$CLOUDS" = 1 ] || cloud=$((n - 1))
    CLOUD=$cloud HUB_NS=hub$n HUB_NBMA=192.0.2.$n HUB_TUNNEL=10.255.$cloud.$n HUB_LAN=10.0.$((n - 1)) "$@"
}

# another_hub [NAME=VALUE ...]: at_hub N another_hub makes that one, until the scenario ends.
another_hub() {
    net_another_hub
    undo net_another_hub_gone "$HUB_NS"
    undo "HUB_NS=$HUB_NS lab_hub_stop && rm -f '$(hub_dir).conf'"
    hub_become "$@"
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

# hub_has_session N: an IKE SA with spoke N and a child in it, by the hub's own account.
hub_has_session() {
    if is_ours; then
        hubctl --json show crypto session | jq -e --arg identity "spoke$1.$LAB_DOMAIN" \
            '[.. | objects | select((.identity? // .phase1_id?) == $identity and (.status? | tostring | test("up-active"; "i")))] | length > 0'
    else
        guest h 'swanctl --list-sas' | grep "ESTABLISHED" -A 12 | grep "remote 'spoke$1.$LAB_DOMAIN'"
    fi
}

hub_knows_spoke() { hub_knows "$(spoke_tunnel "$1")" "$(spoke_nbma "$1")"; }
hub_knows_both() { hub_knows_spoke 1 && hub_knows_spoke 2; }

# By the spokes' account and the hub's. A spoke that was started anew is still registered at the hub, but has no route
# before it hears so itself.
all_registered() {
    local n
    for n in $SPOKES; do spoke_registered "$n" && hub_knows_spoke "$n" || return 1; done
}

# in_spokes COMMAND-LINE: in all of this scenario at the same time.
in_spoke() { guest "s$1" "$2"; }
in_spokes() { on_spokes in_spoke "$1"; }

# Begin a scenario from the same place, however the one before ended.
lab_baseline() {
    if [ "$PROTECTION" = certificate ]; then pki_ready; fi
    hub_become ${HUB_IS[@]+"${HUB_IS[@]}"}
    if [ "$(type -t more_hubs)" = function ]; then more_hubs; fi
    if is_ours; then
        hub_runs dataplane || dataplane_start
        hub_runs control || control_start
    fi
    spokes_present
    # What a scenario that failed left behind would make new shortcuts.
    in_spokes 'pkill -x ping || true; iptables-legacy -F INPUT'
    spokes_become ${SPOKES_ARE[@]+"${SPOKES_ARE[@]}"}
    local n
    for n in $SPOKES; do
        wait_until 30 spoke_registered "$n" || die "spoke $n does not register"
    done
    in_spokes "vtysh -c 'clear ip nhrp shortcut' -c 'clear ip nhrp cache' >/dev/null"
}

# Those that this scenario wants run and are plugged in, others are off.
spokes_present() {
    local dir n absent=()
    for dir in "$RUN"/guests/s*/; do
        n=$(basename "$dir")
        case " $SPOKES " in *" ${n#s} "*) ;; *) guest_kill "$n" ;; esac
    done
    for n in $SPOKES; do guest_runs "s$n" || absent+=("$n"); done
    [ ${#absent[@]} = 0 ] || spokes_boot "${absent[@]}"
    for n in $SPOKES; do guest_plug "s$n" br-spokes; done
}
