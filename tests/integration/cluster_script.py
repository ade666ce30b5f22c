#!/usr/bin/env python3
"""The script that postern-cluster runs in Redis, with batches of this test's own. TAP lines. For tests/integration/cluster_links.sh.

    cluster_script.py SOCKET [USER PASSWORD]
"""
import re
import socket
import sys

M = 10**6  # microseconds
status = 0


class Redis:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def read(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        if kind == b"$" and rest != b"-1":
            return self.file.read(int(rest) + 2)[:-2]
        return int(rest) if kind == b":" else rest

    def __call__(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self.read()


redis = Redis(sys.argv[1])
if len(sys.argv) > 2:
    redis("AUTH", *sys.argv[2:])
source = open("cluster/script.c").read().split("script_text[] =", 1)[1].split(";\n\n", 1)[0]
script = "".join(text.encode().decode("unicode_escape") for text in re.findall(r'"((?:[^"\\]|\\.)*)"', source))


def batch(number, counters, members=(), cap=1000 * M):
    """Counters: key, reset, amount, floor. Members: the limit's key, the mark's, amount, proof."""
    keys = ["postern:{m}:batch:test"] + [c[0] for c in counters] + [k for m in members for k in m[:2]]
    args = [number, len(counters)]
    for _, reset, amount, floor in counters:
        args += [reset, amount, cap, floor]
    for _, _, amount, proof in members:
        args += [amount, cap, 60000, proof]
    return redis("EVAL", script, len(keys), *["postern:test:" + k if "batch" not in k else k for k in keys], *args)


def is_near(got, wanted):
    """Some time passes between two batches."""
    return isinstance(wanted, bytes) and got == wanted or isinstance(wanted, int) and isinstance(got, int) and wanted - 20 * M <= got <= wanted


def ok(what, got, wanted):
    global status
    if isinstance(got, list) and len(got) == len(wanted) and all(map(is_near, got, wanted)):
        print("ok " + what)
    else:
        print("not ok " + what, f"    got {got}, expected {wanted}", sep="\n")
        status = 1


ok("amounts add up", batch(1, [("k1", 0, 150 * M, 0)]), [150 * M])
ok("with what was there", batch(2, [("k1", 0, 130 * M, 0), ("k2", 0, 50 * M, 0)]), [280 * M, 50 * M])
ok("a batch that comes twice changes nothing", batch(2, [("k1", 0, 130 * M, 0), ("k2", 0, 50 * M, 0)]), [280 * M, 50 * M])
ok("nor does one that comes late", batch(1, [("k1", 0, 150 * M, 0)]), [280 * M])
ok("what is given back is taken off", batch(3, [("k1", 0, -160 * M, 0)]), [120 * M])
ok("down to nothing", batch(4, [("k1", 0, -160 * M, 0)]), [0])
ok("an amount ends at the cap", batch(5, [("k1", 0, 900 * M, 0), ("k3", 0, 1100 * M, 0)]), [900 * M, 1000 * M])
ok("nor is it ever above that: another clock is no debt", batch(6, [("k3", 0, 1 * M, 0)], cap=10 * M), [10 * M])
ok("a floor raises, and lowers nothing", batch(7, [("k4", 0, M, 70 * M), ("k1", 0, 0, 5 * M)]), [70 * M, 900 * M])
ok("a reset begins anew", batch(8, [("k1", 1, 50 * M, 0)]), [50 * M])
ok("a member is charged where it is new", batch(9, [], [("l1", "m1", 70 * M, b"Mabc")]), [70 * M, b""])
ok("and nowhere else", batch(10, [], [("l1", "m1", 70 * M, b"Mdef"), ("l1", "m2", 70 * M, b"Mghi")]), [70 * M, b"Mabc", 140 * M, b""])
ok("a floor comes after the members", batch(11, [("l1", 0, 0, 200 * M)], [("l1", "m3", 70 * M, b"Mx")]), [210 * M, 210 * M, b""])
ok("all of it ends", [redis("PTTL", "postern:test:l1") * 1000], [210 * M + 1000])
sys.exit(status)
