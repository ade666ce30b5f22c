#!/usr/bin/env python3
"""Peers that are many, and slow, at the two sockets.

    crowd.py idle SOCKET N              N connections that say nothing, until killed; prints how many it has, once
    crowd.py drip SOCKET N SECONDS      N connections, each with a byte a second of a policy request; prints how many were
                                        answered or closed by the server
    crowd.py half SOCKET N              N milter connections, each with half a packet, until killed
"""

import os
import resource
import select
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from policy import request  # noqa: E402


def connect(path: str, n: int) -> list[socket.socket]:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    peers = []
    until = time.monotonic() + 60
    while len(peers) < n and time.monotonic() < until:
        peer = socket.socket(socket.AF_UNIX)
        peer.setblocking(False)
        try:
            peer.connect(path)
        except BlockingIOError:  # the backlog is full
            peer.close()
            time.sleep(0.01)
            continue
        except OSError:
            break
        peers.append(peer)
    return peers


def drip(peers: list[socket.socket], seconds: float) -> int:
    text, ended, until = request("dora@contoso.example"), 0, time.monotonic() + seconds
    left = set(peers)
    poll = select.poll()
    by_number = {peer.fileno(): peer for peer in peers}
    for number in by_number:
        poll.register(number, select.POLLIN)
    at = 0
    while left and time.monotonic() < until:
        for number, _ in poll.poll(0):
            poll.unregister(number)
            left.discard(by_number[number])
            ended += 1
        for peer in left:
            try:
                peer.send(text[at : at + 1])
            except OSError:
                continue
        at = min(at + 1, len(text) - 3)  # never its end
        time.sleep(1)
    return ended


def main() -> None:
    command, path, n, *rest = sys.argv[1:]
    peers = connect(path, int(n))
    if command == "drip":
        print(drip(peers, float(rest[0])))
        return
    if command == "half":
        for peer in peers:
            peer.send(b"\0\0\0\x0dO\0\0")
    print(len(peers), flush=True)
    signal.pause()


main()
