# shellcheck shell=bash
# A small PKI in $RUN/pki, made when the first scenario asks for it:
#   ca            issues hub (ECDSA P-384), spoke1 (ECDSA P-256), spoke2 (RSA 2048), and has a list of revoked certificates
#   revoked       on that list
#   long          a spoke, and long-hub the hub, whose chain is about 5000 octets: IKE has to cut it into fragments
#   stranger      of a CA that nobody knows

LAB_DOMAIN=example.net
pki_dir() { echo "$RUN/pki"; }

pki_key() {
    case $2 in
    rsa) openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1.key" ;;
    *) openssl genpkey -quiet -algorithm EC -pkeyopt "ec_paramgen_curve:$2" -out "$1.key" ;;
    esac
}

# pki_issue NAME KEY-TYPE ISSUER EXTENSIONS: a certificate of its own when NAME is ISSUER.
pki_issue() {
    local name=$1 type=$2 issuer=$3 extensions=$4 signer
    pki_key "$name" "$type"
    signer=(-CA "$issuer.pem" -CAkey "$issuer.key")
    [ "$name" != "$issuer" ] || signer=(-signkey "$name.key")
    openssl req -new -key "$name.key" -subj "/O=DMVPN lab/CN=$name" -out "$name.csr"
    openssl x509 -req -in "$name.csr" "${signer[@]}" -set_serial "0x$(openssl rand -hex 8)" -days 30 -sha256 \
        -extfile <(printf '%s\n' "$extensions") -out "$name.pem" 2>/dev/null
}

pki_ca() { pki_issue "$1" P-256 "$2" $'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n'"${3:-}"; }
pki_end() {
    pki_issue "$1" "$2" "$3" "basicConstraints=CA:FALSE
keyUsage=digitalSignature
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
subjectAltName=DNS:$4.$LAB_DOMAIN"
}

# Much to carry: strongSwan and the hub read past a comment.
pki_ballast() { echo "nsComment=$(openssl rand -hex 700)"; }

# A chain of its own: strongSwan does not send what the other end asks for by name.
pki_long() {
    pki_ca "$1.issuer1" ca "$(pki_ballast)"
    pki_ca "$1.issuer2" "$1.issuer1" "$(pki_ballast)"
    pki_end "$1" "$2" "$1.issuer2" "$3"
}

pki_crl() {
    local serial
    serial=$(openssl x509 -in revoked.pem -noout -serial | cut -d= -f2)
    : >index.attr
    printf 'R\t%s\t%s\t%s\tunknown\t/O=DMVPN lab/CN=revoked\n' "$(date -u -d '+30 days' +%y%m%d%H%M%SZ)" "$(date -u +%y%m%d%H%M%SZ)" "$serial" >index
    # Version 2, as RFC 5280 5.1 wants it: without number and extensions openssl makes version 1, which the hub refuses.
    echo 01 >crlnumber
    printf '%s\n' '[ca]' default_ca=lab '[lab]' database=index default_md=sha256 default_crl_days=30 crlnumber=crlnumber \
        crl_extensions=crl '[crl]' authorityKeyIdentifier=keyid:always >ca.conf
    openssl ca -config ca.conf -gencrl -keyfile ca.key -cert ca.pem -out ca.crl 2>/dev/null
}

pki_make() (
    set -euo pipefail
    umask 077
    mkdir -p "$(pki_dir)"
    cd "$(pki_dir)"
    pki_ca ca ca
    pki_end hub P-384 ca hub
    pki_end spoke1 P-256 ca spoke1
    pki_end spoke2 rsa ca spoke2
    pki_end revoked P-256 ca spoke2
    pki_long long P-256 spoke2
    pki_long long-hub P-384 hub
    cat long-hub.pem long-hub.issuer2.pem long-hub.issuer1.pem >long-hub.chain.pem
    pki_ca other-ca other-ca
    pki_end stranger P-256 other-ca spoke2
    pki_crl
)

pki_ready() { [ -e "$(pki_dir)/ca.crl" ] || pki_make; }

# What a guest may need lies beside its configuration.
pki_to_guest() {
    [ ! -e "$(pki_dir)" ] || cp -r "$(pki_dir)" "$(guest_dir "$1")/share/"
}
