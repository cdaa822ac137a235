# shellcheck shell=bash
# Guests: User-mode Linux processes with their eth0 on a bridge of `inet`, and commands run inside them.
# Everything about guest NAME is in $RUN/guests/NAME.

GUEST_MEMORY=${GUEST_MEMORY:-128M}
GUEST_BOOT_SECONDS=${GUEST_BOOT_SECONDS:-60}

guest_dir() { echo "$RUN/guests/$1"; }
guest_pid() { cat "$(guest_dir "$1")/pid" 2>/dev/null; }
guest_runs() { alive "$(guest_pid "$1")"; }
guest_ready() { [ -e "$(guest_dir "$1")/share/ready" ]; }

# A guest's memory is a file; it must be on a tmpfs that has room.
guest_memory_dir() {
    local free
    free=$(df --output=avail -m /dev/shm 2>/dev/null | tail -1)
    if [ "${free:-0}" -gt 1024 ]; then echo /dev/shm; else echo "${TMPDIR:-/tmp}"; fi
}

guest_tap() {
    local name=$1 bridge=$2
    ip -n "$NET_ID-inet" link del "tap-$name" 2>/dev/null || true
    ip -n "$NET_ID-inet" tuntap add dev "tap-$name" mode tap
    ip -n "$NET_ID-inet" link set "tap-$name" master "$bridge" up
}

# guest_plug NAME BRIDGE: its cable goes there.
guest_plug() { ip -n "$NET_ID-inet" link set "tap-$1" master "$2"; }

guest_unplug() { ip -n "$NET_ID-inet" link set "tap-$1" nomaster; }

# guest_start NAME BRIDGE: begin to boot; guest_wait follows.
guest_start() {
    local name=$1 bridge=$2 dir mac
    dir=$(guest_dir "$name")
    rm -rf "$dir"
    mkdir -p "$dir/share" "$dir/uml"
    cp "$GUEST_FILES"/{router,routing,protection} "$dir/share/"
    guest_tap "$name" "$bridge"
    mac=02:00:$(printf %s "$name" | md5sum | sed 's/\(..\)\(..\)\(..\)\(..\).*/\1:\2:\3:\4/')
    # Its own session: a Ctrl-C at the terminal is for the lab, which then stops its guests in order.
    TMPDIR=$(guest_memory_dir) in_ns_exec inet setsid "$IMAGE_KERNEL" umid="$name" uml_dir="$dir/uml" mem="$GUEST_MEMORY" \
        initrd="$IMAGE_INITRD" ubd0r="$IMAGE_ROOT" hostfs="$dir/share" quiet random.trust_cpu=on lab.name="$name" \
        "vec0:transport=tap,ifname=tap-$name,mac=$mac" con=null con0=null,fd:1 </dev/null >"$dir/console.log" 2>&1 &
    echo $! >"$dir/pid"
    # Its end is no news to this shell.
    disown
}

guest_wait() {
    wait_until "$GUEST_BOOT_SECONDS" guest_ready "$1" && return
    tail -n 5 "$(guest_dir "$1")/console.log" >&2
    die "guest $1 did not come up"
}

group_gone() { ! pgrep -g "$1"; }

# Pull the plug: no farewell message of any kind leaves the guest.
guest_kill() {
    local pid
    pid=$(guest_pid "$1") || return 0
    keys_keep "$1"
    kill -KILL -- "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || true
    # Its processes each run a piece of the guest; the last of them gives the memory back.
    wait_until 10 group_gone "$pid" || warn "guest $1 does not end"
    ip -n "$NET_ID-inet" link del "tap-$1" 2>/dev/null || true
}

guest_answered() { [ -e "$1/$2.status" ] || [ ! -d "$1" ]; }

# guest NAME [-t SECONDS] COMMAND-LINE: run it in the guest; its output and exit status come back, 124 when late.
guest() {
    local name=$1 seconds=60 dir id status
    shift
    if [ "$1" = -t ]; then
        seconds=$2
        shift 2
    fi
    dir=$(guest_dir "$name")/share
    id=$BASHPID.$RANDOM$RANDOM
    printf '%s\n' "$*" >"$dir/$id.new"
    mv "$dir/$id.new" "$dir/$id.request"
    # Whoever still asks when the lab is gone gets no answer either.
    if ! wait_until "$seconds" guest_answered "$dir" "$id" || [ ! -d "$dir" ]; then
        warn "guest $name: no answer in $seconds s to: $*"
        return 124
    fi
    status=$(cat "$dir/$id.status")
    cat "$dir/$id.out"
    cat "$dir/$id.err" >&2
    rm -f "$dir/$id".*
    return "$status"
}

guests_down() {
    local dir
    for dir in "$RUN"/guests/*/; do
        [ ! -f "$dir/pid" ] || guest_kill "$(basename "$dir")"
    done
}
