#!/usr/bin/env python3
"""Hostile headers for the From oracle, and readers of what arrived that know nothing of postern.

    from_oracle.py send COUNT SEED PORT REPLIES    submits the messages as anna through XCLIENT; a reply each
    from_oracle.py check COUNT SEED FOLDER         FOLDER holds enforced, monitored (replies), milter.log, judged

Message N of a seed is always the same one; its recipient is rN@adatum.example.
"""
import email
import email.policy
import email.utils
import random
import re
import socket
import sys

ANNA = b"anna@contoso.example"
OWN = [ANNA, b"ANNA@Contoso.Example", b"anna+tag@contoso.example", b'"anna"@contoso.example', b"anna@contoso.example."]
FOREIGN = [b"boss@contoso.example", b"bert@contoso.example", b"anna@adatum.example", b"x@fabrikam.example"]
LINE_MAX = 998  # octets of a line behind which Postfix breaks it on delivery (smtp_line_length_limit)


def name(c):
    return c.choice([
        b"Anna", b"A. Berg", b'"Berg, Anna"', b'"boss@contoso.example"', b"=?utf-8?q?boss=40contoso=2Eexample?=",
        b"=?utf-8?b?Ym9zc0Bjb250b3NvLmV4YW1wbGU=?=", b'"a\\"b"', b'"\\\\"', b"(boss@contoso.example)", b"[x] y", b"",
        b"J\xc3\xbcrgen", b"J\xfcrgen", b'"<boss@contoso.example>"', b"boss@contoso.example", b'"', b"(", b"a\x00b", b"a\rb",
        b"a\x1bb", b"\\", b'"x\\', b"Berg, Anna", b"boss:"])


def blank(c):
    return c.choice([b" "] * 6 + [b"", b"\t", b"\r\n ", b"\r\n\t", b"\n ", b"\r ", b"\r\n \r\n ", b" (c) ", b"  "])


def address(c):
    a = c.choice(OWN if c.random() < 0.6 else FOREIGN)
    shape = c.randrange(14)
    local, domain = a.rsplit(b"@", 1)
    return [
        a, b"<" + a + b">", name(c) + blank(c) + b"<" + a + b">", a + b" (" + c.choice(FOREIGN) + b")",
        b"(" + c.choice(FOREIGN) + b") " + a, b"<@a.example,@b.example:" + a + b">", local + b"(x)@" + domain,
        local + b" @ " + domain, b"<" + a + blank(c) + b">", name(c) + b"<" + a + b">" + blank(c) + name(c),
        b"Team:" + a + b";", local + b"\r\n @" + domain, b"<" + a, a + b">"][shape]


def value(c):
    many = c.choice([1, 1, 1, 1, 2, 2, 3])
    between = c.choice([b", ", b",", b",\r\n ", b"; ", b" ", b",,", b"\r\n\t,"])
    return blank(c) + between.join(address(c) for _ in range(many)) + c.choice([b""] * 5 + [b",", b" ", b"\r\n ", b"\x00", b"\r"])


def broken_line(c):
    """A quoted name in which Postfix's own line break, at delivery, may fall between a backslash and its quote."""
    before = b"From: \"" + b"x" * (LINE_MAX - 8 + c.randrange(-3, 3))
    return before + b'\\" <' + c.choice(FOREIGN) + b'>, \\"y" <' + ANNA + b">"


def long_line(c):
    kind = c.randrange(6)
    n = c.choice([900, 980, 990, 998, 1000, 2040, 2048, 2050, 4096, 8150])
    return [
        b"From: " + b"x" * n + b" <" + ANNA + b">", b"From: (" + b"x" * n + b") " + ANNA,
        b"From: " + ANNA + b"," + b" " * n + c.choice(FOREIGN), b"Subject: " + b"x" * n + b"\r\nFrom: " + ANNA,
        b"Subject: " + b"x" * n + b"\nFrom: " + c.choice(FOREIGN) + b"\r\nFrom: " + ANNA, broken_line(c)][kind]


