# shellcheck shell=bash
# Our hub in the namespace that HUB_NS names: configuration, its two processes, what they say. Needs common.sh and net.sh;
# files of the hub are in $RUN/$HUB_NS.

# shellcheck source=scripts/lib/toml.sh
. "$(dirname "${BASH_SOURCE[0]}")/toml.sh"

HUB_BIN=${HUB_BIN:-$TARGET/release}
HUB_CORES=${HUB_CORES:-0}
HUB_METRICS=127.0.0.1:9177

hub_dir() { echo "$RUN/$HUB_NS"; }

# hub_config [MORE-TOML...]: a hub on two software ports; HUB_NHRP holds more lines of [tunnel.nhrp],
# HUB_TUNNEL_WORDS one of [[tunnel]], HUB_PHASE the phase, HUB_PROTECTION the name of the [[protection]] in MORE-TOML;
# HUB_FVRF=NAME@TABLE the VRF of the underlay port, HUB_VRF that of tunnel and LAN port.
hub_config() {
    {
        hub_toml_head 4096 'ring-size = 512'
        toml_vrf "${HUB_FVRF:-}"
        toml_vrf "${HUB_VRF:-}"
        toml_port wan net_af_packet0,iface=wan0 underlay "$HUB_NBMA/24" "gateway = \"$HUB_GATEWAY\"" "$(toml_in "${HUB_FVRF:-}")"
        toml_port lan net_af_packet1,iface=lan0 lan "$HUB_LAN.1/24" "$(toml_in "${HUB_VRF:-}")"
        toml_tunnel "$HUB_TUNNEL/24" "${HUB_PROTECTION:-}" 'tcp-adjust-mss = 1360' "${HUB_TUNNEL_WORDS:-}" "$(toml_in "${HUB_VRF:-}")"
        toml_nhrp "phase = ${HUB_PHASE:-3}" 'holdtime = 60' 'map-multicast-dynamic = true' "${HUB_NHRP:-}"
        printf '\n[metrics]\nlisten = "%s"\n' "$HUB_METRICS"
        printf '%s\n' "$@"
    } | hub_config_write
}

# hub_config_write: the hub's directories, and standard input as its configuration.
hub_config_write() {
    mkdir -p "$(hub_dir)/run" "$(hub_dir)/state"
    cat >"$(hub_dir)/hub.toml"
}

# hub_toml_head MAX-PEERS [DATAPLANE-LINE...]
hub_toml_head() {
    local dir max_peers=$1
    shift
    dir=$(hub_dir)
    toml_hub "$HUB_NS" "$dir/run" "$dir/state" "$max_peers"
    toml_dataplane "$HUB_CORES" 'hugepages = false' 'memory = 256' "$@"
}

# hub_route PREFIX NEXT-HOP: one static overlay route, as TOML, in HUB_VRF.
hub_route() { printf '\n[[route]]\nprefix = "%s"\nvia = "%s"\n%s\n' "$1" "$2" "$(toml_in "${HUB_VRF:-}")"; }

hub_pid() { cat "$(hub_dir)/$1.pid" 2>/dev/null; }
hub_runs() { alive "$(hub_pid "$1")"; }

# hub_process NAME: start hub-NAME (dataplane or control) in the background; its log grows over restarts.
hub_process() {
    local name=$1 dir
    dir=$(hub_dir)
    # Its own session, so that Ctrl-C reaches only the script, which stops things in order.
    in_ns_exec "$HUB_NS" setsid "$HUB_BIN/hub-$name" --config "$dir/hub.toml" </dev/null >>"$dir/$name.log" 2>&1 &
    echo $! >"$dir/$name.pid"
    disown
}

dataplane_ready() { in_ns "$HUB_NS" ip link show wan && in_ns "$HUB_NS" ip link show tun0; }
control_ready() { [ -S "$(hub_dir)/run/control.sock" ] && hubctl show status; }

dataplane_start() {
    hub_process dataplane
    wait_until "${1:-60}" dataplane_ready && hub_runs dataplane && return
    tail -n 20 "$(hub_dir)/dataplane.log" >&2
    warn "hub-dataplane did not come up"
    return 1
}

control_start() {
    hub_process control
    wait_until "${1:-60}" control_ready && hub_runs control && return
    tail -n 20 "$(hub_dir)/control.log" >&2
    warn "hub-control did not come up"
    return 1
}

# hub_kill NAME [SIGNAL]: end one process and wait until it is gone.
hub_kill() {
    local pid
    pid=$(hub_pid "$1") || return 0
    kill "-${2:-KILL}" "$pid" 2>/dev/null || true
    wait_until 30 gone "$pid" || warn "hub-$1 does not end"
}

hub_down() {
    local name
    for name in control dataplane; do
        hub_runs "$name" && stop_pid "$(hub_pid "$name")"
    done
    return 0
}

hubctl() { "$HUB_BIN/hubctl" --socket "$(hub_dir)/run/control.sock" "$@"; }

# hub_drops REASON: packets dropped for it so far, all workers.
hub_drops() {
    hubctl --json show drops | jq --arg reason "$1" '[.. | objects | select(.reason? == $reason) | .packets] | add // 0'
}

# hub_blames NBMA CAUSE: the hub names this spoke and this cause (a word of `show dmvpn failures`).
hub_blames() {
    hubctl --json show dmvpn failures |
        jq -e --arg nbma "$1" --arg cause "$2" '[.. | objects | select(.nbma? == $nbma and .cause? == $cause)] | length > 0'
}

# emulate NAMESPACE OPTIONS...: emulated spokes there; what they report, one JSON object a line, is in
# $RUN/emulated-NAMESPACE.json.
emulate() {
    local ns=$1 files=$RUN/emulated-$1
    shift
    in_ns_exec "$ns" setsid "$HUB_BIN/hub-perf" spokes --hub "$HUB_NBMA" --hub-tunnel "$HUB_TUNNEL" --key "${HUB_KEY:-42}" "$@" \
        </dev/null >"$files.json" 2>"$files.log" &
    echo $! >"$files.pid"
    disown
}

emulator_stop() { stop_pid "$(cat "$RUN/emulated-$1.pid" 2>/dev/null)"; }

emulators_down() {
    local file
    for file in "$RUN"/emulated-*.pid; do
        [ ! -e "$file" ] || stop_pid "$(cat "$file")"
    done
}

# emulated NAMESPACE EVENT [TEXT]: it has reported such an event, with that text in it.
emulated() { grep -F "\"event\":\"$2\"" "$RUN/emulated-$1.json" | grep -F -- "${3:-}"; }

# A namespace whose one interface stands for up to 31 emulated spokes, 203.0.113.97 to 127: all are its own.
crowd_up() {
    net_namespace crowd
    net_wire inet to-crowd crowd eth0
    ip -n "$NET_ID-inet" link set to-crowd master br-spokes
    ip -n "$NET_ID-crowd" address add 203.0.113.96/24 dev eth0
    ip -n "$NET_ID-crowd" route add local 203.0.113.96/27 dev lo
    ip -n "$NET_ID-crowd" route add default via "$SPOKE_GATEWAY"
}

hub_metrics() { in_ns "$HUB_NS" curl -sS --max-time 5 "http://$HUB_METRICS/metrics"; }

# counted_failure CAUSE: /metrics has a station that failed for it.
counted_failure() { hub_metrics | grep -E "^dmvpn_failed_stations.*cause=\"${1//-/_}\".* [1-9]"; }
