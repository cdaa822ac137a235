#!/usr/bin/env python3
"""half-open.py FIRST-SOURCE SOURCES HUB RATE SECONDS: begin IKE exchanges at that rate and never go on with any of them.

Each is a good IKE_SA_INIT (RFC 7296 1.2) with AES-GCM-128, PRF-HMAC-SHA2-256 and X25519, with another SPI; sources take turns.
"""
import ipaddress
import os
import socket
import struct
import sys
import time

SA, KE, NONCE = 33, 34, 40


def transform(kind, number, last, attribute=b""):
    return struct.pack(">BBHBBH", 0 if last else 3, 0, 8 + len(attribute), kind, 0, number) + attribute


def payload(following, body):
    return struct.pack(">BBH", following, 0, 4 + len(body)) + body


def request():
    transforms = (
        transform(1, 20, False, struct.pack(">HH", 0x800E, 128))  # ENCR_AES_GCM_16, key length
        + transform(2, 5, False)  # PRF_HMAC_SHA2_256
        + transform(4, 31, True)  # Curve25519
    )
    proposal = struct.pack(">BBHBBBB", 0, 0, 8 + len(transforms), 1, 1, 0, 3) + transforms
    body = payload(KE, proposal) + payload(NONCE, struct.pack(">HH", 31, 0) + os.urandom(32)) + payload(0, os.urandom(32))
    return os.urandom(8) + bytes(8) + struct.pack(">BBBBII", SA, 0x20, 34, 0x08, 0, 28 + len(body)) + body


def main():
    first, hub = ipaddress.IPv4Address(sys.argv[1]), sys.argv[3]
    sources, rate, seconds = (int(sys.argv[n]) for n in (2, 4, 5))
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(sources)]
    for n, one in enumerate(sockets):
        one.bind((str(first + n), 0))
    start, sent = time.monotonic(), 0
    while (elapsed := time.monotonic() - start) < seconds:
        while sent < elapsed * rate:
            sockets[sent % len(sockets)].sendto(request(), (hub, 500))
            sent += 1
        time.sleep(0.005)
    print(sent, "exchanges begun")


main()