def field(c):
    kind = c.randrange(24)
    v = value(c)
    if kind < 8:
        return c.choice([b"From:", b"from:", b"FROM:", b"From :", b"From\t:", b"From:", b"Fr\x00om:", b"From\r:"]) + v
    return [
        b"Sender:" + v, b"Resent-From:" + v, b"Resent-Sender: " + ANNA, b"X-From:" + v, b"Reply-To:" + v, b"Subject: x\r" + b"From:" + v,
        b"Subject: x\nFrom:" + v, b"garbage without colon", b" continued", b">From boss@contoso.example", b"From boss@contoso.example Sat",
        b":" + v, b"Subject:\r\n From:" + v, b"\x00From:" + v, long_line(c), b"Content-Type: message/rfc822"][kind - 8]


def plain(c):
    """Headers that every mail program writes, for anna: none of these may be refused."""
    return [b"From: " + c.choice([ANNA, b"Anna <" + ANNA + b">", b'"Berg, Anna" <' + ANNA + b">", b"=?utf-8?q?Anna?=\r\n <" + ANNA + b">"]),
            b"To: guest@adatum.example", b"Subject: hello", b"Date: Sat, 21 Nov 2026 08:00:00 +0000"]


def message(seed, number):
    c = random.Random(f"{seed}.{number}")
    if number % 10 == 0:
        return b"\r\n".join(plain(c)) + b"\r\n\r\nbody\r\n"
    if number % 25 == 1:
        return broken_line(c) + b"\r\n\r\nbody\r\n"
    fields = [field(c) for _ in range(c.choice([1, 1, 2, 2, 3, 4]))]
    if c.random() < 0.6:
        fields.insert(c.randrange(len(fields) + 1), b"From: " + address(c))
    body = c.choice([b"body", b"From: boss@contoso.example", b" From: boss@contoso.example"])
    return c.choice([b"\r\n", b"\r\n", b"\r\n", b"\n"]).join(fields) + b"\r\n\r\n" + body + b"\r\n"


# ---- submitting ----

class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.file = self.socket.makefile("rb")
        self.reply()
        self.ask(b"EHLO client.example")
        self.must(b"XCLIENT ADDR=203.0.113.9 NAME=[UNAVAILABLE] LOGIN=" + ANNA)
        self.must(b"EHLO client.example")

    def reply(self):
        while True:
            line = self.file.readline()
            if not line:
                raise SystemExit("the relay closed the connection")
            if line[3:4] != b"-":
                return line.decode("ascii", "replace").strip()

    def ask(self, command):
        self.socket.sendall(command + b"\r\n")
        return self.reply()

    def must(self, command):
        reply = self.ask(command)
        if reply[0] not in "23":
            raise SystemExit(f"{command}: {reply}")

    def submit(self, number, text):
        self.must(b"MAIL FROM:<" + ANNA + b">")
        self.must(b"RCPT TO:<r%d@adatum.example>" % number)
        self.must(b"DATA")
        return self.ask(re.sub(rb"(?m)^\.", b"..", text) + b".")


def send(count, seed, port, replies):
    client = Client(port)
    with open(replies, "w", encoding="ascii") as out:
        for number in range(count):
            if number % 50 == 49:
                client = Client(port)  # smtpd hangs up on clients with many errors
            out.write(f"r{number} {client.submit(number, message(seed, number))}\n")


# ---- reading what arrived ----

def header_block(path):
    """The header as bytes; what stands before the first Received is the sink's own."""
    with open(path, "rb") as f:
        text = f.read()
    return re.split(rb"\n\n", text[text.index(b"\nReceived:") + 1:], maxsplit=1)[0] + b"\n\n"


def without_quotes_and_comments(text):
    out, depth, i, quoted = [], 0, 0, False
    while i < len(text):
        ch = text[i]
        if ch == "\\" and (quoted or depth):
            i += 2
            continue
        if ch == '"' and not depth:
            quoted = not quoted
            out.append(" ")
        elif not quoted and ch == "(":
            depth += 1
        elif not quoted and ch == ")" and depth:
            depth -= 1
        elif not quoted and not depth:
            out.append(ch)
        i += 1
    return "".join(out)


def simple_reader(block):
    """RFC 5322 fields by hand: From in any case, blanks before the colon, unfolded; every word with an @ in it."""
    found = []
    for text in re.findall(r"(?im)^from[ \t]*:((?:.*)(?:\n[ \t].*)*)", block.decode("latin-1")):
        text = re.sub(r"\n(?=[ \t])", "", text)
        text = re.sub(r"<@[^:>]*:", "<", text)  # a source route is no address
        text = re.sub(r'"((?:[^"\\]|\\.)*)"(?=@)', lambda m: m.group(1), text)  # a quoted local part is one
        text = re.sub(r"\s*@\s*", "@", without_quotes_and_comments(text))
        found += re.findall(r'[^\s<>,;:"]+@[^\s<>,;:"]+', text)
    return found


