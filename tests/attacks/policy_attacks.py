#!/usr/bin/env python3
"""Attacks on a running postern-policyd, by somebody who can say what he likes where Postfix would pass it on. TAP lines.

    policy_attacks.py spellings|requests|spray|replay|probing|victim SOCKET POSTERN CONF
    policy_attacks.py flood|strangers SOCKET POSTERN CONF PID

POSTERN CONF: the command line and its configuration, for what it counts. The limits are those of policy_attacks.sh.
"""
import os
import random
import re
import socket
import subprocess
import sys
import time

BURST = 10  # of the limit "user"
HOSTILE = ['a"b', "a\\b", "a}b", "{x=\"y\"}", "\x1b[31m", "%s%n", "a\u202eb", "postern_up 1"]
status = 0


def ok(what, good, got=""):
    global status
    print(("ok " if good else "not ok ") + what)
    if not good:
        print(f"    got {got!r}")
        status = 1


class Policy:
    """A connection, as one of Postfix's smtpd processes has it."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.left = b""
        self.instance = random.randrange(1 << 30)

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        """The action, or None when the connection was closed."""
        while b"\n\n" not in self.left:
            try:
                got = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not got:
                return None
            self.left += got
        one, self.left = self.left.split(b"\n\n", 1)
        return one.decode("ascii").removeprefix("action=")

    def request(self, state="END-OF-MESSAGE", new=True, **fields):
        self.instance += new
        said = {
            "request": "smtpd_access_policy", "protocol_state": state, "protocol_name": "ESMTP", "client_address": "203.0.113.9",
            "helo_name": "laptop", "sender": "anna@contoso.example", "recipient": "guest@adatum.example",
            "recipient_count": "0" if state == "RCPT" else "1", "queue_id": "", "instance": f"1.2.{self.instance:x}.0", "size": "100",
            "sasl_method": "PLAIN", "sasl_username": "", "encryption_protocol": "TLSv1.3"}
        said.update(fields)
        return b"".join(f"{k}={v}\n".encode("utf-8", "surrogateescape") for k, v in said.items()) + b"\n"

    def ask(self, *args, **fields):
        self.send(self.request(*args, **fields))
        return self.answer()

    def message(self, **fields):
        """RCPT and END-OF-MESSAGE; True when it passes."""
        if self.ask("RCPT", **fields) != "DUNNO":
            return False
        return self.ask("END-OF-MESSAGE", new=False, **fields) == "DUNNO"


def spellings(path, _):
    """A20: however a login is spelled, the mailbox has one bucket."""
    policy = Policy(path)
    logins = ["anna@contoso.example", "ANNA@Contoso.Example", "anna", "Anna", "CONTOSO\\anna", "contoso/anna", "a.berg@contoso.example",
              "anna@b\u00fccher.example", "anna@xn--bcher-kva.example", "anna@contoso.example.", "scanner7"]
    passed = [login for _ in range(3) for login in logins if policy.message(sasl_username=login)]
    ok(f"{len(logins)} spellings of a login together get its burst, once", len(passed) == BURST, passed)
    ok("and the first of them were not refused for their form", passed == logins[:BURST], passed)


def requests(path, _):
    """A22, A31: what could be read in two ways, or is no request, is answered 451, and the connection closed."""
    plain = Policy(path).request("RCPT", sasl_username="bert@contoso.example")
    names = [n for n in re.findall(rb"^([a-z_]+)=", plain, re.M) if n not in (b"protocol_name", b"helo_name")]  # never looked at
    bad = {f"{n.decode()} twice": plain[:-1] + n + b"=x\n\n" for n in names}
    bad |= {f"{n.decode()} twice, first": n + b"=\n" + plain for n in names if n != b"request"}
    forged = b"bert@contoso.example\nsasl_username=anna@contoso.example"
    bad |= {
        "a login with a line feed": plain.replace(b"bert@contoso.example", forged),
        "a sender with one": plain.replace(b"sender=anna@contoso.example", b"sender=x\nsasl_username=anna@contoso.example"),
        "the same login twice": plain[:-1] + b"sasl_username=bert@contoso.example\n\n", "a NUL": plain.replace(b"bert", b"be\0rt"),
        "a line without =": b"garbage\n" + plain, "no request": plain.split(b"\n", 1)[1],
        "another request": plain.replace(b"smtpd_access_policy", b"smtpd_everything"), "nothing but a line feed": b"\n",
        "a line of 64 KiB": b"x=" + b"y" * 65536 + b"\n" + plain, "a request of 1 MiB": b"".join(b"a%d=%s\n" % (i, b"x" * 1000) for i in range(1000)),
        "a hundred thousand attributes": b"".join(b"a%d=\n" % i for i in range(100000)), "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\n\n", "not UTF-8 in a number": plain.replace(b"size=100", b"size=\xff"),
        "a negative count": plain.replace(b"recipient_count=0", b"recipient_count=-1")}
    wrong = []
    other = Policy(path)
    for what, data in bad.items():
        policy = Policy(path)
        try:
            policy.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # what was said so far was enough
        first = policy.answer()
        if first is None or not first.startswith("451 4.3.0 ") or policy.answer() is not None:
            wrong.append((what, first))
    ok(f"{len(bad)} requests that are none, or could be read in two ways, are answered 451 and hung up on", not wrong, wrong)
    # A login of these forms matches nobody, but says nothing twice.
    odd = ["bert@contoso.example?", " anna@contoso.example", "anna@contoso.example ", "anna@contoso.example\tx", "anna=x", "anna\x1b",
           "?", " ", "=", "anna@contoso.example=", "\x7f", "anna\u2028", "\udcff"]
    wrong = [(login, got) for login in odd if not (got := other.ask("RCPT", sasl_username=login)).startswith("5")]
    ok("a login with control characters, blanks, ? or = is nobody's", not wrong, wrong)
    ok("and a connection that was open meanwhile is served", other.message(sasl_username="susi@contoso.example", sender="susi@contoso.example"))


def counters(postern, name):
    text = subprocess.run(postern + ["metrics"], capture_output=True, text=True, check=True).stdout
    return int(re.search(rf"^{name} (\d+)$", text, re.M)[1])


def spray(path, postern):
    """A23: logins that don't exist make no rows of their own."""
    policy = Policy(path)
    before = counters(postern, "postern_counters_live")
    answers = set()
    for _ in range(100):
        policy.send(b"".join(policy.request("RCPT", sasl_username=f"{random.randrange(1 << 60):x}@contoso.example",
                                            client_address="203.0.113.77") for _ in range(200)))
        answers |= {policy.answer().split(" ")[1] for _ in range(200)}
    grown = counters(postern, "postern_counters_live") - before
    ok("20,000 logins that don't exist are refused", answers <= {"5.7.139", "5.1.8"}, answers)
    ok("the network that they came from gets blocked", "5.1.8" in answers, answers)
    ok("and they leave only its counter behind", grown <= 2, grown)
    ok("a login from elsewhere is not blocked with them", policy.message(
        sasl_username="kurt@contoso.example", sender="kurt@contoso.example", client_address="10.0.0.1"))


