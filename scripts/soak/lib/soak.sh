# shellcheck shell=bash
# A hub with thousands of emulated spokes, in private network namespaces:
#
#   [GROUP] eth0 ── to-GROUP [inet] to-hub ── wan0 [hub]
#
# A group is one emulator, `hub-perf spokes`, whose spokes all live in one namespace. `inet` routes. Needs common.sh,
# net.sh, hub.sh and assert.sh.

# shellcheck disable=SC2034  # HUB_TUNNEL is read by the scripts that source this file
HUB_TUNNEL=10.128.0.1
# Seconds within which what must happen has happened, on a busy machine too.
PATIENCE=${PATIENCE:-120}
# What a packet socket holds while the hub waits for a CPU: at 2,000 packets a second, 8 s.
FRAMES=16384

# Numbers of the groups, from which their addresses follow.
GROUPS_UP=()

soak_need() {
    need_root
    local tool
    for tool in ip ethtool jq tcpdump; do have "$tool" || die "$tool is missing: run scripts/setup"; done
    for tool in hub-dataplane hub-control hubctl hub-perf; do
        [ -x "$HUB_BIN/$tool" ] || die "$HUB_BIN/$tool is missing: cargo build --release"
    done
}

# soak_up MAX-PEERS GROUP...: namespaces, and the hub's configuration. HUB_PHASE: of DMVPN, if not 3. SOAK_PSK: the
# pre-shared key of protected tunnels; without, GRE in the clear.
soak_up() {
    local max_peers=$1 group
    shift
    RUN=$(mktemp -d "/tmp/dmvpn-soak.XXXXXX")
    undo_at_exit
    undo soak_down
    local ns
    for ns in inet hub; do net_namespace "$ns"; done
    in_ns inet sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.all.rp_filter=0
    net_wire inet to-hub hub wan0
    ip -n "$NET_ID-inet" address add "$HUB_GATEWAY/24" dev to-hub
    for group; do group_up "$group"; done
    soak_hub_config "$max_peers"
    say "$(soak_machine)"
}

soak_machine() {
    printf '%s CPUs, load %s, %s' "$(nproc)" "$(cut -d' ' -f1-3 /proc/loadavg)" "$(date '+%F %T')"
}

