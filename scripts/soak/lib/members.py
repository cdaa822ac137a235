#!/usr/bin/env python3
"""Multicast without FRR: a route in the kernel, spokes that join through their tunnels, and what comes to them.

  members.py route SOURCE GROUP IN OUT         the kernel's multicast route, until this ends
  members.py igmp NBMA TUNNEL GROUP join|leave as the spoke there: a report of version 2, or a leave
  members.py pim NBMA TUNNEL GROUP join|prune HUB SOURCE
                                               a PIM join of that source, or a prune, to the hub
  members.py listen FILE                       writes down each packet of the stream that comes in GRE, and to which spoke
  members.py count FILE NBMA FIRST END         of the packets numbered FIRST to before END: how many came there, how many of
                                               them more than once
"""
import os
import socket
import struct
import sys
import time

KEY = 42
PORT = 5004
IGMP, UDP, GRE, PIM = 2, 17, 47, 103
# linux/mroute.h
MRT_INIT, MRT_ADD_VIF, MRT_ADD_MFC = 200, 202, 204
VIFF_USE_IFINDEX = 8
MAXVIFS = 32
# asm/socket.h; Python has no name for it.
SO_RCVBUFFORCE = 33
# What came: to whom, and the packet's number.
RECORD = struct.Struct(">4sQ")

aton = socket.inet_aton


def route(source, group, incoming, outgoing):
    kernel = socket.socket(socket.AF_INET, socket.SOCK_RAW, IGMP)
    kernel.setsockopt(socket.IPPROTO_IP, MRT_INIT, 1)
    for vif, name in enumerate([incoming, outgoing]):
        index = struct.pack("=i", socket.if_nametoindex(name))
        words = struct.pack("=HBBI4s4s", vif, VIFF_USE_IFINDEX, 1, 0, index, bytes(4))
        kernel.setsockopt(socket.IPPROTO_IP, MRT_ADD_VIF, words)
    # To the second, from a TTL of 1 on; 255: not at all.
    ttls = bytes([255, 1] + [255] * (MAXVIFS - 2))
    words = struct.pack("=4s4sH32s2xIIIi", aton(source), aton(group), 0, ttls, 0, 0, 0, 0)
    kernel.setsockopt(socket.IPPROTO_IP, MRT_ADD_MFC, words)
    while True:
        time.sleep(3600)


def checksum(octets):
    total = sum(struct.unpack(">%dH" % (len(octets) // 2), octets))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def summed(message):
    return message[:2] + struct.pack(">H", checksum(message)) + message[4:]


def through_tunnel(nbma, tunnel, destination, protocol, payload):
    """In IP, of a TTL of 1, in GRE with the key."""
    fields = struct.pack(">BBHHHBBH4s4s", 0x45, 0xC0, 20 + len(payload), 0, 0, 1, protocol, 0, aton(tunnel), aton(destination))
    header = fields[:10] + struct.pack(">H", checksum(fields)) + fields[12:]
    out = socket.socket(socket.AF_INET, socket.SOCK_RAW, GRE)
    out.bind((nbma, 0))
    hub = os.environ["HUB_NBMA"]
    out.sendto(struct.pack(">HHI", 0x2000, 0x0800, KEY) + header + payload, (hub, 0))


def igmp(nbma, tunnel, group, what):
    kind, to = {"join": (0x16, group), "leave": (0x17, "224.0.0.2")}[what]
    through_tunnel(nbma, tunnel, to, IGMP, summed(struct.pack(">BBH4s", kind, 0, 0, aton(group))))


def pim(nbma, tunnel, group, what, hub, source):
    joined = what == "join"
    message = struct.pack(">BBHBB4sBBH", 0x23, 0, 0, 1, 0, aton(hub), 0, 1, 210)
    message += struct.pack(">BBBB4sHH", 1, 0, 0, 32, aton(group), joined, not joined)
    message += struct.pack(">BBBB4s", 1, 0, 4, 32, aton(source))
    through_tunnel(nbma, tunnel, "224.0.0.13", PIM, summed(message))


def listen(path):
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, GRE)
    raw.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    while True:
        packet = raw.recv(65535)
        at = (packet[0] & 15) * 4 + 8
        if packet[at - 8 : at] != struct.pack(">HHI", 0x2000, 0x0800, KEY) or packet[at + 9] != UDP:
            continue
        udp = at + (packet[at] & 15) * 4
        if struct.unpack_from(">H", packet, udp + 2)[0] == PORT:
            os.write(file, packet[16:20] + packet[udp + 8 : udp + 16])


def count(path, nbma, first, end):
    with open(path, "rb") as file:
        data = file.read()
    seen, twice = set(), set()
    for to, number in RECORD.iter_unpack(data[: len(data) // RECORD.size * RECORD.size]):
        if to == aton(nbma) and int(first) <= number < int(end):
            (twice if number in seen else seen).add(number)
    print(len(seen), len(twice))


{"route": route, "igmp": igmp, "pim": pim, "listen": listen, "count": count}[sys.argv[1]](*sys.argv[2:])
