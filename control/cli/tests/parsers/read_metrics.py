#!/usr/bin/env python3
"""Prometheus' own parser reads a recorded scrape of hub-control, which also keeps the conventions for names.

usage: read_metrics.py SCRAPE [--live]

--live: the scrape is that of a running hub, not the recorded one; only format and conventions are checked.
"""

import math
import re
import sys

from prometheus_client.parser import text_string_to_metric_families

NAME = re.compile(r"dmvpn_[a-z][a-z0-9_]*\Z")
LABEL = re.compile(r"[a-z][a-z0-9_]*\Z")
# Units other than the base ones, and words that the type says already.
UNWANTED = re.compile(r"_(ms|milliseconds|us|ns|kb|mb|kbytes|kib|minutes|hours|percent|count|counter|gauge|number)(_|\Z)")


def problems(text):
    found, seen = [], set()
    helps = dict(line.split(" ", 3)[2:4] for line in text.splitlines() if line.startswith("# HELP"))
    families = list(text_string_to_metric_families(text))
    for family in families:
        # The parser takes the suffix off a counter's name.
        name = family.name + ("_total" if family.type == "counter" else "")

        def complain(what, name=name):
            found.append(f"{name}: {what}")

        if family.type not in ("counter", "gauge", "histogram"):
            complain(f"type is {family.type}")
        if not NAME.match(name):
            complain("name is not in snake case with the project's prefix")
        if UNWANTED.search(name):
            complain("unit is not a base unit, or the name repeats the type")
        if family.type == "counter" and name not in helps:
            complain("a counter's name ends in _total")
        if family.type != "counter" and name.endswith("_total"):
            complain("only counters end in _total")
        help_text = helps.get(name, "")
        if len(help_text) < 8 or not help_text.endswith("."):
            complain(f"help is no sentence: {help_text!r}")
        if not family.samples:
            complain("no series")
        label_names = set()
        for sample in family.samples:
            series = (sample.name, tuple(sorted(sample.labels.items())))
            if series in seen:
                complain(f"series occurs twice: {series}")
            seen.add(series)
            label_names.add(frozenset(set(sample.labels) - {"le"}))
            if not all(LABEL.match(label) for label in sample.labels):
                complain(f"label names: {sorted(sample.labels)}")
            if not math.isfinite(sample.value) or sample.value < 0:
                complain(f"value {sample.value}")
        if len(label_names) != 1:
            complain(f"series differ in their labels: {label_names}")
        if family.type == "histogram":
            for problem in histogram(family):
                complain(problem)
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    if names != sorted(set(names)):
        found.append("families are not in order, or one occurs twice")
    return families, found


def histogram(family):
    series = {}
    for sample in family.samples:
        labels = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
        series.setdefault(labels, []).append(sample)
    for labels, samples in series.items():
        buckets = [s for s in samples if s.name.endswith("_bucket")]
        counts = [s.value for s in buckets]
        if counts != sorted(counts) or buckets[-1].labels["le"] != "+Inf":
            yield f"buckets do not grow, or the last is not +Inf: {labels}"
        if [s.value for s in samples if s.name.endswith("_count")] != counts[-1:]:
            yield f"count is not the last bucket: {labels}"


def main():
    text = open(sys.argv[1], encoding="utf-8").read()
    families, found = problems(text)
    by_name = {family.name: family for family in families}
    if "--live" not in sys.argv:
        # What the recorded scrape was made from.
        build = by_name["dmvpn_build_info"].samples[0].labels
        if build != {"hub": 'hub "1"\\\n', "version": "0.1.0"}:
            found.append(f"escaped label came out as {build}")
        up = {s.labels["tunnel_address"]: s.value for s in by_name["dmvpn_peer_up"].samples}
        if up != {"10.0.0.2": 1.0, "10.0.0.3": 1.0, "10.0.0.4": 0.0}:
            found.append(f"peers came out as {up}")
    for name in ("dmvpn_peers", "dmvpn_nhrp_packets", "dmvpn_table_entries", "dmvpn_process_heartbeat_age_seconds"):
        if name not in by_name:
            found.append(f"{name} is missing")
    for problem in found:
        print(problem)
    series = sum(len(family.samples) for family in families)
    print(f"metrics: {len(families)} families, {series} series, {len(found)} problems")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
