# shellcheck shell=bash
# FRR (Debian's package) in a private network namespace, beside the hub or as a branch's routing daemon. Needs common.sh
# and net.sh; what one instance reads, writes and listens on is in $RUN/frr-NAME, so that any number run side by side.

FRR_BIN=${FRR_BIN:-/usr/lib/frr}

frr_dir() { echo "$RUN/frr-$1"; }

# frr_start NAMESPACE DAEMON...: zebra and these, configured by what comes on standard input: an frr.conf for all.
frr_start() {
    local ns=$1 dir daemon
    shift
    dir=$(frr_dir "$ns")
    mkdir -p "$dir"
    { echo "log file $dir/frr.log" && cat; } >"$dir/frr.conf"
    : >"$dir/vtysh.conf"
    # The daemons run as the user frr.
    chmod go+x "$RUN"
    chown -R frr:frr "$dir"
    for daemon in zebra "$@"; do
        frr_daemon "$ns" "$daemon" || return 1
    done
    frr_vtysh "$ns" -b >"$dir/boot.log" 2>&1 && return
    cat "$dir/boot.log" >&2
    return 1
}

# frr_daemon NAMESPACE DAEMON [OPTION...]: start one with the configuration that its own file has, if there is one.
frr_daemon() {
    local dir options=("${@:3}")
    dir=$(frr_dir "$1")
    # What one that was killed leaves behind is no sign of life.
    rm -f "$dir/$2.vty"
    [ "$2" != bfdd ] || options+=(--bfdctl "$dir/bfdd.sock")
    # Its own file of that name is there so that it looks for no other.
    [ -e "$dir/$2.conf" ] || install -o frr -g frr -m 640 /dev/null "$dir/$2.conf"
    in_ns "$1" setsid "$FRR_BIN/$2" -d --vty_socket "$dir" -z "$dir/zserv.api" -i "$dir/$2.pid" -f "$dir/$2.conf" \
        ${options[@]+"${options[@]}"} </dev/null >>"$dir/$2.out" 2>&1
    wait_until 10 test -S "$dir/$2.vty" && return
    warn "FRR's $2 in $1 does not come up: $(cat "$dir/$2.out")"
    return 1
}

frr_vtysh() {
    local ns=$1
    shift
    in_ns "$ns" vtysh --vty_socket "$(frr_dir "$ns")" --config_dir "$(frr_dir "$ns")" "$@"
}

# frr_json NAMESPACE COMMAND: what it shows, as JSON.
frr_json() { frr_vtysh "$1" -c "$2 json"; }

# frr_stop [NAMESPACE]: one instance, or all.
frr_stop() {
    local files file
    mapfile -t files < <(find "$RUN" -path "$RUN/frr-${1:-*}/*.pid")
    for file in ${files[@]+"${files[@]}"}; do stop_pid "$(cat "$file")"; done
}
