#!/usr/bin/env python3
"""In the place of Redis: replies in the form that relays expect, with contents that no honest Redis would send. For
tests/integration/cluster_links.sh.

    cluster_stub.py SOCKET HOW     HOW: sentinel:HOST:PORT (a Sentinel that says that the master is there); forgets (nothing is ever left), knows (every member is known, and nothing is left),
                                   most (all is full), garbage (no replies at all), huge, deep, endless
"""
import random
import socket
import sys
import threading

path, how = sys.argv[1:]
values = {}


def bulk(b):
    return b"$%d\r\n%s\r\n" % (len(b), b)


def batch(words):
    numkeys = int(words[2])
    args = words[3 + numkeys:]
    n = int(args[1])
    members = (numkeys - 1 - n) // 2
    left = {"most": 2**62}.get(how, 0)
    out = [b":%d\r\n" % left for _ in range(n)]
    for i in range(members):
        proof = args[2 + 4 * n + 4 * i + 3]
        out += [b":%d\r\n" % left, bulk(proof if how == "knows" and random.random() < 0.5 else
                                        (b"M" + bytes(16) if how == "knows" else b""))]
    return b"*%d\r\n" % len(out) + b"".join(out)


def reply(words):
    command = words[0].upper()
    if command == b"TIME":
        return b"*2\r\n$1\r\n0\r\n$1\r\n0\r\n"
    if command == b"SET":
        values.setdefault(words[1], words[2])
        return b"+OK\r\n"
    if command == b"GET":
        return bulk(values[words[1]]) if words[1] in values else b"$-1\r\n"
    if command in (b"EVAL", b"EVALSHA"):
        return {"garbage": b"HTTP/1.1 400 Bad Request\r\n\r\n", "huge": b"*1000000000\r\n", "deep": b"*1\r\n" * 100,
                "endless": b"$536870912\r\n" + b"x" * 8000000}.get(how) or batch(words)
    if command == b"CLUSTER":
        return b"-ERR This instance has cluster support disabled\r\n"
    if command == b"SENTINEL":
        _, host, port = how.split(":")
        return b"*2\r\n" + bulk(host.encode()) + bulk(port.encode())
    if command in (b"SCAN", b"HSCAN"):
        return b"*2\r\n$1\r\n0\r\n*0\r\n"
    if command == b"SUBSCRIBE":
        return b"*3\r\n$9\r\nsubscribe\r\n" + bulk(words[1]) + b":1\r\n"
    if command == b"PING":
        return b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"
    if command == b"XREAD":
        return None if b"BLOCK" in words else b"*-1\r\n"
    return b":1\r\n"


def serve(connection):
    stream = connection.makefile("rb")
    while True:
        head = stream.readline()
        if not head:
            return
        words = []
        for _ in range(int(head[1:])):
            size = int(stream.readline()[1:])
            words.append(stream.read(size))
            stream.read(2)
        said = reply(words)
        try:
            if said is not None:
                connection.sendall(said)
        except OSError:
            return


listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(64)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
