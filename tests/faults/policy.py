#!/usr/bin/env python3
"""A client of the policy service, for faults that need no Postfix.

    policy.py ask SOCKET LOGIN [ATTRIBUTE=VALUE...]   one question at the end of a message; prints the action
    policy.py charge SOCKET LOGIN N                   N messages one after the other, until the connection ends; prints
                                                      how many passed
"""

import itertools
import os
import random
import socket
import sys
import time

WAIT_S = 60


def request(login: str, **others: str) -> bytes:
    attributes = {
        "request": "smtpd_access_policy",
        "protocol_state": "END-OF-MESSAGE",
        "protocol_name": "ESMTP",
        "client_address": "192.0.2.15",
        "client_name": "unknown",
        "helo_name": "client.contoso.example",
        "sasl_username": login,
        "sasl_method": "PLAIN",
        "sender": login,
        "recipient": "",
        "recipient_count": "1",
        "queue_id": f"4{random.getrandbits(50):x}",
        "size": "100",
        "instance": f"{random.getrandbits(48):x}.{time.monotonic_ns():x}.0",
    }
    attributes.update(others)
    return "".join(f"{name}={value}\n" for name, value in attributes.items()).encode() + b"\n"


class Policy:
    def __init__(self, path: str):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(WAIT_S)
        self.socket.connect(path)
        self.lines = self.socket.makefile("rb")

    def ask(self, login: str, **others: str) -> str:
        """The action; "" when the connection ended."""
        try:
            self.socket.sendall(request(login, **others))
            line = self.lines.readline()
            self.lines.readline()
        except OSError:
            return ""
        return line.decode("ascii").removeprefix("action=").strip() if line.endswith(b"\n") else ""


def charge(path: str, login: str, wanted: int) -> int:
    passed = 0
    try:
        policy = Policy(path)
    except OSError:
        return 0
    for _ in itertools.repeat(None, wanted):
        action = policy.ask(login)
        if not action:
            break
        passed += action == "DUNNO"
    return passed


def main() -> int:
    command, path, login, *rest = sys.argv[1:]
    if command == "charge":
        print(charge(path, login, int(rest[0])))
        return 0
    try:
        print(Policy(path).ask(login, **dict(item.split("=", 1) for item in rest)) or "closed")
    except OSError as error:
        print(f"no answer: {os.strerror(error.errno or 0)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
