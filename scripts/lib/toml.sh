# shellcheck shell=bash
# Parts of a hub's configuration, on standard output. Words and their meaning: README, "Configuration".

# toml_hub NAME RUN-DIR STATE-DIR MAX-PEERS
toml_hub() {
    cat <<END
[hub]
name = "$1"
run-dir = "$2"
state-dir = "$3"
max-peers = $4
END
}

# toml_dataplane CORES [LINE...]: for software ports or small machines.
toml_dataplane() {
    printf '\n[dataplane]\ncores = [%s]\nbuffers = 16384\nidle-sleep = 50\n' "$1"
    shift
    [ $# = 0 ] || printf '%s\n' "$@"
}

# toml_vrf NAME@TABLE: a VRF, or with nothing none; toml_in NAME@TABLE: that something is in it.
toml_vrf() { [ -z "$1" ] || printf '\n[[vrf]]\nname = "%s"\ntable = %d\n' "${1%@*}" "${1#*@}"; }
toml_in() { [ -z "$1" ] || printf 'vrf = "%s"\n' "${1%@*}"; }

# toml_port NAME DEVICE ROLE ADDRESS [LINE...]
toml_port() {
    printf '\n[[port]]\nname = "%s"\ndevice = "%s"\nrole = "%s"\naddress = ["%s"]\n' "$1" "$2" "$3" "$4"
    shift 4
    [ $# = 0 ] || printf '%s\n' "$@"
}

# toml_tunnel ADDRESS PROTECTION [LINE...]: the tunnel Tunnel0, with the [[protection]] of that name unless it is empty.
# HUB_KEY is its key, HUB_NETWORK its network-id, 42 and 1 unless somebody says so.
toml_tunnel() {
    printf '\n[[tunnel]]\nname = "Tunnel0"\ninterface = "tun0"\nsource = "%s"\nkey = %d\naddress = "%s"\nip-mtu = 1400\n' \
        "$HUB_NBMA" "${HUB_KEY:-42}" "$1"
    [ -z "$2" ] || printf 'protection = "%s"\n' "$2"
    shift 2
    [ $# = 0 ] || printf '%s\n' "$@"
}

# toml_nhrp LINE...: of the last tunnel.
toml_nhrp() {
    printf '\n[tunnel.nhrp]\nnetwork-id = %d\n' "${HUB_NETWORK:-1}"
    [ $# = 0 ] || printf '%s\n' "$@"
}
