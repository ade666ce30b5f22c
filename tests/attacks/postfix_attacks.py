#!/usr/bin/env python3
"""Ways past the sender check that only a real Postfix can tell about: it rewrites, unquotes and folds before postern is
asked. Logins are claimed with XCLIENT. TAP lines.

    postfix_attacks.py rows PORT PORT25
    postfix_attacks.py smuggle PORT LOGIN SENDER END     a message, and another one inside it behind END (lfcrlf, lflf, crcr);
                                                         prints the replies behind DATA
    postfix_attacks.py probe PORT LOGIN                  recipients, and no message
"""
import socket
import sys

ANNA, BERT, BOSS = "anna@contoso.example", "bert@contoso.example", "boss@contoso.example"
ENDS = {"lfcrlf": b"\n.\r\n", "lflf": b"\n.\n", "crcr": b"\r.\r", "crlfcr": b"\r\n.\r", "lfcrcrlf": b"\n.\r\r\n"}


class Smtp:
    def __init__(self, port, login=None, address="203.0.113.9"):
        local = ("127.20.0.5", 0) if login is None else None  # the printers' network
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=local)
        self.file = self.socket.makefile("rb")
        self.reply()
        self.ask("EHLO client.example")
        if login is not None:
            text = "".join(chr(b) if 33 <= b <= 126 and b not in b"+=" else f"+{b:02X}" for b in login.encode("utf-8", "surrogateescape"))
            self.must(f"XCLIENT ADDR={address} NAME=[UNAVAILABLE] LOGIN={text}")
            self.must("EHLO client.example")

    def reply(self):
        lines = []
        while True:
            line = self.file.readline().decode("utf-8", "replace")
            lines.append(line)
            if line[3:4] != "-":
                return lines[-1].strip() or "closed"

    def ask(self, command):
        self.socket.sendall((command if isinstance(command, bytes) else command.encode("utf-8", "surrogateescape")) + b"\r\n")
        return self.reply()

    def must(self, command):
        reply = self.ask(command)
        if reply[0] not in "23":
            raise SystemExit(f"{command}: {reply}")

    def message(self, sender, recipients, header):
        """The reply that decided."""
        for command in [f"MAIL FROM:{sender}"] + [f"RCPT TO:{r}" for r in recipients] + ["DATA"]:
            reply = self.ask(command)
            if reply[0] in "45":
                self.ask("RSET")
                return reply
        return self.ask(header.encode("utf-8", "surrogateescape") + b"\r\nSubject: x\r\n\r\nx\r\n.")


