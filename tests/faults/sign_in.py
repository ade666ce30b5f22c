#!/usr/bin/env python3
"""Clients that sign in over SMTP, many at the same time, each until it is told yes, no or "later".

    sign_in.py PORT TIMES THREADS USER=PASSWORD...   prints "USER CODE TIMES" lines

Who is disconnected before it could sign in comes again, as mail programs do. Loopback only.
"""

import base64
import collections
import queue
import smtplib
import sys
import threading
import time

PATIENCE_S = 300


def sign_in(port: int, user: str, password: str) -> str:
    """The code that AUTH got. "none": there was no SMTP server that offered it for long."""
    end = time.monotonic() + PATIENCE_S
    response = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    while time.monotonic() < end:
        try:
            with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE_S) as client:
                client.ehlo("client.contoso.example")
                if not client.has_extn("auth"):
                    raise smtplib.SMTPException("no AUTH")
                code, _ = client.docmd("AUTH", "PLAIN " + response)
                if code > 0 and code != 421:
                    return str(code)
        except (OSError, smtplib.SMTPException):
            pass
        time.sleep(0.05)
    return "none"


def work(port: int, attempts: "queue.SimpleQueue[str]", codes: "collections.Counter[tuple[str, str]]") -> None:
    while True:
        try:
            user, _, password = attempts.get_nowait().partition("=")
        except queue.Empty:
            return
        name = user if password == "secret" else user + "-wrong"
        codes[name, sign_in(port, user, password)] += 1


def main() -> None:
    port, times, threads, *who = sys.argv[1:]
    attempts: "queue.SimpleQueue[str]" = queue.SimpleQueue()
    codes: "collections.Counter[tuple[str, str]]" = collections.Counter()
    for i in range(int(times)):
        attempts.put(who[i % len(who)])
    workers = [threading.Thread(target=work, args=(int(port), attempts, codes)) for _ in range(int(threads))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for (name, code), n in sorted(codes.items()):
        print(name, code, n)


main()
