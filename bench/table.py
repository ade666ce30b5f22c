#!/usr/bin/python3
"""Writes the results of bench/all.sh into bench/README.md, between its two marker lines, and draws them.

table.py RESULTS README
"""
import os
import sys

import plot
from results import Results, read, speed_key

BEGIN = "<!-- results: made by \"make bench-all\", not by hand -->"
END = "<!-- end of results -->"
AXES = {"keys": "mailboxes", "connections": "connections", "limits": "limits"}
FRONTS = {"policyd": "request", "milter": "message"}


def number(value, digits=0):
    return "" if value is None else f"{value:,.{digits}f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def machine(r):
    return [f"Measured on {r.text('machine', 'date')}: {r.text('machine', 'cores')} cores ({r.text('machine', 'processor')}), "
            f"{r.text('machine', 'memory')} of memory, Linux {r.text('machine', 'kernel')}, {r.text('machine', 'system')}, "
            f"{r.text('machine', 'compiler')}, commit {r.text('machine', 'commit')}.", ""]


# ---- goals ----

def middle(r, front):
    points = [p for p in r.points(f"growth.{front}.keys") if int(p) <= 1000000]
    return points[-1] if points else None


def of_floor(r, front):
    point = middle(r, front)
    return point and r.relative(f"growth.{front}.keys", point, "postern", "floor", speed_key(front))


def spread(r, front):
    """Of the floor with the most mailboxes, by the same with the fewest."""
    suite = f"growth.{front}.keys"
    points = r.points(suite)
    if len(points) < 2:
        return None
    few, many = (r.relative(suite, p, "postern", "floor", speed_key(suite)) for p in (points[0], points[-1]))
    return many / few


def fastest_peer(r):
    for point in r.points("policy"):
        peers = [n for n in r.names("policy", point) if n not in ("floor", "postern")]
        return point, max(peers, key=lambda n: r.median("policy", point, n, "rps"))
    return None, None


def goals(r):
    few, many = (r.points("growth.policyd.keys") or ["?"])[0], (r.points("growth.policyd.keys") or ["?"])[-1]
    point, peer = fastest_peer(r)
    # (what, wanted, measured, the same of a server that answers without thinking: nobody can do better)
    wanted = [("policyd, requests a second, of the floor's", 0.90, of_floor(r, "policyd"), 1),
              ("milter, messages a second, of the libmilter floor's", 0.97, of_floor(r, "milter"), 1),
              (f"policyd, times the requests a second of the fastest policy server among the peers ({peer})", 100,
               peer and r.relative("policy", point, "postern", peer, "rps"), peer and r.relative("policy", point, "floor", peer, "rps"))]
    for way, words, floor in (("policyd", "with policyd", "policy_floor"), ("milter", "with the milter", "milter_floor"),
                              ("both", "with both", None)):
        for p in r.points("postfix"):
            def of_without(name, p=p):
                return name and r.relative("postfix", p, name, "without", "mps")
            wanted.append((f"Postfix {words}, messages a second, of Postfix without", 0.97, of_without(way), of_without(floor)))
    for front in FRONTS:
        wanted.append((f"{front}, {number(float(many))} mailboxes by {number(float(few))}, each of the floor's", 0.80,
                       spread(r, front), None))
    rows = [(words, f"{want:g}", *(number(figure, 2 if want < 10 else 1) for figure in (got, best)),
             "met" if got >= want else "**missed**") for words, want, got, best in wanted if got is not None]
    return ["### Goals", ""] + table(("", "wanted", "measured", "without thinking", ""), rows)


# ---- peers ----

def peers(r, suite, each):
    lines = []
    for point in r.points(suite):
        rows = []
        for name in r.names(suite, point):
            def median(key, name=name):
                return r.median(suite, point, name, key)
            version = r.text("version", name)
            rows.append((name + (f" {version}" if version != "?" else ""), number(median(speed_key(suite))),
                         number(r.relative(suite, point, name, "floor", speed_key(suite)), 3),
                         number(r.relative(suite, point, "postern", name, speed_key(suite)), 1),
                         number(median("p50_us")), number(median("p99_us")), number(median("server_cpu_us"), 1),
                         number(median("load_cpu_us"), 1), number(median("rss_mib"), 1), number(median("anon_mib"), 1)))
        lines += table((f"{point} connections", f"{each}s/s", "of the floor", "postern by it", "p50 µs", "p99 µs", f"CPU µs a {each}",
                        "load's CPU µs", "RSS MiB", "of that anonymous"), rows)
    return lines


def postfix(r):
    lines = []
    for point in r.points("postfix"):
        rows = []
        for name in r.names("postfix", point):
            def median(key, name=name):
                return r.median("postfix", point, name, key)
            rows.append((name, number(median("mps")), number(r.relative("postfix", point, name, "without", "mps"), 3),
                         number(median("accepted_mps")), number(median("p50_us") / 1000, 1), number(median("p99_us") / 1000, 1),
                         number(median("server_cpu_us")), number(median("postern_cpu_us"))))
        lines += table((f"{point} connections", "messages/s", "of without", "accepted/s", "p50 ms", "p99 ms",
                        "Postfix's CPU µs a message", "postern's"), rows)
    return lines


# ---- growth ----

def growth(r, front, axis):
    suite, rows = f"growth.{front}.{axis}", []
    key = speed_key(suite)
    for point in r.points(suite):
        def median(name, key, point=point):
            return r.median(suite, point, name, key)
        cold = median("cold", key)
        rows.append((number(float(point)), number(r.relative(suite, point, "postern", "floor", key), 3),
                     number(cold and cold / median("floor", key), 3),
                     number(median("postern", key)), number(median("postern", "p99_us")),
                     number(1000 * median("postern", "cpu_us")), number(1000 * median("floor", "cpu_us")),
                     number(median("counted", "instructions")), number(median("counted", "decide_instructions")), number(median("counted", "d1_misses"), 1),
                     number(median("counted", "ll_misses"), 1)))
    if not rows:
        return []
    return table((f"{front}: {AXES[axis]}", "of the floor", "right after the start", f"{FRONTS[front]}s/s", "p99 µs", f"CPU ns a {FRONTS[front]}",
                  "the floor's", "instructions", "of that deciding", "L1 misses", "last-level misses"), rows)


def main(results, readme):
    r = Results(read(results))
    folder = os.path.dirname(os.path.abspath(readme))
    lines = [BEGIN, ""] + machine(r) + goals(r)
    if r.points("policy"):
        lines += ["### Beside the peers", "", "![requests and messages a second](peers.svg)", ""]
        lines += peers(r, "policy", "request") + peers(r, "milter", "message")
        with open(os.path.join(folder, "peers.svg"), "w", encoding="utf-8") as file:
            file.write(plot.peers(r))
    if r.points("postfix"):
        lines += ["### Through Postfix", ""] + postfix(r)
    if r.points("growth.policyd.keys"):
        lines += ["### Growth", "", "![throughput by the floor's, processor time, instructions](growth.svg)", ""]
        for axis in AXES:
            for front in FRONTS:
                lines += growth(r, front, axis)
        with open(os.path.join(folder, "growth.svg"), "w", encoding="utf-8") as file:
            file.write(plot.growth(r))
    with open(readme, encoding="utf-8") as file:
        before, rest = file.read().split(BEGIN)
    with open(readme, "w", encoding="utf-8") as file:
        file.write(before + "\n".join(lines) + END + rest.split(END)[1])


main(*sys.argv[1:3])
