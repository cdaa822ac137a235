"""Packets of one IP protocol from many addresses, and how a NIC of two queues should spread them.

rss.py PROTOCOL PACKETS HUB ADDRESS...
Sends so many packets of that protocol from each address to the hub, which can make nothing of them, and prints how many
the first and the second queue should get: by the Toeplitz hash of source and destination address with the key that
DPDK's virtio driver sets, and its table in which the queues take turns.
"""

import socket
import struct
import sys
import time

KEY = int(
    "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa", 16
)
KEY_BITS = 320
TABLE = 128
PER_SECOND = 1000


def toeplitz(data):
    """The hash: wherever the data has a bit, the 32 bits of the key that begin there."""
    result = 0
    for at in range(len(data) * 8):
        if data[at // 8] >> (7 - at % 8) & 1:
            result ^= KEY >> (KEY_BITS - 32 - at) & 0xFFFFFFFF
    return result


def queue(source, hub):
    return toeplitz(socket.inet_aton(source) + socket.inet_aton(hub)) % TABLE % 2


def payload(protocol):
    """Of GRE (47) a key that no tunnel has, of ESP (50) an SPI that no SA has."""
    if protocol == 47:
        return struct.pack("!HHI", 0x2000, 0x0800, 0xDEAD) + bytes(32)
    return struct.pack("!II", 0x0000DEAD, 1) + bytes(32)


def main():
    protocol, packets, hub = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    sources = sys.argv[4:]
    expected = [0, 0]
    sockets = []
    for source in sources:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
        raw.bind((source, 0))
        sockets.append(raw)
        expected[queue(source, hub)] += packets
    data = payload(protocol)
    due = time.monotonic()
    for _ in range(packets):
        for raw in sockets:
            raw.sendto(data, (hub, 0))
            due += 1 / PER_SECOND
            time.sleep(max(0, due - time.monotonic()))
    print(*expected)


main()
