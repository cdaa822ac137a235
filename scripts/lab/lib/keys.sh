# shellcheck shell=bash
# The keys of a protected tunnel, as the spokes' kernels and charons tell them, so that tshark reads what the hub sent.
# The hub itself tells nobody.

keys_dir() { echo "$RUN/keys"; }

# keys_keep GUEST: what it knows until now. The file is named after this boot of it.
keys_keep() {
    local base
    [ -e "$(guest_dir "$1")/share/pki" ] || grep -qs '^AUTH=.' "$(guest_dir "$1")/share/router.conf" || return 0
    mkdir -p "$(keys_dir)"
    base=$(keys_dir)/$1.$(guest_pid "$1")
    guest "$1" -t 20 'cat /run/keys/charon.log /run/keys/xfrm.log' >"$base.keys" 2>/dev/null || true
}

# keys_tables NAME: Wireshark's tables for a capture, beside it: NAME.esp_sa and NAME.ikev2_decryption_table.
keys_tables() {
    local n others=()
    for n in $SPOKES; do
        ! guest_runs "s$n" || { keys_keep "s$n" & others+=($!); }
    done
    [ ${#others[@]} = 0 ] || wait "${others[@]}"
    python3 "$LAB/lib/keys.py" "$(keys_dir)" "$RESULTS/$1.pcap" "$RESULTS/$1"
}

# keys_options NAME: tshark's options with these tables, one a line.
keys_options() {
    local table line
    [ -e "$RESULTS/$1.esp_sa" ] || return 0
    printf '%s\n' -o esp.enable_encryption_decode:TRUE -o esp.enable_authentication_check:TRUE
    for table in esp_sa ikev2_decryption_table; do
        while read -r line; do printf '%s\n' -o "uat:$table:$line"; done <"$RESULTS/$1.$table"
    done
}
