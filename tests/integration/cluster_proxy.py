#!/usr/bin/env python3
"""What can happen between a relay and Redis. For tests/integration/cluster_*.sh.

    cluster_proxy.py SOCKET REDIS-SOCKET FILE

FILE holds a word that says what happens from now on, and is read for each command:

    pass      all goes through
    cut       connections end, and none begins
    mute      commands arrive, replies don't come back
    unscanned a connection ends on which all blocks or lists are to be read
    storm     of what changes something in Redis: some arrives twice, some again after what came later; some replies are lost, and
              some commands, with their connections; some wait

Both ends are UNIX sockets.
"""
import os
import random
import socket
import sys
import threading
import time

listen_at, redis_at, file = sys.argv[1:]
CHANGES = (b"EVAL", b"EVALSHA", b"XADD", b"HSET", b"HDEL", b"PUBLISH")
SCANS = [[b"HSCAN", b"postern:{m}:" + name] for name in (b"blocks", b"lists")]
late = []  # what is shown to Redis again


def how():
    with open(file) as f:
        return f.read().strip()


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(redis_at)
    return s


def read_command(stream):
    """A command as it stands, and its words; None at the end."""
    head = stream.readline()
    if not head.startswith(b"*"):
        return None, []
    raw, words = [head], []
    for _ in range(int(head[1:])):
        size = stream.readline()
        word = stream.read(int(size[1:]) + 2)
        raw += [size, word]
        words.append(word[:-2])
    return b"".join(raw), words


def aside(raw):
    """On a connection of its own: Redis has it when this returns."""
    try:
        with connect() as s:
            s.sendall(raw + b"*1\r\n$4\r\nPING\r\n")
            got = b""
            while b"+PONG\r\n" not in got:
                data = s.recv(65536)
                if not data:
                    return
                got += data
    except OSError:
        pass


class Between:
    def __init__(self, client):
        self.client, self.redis = client, connect()
        threading.Thread(target=self.back, daemon=True).start()
        threading.Thread(target=self.forth, daemon=True).start()

    def end(self):
        for s in (self.client, self.redis):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def back(self):
        try:
            while data := self.redis.recv(65536):
                if how() != "mute":
                    self.client.sendall(data)
        except OSError:
            pass
        self.end()

    def storm(self, raw):
        """False: the connection ends."""
        chosen = random.choices(("well", "twice", "late", "again", "no reply", "lost", "slow"), (60, 8, 8, 8, 4, 4, 8))[0]
        if chosen == "twice":
            aside(raw)
        elif chosen == "late":
            late.append(raw)
        elif chosen == "again" and late:
            aside(late.pop(random.randrange(len(late))))
        elif chosen == "no reply":
            aside(raw)
            return False
        elif chosen == "lost":
            return False
        elif chosen == "slow":
            time.sleep(random.uniform(0, 0.3))
        self.redis.sendall(raw)
        return True

    def forth(self):
        stream = self.client.makefile("rb")
        try:
            while True:
                raw, words = read_command(stream)
                if raw is None or how() == "cut" or (how() == "unscanned" and words[:2] in SCANS):
                    break
                if how() == "storm" and words[0].upper() in CHANGES:
                    if not self.storm(raw):
                        break
                else:
                    self.redis.sendall(raw)
        except (OSError, ValueError):
            pass
        self.end()


def cutter(connections):
    while True:
        time.sleep(0.02)
        if how() == "cut":
            for c in connections:
                c.end()
            connections.clear()


connections = []
threading.Thread(target=cutter, args=(connections,), daemon=True).start()
if os.path.exists(listen_at):
    os.unlink(listen_at)
listener = socket.socket(socket.AF_UNIX)
listener.bind(listen_at)
listener.listen(64)
while True:
    client = listener.accept()[0]
    try:
        if how() == "cut":
            raise OSError
        connections.append(Between(client))
    except OSError:
        client.close()