OWN = f"From: {ANNA}"
# A row: what it is about, login, sender, recipients, header, beginning of the reply.
ROWS = [
    ("A1", ANNA, "<ANNA@Contoso.EXAMPLE>", None, OWN, "250"),
    ("A2", ANNA, '<"anna"@contoso.example>', None, OWN, "250"),
    ("A2", ANNA, '<"an\\na"@contoso.example>', None, OWN, "250"),
    ("A2", ANNA, '<"anna "@contoso.example>', None, OWN, "5"),
    ("A2", ANNA, '<"anna@"@contoso.example>', None, OWN, "5"),
    ("A2", ANNA, '<""@contoso.example>', None, OWN, "5"),
    ("A3", ANNA, '<"anna@contoso.example"@adatum.example>', None, OWN, "5"),
    ("A3", ANNA, '<"boss@adatum.example"@contoso.example>', None, OWN, "5"),
    ("A4", ANNA, f"<@a.example,@b.example:{ANNA}>", None, OWN, "250"),
    ("A4", ANNA, f"<@contoso.example:{BOSS}>", None, OWN, "5"),
    ("A4", ANNA, "<anna(c)@contoso.example>", None, OWN, "250"),
    ("A4", ANNA, "<boss(anna)@contoso.example>", None, OWN, "5"),
    ("A5", ANNA, "<anna%contoso.example@adatum.example>", None, OWN, "5"),
    ("A5", ANNA, "<contoso.example!anna@adatum.example>", None, OWN, "5"),
    ("A5", ANNA, "<boss%contoso.example>", None, OWN, "5"),
    ("A5", ANNA, "<contoso.example!boss>", None, OWN, "5"),
    ("A5", None, "<scan@contoso.example>", [f"<{ANNA}>"], "From: scan@contoso.example", "250"),
    ("A5", None, "<scan@contoso.example>", ["<x%adatum.example@contoso.example>"], "From: scan@contoso.example", "550 5.7.64"),
    ("A5", None, "<scan@contoso.example>", ['<"x%adatum.example"@contoso.example>'], "From: scan@contoso.example", "550 5.7.64"),
    ("A5", None, "<scan@contoso.example>", ["<adatum.example!x@contoso.example>"], "From: scan@contoso.example", "550 5.7.64"),
    ("A5", None, "<scan@contoso.example>", ["<x%adatum.example>"], "From: scan@contoso.example", "550 5.7.64"),
    ("A5", None, "<scan@contoso.example>", ["<adatum.example!x>"], "From: scan@contoso.example", "550 5.7.64"),
    ("A5", None, "<scan@contoso.example>", ['<"x@adatum.example"@contoso.example>'], "From: scan@contoso.example", "550 5.7.64"),
    ("A5", None, "<scan@contoso.example>", ["<@contoso.example:x@adatum.example>"], "From: scan@contoso.example", "550 5.7.64"),
    ("A6", ANNA, "<anna@contoso.example.>", None, OWN, "250"),
    ("A6", ANNA, "<anna@contoso.example..>", None, OWN, "5"),
    ("A6", ANNA, "<anna@[127.0.0.1]>", None, OWN, "5"),
    ("A6", ANNA, "<anna>", None, OWN, "5"),
    ("A6", ANNA, "<anna@>", None, OWN, "5"),
    ("A7", ANNA, "<anna+tag@contoso.example>", None, OWN, "250"),
    ("A7", ANNA, "<anna-tag@contoso.example>", None, OWN, "5"),
    ("A7", ANNA, "<+anna@contoso.example>", None, OWN, "5"),
    ("A8", ANNA, "<>", None, OWN, "250"),
    ("A8", ANNA, "<>", None, f"From: {BOSS}", "550 5.7.60"),
    ("A8", ANNA, "<>", ["<x@adatum.example>", "<y@adatum.example>"], OWN, "452 4.5.3"),
    ("A9", ANNA, "<\uff41nna@contoso.example> SMTPUTF8", None, OWN, "5"),
    ("A9", ANNA, "<\u0430nna@contoso.example> SMTPUTF8", None, OWN, "5"),
    ("A9", ANNA, "<anna\u200b@contoso.example> SMTPUTF8", None, OWN, "5"),
    ("A9", ANNA, "<anna@contoso\u3002example> SMTPUTF8", None, OWN, "250"),
    ("A9", ANNA, "<\udcffanna@contoso.example> SMTPUTF8", None, OWN, "5"),
    ("A11", ANNA, f"<{ANNA}>", None, f"{OWN}\r\nFrom: {BOSS}", "550 5.7.60"),
    ("A11", ANNA, f"<{ANNA}>", None, f"From: {ANNA}, {BOSS}", "550 5.7.60"),
    ("A11", ANNA, f"<{ANNA}>", None, f"From: team:{ANNA},{BOSS};", "550 5.7.60"),
    ("A11", ANNA, f"<{ANNA}>", None, "From: boss:;", "550 5.6.0"),
    ("A11", ANNA, f"<{ANNA}>", None, "From:", "550 5.6.0"),
    ("A11", ANNA, f"<{ANNA}>", None, "To: x@adatum.example", "250"),
    ("A11", ANNA, "<>", None, "To: x@adatum.example", "550 5.6.0"),
    ("A11", ANNA, f"<{ANNA}>", None, "\r\n".join([OWN] * 5000 + [f"From: {BOSS}"]), "550"),
    ("A11", ANNA, f"<{ANNA}>", None, "From: " + ",\r\n ".join([ANNA] * 100), "250"),
    ("A11", ANNA, f"<{ANNA}>", None, "From: " + ",\r\n ".join([ANNA] * 101), "550"),
    ("A12", ANNA, f"<{ANNA}>", None, f'From: "{BOSS}" <{ANNA}>', "250"),
    ("A12", ANNA, f"<{ANNA}>", None, f"From: =?utf-8?q?boss=40contoso.example?= <{ANNA}>", "250"),
    ("A12", ANNA, f"<{ANNA}>", None, f"From: {ANNA} <{BOSS}>", "550"),
    ("A12", ANNA, f"<{ANNA}>", None, "From: <=?utf-8?q?anna?=@contoso.example>", "550"),
    ("A12", ANNA, f"<{ANNA}>", None, f'From: "\\" <{ANNA}>, " <{BOSS}>', "550"),
    ("A14", ANNA, f"<{ANNA}>", None, f"{OWN}\r\nSender: {BOSS}", "550 5.7.60"),
    ("A14", ANNA, f"<{ANNA}>", None, f"{OWN}\r\nResent-From: {BOSS}", "550 5.7.60"),
    ("A14", ANNA, f"<{ANNA}>", None, f"{OWN}\r\nResent-Sender: {BOSS}", "550 5.7.60"),
    ("A14", ANNA, f"<{ANNA}>", None, f"{OWN}\r\nSender: {ANNA}", "250"),
    ("A15", ANNA, f"<{ANNA}> AUTH=<{BOSS}>", None, OWN, "250"),
    ("A15", ANNA, f"<{BOSS}> AUTH=<{BOSS}>", None, f"From: {BOSS}", "5"),
    ("A15", BERT, f"<{ANNA}> AUTH=<{ANNA}>", None, OWN, "550 5.7.139"),
    ("A20", ANNA.upper(), f"<{ANNA}>", None, OWN, "250"),
    ("A22", f"{BERT}\nsasl_username={ANNA}", f"<{ANNA}>", None, OWN, "5"),
    ("A22", f"{ANNA}\n", f"<{ANNA}>", None, OWN, "5"),
    ("A22", f"{ANNA} ", f"<{ANNA}>", None, OWN, "5"),
    ("A22", f" {ANNA}", f"<{ANNA}>", None, OWN, "5"),
    ("A22", f"{ANNA}\x01", f"<{ANNA}>", None, OWN, "5"),
    ("A22", f"{ANNA}?", f"<{ANNA}>", None, OWN, "5"),
    ("A22", "\udcff", f"<{ANNA}>", None, OWN, "5"),
    ("A22", f"=?utf-8?q?{ANNA}?=", f"<{ANNA}>", None, OWN, "5"),
    ("A22", f"sasl_username={ANNA}", f"<{ANNA}>", None, OWN, "5"),
]


