#!/usr/bin/env python3
"""A relay of the next version, as far as it tells others anything: for tests/integration/cluster_versions.sh. It also is a second
reader of the format in cluster/seal.h and cluster/events.h.

    cluster_newer.py KEY-FILE WHAT...     one sealed record for each, in hexadecimal digits:

    event:TYPE:TEXT      an event of that type (a letter)      version:TEXT   an event of the next version of sealing
    beat:VERSION:NAME    a heartbeat with what none has yet    table          a hot counter in a table that none has yet
"""
import json
import os
import struct
import sys
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PUSH, EVENT, KEPT, BEAT = range(4)
key = bytes.fromhex(open(sys.argv[1]).read().strip())


def expand(secret, purpose, salt):
    return HKDF(hashes.SHA256(), 32, salt, purpose).derive(secret)


sealing = expand(key, b"sealing", b"postern cluster 1")
incarnation = os.urandom(16)
sequence = 0


def seal(context, text, version=1):
    global sequence
    sequence += 1
    head = bytes([version, context]) + incarnation + struct.pack(">Q", sequence)
    nonce = bytes([context, 0, 0, 0]) + head[18:26]
    return head + AESGCM(expand(sealing, b"incarnation", incarnation)).encrypt(nonce, text, head)


now_ms = struct.pack(">Q", int(time.time() * 1000))
for what in sys.argv[2:]:
    kind, *rest = what.split(":", 2)
    if kind == "event":
        record = seal(EVENT, rest[0].encode() + now_ms + rest[1].encode())
    elif kind == "version":
        record = seal(EVENT, rest[0].encode(), version=2)
    elif kind == "table":
        record = seal(PUSH, bytes([77]) + struct.pack(">QQQ", 5, 1000000, 1000000))
    else:
        record = seal(BEAT, json.dumps({"v": int(rest[0]), "name": rest[1], "at": int(time.time() * 1000), "started": int(time.time()), "state": "shares",
                                        "version": "9.9.9", "settings_at": int(time.time()), "later": 7, "latest": "text", "digests": {"later": "00"}}).encode())
    print(incarnation.hex(), record.hex())
