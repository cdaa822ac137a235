# shellcheck shell=bash disable=SC2034
TITLE="hub-dataplane is killed and started under ESP: spokes recover, and no sequence number comes again"
HUBS="ours"
PROTECTION=psk
SPOKES_ARE=(SHORTCUT=0)

KILLS=3

lan_to_lan() { in_lan 1 ping -c 1 -W 1 "$(spoke_host 2)"; }

scenario() {
    local i
    holds_within 10 "LAN 1 reaches LAN 2" lan_to_lan
    in_lan 1 -t 120 timeout 100 ping -q -i 0.01 "$(spoke_host 2)" >/dev/null 2>&1 &
    local pinging=$!
    undo "guest s1 'pkill -INT -x ping' >/dev/null"
    for ((i = 1; i <= KILLS; i++)); do
        hub_kill dataplane
        dataplane_start
        holds_within 10 "killed and started ($i of $KILLS), LAN 1 reaches LAN 2" lan_to_lan
    done
    guest s1 'pkill -INT -x ping || true'
    wait "$pinging" || true
    holds "no registration was lost" hub_knows_both
}
