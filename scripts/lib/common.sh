# shellcheck shell=bash
# What every script of the project uses: messages, deadlines, and what must be undone at the end.
# Source it; it changes nothing by itself.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# A build may go elsewhere, as cargo itself allows.
# shellcheck disable=SC2034  # read by the scripts that source this file
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
    warn "$*"
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Milliseconds of a clock, for durations.
now_ms() { date +%s%3N; }

# wait_until SECONDS COMMAND...: poll COMMAND until it succeeds; fail when the time is up.
wait_until() {
    local deadline=$(($(now_ms) + $1 * 1000))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(now_ms)" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

# slack: how many times slower than by itself a program may be here: what each CPU has to do, by the load average, at
# least 1. For claims about time, which are made for a machine that has nothing else to do.
slack() { awk -v cpus="$(nproc)" '{ n = $1 / cpus; print (n <= 1 ? 1 : int(n + 0.999)) }' /proc/loadavg; }

# alive PID: whether that process still runs (a zombie does not).
alive() {
    [ -n "${1:-}" ] && [ -r "/proc/$1/stat" ] && ! grep -qs '^State:[[:space:]]*Z' "/proc/$1/status"
}

gone() { ! alive "$1"; }

# stop_pid PID [SECONDS]: ask politely, insist after the time given.
stop_pid() {
    local pid=${1:-} patience=${2:-5}
    alive "$pid" || return 0
    kill -TERM "$pid" 2>/dev/null || true
    wait_until "$patience" gone "$pid" && return 0
    kill -KILL "$pid" 2>/dev/null || true
    wait_until 5 gone "$pid" || warn "process $pid does not end"
}

# Undo list: the last thing done is the first undone, whatever ends the script.
UNDO=()
undo() { UNDO+=("$*"); }
run_undo() {
    local i
    trap '' INT TERM
    for ((i = ${#UNDO[@]} - 1; i >= 0; i--)); do
        eval "${UNDO[i]}" || true
    done
    UNDO=()
}
# Call once in a script that uses `undo`.
undo_at_exit() {
    trap run_undo EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

need_root() { [ "$(id -u)" = 0 ] || die "needs root (network namespaces): try sudo $0"; }
