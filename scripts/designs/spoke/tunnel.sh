#!/bin/bash
# The tunnel of a Linux spoke, before FRR starts: tunnel.sh [interface key address]; without arguments that of one cloud.
# Multipoint GRE has no remote; FRR's nhrpd wants a host address on it, and the underlay's device from the start.
set -euo pipefail
interface=${1:-gre1} key=${2:-1} address=${3:-10.0.0.11}
ip link add "$interface" type gre key "$key" local 203.0.113.11 dev eth0 ttl 64
ip link set "$interface" mtu 1400 multicast on up
ip address add "$address/32" dev "$interface"
# Nothing leaves in the clear while strongSwan is not up.
iptables -A OUTPUT -o eth0 -p gre -m policy --dir out --pol none -j DROP
