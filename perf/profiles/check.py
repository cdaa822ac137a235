"""Whether hairpin.py would send what is in a capture: check.py CAPTURE

Takes TRex's own Python API when that can be imported (PYTHONPATH), and else a stand-in that accepts what the profile
says to it; then does what the field engine would do with it, and compares frame by frame. Says which of both it was.
"""

import base64
import os
import sys
import types

# TRex does the same: nothing is written beside the profile.
sys.dont_write_bytecode = True


class Engine:
    """Stand-in for STLVM."""

    def __init__(self):
        self.instructions = []

    def var(self, name, min_value, max_value, size, op, value_list):
        assert op == "inc" and size in (1, 2, 4, 8) and 0 < len(value_list) <= 65535
        assert all(0 <= value < 256**size for value in value_list)
        self.instructions.append({"type": "flow_var", "name": name, "size": size, "value_list": value_list})

    def write(self, fv_name, pkt_offset):
        self.instructions.append({"type": "write_flow_var", "name": fv_name, "pkt_offset": pkt_offset})


class Stream:
    """Stand-in for STLStream, with what TRex's own has of it for the server."""

    def __init__(self, packet, mode, mac_src_override_by_pkt, mac_dst_override_mode):
        frame, engine = packet
        self.fields = {
            "packet": {"binary": base64.b64encode(frame)},
            "vm": {"instructions": engine.instructions},
            "mode": mode,
        }


def stand_in():
    trex = {name: types.ModuleType(name) for name in ("trex", "trex.stl", "trex.stl.api", "trex.stl.trex_stl_streams")}
    api = trex["trex.stl.api"]
    api.STLVM, api.STLStream = Engine, Stream
    api.STLPktBuilder = lambda pkt_buffer, vm: (bytes(pkt_buffer), vm)
    api.STLTXCont = lambda pps: {"rate": {"type": "pps", "value": pps}}
    api.STLTXSingleBurst = lambda pps, total_pkts: {"rate": {"type": "pps", "value": pps}, "total_pkts": total_pkts}
    trex["trex.stl.trex_stl_streams"].STLStreamDstMAC_PKT = 1
    sys.modules.update(trex)


def play(stream, count):
    """The frames that a stream sends, as its field engine makes them."""
    template = base64.b64decode(stream["packet"]["binary"])
    program = stream["vm"]["instructions"]
    variables = {ins["name"]: ins for ins in program if ins["type"] == "flow_var"}
    for number in range(count):
        frame = bytearray(template)
        for ins in program:
            if ins["type"] == "write_flow_var":
                assert ins.get("is_big_endian", True) and not ins.get("add_value", 0)
                variable = variables[ins["name"]]
                value = variable["value_list"][number % len(variable["value_list"])]
                at, size = ins["pkt_offset"], variable["size"]
                frame[at : at + size] = value.to_bytes(size, "big")
        yield bytes(frame)


def main():
    try:
        import trex.stl.api

        api = "TRex's API (%s)" % os.path.dirname(trex.stl.api.__file__)
    except ImportError:
        stand_in()
        api = "a stand-in for TRex's API"
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import hairpin

    capture = hairpin.read(sys.argv[1])
    tunables = ["--capture", sys.argv[1]]
    streams = hairpin.register().get_streams(direction=0, tunables=tunables, port_id=0)
    sent = 0
    for stream in streams:
        length = len(base64.b64decode(stream.fields["packet"]["binary"]))
        wanted = [frame for frame in capture if len(frame) == length]
        assert stream.fields["mode"]["rate"] == {"type": "pps", "value": len(wanted)}, "not in proportion"
        # Twice round: a capture is played over and over.
        if list(play(stream.fields, 2 * len(wanted))) != wanted + wanted:
            sys.exit("frames of %d octets are not those of the capture" % length)
        sent += len(wanted)
    if sent != len(capture):
        sys.exit("%d frames in %d streams, and %d in the capture" % (sent, len(streams), len(capture)))
    bursts = hairpin.register().get_streams(direction=0, tunables=tunables + ["--burst", str(3 * sent)], port_id=0)
    if sum(stream.fields["mode"]["total_pkts"] for stream in bursts) != 3 * sent:
        sys.exit("a burst of other length than was asked for")
    print("%d frames in %d streams, octet for octet those of the capture, by %s" % (sent, len(streams), api))


main()
