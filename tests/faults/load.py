#!/usr/bin/env python3
"""Load through a real Postfix, and the judge who compares what was answered with what arrived.

    load.py run PORTS RECORD [--seconds N | --until FILE] [--clients N] [--kinds a,b] [--pause MS]
    load.py one PORTS KIND                 one message; prints the reply that decided
    load.py judge RECORD SINK QUEUE        TAP lines; see judge()

PORTS is "submission:relay", two ports of 127.0.0.1. Logins are claimed with XCLIENT. RECORD gets a line a message: its id,
kind, when it began and ended (seconds, a clock that only goes forward), and the reply that decided it.
"""

import argparse
import os
import random
import re
import socket
import sys
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

# How long a client waits for a reply: longer than the command time limit of Postfix's milter client.
REPLY_S = 120
ID_FIELD = re.compile(rb"X-Fault-Id: ([0-9a-z-]+)")


@dataclass(frozen=True)
class Kind:
    """Who sends what. `passes`: the rules of lib.sh let it through (its limit aside)."""

    passes: bool
    submission: bool = True
    login: str = ""
    client: str = "192.0.2.15"
    sender: str = ""
    header_from: str = ""
    limited: bool = False


KINDS = {
    "anna": Kind(True, login="anna@contoso.example", limited=True),
    "dora": Kind(True, login="dora@contoso.example"),
    "cleo": Kind(True, login="cleo@contoso.example"),
    "emma": Kind(True, login="emma@contoso.example"),
    "printer": Kind(True, submission=False, client="127.20.0.5", sender="scan@contoso.example"),
    "bert": Kind(False, login="bert@contoso.example"),
    "forged": Kind(False, login="dora@contoso.example", header_from="boss@contoso.example"),
    "stranger": Kind(False, submission=False, client="203.0.113.9", sender="x@fabrikam.example"),
}


class Cut(Exception):
    """The connection failed before the message was whole: it cannot have been accepted."""


class Client:
    """An SMTP client that tells a refusal, a lost connection before the end, and a lost answer apart."""

    def __init__(self, ports: tuple[int, int], kind: Kind):
        self.kind = kind
        try:
            self.socket = socket.create_connection(("127.0.0.1", ports[0 if kind.submission else 1]), REPLY_S)
        except OSError as error:
            raise Cut(str(error)) from error
        self.lines = self.socket.makefile("rb")

    def close(self) -> None:
        self.lines.close()
        self.socket.close()

    def reply(self) -> str:
        try:
            while True:
                line = self.lines.readline(4096)
                if not line.endswith(b"\n"):
                    raise Cut("closed")
                if line[3:4] != b"-":
                    return line.decode("ascii", "replace").strip()
        except OSError as error:
            raise Cut(str(error)) from error

    def ask(self, command: str) -> str:
        try:
            self.socket.sendall(command.encode() + b"\r\n")
        except OSError as error:
            raise Cut(str(error)) from error
        return self.reply()

    def greet(self) -> str:
        """Empty, or the refusal."""
        steps = ["EHLO client.contoso.example"]
        who = f"XCLIENT ADDR={self.kind.client} NAME=[UNAVAILABLE]"
        steps += [who + (f" LOGIN={self.kind.login}" if self.kind.login else ""), steps[0]]
        answer = self.reply()
        for step in steps:
            if not answer.startswith("2"):
                return answer
            answer = self.ask(step)
        return "" if answer.startswith("2") else answer

    def send(self, ident: str) -> str:
        """The reply that decided; "" when the message was sent whole and no answer came."""
        kind = self.kind
        sender = kind.sender or kind.login
        for step in (f"MAIL FROM:<{sender}>", "RCPT TO:<guest@adatum.example>", "DATA"):
            answer = self.ask(step)
            if answer[:1] not in "23":
                return answer
        text = f"From: {kind.header_from or sender}\r\nSubject: made up\r\nX-Fault-Id: {ident}\r\n\r\nmade up\r\n"
        try:
            return self.ask(text + ".")
        except Cut:
            return ""


# ---- load ----