# group_up GROUP: a namespace that owns 198.(18+n).0.0/16.
group_up() {
    local group=$1 n=${#GROUPS_UP[@]}
    GROUPS_UP+=("$group")
    net_namespace "$group"
    net_wire inet "to-$group" "$group" eth0
    ip -n "$NET_ID-inet" address add "172.16.$n.1/24" dev "to-$group"
    ip -n "$NET_ID-$group" address add "172.16.$n.2/24" dev eth0
    ip -n "$NET_ID-$group" route add default via "172.16.$n.1"
    ip -n "$NET_ID-$group" route add local "198.$((18 + n)).0.0/16" dev lo
    ip -n "$NET_ID-inet" route add "198.$((18 + n)).0.0/16" via "172.16.$n.2"
}

group_number() {
    local n
    for n in "${!GROUPS_UP[@]}"; do [ "${GROUPS_UP[n]}" != "$1" ] || echo "$n"; done
}

soak_hub_config() {
    local protection=${SOAK_PSK:+DMVPN}
    {
        hub_toml_head "$1" 'ring-size = 1024'
        toml_port wan "net_af_packet0,iface=wan0,framecnt=$FRAMES" underlay "$HUB_NBMA/24" "gateway = \"$HUB_GATEWAY\""
        toml_tunnel "$HUB_TUNNEL/16" "$protection"
        toml_nhrp "phase = ${HUB_PHASE:-3}"
        [ -z "$protection" ] || soak_protection
    } | hub_config_write
}

soak_protection() {
    # Runs are in /tmp, which may be a disk; keys of a soak are nobody's secret.
    cat <<END

[ike]
persist-sessions = "always"

[[ike.key]]
address = "0.0.0.0/0"
pre-shared-key = "$SOAK_PSK"

[[protection]]
name = "DMVPN"
proposals = ["aes128gcm16"]
END
}

# Logs stay only where a claim failed, and are named.
SOAK_PASSED=
soak_passed() { SOAK_PASSED=1; }
soak_down() {
    local group
    for group in "${GROUPS_UP[@]}"; do stop_pid "$(group_pid "$group")"; done
    hub_down
    net_down
    if [ -n "$SOAK_PASSED" ]; then rm -rf "$RUN"; else say "logs: $RUN"; fi
}

group_pid() { cat "$RUN/$1.pid" 2>/dev/null || true; }

# spokes_start GROUP COUNT OPTION...: an emulator; its lines go to $RUN/GROUP.
spokes_start() {
    local group=$1 count=$2 n
    n=$(group_number "$group")
    shift 2
    [ -z "${SOAK_PSK:-}" ] || set -- --psk "$SOAK_PSK" "$@"
    in_ns_exec "$group" "$HUB_BIN/hub-perf" spokes --hub "$HUB_NBMA" --hub-tunnel "$HUB_TUNNEL" --count "$count" \
        --nbma "198.$((18 + n)).1.0" --tunnel "10.128.$((1 + n * 128)).0" --key 42 --no-shortcut --quiet "$@" \
        </dev/null >"$RUN/$group" 2>"$RUN/$group.err" &
    echo $! >"$RUN/$group.pid"
}

# spokes_line GROUP: the last line. One that is still being written is not there yet.
spokes_line() { tail -n 2 "$RUN/$1" | jq -cR 'fromjson?' | tail -n 1; }
# spokes_say GROUP FILTER: of the group's last line.
spokes_say() { spokes_line "$1" | jq -r "$2"; }
# Before the first line nothing is so: to jq, no input is no failure.
spokes_are() { [ -s "$RUN/$1" ] && spokes_line "$1" | jq -e "$2"; }

# spokes_end GROUP: let it finish and write its last line.
spokes_end() {
    local pid
    pid=$(group_pid "$1")
    kill -TERM "$pid" 2>/dev/null || true
    wait_until "$PATIENCE" gone "$pid" || die "the emulator of $1 does not end"
    spokes_are "$1" '.event == "end"' >/dev/null || die "the emulator of $1 failed: $(cat "$RUN/$1.err")"
}

# hub_peers FILTER: of the array of the peers that are up.
hub_peers() {
    hubctl --json show dmvpn >"$RUN/dmvpn.json"
    jq -r "[.. | objects | select(.state? == \"up\")] | $1" "$RUN/dmvpn.json"
}

# hub_is FILTER: of `show status`.
hub_is() { hubctl --json show status | jq -e "[.. | objects | select(has(\"peers-up\"))][0] | $1"; }
hub_in_step() { hub_is '."updates-pending" == 0 and .dataplane != null'; }

# Every bound that was hit, and every reason for which packets were dropped, one line each.
hub_bounds() {
    hubctl --json show status | jq -r '[.. | objects | select(has("full") and has("name"))][] |
        select(.full > 0 or (.refused // 0) > 0) | "bound hit: \(.name): full \(.full), refused \(.refused // 0)"'
    hubctl --json show drops | jq -r '.. | objects | select((.reason? != null) and .packets > 0) |
        "dropped: \(.packets) \(.reason) (\(.meaning))"'
}

# hub_dropped: packets dropped so far, whatever the reason, or missed for want of a CPU, and NHRP packets that found a ring
# to the workers full or no buffer behind it.
hub_dropped() {
    local by_workers by_control by_devices
    by_workers=$(hubctl --json show drops | jq '[.. | objects | .packets? // 0] | add')
    by_control=$(hubctl --json show status | jq '[.. | objects | select(.name? == "inject" or .name? == "outbox") | .full + (.unserved // 0)] | add')
    by_devices=$(hubctl --json show interfaces | jq '[.. | objects | .losses? // empty | .[] |
        select(.reason == "rx_missed" or .reason == "rx_no_buffer") | .packets] | add // 0')
    echo $((by_workers + by_control + by_devices))
}

# Where the kernel lost packets of ours, one line each.
kernel_losses() {
    local ns
    for ns in inet hub "${GROUPS_UP[@]}"; do
        ip -n "$NET_ID-$ns" -s -j link | jq -r --arg ns "$ns" '.[] | select(.stats64.rx.dropped + .stats64.tx.dropped > 0) |
            "kernel: \($ns) \(.ifname): rx dropped \(.stats64.rx.dropped), tx dropped \(.stats64.tx.dropped)"'
    done
}

# cpu_ms PID: CPU time used; memory_kib PID: resident memory at most so far.
cpu_ms() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) * 1000 / hz }' "/proc/$1/stat"; }
memory_kib() { awk '/^VmHWM:/ { print $2 }' "/proc/$1/status"; }

# random_ms LIMIT: 0 to LIMIT - 1, of the generator that --seed starts.
random_ms() { echo $(((RANDOM * 32768 + RANDOM) % $1)); }
sleep_ms() { sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"; }
