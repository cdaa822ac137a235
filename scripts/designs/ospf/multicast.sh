#!/bin/bash
# For FRR spokes with OSPF, EIGRP or RIP: nhrpd sends hellos to the hub itself, from what the kernel hands it here. The
# number is that of `nhrp multicast-nflog-group`.
set -euo pipefail
iptables -A OUTPUT -d 224.0.0.0/24 -o gre1 -j NFLOG --nflog-group 2
iptables -A OUTPUT -d 224.0.0.0/24 -o gre1 -j DROP