class Load:
    def __init__(self, ports: tuple[int, int], options: argparse.Namespace):
        self.ports = ports
        self.options = options
        self.lock = threading.Lock()
        self.record = open(options.record, "a", encoding="ascii")
        self.until = time.monotonic() + options.seconds if options.seconds else float("inf")

    def goes_on(self) -> bool:
        return time.monotonic() < self.until and not (self.options.until and os.path.exists(self.options.until))

    def note(self, ident: str, kind: str, began: float, reply: str) -> None:
        with self.lock:
            self.record.write(f"{ident}\t{kind}\t{began:.6f}\t{time.monotonic():.6f}\t{reply}\n")
            self.record.flush()

    def session(self, name: str, chance: random.Random) -> None:
        client = None
        for _ in range(chance.randint(1, 8)):
            if not self.goes_on():
                break
            ident = f"{name}-{chance.getrandbits(64):016x}"
            began = time.monotonic()
            try:
                if client is None:
                    client = Client(self.ports, KINDS[name])
                    refusal = client.greet()
                    answer = refusal or client.send(ident)
                else:
                    answer = client.send(ident)
            except Cut as cut:
                self.note(ident, name, began, f"cut {cut}")
                time.sleep(0.05)
                break
            self.note(ident, name, began, answer or "unanswered")
            time.sleep(self.options.pause / 1000)
            if not answer.startswith("250"):
                break
        if client is not None:
            client.close()

    def worker(self, seed: int) -> None:
        chance = random.Random(f"{os.getpid()} {seed}")
        names = self.options.kinds.split(",")
        while self.goes_on():
            self.session(chance.choice(names), chance)

    def run(self) -> None:
        workers = [threading.Thread(target=self.worker, args=(i,)) for i in range(self.options.clients)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()


def one(ports: tuple[int, int], name: str) -> str:
    try:
        client = Client(ports, KINDS[name])
        return client.greet() or client.send(f"one-{random.getrandbits(64):016x}") or "unanswered"
    except Cut as cut:
        return f"cut {cut}"


# ---- judging ----


def idents(folder: str) -> Counter:
    found: Counter = Counter()
    for path in Path(folder).rglob("*"):
        try:
            if path.is_file():
                found.update(match.decode() for match in set(ID_FIELD.findall(path.read_bytes())))
        except OSError:  # delivered meanwhile: then it is at the sink
            continue
    return found


def excess(spans: list[tuple[float, float]], rate: float, burst: float) -> float:
    """By how much the messages that were charged within any interval are more than burst + rate x time; <= 0 is good.

    A message is charged somewhere between its beginning and its end."""
    spans = sorted(spans, key=lambda span: span[1])
    worst = float("-inf")
    for began in {span[0] for span in spans}:
        n = 0
        for span in spans:
            n += span[0] >= began
            worst = max(worst, n - burst - rate * (span[1] - began)) if span[0] >= began else worst
    return worst


def judge(options: argparse.Namespace) -> int:
    queued = idents(options.queue)  # first: what leaves it meanwhile is at the sink
    sink = idents(options.sink)
    lines = [line.rstrip("\n").split("\t") for line in open(options.record, encoding="ascii")]
    got, spans = defaultdict(list), []
    for ident, kind, began, ended, reply in lines:
        group = reply[:3] if reply[:3] in ("250", "cut") else {"4": "4xx", "5": "5xx"}.get(reply[:1], "unanswered")
        got[group].append((ident, kind, reply))
        if KINDS[kind].limited and (group == "250" or ident in sink or ident in queued):
            spans.append((float(began), float(ended)))
    there = set(sink) | set(queued)
    lost = [ident for ident, _, _ in got["250"] if ident not in there]
    wrong = [row for row in got["250"] if not KINDS[row[1]].passes]
    wrong += [row for row in (r for rows in got.values() for r in rows) if row[0] in there and not KINDS[row[1]].passes]
    ghosts = [row for group in ("4xx", "5xx", "cut") for row in got[group] if row[0] in there]
    harsh = [row for row in got["5xx"] if KINDS[row[1]].passes]
    over = excess(spans, options.rate, options.burst) if spans else 0.0
    answered = {kind for _, kind, reply in got["250"]}
    served = [kind for kind in options.served.split(",") if kind]
    idle = [kind for kind in served if kind not in answered]
    counts = " ".join(f"{group}={len(got[group])}" for group in ("250", "4xx", "5xx", "unanswered", "cut"))
    print(f"# submitted={len(lines)} {counts} delivered={len(sink)} queued={len(queued)}")
    bad = 0
    for good, promise, evidence in (
        (not lost, "every message that was answered 250 arrived or waits in the queue", lost),
        (not wrong, "nothing passed that the rules forbid", wrong),
        (not ghosts, "nothing arrived that was refused", ghosts),
        (not harsh, "nothing that the rules permit was refused for good", harsh),
        (over <= 0, "the limit was never exceeded, in no stretch of time", [f"by {over:.1f}, {len(spans)} charged"]),
        (not served or len(idle) < len(served), "mail was served", idle),
    ):
        bad += not good
        print(("ok " if good else "not ok ") + f"{options.name}: {promise}")
        for row in [] if good else evidence[:5]:
            print(f"    {row}")
    return 1 if bad else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run")
    run.add_argument("ports")
    run.add_argument("record")
    run.add_argument("--seconds", type=float, default=0)
    run.add_argument("--until")
    run.add_argument("--clients", type=int, default=6)
    run.add_argument("--kinds", default="anna,dora,printer,bert,forged,stranger")
    run.add_argument("--pause", type=float, default=10)
    single = commands.add_parser("one")
    single.add_argument("ports")
    single.add_argument("kind")
    verdict = commands.add_parser("judge")
    verdict.add_argument("record")
    verdict.add_argument("sink")
    verdict.add_argument("queue")
    verdict.add_argument("--name", default="under load")
    verdict.add_argument("--rate", type=float, default=1.0, help="of the limited login, messages a second")
    verdict.add_argument("--burst", type=float, default=10)
    verdict.add_argument("--served", default="anna,dora,printer", help="kinds of which some must have been accepted")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if options.command == "judge":
        return judge(options)
    first, second = options.ports.split(":")
    ports = (int(first), int(second))
    if options.command == "one":
        print(one(ports, options.kind))
        return 0
    Load(ports, options).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
