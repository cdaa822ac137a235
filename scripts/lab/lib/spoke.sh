# shellcheck shell=bash
# Spokes s1, s2, ...: what number N is called, and the router it runs.
# SPOKES of a scenario are the numbers of those that it wants.
#   underlay 203.0.113.(10+N)   tunnel 10.255.0.(10+N)   LAN 10.100.N.0/24 with a host at .10
# CLOUDS=2: a second tunnel, 10.255.1.(10+N), in a cloud of its own. CLOUD is the one that a claim speaks of: 0, or 1.

SPOKES=${SPOKES:-1 2} CLOUDS=${CLOUDS:-1} CLOUD=${CLOUD:-0}

cloud_net() { echo "10.255.$CLOUD.0/24"; }
cloud_key() { echo $((42 + CLOUD)); }
cloud_network() { echo $((1 + CLOUD)); }

spoke_nbma() { echo "203.0.113.$((10 + $1))"; }
spoke_tunnel() { echo "10.255.$CLOUD.$((10 + $1))"; }
spoke_lan() { echo "10.100.$1"; }
spoke_host() { echo "10.100.$1.10"; }

# spoke_conf N [NAME=VALUE ...]: say what spoke N is to be. M:NAME=VALUE is a word to spoke M alone.
spoke_conf() {
    local n=$1 setting
    shift
    {
        cat <<END
ROLE=spoke
NBMA=$(spoke_nbma "$n")/24
GATEWAY=$SPOKE_GATEWAY
UNDERLAY=default
TUNNEL=$(spoke_tunnel "$n")
LAN=$(spoke_lan "$n")
KEY=$(cloud_key)
NETWORK=$(cloud_network)
NHS=dynamic@$HUB_NBMA
$(second_cloud "$n")
MTU=1400
HOLDTIME=60
UNIQUE=0
SHORTCUT=1
ROUTES=10.0.0.0/8@$HUB_TUNNEL
ID=spoke$n.$LAB_DOMAIN
CERT=spoke$n
START=trap
PEER=%any
HUB_TUNNELS=$HUB_TUNNEL
ASN=$((65000 + n))
END
        routing_words gre1
        protection_conf
        for setting; do
            case $setting in
            "$n":*) setting=${setting#*:} ;;
            [0-9]:*) continue ;;
            esac
            printf '%s=%q\n' "${setting%%=*}" "${setting#*=}"
        done
    } >"$(guest_dir "s$n")/router.conf"
}

# The second tunnel of spoke N, or none.
second_cloud() { if [ "$CLOUDS" = 2 ]; then at_hub 2 second_tunnel "$1"; else echo TUNNEL2=; fi; }
second_tunnel() { printf '%s\n' "TUNNEL2=$(spoke_tunnel "$1")" "KEY2=$(cloud_key)" "NETWORK2=$(cloud_network)" "NHS2=dynamic@$HUB_NBMA"; }

# Boot the spokes given, all at once.
spokes_boot() {
    local n
    for n; do guest_start "s$n" br-spokes; done
    for n; do guest_wait "s$n"; done
}

spoke_configured() {
    local dir
    dir=$(guest_dir "s$1")
    [ ! -e "$dir/stale" ] && cmp -s "$dir/router.conf" "$dir/share/router.conf"
}

# The hub remembers nothing of them: they have to begin anew as well.
spokes_are_stale() {
    local dir
    for dir in "$RUN"/guests/s*/; do [ ! -d "$dir" ] || : >"$dir/stale"; done
}

# spoke_apply N [COMMAND]: lay the network of the current configuration, and protect it; FRR is down afterwards, unless
# the command starts it. All in one request: each costs a guest of a busy machine a second.
spoke_apply() {
    local dir
    dir=$(guest_dir "s$1")
    pki_to_guest "s$1"
    cp "$dir/router.conf" "$dir/share/router.conf.new"
    guest "s$1" -t 180 "set -e
        [ ! -e /host/router.conf ] || { /host/router stop; /host/protection stop; }
        mv /host/router.conf.new /host/router.conf
        /host/router network
        /host/protection start
        ${2:-}"
    rm -f "$dir/stale"
}

spoke_start() { guest "s$1" '/host/router start'; }
# When its nhrpd was started, in milliseconds of the host's clock, which is the guests' too.
spoke_started() { guest "s$1" cat /run/nhrpd.started; }
spoke_stop() { guest "s$1" '/host/router stop'; }

# spoke_become N [NAME=VALUE ...]: configure and start, unless it is already so.
spoke_become() {
    local n=$1
    spoke_conf "$@"
    spoke_configured "$n" || spoke_apply "$n" '/host/router start'
}

# spokes_become [NAME=VALUE ...]: all of this scenario, side by side.
spokes_become() { on_spokes spoke_become "$@"; }

# on_spokes COMMAND [ARGUMENT...]: COMMAND N ARGUMENT... for each spoke of this scenario at the same time.
on_spokes() {
    local command=$1 n others=() status=0
    shift
    for n in $SPOKES; do
        "$command" "$n" "$@" &
        others+=($!)
    done
    for n in "${others[@]}"; do wait "$n" || status=1; done
    return "$status"
}

# in_lan N [-t SECONDS] COMMAND-LINE: on the host behind spoke N.
in_lan() {
    local n=$1 seconds=60
    shift
    if [ "$1" = -t ]; then
        seconds=$2
        shift 2
    fi
    guest "s$n" -t "$seconds" "ip netns exec lan $*"
}

spoke_vtysh() {
    local n=$1
    shift
    guest "s$n" "vtysh -c '$*'"
}

# spoke_vtysh_configure N LINE...
spoke_vtysh_configure() {
    local n=$1 line words="-c 'configure terminal'"
    shift
    for line; do words="$words -c '$line'"; done
    guest "s$n" "vtysh $words"
}

# `show ... json` of 8.4.4 may print the heading of the table in front of the object.
spoke_json() { spoke_vtysh "$@" json | sed -n '/^[[{]/,$p'; }

spoke_forget_shortcuts() {
    guest "s$1" "vtysh -c 'clear ip nhrp shortcut' -c 'clear ip nhrp cache'" >/dev/null
}

# The spoke has a shortcut for PREFIX by way of tunnel address VIA.
spoke_has_shortcut() {
    spoke_json "$1" show ip nhrp shortcut |
        jq -e --arg prefix "$2" --arg via "$3" '.table[]? | select(.prefix == $prefix and .via == $via)'
}

spoke_has_no_shortcut() { ! spoke_has_shortcut "$@"; }

# The spoke's own view: its registration with the hub stands.
spoke_registered() {
    spoke_json "$1" show ip nhrp cache |
        jq -e --arg hub "$HUB_TUNNEL" --arg nbma "$HUB_NBMA" \
            '.table[] | select(.type == "nhs" and .protocol == $hub and .nbma == $nbma)'
}
