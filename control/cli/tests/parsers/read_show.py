#!/usr/bin/env python3
"""Public parsers of Cisco's texts read what hubctl prints, unmodified, and find in it what went in.

usage: read_show.py HUBCTL FIXTURES

Each fixture is an answer of hub-control. hubctl renders it; Cisco Genie and ntc-templates parse the text; what they
found is compared with the answer itself. Uptimes are worked out anew here rather than copied from hubctl's output.
"""

import json
import subprocess
import sys
import time
import unittest
from pathlib import Path
from unittest.mock import Mock

from genie.libs.parser.iosxe.show_dmvpn import ShowDmvpn
from genie.libs.parser.iosxe.show_ip import (
    ShowIpNhrp,
    ShowIpNhrpDetail,
    ShowIpNhrpSummary,
    ShowIpNhrpTraffic,
)
from ntc_templates.parse import parse_output

HUBCTL, FIXTURES = sys.argv[1], Path(sys.argv[2])


def answer(fixture):
    return json.loads((FIXTURES / f"{fixture}.json").read_text())["data"]


def text(fixture, *words):
    command = [HUBCTL, "--from", FIXTURES / f"{fixture}.json", "show", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def genie(parser, output):
    # parse() checks the result against the parser's schema as well.
    return parser(device=Mock()).parse(output=output)


def uptime(seconds):
    if seconds is None:
        return "never"
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days == 0:
        return f"{hour:02}:{minute:02}:{second:02}"
    if days < 7:
        return f"{days}d{hour:02}h"
    if days < 365:
        return f"{days // 7}w{days % 7}d"
    return f"{days // 365}y{days % 365 // 7}w"


def attributes(peer):
    letters = {"static": "S", "dynamic": "D", "incomplete": "I"}[peer["kind"]]
    letters += "N" if peer["claimed-nbma"] else ""
    return letters + ("X" if peer["kind"] == "incomplete" else "")


def expected_dmvpn(interfaces):
    """What Genie should say of `show dmvpn`."""
    result = {}
    for interface in interfaces:
        if not interface["peers"]:
            continue
        known = [peer["nbma"] for peer in interface["peers"] if peer["nbma"]]
        entry = {
            "type": "Hub",
            "nhrp_peers": len(set(known)) + sum(peer["nbma"] is None for peer in interface["peers"]),
            "ent": {},
        }
        for peer in interface["peers"]:
            count = known.count(peer["nbma"]) if peer["nbma"] else 1
            peers = entry["ent"].setdefault(count, {"peers": {}})["peers"]
            tunnels = peers.setdefault(peer["nbma"] or "UNKNOWN", {"tunnel_addr": {}})["tunnel_addr"]
            tunnels[peer["tunnel"]] = {
                "attrb": {attributes(peer): {"state": peer["state"].upper(), "time": uptime(peer["since"])}}
            }
        result[interface["interface"]] = entry
    return {"interfaces": result}


def expected_nhrp(entries, detail):
    """What Genie should say of `show ip nhrp [detail]`."""
    result = {}
    for entry in entries:
        expire = "never expire" if entry["expires"] is None else uptime(entry["expires"])
        found = {
            "tunnel": {
                "tunnel_name": entry["interface"],
                "created": uptime(entry["created"]),
                "expire": expire,
            },
            "type": entry["kind"],
            "flags": " ".join(entry["flags"]),
            "nbma_address": entry["nbma"] or "0.0.0.0",
        }
        if detail:
            found["preference"] = entry["preference"]
            # Genie keeps the last of several.
            for requester in entry["requesters"]:
                found["requester"] = requester["address"]
                found["request_id"] = str(requester["request-id"])
        result.setdefault(entry["network"], {"via": {}})["via"][entry["via"]] = found
    return result


class Genie(unittest.TestCase):
    maxDiff = None

    def test_the_fixture_is_worth_it(self):
        peers = [peer for interface in answer("dmvpn") for peer in interface["peers"]]
        self.assertGreaterEqual(len(peers), 8)
        self.assertEqual({peer["kind"] for peer in peers}, {"static", "dynamic", "incomplete"})
        self.assertTrue(any(peer["claimed-nbma"] for peer in peers))
        nbma = [peer["nbma"] for peer in peers if peer["nbma"]]
        self.assertLess(len(set(nbma)), len(nbma))
        entries = answer("nhrp")
        self.assertEqual({entry["kind"] for entry in entries}, {"static", "dynamic", "incomplete"})
        self.assertTrue(any(entry["claimed-nbma"] for entry in entries))

    def test_show_dmvpn(self):
        self.assertEqual(genie(ShowDmvpn, text("dmvpn", "dmvpn")), expected_dmvpn(answer("dmvpn")))

    def test_show_dmvpn_detail(self):
        self.assertEqual(genie(ShowDmvpn, text("dmvpn", "dmvpn", "detail")), expected_dmvpn(answer("dmvpn")))

    def test_show_ip_nhrp(self):
        self.assertEqual(genie(ShowIpNhrp, text("nhrp", "ip", "nhrp")), expected_nhrp(answer("nhrp"), False))

    def test_show_ip_nhrp_detail(self):
        found = genie(ShowIpNhrpDetail, text("nhrp", "ip", "nhrp", "detail"))
        self.assertEqual(found, expected_nhrp(answer("nhrp"), True))

    def test_show_ip_nhrp_summary(self):
        found = genie(ShowIpNhrpSummary, text("nhrp-summary", "ip", "nhrp", "summary"))["ip_nhrp"]
        given = answer("nhrp-summary")
        kinds = ("static", "dynamic", "incomplete")
        halves = (given["remote"], given["local"])
        total = {f"{kind}_entries": sum(half[kind] for half in halves) for kind in kinds}
        self.assertEqual(found["total"], {"entries": given["entries"], "size": given["octets"], **total})
        remote, local = halves
        half = lambda h: {"entries": sum(h[kind] for kind in kinds), **{f"{kind}_entries": h[kind] for kind in kinds}}
        rib = {"rib": remote["rib"], "h_rib": remote["rib"] - remote["nho"], "nho_rib": remote["nho"], "bgp": 0}
        more = {"nhop": remote["nhop"], "bfd": 0, "default": 0, "temporary": remote["temporary"], "lfib": 0}
        route = {"route": {"entries": remote["route"], **rib}}
        self.assertEqual(found["remote"], {**half(remote), **more, **route})
        self.assertEqual(found["local"], {**half(local), "lfib": 0})

    def test_show_ip_nhrp_traffic(self):
        found = genie(ShowIpNhrpTraffic, text("nhrp-traffic", "ip", "nhrp", "traffic"))["interface"]
        for given in answer("nhrp-traffic"):
            counts = lambda c: {
                "total": sum(n for name, n in c.items() if name != "redirect-suppressed"),
                "redirect_supress": c["redirect-suppressed"],
                **{name.replace("-", "_"): n for name, n in c.items() if name != "redirect-suppressed"},
            }
            self.assertEqual(
                found[given["interface"]],
                {
                    "max_send_limit": f"{given['max-send']}Pkts/10Sec",
                    "usage": f"{given['window-sent'] * 100 // given['max-send']}%",
                    "sent": counts(given["sent"]),
                    "rcvd": counts(given["received"]),
                },
            )


class NtcTemplates(unittest.TestCase):
    maxDiff = None

    def test_show_dmvpn(self):
        found = parse_output(platform="cisco_ios", command="show dmvpn", data=text("dmvpn", "dmvpn"))
        expected, above = [], None
        for interface in answer("dmvpn"):
            for peer in interface["peers"]:
                # A row below the first of an NBMA address leaves its columns blank, as on Cisco; this template skips
                # such rows.
                row = (interface["interface"], peer["nbma"], attributes(peer))
                if peer["nbma"] is None or row != above:
                    expected.append(
                        {
                            "peer_nbma": peer["nbma"] or "UNKNOWN",
                            "peer_tunnel": peer["tunnel"],
                            "state": peer["state"].upper(),
                            "uptime": uptime(peer["since"]),
                            "attribute": attributes(peer),
                        }
                    )
                above = row
        self.assertEqual(found, expected)


if __name__ == "__main__":
    start = time.monotonic()
    program = unittest.main(argv=sys.argv[:1], exit=False)
    print(f"public parsers: {program.result.testsRun} tests in {time.monotonic() - start:.1f} s")
    sys.exit(not program.result.wasSuccessful())
