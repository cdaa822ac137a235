# shellcheck shell=bash disable=SC2034
TITLE="certificates: ECDSA and RSA spokes, an ECDSA hub; one that was revoked stays outside"
HUBS="ours frr"
PROTECTION=certificate

scenario() {
    holds "the hub lists both" hub_knows_both
    holds "spoke 1 signed with ECDSA" guest s1 'grep -E "authentication of .spoke1.* with ECDSA" /run/keys/charon.log'
    holds "spoke 2 signed with RSA" guest s2 'grep -E "authentication of .spoke2.* with RSA" /run/keys/charon.log'
    holds "and found the hub's signature good" guest s2 'grep -E "authentication of .hub.example.net. with .* successful" /run/keys/charon.log'
    holds "LAN 1 pings LAN 2" in_lan 1 ping -c 5 -i 0.2 -W 2 "$(spoke_host 2)"
    is_ours || return 0
    spoke_become 2 CERT=revoked
    holds_within 20 "a revoked certificate is refused and named" hub_blames "$(spoke_nbma 2)" certificate
    holds_not "its tunnel carries nothing" guest s2 ping -c 2 -i 0.2 -W 1 "$HUB_TUNNEL"
}
