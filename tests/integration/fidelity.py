#!/usr/bin/env python3
"""The table of SMTP AUTH, row by row: what policyd, the milter and explain make of it, after an import of it.

fidelity.py BUILD FOLDER import   brings the table in, before the services start
fidelity.py BUILD FOLDER check    asks them

A row is an organization's setting, a mailbox's, a gate that is on or off, the account behind the mailbox, its type, and the
mechanism. What has to come out is written here once more, from Exchange Online's own table. TAP lines.
"""
import itertools
import json
import re
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

BUILD, FOLDER = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
REASONS = ("mailbox-disabled", "organization-disabled", "security-defaults", "basic-forbidden", "account-disabled",
           "sender-domain-disabled", "recipient-domain-disabled", "sender-not-own")
AT_AUTH = REASONS[:5]
# name: organization disabled, security defaults, the default policy allows Basic
TENANTS = {"open": (False, False, True), "closed": (True, False, True), "guarded": (False, True, True),
           "modern": (False, False, False), "both": (True, True, False)}
SETTINGS = (None, True, False)
TYPES = ("UserMailbox", "SharedMailbox")
METHODS = ("PLAIN", "XOAUTH2")


def expected(tenant, setting, sign_in, kind, method):
    """Section 4 of the facts: the mailbox's setting, else the organization's; then what applies on top of "allowed"."""
    disabled, defaults, basic = TENANTS[tenant]
    if setting or (setting is None and disabled):
        return "mailbox-disabled" if setting else "organization-disabled"
    if defaults:
        return "security-defaults"
    if not basic and method == "PLAIN":
        return "basic-forbidden"
    return "account-disabled" if not sign_in and kind == "UserMailbox" else "allowed"


def mailboxes(tenant):
    for number, (setting, sign_in, kind) in enumerate(itertools.product(SETTINGS, (True, False), TYPES)):
        yield f"m{number}@{tenant}.example", setting, sign_in, kind


def write(name, rows):
    path = FOLDER / name
    path.write_text(json.dumps(rows))
    return str(path)


def import_all():
    for at, (tenant, (disabled, defaults, basic)) in enumerate(TENANTS.items()):
        people = list(mailboxes(tenant))
        guids = [f"51f0{at:04x}-3c5e-4b7a-9d21-0000{n:08x}" for n in range(len(people))]
        files = [
            write("transport.json", {"Name": "Transport Settings", "SmtpClientAuthenticationDisabled": disabled}),
            write("defaults.json", {"displayName": "Security Defaults", "isEnabled": defaults}),
            write("policies.json", [{"Name": "Default", "AllowBasicAuthSmtp": basic}]),
            write("organization.json", {"DefaultAuthenticationPolicy": "Default"}),
            write("domains.json", [{"DomainName": tenant + ".example", "DomainType": "Authoritative",
                                    "SendingFromDomainDisabled": False, "SendingToDomainDisabled": False},
                                   {"DomainName": "old." + tenant + ".example", "DomainType": "Authoritative",
                                    "SendingFromDomainDisabled": True, "SendingToDomainDisabled": False},
                                   {"DomainName": "unused." + tenant + ".example", "DomainType": "Authoritative",
                                    "SendingFromDomainDisabled": False, "SendingToDomainDisabled": True}]),
            write("casmailbox.json", [{"Guid": g, "PrimarySmtpAddress": a, "SmtpClientAuthenticationDisabled": s,
                                       "EmailAddresses": ["SMTP:" + a, "smtp:" + a.replace("@", "@old.")]}
                                      for g, (a, s, _, _) in zip(guids, people)]),
            write("mailbox.json", [{"Guid": g, "PrimarySmtpAddress": a, "UserPrincipalName": a, "RecipientTypeDetails": k,
                                    "AccountDisabled": not i} for g, (a, _, i, k) in zip(guids, people)]),
        ]
        subprocess.run([BUILD / "postern-mirror", "import", "-d", FOLDER / "directory", "--tenant", tenant, *files],
                       check=True, stdout=subprocess.DEVNULL)


def connect(name):
    end = time.monotonic() + 120
    while True:
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(60)
        try:
            s.connect(str(FOLDER / name))
            return s
        except OSError:
            s.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def reason_of(reply):
    """The configured replies end with the reason."""
    return next((word for word in REASONS if reply.endswith(" " + word)), reply)


