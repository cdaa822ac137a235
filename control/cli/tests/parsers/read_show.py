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

from genie.libs.parser.iosxe.show_crypto import (
    ShowCryptoIkev2Sa,
    ShowCryptoIkev2SaDetail,
    ShowCryptoIkev2Stats,
    ShowCryptoIpsecSa,
    ShowCryptoSession,
    ShowCryptoSessionDetail,
)
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


def gre(child):
    return f"permit 47 host {child['local']} host {child['remote']}"


def drops(received):
    return received["replay-old"] + received["replay-dup"] + received["icv-failed"]


def clock(seconds):
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def capabilities(ike):
    letters = "D" if ike["dpd"] else ""
    letters += "N" if ike["nat-local"] or ike["nat-remote"] else ""
    return letters + ("F" if ike["fragmentation"] else "")


class GenieCrypto(unittest.TestCase):
    maxDiff = None

    def test_the_fixture_is_worth_it(self):
        sessions = answer("crypto-sessions")
        states = {session["status"] for session in sessions}
        self.assertEqual(states, {"up-active", "up-idle", "up-no-ike", "down-negotiating"})
        self.assertTrue(any(len(session["children"]) > 1 for session in sessions))
        self.assertTrue(any(session["ike"]["nat-remote"] for session in sessions))
        states = {peer["state"] for interface in answer("dmvpn-protected") for peer in interface["peers"]}
        self.assertEqual(states, {"up", "nhrp", "ipsec", "ike"})

    def test_show_dmvpn(self):
        expected = expected_dmvpn(answer("dmvpn-protected"))
        self.assertEqual(genie(ShowDmvpn, text("dmvpn-protected", "dmvpn")), expected)
        self.assertEqual(genie(ShowDmvpn, text("dmvpn-protected", "dmvpn", "detail")), expected)

    # Genie keeps one session of an interface, whatever IOS prints; so it is given one.
    def test_show_crypto_session(self):
        (given,) = answer("crypto-session")
        (child,), ike = given["children"], given["ike"]
        flow = {"active_sas": 2, "origin": "crypto map"}
        sa = {
            "local": ike["local"],
            "local_port": str(ike["local-port"]),
            "remote": ike["remote"],
            "remote_port": str(ike["remote-port"]),
            "sa_status": "Active",
            "version": "IKEv2",
            "session_id": str(given["id"]),
        }
        port = {"ike_sa": {"1": sa}, "ipsec_flow": {gre(child): flow}}
        session = {
            "profile": given["protection"],
            "session_status": given["status"].upper(),
            "peer": {ike["remote"]: {"port": {str(ike["remote-port"]): port}}},
        }
        expected = {"interface": {"Tunnel0": session}}
        self.assertEqual(genie(ShowCryptoSession, text("crypto-session", "crypto", "session")), expected)
        session["uptime"] = uptime(given["uptime"])
        (tunnel,) = given["tunnels"]
        port.update(fvrf="none", ivrf="none", phase1_id=given["identity"], desc=tunnel)
        left = clock(ike["lifetime"] - ike["age"])
        sa.update(capabilities=capabilities(ike), conn_id=str(given["id"]), lifetime=left)
        kilobytes, seconds = str(child["remaining-kilobytes"]), str(child["remaining-seconds"])
        flow.update(
            inbound_pkts_decrypted=child["received"]["packets"],
            inbound_pkts_drop=drops(child["received"]),
            inbound_life_kb=kilobytes,
            inbound_life_secs=seconds,
            outbound_pkts_encrypted=child["sent"]["packets"],
            outbound_pkts_drop=0,
            outbound_life_kb=kilobytes,
            outbound_life_secs=seconds,
        )
        found = genie(ShowCryptoSessionDetail, text("crypto-session", "crypto", "session", "detail"))
        self.assertEqual(found, expected)

    def test_show_crypto_ikev2_sa(self):
        found = genie(ShowCryptoIkev2Sa, text("crypto-sessions", "crypto", "ikev2", "sa"))
        self.assertEqual(found["ipv6"], {})
        self.assertEqual(len(found["ipv4"]), len(answer("crypto-sessions")))
        detail = genie(ShowCryptoIkev2SaDetail, text("crypto-sessions", "crypto", "ikev2", "sa", "detail"))["tunnel_id"]
        words = {"negotiating": "IN-NEG", "ready": "READY", "deleting": "DELETE"}
        for given in answer("crypto-sessions"):
            # The half-open one is numbered on from the others.
            ike, number = given["ike"], given["id"] or 5
            row, more = found["ipv4"][number], detail[number]
            self.assertEqual((row["local_ip"], row["local_port"]), (ike["local"], ike["local-port"]))
            self.assertEqual((row["remote_ip"], row["remote_port"]), (ike["remote"], ike["remote-port"]))
            self.assertEqual(row["status"], words[ike["state"]])
            self.assertEqual((row["life_time"], row["active_time"]), (ike["lifetime"] or 0, ike["age"]))
            self.assertEqual((row["local_spi"], row["remote_spi"]), (ike["local-spi"], ike["remote-spi"]))
            self.assertEqual(row["session_id"], given["id"] or 0)
            self.assertEqual(row["auth_verify"], ike["remote-auth"] or "Unknown")
            suite = ike["suite"].split("-")
            self.assertEqual(row["encryption"], "AES-GCM" if "gcm" in suite[0] else "AES-CBC")
            self.assertEqual(row["keysize"], int(suite[0][3:6]))
            groups = {"x25519": 31, "ecp384": 20, "modp2048": 14}
            self.assertEqual([row["dh_group"]], [groups[word] for word in suite if word in groups])
            self.assertEqual(row.get("pqc"), "ML-KEM-768" if "ke1_mlkem768" in suite else None)
            self.assertEqual(more["status"], words[ike["state"]].lower())
            self.assertEqual(more["initiator_of_sa"], "yes" if ike["initiator"] else "no")
            self.assertEqual(more["nat_t"] == "not detected", not (ike["nat-local"] or ike["nat-remote"]))
            self.assertEqual(more.get("dpd_configured_time", 0), ike["dpd"])
            if given["identity"] and " " not in given["identity"]:
                self.assertEqual(more["remote_id"], given["identity"])

    def test_show_crypto_ikev2_stats(self):
        found = genie(ShowCryptoIkev2Stats, text("ike-stats", "crypto", "ikev2", "stats"))["ikev2_statistics"]
        given = answer("ike-stats")
        count = lambda group, name: sum(c["count"] for c in given["counts"] if c["group"] == group and name in (None, c["name"]))
        incoming = given["sessions"] - given["initiated"]
        expected = {
            "max_sa": given["max-sessions"],
            "max_in_nego": given["max-half-open"],
            "total_incoming_sa": incoming + given["half-open"],
            "total_incoming_sa_active": incoming,
            "total_incoming_sa_negotiating": given["half-open"],
            "total_outgoing_sa_active": given["initiated"],
            "incoming_v2_requests": count("received_request", "ike_sa_init"),
            "incoming_requests_accept": count("event", "session_up"),
            "incoming_requests_reject": count("failed", None),
            "outgoing_v2_requests": count("sent_request", "create_child_sa"),
            "rejected_v2_requests": count("full", None),
            "ikev2_packet_drop": count("dropped", None),
            "active_qr_sessions": given["quantum-safe"],
        }
        self.assertEqual({name: found[name] for name in expected}, expected)
        self.assertEqual(found["incoming_cookie_challenge"]["incoming_challenge_requests"], count("event", "cookie_sent"))
        self.assertEqual(found["incoming_cookie_challenge"]["incoming_challenge_accept"], count("event", "cookie_good"))

    def test_show_crypto_ipsec_sa(self):
        found = genie(ShowCryptoIpsecSa, text("crypto-sessions", "crypto", "ipsec", "sa"))["interface"]
        spi = lambda number: f"0x{number:08X}({number})"
        idents = {
            (ident["local_ident"]["addr"], ident["remote_ident"]["addr"]): (interface, ident)
            for interface in found.values()
            for ident in interface["ident"].values()
        }
        flows = 0
        for given in answer("crypto-sessions"):
            if not given["children"]:
                continue
            flows += 1
            newest, ike = given["children"][0], given["ike"]
            interface, ident = idents[newest["local"], newest["remote"]]
            self.assertEqual(interface["local_addr"], ike["local"])
            self.assertEqual((ident["peer_ip"], ident["port"]), (ike["remote"], ike["remote-port"]))
            self.assertEqual((ident["local_ident"]["prot"], ident["local_ident"]["mask"]), ("47", "255.255.255.255"))
            received = [child["received"] for child in given["children"] if child["received"]]
            self.assertEqual(ident["pkts_decaps"], sum(of["packets"] for of in received))
            self.assertEqual(ident["recv_errors"], sum(drops(of) for of in received))
            self.assertEqual(ident["pkts_verify_failed"], sum(of["icv-failed"] for of in received))
            sent = [child["sent"] for child in given["children"] if child["sent"]]
            self.assertEqual(ident["pkts_encaps"], sum(of["packets"] for of in sent))
            self.assertEqual(ident["send_errors"], sum(of["failed"] for of in sent))
            self.assertEqual((ident["plaintext_mtu"], ident["path_mtu"]), (newest["plaintext-mtu"], newest["path-mtu"]))
            self.assertEqual(ident["current_outbound_spi"], spi(newest["spi-out"]))
            self.assertEqual(ident["pfs"], "Y" if newest["pfs"] else "N")
            inbound, outbound = ident["inbound_esp_sas"]["spi"], ident["outbound_esp_sas"]["spi"]
            self.assertEqual(set(inbound), {spi(child["spi-in"]) for child in given["children"]})
            self.assertEqual(set(outbound), {spi(child["spi-out"]) for child in given["children"] if not child["lingering"]})
            for child in given["children"]:
                sa = inbound[spi(child["spi-in"])]
                self.assertEqual((sa["transform"], sa["conn_id"]), (child["transform"], child["id"]))
                self.assertEqual(sa["replay_detection_support"], "Y")
                self.assertEqual(sa["status"].startswith("ACTIVE"), not child["lingering"])
        self.assertEqual(len(idents), flows)


