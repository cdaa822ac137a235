"""TRex, stateless: plays a capture of `hub-perf hub-files` at any rate, over and over, octet for octet.

    start -f hairpin.py -p 0 -m 100% -t --capture /tmp/bench/frames.pcap [--burst FRAMES]

A stream for each length of frame, in the proportions of the capture. Its first frame is the template; wherever later
frames differ from it, the field engine writes what they have there. All lists of a stream are equally long and go round
together, so every frame leaves as it is in the capture, with its checksums, and in the capture's order. With --burst so
many frames leave once, in all: RFC 2544 26.4.
"""

import argparse
import struct

from trex.stl.api import STLPktBuilder, STLStream, STLTXCont, STLTXSingleBurst, STLVM
from trex.stl.trex_stl_streams import STLStreamDstMAC_PKT

# The field engine counts the values of a list in 16 bits.
MOST = 65535


def read(path):
    """The frames of a capture (pcap, either byte order)."""
    with open(path, "rb") as file:
        data = file.read()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}.get(data[:4])
    if order is None:
        raise ValueError("%s is no pcap file" % path)
    frames, at = [], 24
    while at + 16 <= len(data):
        length = struct.unpack_from(order + "I", data, at + 8)[0]
        frames.append(data[at + 16 : at + 16 + length])
        at += 16 + length
    return frames


def fields(frames):
    """Where frames of one length differ: (offset, octets), each of 4 or 2 octets from an even offset on, or one octet."""
    columns = [at for at in range(len(frames[0])) if len({frame[at] for frame in frames}) > 1]
    at, found = 0, []
    while columns:
        at = columns[0] & ~1
        far = any(column in (at + 2, at + 3) for column in columns)
        size = min(4 if far else 2, len(frames[0]) - at)
        size = size if size != 3 else 2
        found.append((at, size))
        columns = [column for column in columns if column >= at + size]
    return found


def stream(frames, mode):
    """One stream of frames of one length."""
    if len(frames) > MOST:
        raise ValueError("%d frames of one length; at most %d" % (len(frames), MOST))
    engine = STLVM()
    for at, size in fields(frames):
        name = "at%d" % at
        values = [int.from_bytes(frame[at : at + size], "big") for frame in frames]
        engine.var(name=name, min_value=None, max_value=None, size=size, op="inc", value_list=values)
        engine.write(fv_name=name, pkt_offset=at)
    return STLStream(
        packet=STLPktBuilder(pkt_buffer=frames[0], vm=engine),
        mode=mode,
        mac_src_override_by_pkt=True,
        mac_dst_override_mode=STLStreamDstMAC_PKT,
    )


class Hairpin:
    """The profile, as TRex wants it."""

    def get_streams(self, direction, tunables, **kwargs):
        parser = argparse.ArgumentParser(prog="hairpin.py")
        parser.add_argument("--capture", default="/tmp/bench/frames.pcap", help="frames.pcap of hub-perf hub-files")
        parser.add_argument("--burst", type=int, help="send so many frames and stop")
        args = parser.parse_args(tunables)
        capture, by_length = read(args.capture), {}
        for frame in capture:
            by_length.setdefault(len(frame), []).append(frame)

        def mode(count):
            if args.burst is None:
                return STLTXCont(pps=count)
            return STLTXSingleBurst(pps=count, total_pkts=args.burst * count // len(capture))

        return [stream(frames, mode(len(frames))) for frames in by_length.values()]


def register():
    return Hairpin()
