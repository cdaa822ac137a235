# shellcheck shell=bash
# Captures on the underlay, and what tshark thinks of the packets in them.

# capture_start NAME INTERFACE [FILTER...]: tcpdump on an interface of `inet` into $RESULTS/NAME.pcap.
capture_start() {
    local name=$1 interface=$2 log=$RUN/capture-$1.log
    shift 2
    in_ns_exec inet setsid tcpdump --immediate-mode -U -n -Z root -i "$interface" -w "$RESULTS/$name.pcap" "$@" \
        </dev/null >/dev/null 2>"$log" &
    echo $! >"$RUN/capture-$name.pid"
    wait_until 10 grep -q '^tcpdump: listening' "$log" || die "tcpdump on $interface: $(cat "$log")"
}

capture_stop() {
    local pid
    pid=$(cat "$RUN/capture-$1.pid" 2>/dev/null) || return 0
    stop_pid "$pid"
    rm -f "$RUN/capture-$1.pid"
}

captures_stop() {
    local file
    for file in "$RUN"/capture-*.pid; do
        [ -e "$file" ] || continue
        file=${file##*/capture-}
        capture_stop "${file%.pid}"
    done
}

# captured NAME FILTER...: how many packets so far match a tcpdump filter.
captured() {
    local file=$RESULTS/$1.pcap
    shift
    tcpdump -n -r "$file" "$@" 2>/dev/null | wc -l
}

# GRE with a key: the inner IPv4 header begins 8 octets after the outer one, its destination 16 further.
ip_as_hex() {
    local octets
    IFS=. read -r -a octets <<<"$1"
    printf '0x%02x%02x%02x%02x' "${octets[@]}"
}
gre_to() { printf 'ip proto 47 and src host %s and dst host %s and ip[22:2] = 0x0800 and ip[44:4] = %s' "$1" "$2" "$(ip_as_hex "$3")"; }

# captured_gre NAME FROM-NBMA TO-NBMA INNER-DESTINATION
captured_gre() { captured "$1" "$(gre_to "$2" "$3" "$4")"; }
saw_gre() { [ "$(captured_gre "$@")" -gt 0 ]; }

# captured_nhrp NAME TYPE [FILTER...]: NHRP packets of a type (1 resolution request ... 8 traffic indication).
nhrp_of_type() { printf 'ip proto 47 and ip[22:2] = 0x2001 and ip[45] = %s' "$1"; }
captured_nhrp() {
    local name=$1 type=$2
    shift 2
    captured "$name" "$(nhrp_of_type "$type") ${*:+and $*}"
}
saw_nhrp() { [ "$(captured_nhrp "$@")" -gt 0 ]; }

# captured_at NAME FILTER...: time of the first packet that matches, in milliseconds.
captured_at() {
    local file=$RESULTS/$1.pcap
    shift
    tcpdump -n -tt -r "$file" "$@" 2>/dev/null | awk 'NR == 1 { printf "%.0f\n", $1 * 1000 }'
}

TSHARK_OPTIONS=(-n -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE)
# Warnings that speak of the conversation and not of the packet; and the sum 0xffff that Linux hosts write where 0x0000
# comes out, which is the same number, in one of 65,536 segments. FRR's long UPDATEs are of RFC 8654.
TSHARK_CONVERSATION='bgp.length.invalid or tcp.options.sack.dsack or icmp.resp_not_found or tcp.analysis.flags or tcp.connection.rst or tcp.checksum.ffff'

# SPIs whose packets tshark can decrypt and not check, for a display filter.
unchecked_spis() {
    { echo 0 && sed -n 's/^\("[^"]*",\)\{3\}"\(0x[0-9a-f]*\)".*no checking.*/\2/p' "${1%.pcap}.esp_sa" 2>/dev/null; } | paste -sd,
}

# What tshark holds against packets with this Ethernet source: broken, a bad checksum, a warning, or not decrypted and
# authenticated by the keys that lie beside the capture.
capture_complaints() {
    local file=$1 source=$2 keys options=("${TSHARK_OPTIONS[@]}")
    # User-mode Linux leaves the sums of UDP to the host, which finishes them behind the point of capture.
    is_ours || options+=(-o udp.check_checksum:FALSE)
    mapfile -t keys < <(keys_options "$(basename "$file" .pcap)")
    tshark "${options[@]}" ${keys[@]+"${keys[@]}"} -r "$file" -Y "eth.src == $source and ((_ws.malformed and not bgp.length.invalid)
        or ip.checksum.status == Bad or udp.checksum.status == Bad or (tcp.checksum.status == Bad and not tcp.checksum.ffff)
        or icmp.checksum.status == Bad or gre.checksum.status == Bad or nhrp.hdr.chksum.status == Bad
        or (esp and not (esp.icv_good == 1 or esp.spi in {$(unchecked_spis "$file")}))
        or (esp and not gre)
        or ((isakmp.typepayload == 46 or isakmp.typepayload == 53) and not isakmp.enc.decrypted)
        or (_ws.expert.severity >= 0x00600000 and not ($TSHARK_CONVERSATION)))" \
        -T fields -E separator=' ' -e frame.number -e ip.src -e ip.dst -e _ws.col.Info -e _ws.expert.message 2>/dev/null
}

# capture_is_clean FILE SOURCE-MAC: the packets are there, and tshark accepts each of them.
capture_is_clean() {
    local count complaints
    count=$(captured "$(basename "$1" .pcap)" ether src "$2")
    complaints=$(capture_complaints "$1" "$2") || { warn "tshark does not read $1" && return 1; }
    [ -z "$complaints" ] || {
        head -n 20 <<<"$complaints" >&2
        return 1
    }
    [ "$count" -gt 0 ] || { warn "no packet from $2 in $1" && return 1; }
    echo "$count packets"
}

# ESP of either kind, and what never may be seen beside it.
ESP='(ip proto 50 or (udp port 4500 and udp[8:4] != 0 and udp[4:2] > 9))'
# captured_esp NAME FROM-NBMA TO-NBMA
captured_esp() { captured "$1" "$ESP and src host $2 and dst host $3"; }
saw_esp() { [ "$(captured_esp "$@")" -gt 0 ]; }
# nothing_clear NAME [FILTER]: no GRE outside ESP; FILTER excuses a spoke that is to be refused.
nothing_clear() {
    local count
    count=$(captured "$1" "ip proto 47 ${2:+and $2}")
    echo "$count packets of protocol 47 outside ESP"
    [ "$count" = 0 ]
}

# No (SPI, sequence number) of this Ethernet source twice: with AES-GCM that would give both packets away.
no_sequence_repeats() {
    local repeated
    repeated=$(tshark -n -r "$1" -Y "esp and eth.src == $2" -T fields -e ip.dst -e esp.spi -e esp.sequence 2>/dev/null | sort | uniq -d | head -n 5)
    [ -z "$repeated" ] || { echo "$repeated" && return 1; }
}