def rows(port, port25):
    wrong = []
    for row, login, sender, recipients, header, wanted in ROWS:
        got = Smtp(port25 if login is None else port, login).message(sender, recipients or ["<guest@adatum.example>"], header)
        if not got.startswith(wanted):
            wrong.append((row, login, sender, recipients, header[:200], wanted, got))
    for name in sorted({row[0] for row in ROWS}, key=lambda r: int(r[1:])):
        bad = [w for w in wrong if w[0] == name]
        print(("not ok " if bad else "ok ") + f"{name}: {sum(row[0] == name for row in ROWS)} submissions are answered as they must be")
        for w in bad:
            print("    " + ascii(w[1:]))
    return 1 if wrong else 0


def smuggle(port, login, sender, end):
    smtp = Smtp(port, login)
    smtp.must(f"MAIL FROM:<{login}>")
    smtp.must("RCPT TO:<guest@adatum.example>")
    smtp.must("DATA")
    smtp.socket.sendall(f"From: {login}\r\nSubject: outer\r\n\r\nouter".encode() + ENDS[end])
    smtp.socket.sendall(f"MAIL FROM:<{sender}>\r\nRCPT TO:<inner@adatum.example>\r\nDATA\r\n".encode())
    smtp.socket.sendall(f"From: {sender}\r\nSubject: inner\r\n\r\ninner\r\n.\r\nQUIT\r\n".encode())
    said = []
    while not said or said[-1][:3] not in ("221", "421", "clo"):
        said.append(smtp.reply())
    print(" ".join(reply[:3] for reply in said))
    return 0


def probe(port, login):
    for last in ["RSET", "QUIT", f"MAIL FROM:<{login}>", "EHLO again.example"]:
        smtp = Smtp(port, login)
        for _ in range(5):
            smtp.must(f"MAIL FROM:<{login}>")
            for i in range(5):
                smtp.must(f"RCPT TO:<x{i}@adatum.example>")
            smtp.ask(last)
            if last != "RSET":
                break
    return 0


if __name__ == "__main__":
    kind, args = sys.argv[1], sys.argv[2:]
    sys.exit({"rows": lambda: rows(int(args[0]), int(args[1])), "smuggle": lambda: smuggle(int(args[0]), *args[1:]),
              "probe": lambda: probe(int(args[0]), args[1])}[kind]())