class NtcTemplates(unittest.TestCase):
    maxDiff = None

    # A strict template: a line that it does not know is an error.
    def test_show_crypto_session_detail(self):
        data = text("crypto-sessions", "crypto", "session", "detail")
        found = parse_output(platform="cisco_ios", command="show crypto session detail", data=data)
        self.assertEqual(len(found), len(answer("crypto-sessions")))
        for row, given in zip(found, answer("crypto-sessions")):
            ike = given["ike"]
            expected = {
                "interface": given["interfaces"][0],
                "session_status": given["status"].upper(),
                "profile": given["protection"],
                "uptime": uptime(given["uptime"]) if given["uptime"] is not None else "",
                "peer": ike["remote"],
                "port": str(ike["remote-port"]),
                "session_id": str(given["id"] or 0),
                "local_ip": ike["local"],
                "local_port": str(ike["local-port"]),
                "remote_ip": ike["remote"],
                "remote_port": str(ike["remote-port"]),
                "ikev1_status": "Active" if ike["state"] == "ready" else "Inactive",
                "capabilities": capabilities(ike) or "(none)",
                "conn_id": str(given["id"] or 0),
                "lifetime": clock(ike["lifetime"] - ike["age"]) if ike["lifetime"] else "never",
            }
            if given["children"]:
                child = given["children"][0]
                active = sum(1 if child["lingering"] else 2 for child in given["children"])
                more = {"permit": "47", "src_host": child["local"], "dst_host": child["remote"]}
                expected.update(more, active_sa=str(active), origin="crypto map")
            self.assertEqual({name: row[name] for name in expected}, expected)

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
