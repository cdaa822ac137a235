#!/usr/bin/env python3
"""A numbered stream to a multicast group, and what of it has come somewhere.

  stream.py send GROUP ADDRESS COUNT MILLISECONDS FILE   UDP from that address, one packet each so many milliseconds; FILE holds
                                                       the number of the next one, where a later stream goes on
  stream.py count PCAP FIRST END                       of the packets numbered FIRST to before END: how many came, how many of
                                                       them more than once
"""
import os
import signal
import socket
import struct
import sys
import time

PORT = 5004
# Longer than what else a quiet lab has on its wires: so it is known in ESP too.
PADDING = b"x" * 600


def send(group, address, count, milliseconds, path):
    # Whoever ends it has had enough of it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 16)
    out.bind((address, 0))
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    first = int(os.pread(file, 32, 0) or b"0")
    begin = time.monotonic()
    for number in range(first, first + int(count)):
        # First, or one that is ended in between would send the same number again.
        os.pwrite(file, b"%20d" % (number + 1), 0)
        out.sendto(struct.pack(">Q", number) + PADDING, (group, PORT))
        wait = begin + (number + 1 - first) * int(milliseconds) / 1000 - time.monotonic()
        if wait > 0:
            time.sleep(wait)


def numbers(path):
    """Of the stream's packets in a capture on Ethernet, which may grow meanwhile."""
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        frame = data[at + 16 : at + 16 + length]
        at += 16 + length
        udp = 14 + (frame[14] & 15) * 4 if len(frame) > 34 else 0
        if frame[12:14] == b"\x08\x00" and frame[23] == 17 and len(frame) >= udp + 16:
            if struct.unpack_from(">H", frame, udp + 2)[0] == PORT:
                yield struct.unpack_from(">Q", frame, udp + 8)[0]


def count(path, first, end):
    seen, twice = set(), set()
    for number in numbers(path):
        if int(first) <= number < int(end):
            (twice if number in seen else seen).add(number)
    print(len(seen), len(twice))


{"send": send, "count": count}[sys.argv[1]](*sys.argv[2:])