def replay(path, _):
    """A35: a message that is asked about again is charged once; a message number that is forged saves nothing."""
    policy = Policy(path)
    ilse = {"sasl_username": "ilse@contoso.example", "sender": "ilse@contoso.example"}
    passed = sum(policy.ask(new=False, **ilse) == "DUNNO" for _ in range(3 * BURST))
    ok("a message that Postfix asks about again and again passes", passed == 3 * BURST, passed)
    rest = sum(policy.message(**ilse) for _ in range(3 * BURST))
    ok("and was charged once", rest == BURST - 1, rest)
    # The same number for another login's messages.
    susi = {"sasl_username": "susi@contoso.example", "sender": "susi@contoso.example", "instance": "1.2.3.0"}
    others = Policy(path)
    others.ask(**(susi | {"sasl_username": "tim@fabrikam.example", "sender": "tim@fabrikam.example"}))
    others.ask(**susi)
    rest = sum(others.message(**(susi | {"instance": f"4.5.{i}.0"})) for i in range(3 * BURST))
    ok("the same number with another login is another message", rest <= BURST - 1, rest)


def probing(path, _):
    """A36: asking about recipients and giving up charges nothing, of messages or recipients."""
    paul = {"sasl_username": "p.ulrich@contoso.example", "sender": "paul@contoso.example"}
    policy = Policy(path)
    asked = {policy.ask("RCPT", new=i % 7 == 0, recipient=f"x{i}@adatum.example", **paul) for i in range(500)}
    ok("500 recipients in transactions that were given up are let through", asked == {"DUNNO"}, asked)
    passed = sum(policy.message(**paul) for _ in range(3 * BURST))
    ok("and cost nothing", passed == BURST, passed)


def victim(path, postern):
    """A47: what others do in somebody's name is not charged to her, and does not block her."""
    policy = Policy(path)
    jurgen = {"sasl_username": "juergen@contoso.example", "sender": "j\u00fcrgen@contoso.example"}
    for i in range(300):
        policy.message(sender=jurgen["sender"], client_address=f"198.51.100.{i % 250}")  # a connector that may say anything
        policy.message(sender=jurgen["sender"], client_address=f"192.0.2.{i % 250}")  # nobody's
        policy.message(sender=jurgen["sender"], sasl_username="bert@contoso.example", client_address=f"10.{i}.0.1")
        policy.message(sender=jurgen["sender"], sasl_username="juergen@adatum.example", client_address=f"10.{i}.1.1")
    passed = sum(policy.message(**jurgen) for _ in range(3 * BURST))
    ok("1,200 messages of others in her name leave her limit as it was", passed == BURST, passed)
    blocks = subprocess.run(postern + ["blocks"], capture_output=True, text=True, check=True).stdout
    ok("and she is not blocked", "juergen" not in blocks and "j\u00fcrgen" not in blocks, blocks)


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"^RssAnon:\s+(\d+)", f.read(), re.M)[1])


