#!/usr/bin/env python3
"""What bench/web.sh asks of postern-web: web_load.py SOCKET TOKEN WHAT ...

ask N TARGET...    each target N times, {} in it a number drawn anew; "p50_ms=... p99_ms=... most_ms=..." of each
rows TARGET...     milliseconds until the first row of a stream, and until its end
look N SECONDS     N clients of the events; prints "looking" when all are there, and how many events came
"""
import random
import select
import socket
import sys
import time

PATH, TOKEN, WHAT = sys.argv[1:4]
MAILBOXES = 1000000


def ask(target):
    s = socket.socket(socket.AF_UNIX)
    s.connect(PATH)
    s.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n".encode())
    return s


def whole(target):
    s = ask(target)
    got = b""
    while part := s.recv(65536):
        got += part
    if not got.startswith(b"HTTP/1.1 200 "):
        sys.exit(f"{target}: {got[:200]}")
    return got


def timed(target):
    begun = time.monotonic()
    whole(target)
    return (time.monotonic() - begun) * 1000


if WHAT == "ask":
    draw = random.Random(1)
    for target in sys.argv[5:]:
        took = sorted(timed(target.format(draw.randrange(MAILBOXES))) for _ in range(int(sys.argv[4])))
        print(f"{target}: p50_ms={took[len(took) // 2]:.1f} p99_ms={took[int(len(took) * 0.99)]:.1f} most_ms={took[-1]:.1f}")
elif WHAT == "rows":
    for target in sys.argv[4:]:
        begun, first, got = time.monotonic(), None, 0
        s = ask(target)
        head = b""
        while part := s.recv(65536):
            if first is None:
                head += part
                if head.count(b"@contoso.example") > 0:
                    first = (time.monotonic() - begun) * 1000
            got += len(part)
        if first is None:
            sys.exit(f"{target}: {head[:200]}")
        print(f"{target}: first_ms={first:.0f} whole_ms={(time.monotonic() - begun) * 1000:.0f} mib={got / 1048576:.1f}")
elif WHAT == "look":
    clients = [ask("/events") for _ in range(int(sys.argv[4]))]
    for s in clients:
        if not s.recv(65536).startswith(b"HTTP/1.1 200 "):
            sys.exit("no events")
    print("looking", flush=True)
    end, events = time.monotonic() + float(sys.argv[5]), 0
    while (left := end - time.monotonic()) > 0:
        for s in select.select(clients, [], [], left)[0]:
            part = s.recv(65536)
            if not part:
                sys.exit("an event stream ended")
            events += part.count(b"event: live")
    print(f"events={events / len(clients):.1f}")
