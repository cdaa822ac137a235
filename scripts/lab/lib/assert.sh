# shellcheck shell=bash
# Claims of a scenario: one line each; the first that does not hold ends the scenario.

claim_failed() {
    printf '    FAIL  %s\n' "$1"
    exit 1
}

claim_held() { printf '    ok    %s%s\n' "$1" "${2:+ ($2)}"; }

# holds TEXT COMMAND...: it must be so now.
holds() {
    local text=$1
    shift
    if "$@" >"$RUN/claim.out" 2>&1; then claim_held "$text"; else
        tail -n 20 "$RUN/claim.out" | sed 's/^/          /'
        claim_failed "$text"
    fi
}

# holds_within SECONDS TEXT COMMAND...: it must become so; the time it took is printed.
holds_within() {
    local seconds=$1 text=$2 start
    shift 2
    start=$(now_ms)
    if wait_until "$seconds" "$@"; then claim_held "$text" "$(($(now_ms) - start)) ms"; else
        ("$@" 2>&1 || true) | tail -n 20 | sed 's/^/          /'
        claim_failed "$text, not within $seconds s"
    fi
}

# holds_not TEXT COMMAND...: it must not be so.
holds_not() {
    local text=$1
    shift
    if "$@" >"$RUN/claim.out" 2>&1; then
        tail -n 20 "$RUN/claim.out" | sed 's/^/          /'
        claim_failed "$text"
    fi
    claim_held "$text"
}

# between LOW VALUE HIGH, less_than LEFT RIGHT and at_least LEFT RIGHT, of whole numbers.
less_than() { [ "$1" -lt "$2" ]; }
between() { [ "$1" -le "$2" ] && [ "$2" -lt "$3" ]; }
at_least() { [ "$1" -ge "$2" ]; }