def rush(policy, n, offset):
    """n messages of n senders from n IPv6 networks, through the connector that takes any; how many passed."""
    passed = 0
    for at in range(0, n, 200):
        policy.send(b"".join(policy.request(
            sender=f"{random.choice(HOSTILE) if i % 50 == 0 else 'x'}{offset + at + i}@{i % 97}.example", helo_name=random.choice(HOSTILE),
            client_address=f"2001:db8:{(offset + at + i) >> 16:x}:{(offset + at + i) & 0xffff:x}::{i:x}") for i in range(200)))
        passed += sum(policy.answer() == "DUNNO" for _ in range(200))
    return passed


# What may gather for the journal while its disk is slow: two batches (JOURNAL_BATCH_BYTES in core/journal/journal_parts.h) of twice
# JOURNAL_GATHERED_MAX decisions. A busy machine fills it late. Some 30 bytes a key would be more than that.
JOURNAL_GATHERS_KIB = 6 * 1024


def series(postern):
    text = subprocess.run(postern + ["metrics"], capture_output=True, text=True, check=True).stdout
    return {re.sub(r" [-\d.e+]+$", "", line) for line in text.splitlines() if not line.startswith("#")}


def flood(path, postern, pid):
    """A40, A45: many times more keys than there is room for."""
    policy = Policy(path)
    anna = {"sasl_username": "anna@contoso.example"}
    heavy = sum(policy.message(**anna) for _ in range(BURST // 2))
    for i in range(3):  # what gathers for the journal has its bound, too, in each of the places where it does in turn
        rush(policy, 50000, (i + 1) << 20)
        time.sleep(1.1)
    before = resident_kib(pid)
    rush(policy, 200000, 0)
    grown, names = resident_kib(pid) - before, series(postern)
    ok("200,000 keys in a table of 4,096 take no more memory", grown < JOURNAL_GATHERS_KIB, f"{grown} KiB")
    said = "\n".join(names)
    ok("metrics stay few, and none is named by a client", len(names) < 100 and not re.search(r"\.example|2001:db8|[^\x20-\x7e\n]", said), said)
    heavy += sum(policy.message(**anna) for _ in range(3 * BURST))
    ok("and a login that was busy meanwhile stays within its burst", heavy <= BURST, heavy)
    ok("which is counted", counters(postern, "postern_counters_crowded_total") > 0)
    rows = subprocess.run(postern + ["report", "used", "--csv"], capture_output=True, check=True).stdout
    ok("and reports show nothing that a terminal obeys", not re.search(rb"[^\x20-\x7e\r\n]", rows), rows[:200])


def first_messages(policy, users):
    """How many of these users' first message of the day passes."""
    return sum(policy.ask(sasl_username=user, sender=user, client_address="198.51.100.7") == "DUNNO"
               for user in (f"u{u}@litware.example" for u in users))


def refuse(path, first, n):
    """One refusal of each of n addresses of one IPv6 /64, without a login. True when all were refused."""
    policy, refused = Policy(path), 0
    for at in range(first, first + n, 500):
        policy.send(b"".join(
            b"request=smtpd_access_policy\nprotocol_state=RCPT\nsender=x@y.example\nrecipient=z@w.example\n"
            b"client_address=2001:db8:bad:4::%x:%x\ninstance=9.%x\n\n" % (i >> 16, i & 0xffff, i) for i in range(at, at + 500)))
        refused += sum(policy.answer().startswith("530 ") for _ in range(500))
    return refused == n


def strangers(path, postern, pid):
    """A61: a flood of refusals without a login, from more addresses than there are counters."""
    policy = Policy(path)
    ok("200 people's first messages pass", first_messages(policy, range(200)) == 200)
    refused, before = refuse(path, 0, 300000), resident_kib(pid)
    ok("1,300,000 strangers are refused", refused and refuse(path, 300000, 1000000))
    grown = resident_kib(pid) - before
    ok("in fixed memory", grown < JOURNAL_GATHERS_KIB, f"{grown} KiB")
    passed = first_messages(policy, range(200, 500))
    ok("300 other people's first messages pass all the same", passed == 300, passed)
    blocks = counters(postern, "postern_blocks")
    ok("and nobody is blocked, but for the one network that the flood came from", blocks <= 1, blocks)
    ok("no counter is crowded by it", counters(postern, "postern_counters_crowded_total") == 0)
    live = counters(postern, "postern_counters_live")
    ok("and none is taken", live < 5000, live)


def main():
    name, path = sys.argv[1:3]
    postern = [sys.argv[3], "-c", sys.argv[4]]
    random.seed(4)
    {"spellings": spellings, "requests": requests, "spray": spray, "replay": replay, "probing": probing, "victim": victim,
     "flood": lambda p, c: flood(p, c, int(sys.argv[5])), "strangers": lambda p, c: strangers(p, c, int(sys.argv[5]))}[name](path, postern)
    return status


if __name__ == "__main__":
    sys.exit(main())
