# shellcheck shell=bash
# FRR in namespaces of this machine, each daemon with a file of its own: beside our hub, and as a router in the data centre.
# More of it in scripts/lib/frr.sh.

# frr_mkdir NAMESPACE: the directory of an instance, empty.
frr_mkdir() {
    local dir
    dir=$(frr_dir "$1")
    rm -rf "$dir"
    mkdir -p "$dir"
    : >"$dir/vtysh.conf"
    chmod go+x "$RUN"
    chown frr:frr "$dir"
}

# frr_file NAMESPACE DAEMON: its configuration, from standard input.
frr_file() {
    local dir
    dir=$(frr_dir "$1")
    { printf 'hostname %s\nlog file %s\n' "$1" "$dir/$2.log" && cat; } >"$dir/$2.conf"
    chown frr:frr "$dir/$2.conf"
}

frr_pid() { cat "$(frr_dir "$1")/$2.pid" 2>/dev/null; }
frr_runs() { alive "$(frr_pid "$1" "$2")"; }

# frr_kill NAMESPACE DAEMON
frr_kill() {
    local pid
    pid=$(frr_pid "$1" "$2") || return 0
    kill -KILL "$pid"
    wait_until 10 gone "$pid" || warn "$2 in $1 does not end"
}

# bgpd does not tell its routes to a zebra that was started anew under it: zebra is started with all others. Routes that it
# finds in the kernel then are an earlier life's; it keeps them so many seconds for
# the daemons that will want them again.
ZEBRA_KEEPS=60
# shellcheck disable=SC2046  # an option and its value, or none
frr_again() { frr_daemon "$1" "$2" $([ "$2" != zebra ] || echo "-K $ZEBRA_KEEPS"); }

# routing_up: the daemons that the hub's words ask for, beside it.
routing_up() (
    # shellcheck source=/dev/null
    . "$(hub_dir).conf"
    # shellcheck source=/dev/null
    . "$GUEST_FILES/routing"
    [ -n "$(routing_daemons)" ] || exit 0
    # shellcheck disable=SC2034  # `routing` reads them
    TUNNEL_IF=tun0 LAN=$HUB_LAN
    frr_mkdir "$HUB_NS"
    for daemon in zebra staticd $(routing_daemons); do
        "${daemon}_conf" | frr_file "$HUB_NS" "$daemon"
        frr_again "$HUB_NS" "$daemon"
    done
)
