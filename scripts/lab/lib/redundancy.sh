# shellcheck shell=bash
# The scenarios of FRR's nhrp_redundancy test: three servers, of which clients prefer the first, and two clients. One of
# the servers is the hub under test, the others are FRR in guests h1, h2, h3. The scenario file says which is ours:
#   OURS 1|2|3, before HUB_NBMA and HUB_TUNNEL are taken from it by redundancy_words

SERVERS="1 2 3"
server_nbma() { echo "192.0.2.$1"; }
server_tunnel() { echo "10.255.0.$1"; }
# In the reference that one is FRR as well, in guest h.
is_ours_here() { [ "$1" = "$OURS" ] && is_ours; }
server_guest() { if [ "$1" = "$OURS" ]; then echo h; else echo "h$1"; fi; }

# Called by the scenario file as it is read.
# shellcheck disable=SC2034  # of lab_baseline and the spokes
redundancy_words() {
    local n routes=
    HUB_NBMA=$(server_nbma "$OURS") HUB_TUNNEL=$(server_tunnel "$OURS")
    for n in $SERVERS; do routes="$routes 10.0.0.0/8@$(server_tunnel "$n")@$((40 + 10 * n))"; done
    # shellcheck disable=SC2317
    more_hubs() { redundancy_servers; }
    HUB_IS=(HOLDTIME=60)
    SPOKES_ARE=(HOLDTIME=60 "ROUTES=$routes" "NHS=dynamic@192.0.2.1 dynamic@192.0.2.2 dynamic@192.0.2.3")
}

# frr_server N: FRR as the server of that number.
frr_server() {
    local n=$1 share
    [ "$n" != "$OURS" ] || return 0
    guest_start "h$n" br-hub
    guest_wait "h$n"
    share=$(guest_dir "h$n")/share
    HUB_NS=hub$n HUB_NBMA=$(server_nbma "$n") HUB_TUNNEL=$(server_tunnel "$n") hub_conf HOLDTIME=60 >"$share/router.conf"
    guest "h$n" -t 180 '/host/router network && /host/protection start && /host/router start'
}

redundancy_servers() {
    local n others=()
    for n in $SERVERS; do
        [ "$n" = "$OURS" ] || undo guest_kill "h$n"
        frr_server "$n" &
        others+=($!)
    done
    wait "${others[@]}"
    # Their servers are no longer those that they knew before.
    spokes_are_stale
    # Whoever had these addresses in the scenario before.
    in_ns inet ip neighbour flush dev br-hub
}

# server_knows SERVER SPOKE: registered, by that server's account.
server_knows() {
    if is_ours_here "$1"; then hub_knows_spoke "$2"; else
        guest "$(server_guest "$1")" "vtysh -c 'show ip nhrp cache json'" | sed -n '/^[[{]/,$p' |
            jq -e --arg protocol "$(spoke_tunnel "$2")" --arg nbma "$(spoke_nbma "$2")" \
                '.table[] | select(.type == "dynamic" and .protocol == $protocol and .nbma == $nbma)'
    fi
}
servers_know() {
    local server spoke
    for server; do
        for spoke in $SPOKES; do server_knows "$server" "$spoke" || return 1; done
    done
}

# spoke_has_servers N SERVER...: exactly these are the servers in its cache, and its routes by NHRP.
spoke_has_servers() {
    local n=$1 want
    shift
    want=$(for server; do server_tunnel "$server"; done | sort | paste -sd' ')
    [ "$(spoke_json "$n" show ip nhrp cache | jq -r '.table[] | select(.type == "nhs") | .protocol' | sort | paste -sd' ')" = "$want" ] &&
        [ "$(spoke_json "$n" show ip route nhrp | jq -r 'to_entries[] | select(.value[0].installed) | .key' | sed -n 's/^\(10\.255\.0\.[123]\)\/32$/\1/p' | sort | paste -sd' ')" = "$want" ]
}
spokes_have_servers() { spoke_has_servers 1 "$@" && spoke_has_servers 2 "$@"; }

server_pings() {
    if is_ours_here "$1"; then in_ns hub ping -q -f -c 1000 "$2"; else guest "$(server_guest "$1")" "ping -q -f -c 1000 $2"; fi | tee /dev/stderr | grep ' 1000 received'
}
spoke_pings() { guest "s$1" "ping -q -f -c 1000 $2" | tee /dev/stderr | grep ' 1000 received'; }
lan_pings() { in_lan 1 ping -q -f -c 1000 "$(spoke_host 2)" | tee /dev/stderr | grep ' 1000 received'; }

in_lan_without_loss() {
    local n=$1
    shift
    in_lan "$n" ping -q -W 2 "$@" "$(spoke_host 2)" | tee /dev/stderr | grep ' 0% packet loss'
}

# Out of reach, as when its interface is shut.
server_down() {
    if is_ours_here "$1"; then in_ns inet ip link set to-hub down; else guest_unplug "$(server_guest "$1")"; fi
}
server_up() {
    if is_ours_here "$1"; then in_ns inet ip link set to-hub up; else guest_plug "$(server_guest "$1")" br-hub; fi
}

shortcut_by() {
    in_lan 1 -t 90 timeout 80 ping -q -i 0.2 "$(spoke_host 2)" >/dev/null 2>&1 &
    local pinging=$!
    holds_within 45 "spoke 1 has a shortcut to LAN 2, by way of server $1" spoke_has_shortcut 1 "$(spoke_lan 2).0/24" "$(spoke_tunnel 2)"
    holds_within 20 "and it carries a thousand pings" lan_pings
    guest s1 'pkill -INT -x ping || true'
    wait "$pinging" || true
}

redundancy() {
    local n
    holds_within 90 "every server has both clients in its cache" servers_know 1 2 3
    holds_within 60 "and every client the three servers, and routes to them" spokes_have_servers 1 2 3
    holds "server 1 pings client 1 a thousand times" server_pings 1 "$(spoke_tunnel 1)"
    holds "and client 2" server_pings 1 "$(spoke_tunnel 2)"
    for n in $SERVERS; do
        holds "client 1 pings server $n a thousand times" spoke_pings 1 "$(server_tunnel "$n")"
    done
    shortcut_by 1
    undo server_up 1
    server_down 1
    # Its holding time is not over; nobody could renew it by way of the server that is gone.
    holds "server 1 is cut off: the shortcut carries a hundred pings" in_lan_without_loss 1 -c 100 -i 0.02
    holds_within 150 "clients have the other two servers" spokes_have_servers 2 3
    holds_within 30 "a thousand pings pass, none is lost" lan_pings
    shortcut_by 2
    holds_within 130 "without traffic the shortcut goes" spoke_has_no_shortcut 1 "$(spoke_lan 2).0/24" "$(spoke_tunnel 2)"
    server_up 1
    # They ask at longer and longer intervals, up to 64 s, and IKE takes the place of the first question. Our hub answers
    # it within milliseconds; FRR's in its place, which `--hub frr` runs, has to be waited for as long.
    holds_within 130 "server 1 is back: clients have all three" spokes_have_servers 1 2 3
    holds_within 60 "and every server both clients" servers_know 1 2 3
    holds "client 1 pings server 1 a thousand times" spoke_pings 1 "$(server_tunnel 1)"
}
