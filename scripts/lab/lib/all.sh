# shellcheck shell=bash
# All words of the lab, for whoever has set LAB to the folder above this one.
for library in ../lib/common ../lib/net ../lib/hub ../lib/frr lib/image lib/guest lib/pki lib/protection lib/spoke lib/nat lib/keys lib/capture lib/assert lib/frr lib/routing lib/multicast lib/redundancy lib/failover lib/hubs; do
    # shellcheck source=/dev/null
    . "$LAB/$library.sh"
done