def old_reader(block):
    parsed = email.message_from_bytes(block, policy=email.policy.compat32)
    values = [re.sub(r"[\r\n]+", "", str(v)) for v in parsed.get_all("from", [])]
    return [a for _, a in email.utils.getaddresses(values) if "@" in a]


def new_reader(block):
    parsed = email.message_from_bytes(block, policy=email.policy.default)
    try:
        return [a.addr_spec for v in parsed.get_all("from", []) for a in v.addresses if a.domain]
    except Exception:  # a header that Python's own parser falls over shows nobody anything
        return []


def is_own(text):
    local, _, domain = text.rpartition("@")
    local = local.strip().strip('"').lower()
    return local.split("+")[0] == "anna" and domain.strip().rstrip(".").lower() == "contoso.example"


def read_pairs(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return dict(line.strip().split(" ", 1) for line in f)


def milter_verdicts(path):
    """Queue id -> what the milter would have said of the header, in monitor mode."""
    said = {}
    with open(path, encoding="ascii", errors="replace") as f:
        for line in f:
            if "event=decision" in line and " stage=end " in line:
                fields = dict(re.findall(r" (\w+)=(\S+)", line))
                said[fields["queue_id"]] = {"from-bad": "bad", "from-not-own": "foreign"}.get(fields.get("would"), "fine")
    return said


def has_long_line(number, seed):
    return any(len(line) > LINE_MAX for line in re.split(rb"\r?\n", message(seed, number)))


def tell(ok, what, examples):
    print(("ok " if ok else "not ok ") + what)
    if not ok:
        for line in examples[:12]:
            print("    " + line)
    return ok


def check(count, seed, folder):
    monitored, enforced = read_pairs(f"{folder}/monitored"), read_pairs(f"{folder}/enforced")
    judged = {k: v.split(" ", 1) for k, v in read_pairs(f"{folder}/judged").items()}
    said = milter_verdicts(f"{folder}/milter.log")
    differ, shown, refused, lost, changed = [], [], [], [], []
    counts = {"fine": 0, "foreign": 0, "bad": 0}
    for number in range(count):
        key, text = f"r{number}", message(seed, number)
        queued = re.search(r"queued as (\w+)", monitored[key])
        if not queued or key not in judged:
            lost.append(f"{key}: {monitored[key]}")
            continue
        verdict, path = judged[key]
        milter = said.get(queued.group(1), "nothing")
        counts[milter] = counts.get(milter, 0) + 1
        text = re.sub(rb"x{20,}|y{20,}| {20,}", b"...", text)
        # A long line is bad before Postfix breaks it, and may be anything afterwards.
        if milter != verdict and not (milter == "bad" and has_long_line(number, seed)):
            differ.append(f"{key}: the milter said {milter}, of what arrived postern says {verdict}: {text!r:.400}")
        if (milter == "fine") != enforced[key].startswith("250"):
            changed.append(f"{key}: {milter}, but {enforced[key]}")
        if milter == "fine":
            block = header_block(path)
            for reader in (simple_reader, old_reader, new_reader):
                foreign = [a for a in reader(block) if not is_own(a)]
                if foreign:
                    shown.append(f"{key}: {reader.__name__} shows {foreign}: {text!r:.400}")
        if number % 10 == 0 and not enforced[key].startswith("250"):
            refused.append(f"{key}: {enforced[key]}: {text!r}")
    print(f"# {count} headers: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
    results = [
        tell(not lost, "every message arrives where postern only looks on", lost),
        tell(not differ, "the From that was judged is the From that arrived", differ),
        tell(not shown, "no message that passes shows any reader a From that isn't the login's", shown),
        tell(not changed, "what would be refused is refused, and nothing else", changed),
        tell(not refused, "no plain header of one's own is refused", refused),
        tell(min(counts.values()) * 20 >= count, "all three verdicts are common enough to mean something", [str(counts)])]
    return 0 if all(results) else 1


def main():
    if len(sys.argv) == 6 and sys.argv[1] == "send":
        return send(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5])
    if len(sys.argv) == 5 and sys.argv[1] == "check":
        return check(int(sys.argv[2]), sys.argv[3], sys.argv[4])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