def ask_policyd(s, login, method, sender, recipient):
    s.sendall(f"request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=203.0.113.9\n"
              f"sasl_method={method}\nsasl_username={login}\nsender={sender}\nrecipient={recipient}\n"
              f"encryption_protocol=TLSv1.3\ninstance={ask_policyd.n}.0\n\n".encode())
    ask_policyd.n += 1
    answer = s.recv(4096).decode().strip()
    return "allowed" if answer == "action=DUNNO" else reason_of(answer)


ask_policyd.n = 1


class Milter:
    """An MTA's side of the milter protocol, as far as MAIL and RCPT need it."""

    SKIPS = {b"C": 0x1, b"H": 0x2, b"M": 0x4, b"R": 0x8}
    SILENT = {b"C": 0x1000, b"H": 0x2000, b"M": 0x4000, b"R": 0x8000}

    def __init__(self):
        self.s = connect("milter")
        self.steps = 0
        answer = self.ask(b"O", struct.pack("!III", 6, 0x1FF, 0x1FFFFF))
        self.steps = struct.unpack("!III", answer[1:13])[2]

    def send(self, command, data):
        self.s.sendall(struct.pack("!I", len(data) + 1) + command + data)

    def read(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                raise EOFError("the milter hung up")
            data += more
        return data

    def ask(self, command, data):
        if self.steps & self.SKIPS.get(command, 0):
            return b"c"
        self.send(command, data)
        if self.steps & self.SILENT.get(command, 0):
            return b"c"
        return self.read(struct.unpack("!I", self.read(4))[0])

    def decide(self, login, method, sender, recipient):
        macros = [b"{auth_authen}", login.encode(), b"{auth_type}", method.encode(), b"{tls_version}", b"TLSv1.3"]
        self.ask(b"C", b"client.example\x004\x00\x19203.0.113.9\x00")
        self.ask(b"H", b"client.example\x00")
        self.send(b"D", b"M" + b"\x00".join(macros) + b"\x00")
        for command, address in ((b"M", sender), (b"R", recipient)):
            answer = self.ask(command, f"<{address}>\0".encode())
            if answer[:1] != b"c":
                return reason_of(answer[1:].rstrip(b"\0").decode())
        self.send(b"A", b"")
        return "allowed"


def explain(login, method, sender, recipient, *more):
    said = subprocess.run([BUILD / "postern", "-c", FOLDER / "postern.conf", "explain", "--user", login, "--method", method,
                           "--sender", sender, "--recipient", recipient, "--tls", "TLSv1.3", *more],
                          capture_output=True, text=True, check=False).stdout
    verdict = re.search(r"Verdict: (\w+) \((.*?)\)", said)
    return verdict[2] if verdict else said


def check(rows):
    bad = 0
    policyd = connect("policyd")
    for name, question, wanted in rows:
        milter = Milter()
        answers = {"policyd": ask_policyd(policyd, *question), "milter": milter.decide(*question),
                   "explain": explain(*question)}
        milter.s.close()
        # Who signs in is refused for the same reasons, but for those that are about a message.
        at_auth = explain(*question, "--stage", "auth")
        if at_auth != (wanted if wanted in AT_AUTH else "allowed"):
            answers["auth"] = at_auth
        if set(answers.values()) == {wanted}:
            print("ok", name)
        else:
            bad += 1
            print("not ok", name, f"\n    expected {wanted}, got {answers}")
    return bad


def rows():
    for tenant in TENANTS:
        for address, setting, sign_in, kind in mailboxes(tenant):
            for method in METHODS:
                wanted = expected(tenant, setting, sign_in, kind, method)
                yield (f"{tenant}: {setting}, {'enabled' if sign_in else 'disabled'} account, {kind}, {method}: {wanted}",
                       (address, method, address, "guest@adatum.example"), wanted)
    may, domain = "m8@open.example", "open.example"
    for sender, recipient, wanted in ((may, "x@" + domain, "allowed"), ("m8@old." + domain, "x@" + domain, "sender-domain-disabled"),
                                      ("m9@old." + domain, "x@" + domain, "sender-not-own"),
                                      (may, "x@old." + domain, "allowed"),
                                      (may, "x@unused." + domain, "recipient-domain-disabled")):
        yield f"from {sender} to {recipient}: {wanted}", (may, "PLAIN", sender, recipient), wanted


if sys.argv[3] == "import":
    import_all()
else:
    sys.exit(check(rows()) > 0)
