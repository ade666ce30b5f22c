"""Submissions to a policy server as Postfix would tell of them: submissions.py SOCKET FILE-OF-HOSTILE-LOGINS"""
import json
import socket
import sys


class Relay:
    """One connection; each submission is asked at RCPT and at END-OF-MESSAGE."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")
        self.n = 0

    def ask(self, state, fields):
        lines = [b"request=smtpd_access_policy", b"protocol_state=" + state, b"protocol_name=ESMTP", b"instance=b%d.1" % self.n]
        lines += [name.encode() + b"=" + value for name, value in fields.items()]
        self.socket.sendall(b"\n".join(lines) + b"\n\n")
        reply = self.file.readline()
        self.file.readline()
        return reply

    def submit(self, login, client, recipients=1, method=b"PLAIN", tls=b"TLSv1.3"):
        self.n += 1
        fields = {"sasl_method": method, "sasl_username": login, "sender": login, "recipient": b"guest@adatum.example",
                  "client_address": client, "encryption_protocol": tls, "size": b"4096"}
        if not login:
            del fields["sasl_method"], fields["sasl_username"]
            fields["sender"] = b"scans@contoso.example"
        if b" DUNNO" in b" " + self.ask(b"RCPT", fields).replace(b"action=", b" "):
            fields |= {"recipient_count": b"%d" % recipients, "recipient": b""}
            self.ask(b"END-OF-MESSAGE", fields)


def main():
    relay = Relay(sys.argv[1])
    for _ in range(4):
        relay.submit(b"anna@contoso.example", b"198.51.100.7", 3)
        relay.submit(b"erp@contoso.example", b"198.51.100.20", 1, method=b"XOAUTH2")
        relay.submit(b"scanner@contoso.example", b"198.51.100.21", 1, tls=b"TLSv1")
        relay.submit(b"anna@fabrikam.example", b"198.51.100.8", 2)
        relay.submit(b"bert@fabrikam.example", b"2001:db8::17", 1)
        relay.submit(b"", b"192.0.2.14")
        relay.submit(b"bert@contoso.example", b"203.0.113.66")
    for _ in range(40):  # a stolen login
        relay.submit(b"erp@contoso.example", b"203.0.113.66", 10)
    for _ in range(30):
        relay.submit(b"scanner@contoso.example", b"198.51.100.21", 1, tls=b"TLSv1.2")
    with open(sys.argv[2], encoding="utf-8") as lines:
        for line in lines:
            # What ends a line of the protocol can't be sent in it.
            login = json.loads(line).encode("utf-8", "surrogatepass").replace(b"\n", b" ").replace(b"\0", b" ")[:1000]
            for name in (login, login + b"@contoso.example"):
                relay.submit(name, b"203.0.113.9")


main()
