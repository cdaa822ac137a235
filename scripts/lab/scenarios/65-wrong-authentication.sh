# shellcheck shell=bash disable=SC2034
TITLE="NHRP authentication: missing or wrong, the spoke is refused, named and told; right, it is let in"
HUBS="ours"

CROWD=203.0.113.101

scenario() {
    hub_become NHRP='authentication = "secret"'
    holds_within 40 "the hub names spoke 1 and the cause" hub_blames "$(spoke_nbma 1)" authentication-missing
    holds "the log names it" grep -q "$(spoke_nbma 1)" "$(hub_dir)/control.log"
    holds_not "spoke 1 is not registered" hub_knows_spoke 1
    holds_not "and gets no data through" guest s1 ping -c 2 -i 0.2 -W 1 "$HUB_TUNNEL"
    # nhrpd 8.4.4 knows no authentication: emulated spokes have another password, and then the right one.
    [ -e "/run/netns/$NET_ID-crowd" ] || crowd_up
    undo emulators_down
    emulate crowd --nbma "$CROWD" --tunnel 10.255.0.101 --authentication guess
    holds_within 15 "another password is named as such" hub_blames "$CROWD" authentication-mismatch
    holds_within 5 "and the spoke is told" saw_nhrp "$HUB_SIDE" 7 src host "$HUB_NBMA" and dst host "$CROWD"
    emulator_stop crowd
    holds_not "neither password is in the log" grep -e secret -e guess "$(hub_dir)/control.log"
    emulate crowd --nbma "$CROWD" --tunnel 10.255.0.101 --authentication secret
    holds_within 15 "with the right one it is let in" emulated crowd registered
    holds_within 5 "and the hub lists it" hub_knows 10.255.0.101 "$CROWD"
    emulator_stop crowd
}
