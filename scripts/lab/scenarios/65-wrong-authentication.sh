# shellcheck shell=bash disable=SC2034
TITLE="spokes without the NHRP authentication that the hub demands are refused, named and told"
HUBS="ours"

scenario() {
    touch "$RUN/hub/reconfigured"
    hub_reconfigure 'authentication = "secret"'
    holds_within 40 "the hub names spoke 1 and the cause" hub_blames "$(spoke_nbma 1)" authentication-missing
    holds "the log names it" grep -q "$(spoke_nbma 1)" "$(hub_dir)/control.log"
    holds_not "the password is not in the log" grep -q secret "$(hub_dir)/control.log"
    holds_not "spoke 1 is not registered" hub_knows_spoke 1
    holds_not "and gets no data through" guest s1 ping -c 2 -i 0.2 -W 1 "$HUB_TUNNEL"
}
