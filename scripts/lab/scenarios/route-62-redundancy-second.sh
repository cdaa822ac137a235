# shellcheck shell=bash disable=SC2034
TITLE="FRR's own nhrp_redundancy test, three servers and two clients: our hub is the second server"
HUBS="ours frr"
NIGHTLY=1
LIMIT=900
PROTECTION=psk
OURS=2
redundancy_words

scenario() { redundancy; }
