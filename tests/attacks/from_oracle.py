#!/usr/bin/env python3
"""Hostile headers for the From oracle, and honest ones, held against readers that know nothing of postern (from_readers.py).

    from_oracle.py direct COUNT SEED JUDGE         judges headers through from_judge alone, no mail is sent
    from_oracle.py send COUNT SEED PORT REPLIES    submits the messages as anna through XCLIENT; a reply each
    from_oracle.py check COUNT SEED FOLDER         FOLDER holds enforced, monitored (replies), milter.log, judged

Message N of a seed is always the same one; its recipient is rN@adatum.example. Every third is of from_honest.txt.
"""
import os
import random
import re
import socket
import subprocess
import sys

import from_readers

ANNA = b"anna@contoso.example"
OWN = [ANNA, b"ANNA@Contoso.Example", b"anna+tag@contoso.example", b'"anna"@contoso.example', b"anna@contoso.example."]
FOREIGN = [b"boss@contoso.example", b"bert@contoso.example", b"anna@adatum.example", b"x@fabrikam.example"]
LINE_MAX = 998  # octets of a line behind which Postfix breaks it on delivery (smtp_line_length_limit)
HONEST_EVERY = 3


def honest_values():
    """The lines of from_honest.txt, with their escapes undone."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "from_honest.txt")
    with open(path, encoding="ascii") as f:
        lines = [line.rstrip("\n") for line in f if not line.startswith("#")]
    return [line.encode("ascii").decode("unicode_escape").encode("latin-1") for line in lines]


HONEST = honest_values()

# What a value is made of when it is made of anything: whole addresses, and everything that moves their borders.
TOKENS = [
    ANNA, ANNA, b"<" + ANNA + b">", b"<" + ANNA + b">", b"boss@contoso.example", b"<boss@contoso.example>", b'"boss@contoso.example"',
    b"(boss@contoso.example)", b"boss", b"anna", b"@contoso.example", b"@contoso", b"@", b"contoso.example", b".example", b".",
    b"<", b">", b"(", b")", b'"', b'"', b"\\", b'\\"', b"\\(", b",", b";", b":", b"[", b"]", b" ", b" ", b" ", b"\n ", b"\t", b"x", b"Team:",
    b"=?utf-8?q?a?=", b"=?utf-8?q?=22?=", b"=?utf-8?q?boss?=", b"\x81", b"\x83", b"\xe3\x81\x82", b"\xe3\x80", b"\xc3\xa9",
    b"~{", b"~}", b"\x1b$B", b"\x1b(B", b"''", b"'", b"%", b"!", b"<@x,", b"@x:", b"Ltd.", b"\xfc"]
CHARSET_LEAD = [b"\x81", b"\x83", b"\xe3\x80", b"\xe3\x81\x82", b"\xe6\x97\xa5", b"\xc3\xa9", b"\xfc", b"\x8f\xa1", b"~{", b"\x1b$B"]


def soup(c):
    parts = [c.choice(TOKENS) for _ in range(c.randrange(1, 9))]
    if c.random() < 0.7:
        parts.insert(c.randrange(len(parts) + 1), c.choice([b"<" + ANNA + b">", ANNA, b" <" + ANNA + b">"]))
    if c.random() < 0.4:
        parts.append(b" <" + ANNA + b">")
    return b"".join(parts)


def hidden(c):
    """Somebody else's address in what a reader of one kind takes for display text, and another doesn't."""
    boss, anna = b"<" + c.choice(FOREIGN) + b">", b"<" + ANNA + b">"
    lead = c.choice(CHARSET_LEAD)
    return c.choice([
        b'"' + lead + b'\\" ' + boss + b', " ' + anna, b'"' + lead + b'" ' + anna + b', "' + boss + b'"',
        b"(" + lead + b"\\) " + boss + b" ( " + lead + b"\\) " + anna, b'"x' + lead + b'" (' + boss + b") " + anna,
        b'"\x1b$B!"\x1b(B" ' + boss + b', " ' + anna, b'"~{!"~}" ' + boss + b', " ' + anna,
        b"\\" + boss + b" " + anna, b'\\" ' + boss + b' " ' + anna, b'"x" ' + anna + b' "' + boss + b'"',
        b"[ \" ] " + boss + b", \" " + anna, b'x@[ " ] ' + boss + b', " ' + anna, b"<@" + boss[1:-1] + b":" + anna[1:],
        b"<@x," + boss[1:-1] + b":" + anna[1:], b"@x," + boss[1:-1] + b":" + ANNA, b"<@a.example,@b.example:" + anna[1:],
        b"< (c) @x (" + boss + b"):" + anna[1:], b"<boss@contoso:" + anna[1:], b"bo ss@contoso.example " + anna,
        b"boss @ contoso . example " + anna, b"boss @contoso .example " + anna, b"boss(x)@contoso.example " + anna,
        b"boss@contoso(x).example " + anna, b"boss@contoso\xe3\x80\x82example " + anna, b"anna@contoso.example x " + anna,
        b"anna@contoso.example.evil " + anna, b"boss." + ANNA + b" " + anna, b"boss " + ANNA, b'boss"x"@contoso.example ' + anna,
        b"boss@=?utf-8?q?contoso.example?= " + anna, b"=?utf-8?q?boss@contoso.example?= " + anna, b"mailto:boss@contoso.example " + anna,
        b'"' + boss[1:-1] + b'", ' + anna, anna + b' "' + boss[1:-1] + b'"', b'"' + boss[1:-1] + b'": ' + ANNA, ANNA + b">.x",
        b"@contoso.example:" + ANNA, anna + b".evil", b"<" + anna + b" boss>", b"<boss>, " + anna,
        b"(" + boss[1:-1] + b"), " + anna, anna + b", (" + boss[1:-1] + b")", b"Team: (" + boss[1:-1] + b"); " + anna,
        b"Berg (" + boss[1:-1] + b"), Anna " + anna, b'Team: "' + boss[1:-1] + b'" ' + anna, b'T: x, "' + boss[1:-1] + b'"< ' + anna,
        b"<anna(" + boss[1:-1] + b")@contoso.example>", b"<" + ANNA + b" (" + boss[1:-1] + b")>"])


def shaken(c, text):
    """The same with something put in, taken out or doubled."""
    for _ in range(c.choice([0, 0, 1, 1, 2])):
        at, what = c.randrange(len(text) + 1), c.randrange(3)
        text = [text[:at] + c.choice(TOKENS) + text[at:], text[:at] + text[at + 1:], text[:at] + text[at:at + 1] + text[at:]][what]
    return text


def name(c):
    return c.choice([
        b"Anna", b"A. Berg", b'"Berg, Anna"', b'"boss@contoso.example"', b"=?utf-8?q?boss=40contoso=2Eexample?=",
        b"=?utf-8?b?Ym9zc0Bjb250b3NvLmV4YW1wbGU=?=", b'"a\\"b"', b'"\\\\"', b"(boss@contoso.example)", b"[x] y", b"",
        b"J\xc3\xbcrgen", b"J\xfcrgen", b'"<boss@contoso.example>"', b"boss@contoso.example", b'"', b"(", b"a\x00b", b"a\rb",
        b"a\x1bb", b"\\", b'"x\\', b"Berg, Anna", b"boss:", b"Anna @ Contoso", b"CONTOSO\\anna", b"Anna :)", ANNA, b"Backup: nightly",
        b"boss@contoso", b"'" + ANNA + b"'"])


def blank(c):
    return c.choice([b" "] * 6 + [b"", b"\t", b"\r\n ", b"\r\n\t", b"\n ", b"\r ", b"\r\n \r\n ", b" (c) ", b"  "])


def address(c):
    a = c.choice(OWN if c.random() < 0.6 else FOREIGN)
    shape = c.randrange(18)
    local, domain = a.rsplit(b"@", 1)
    return [
        a, b"<" + a + b">", name(c) + blank(c) + b"<" + a + b">", a + b" (" + c.choice(FOREIGN) + b")",
        b"(" + c.choice(FOREIGN) + b") " + a, b"<@a.example,@b.example:" + a + b">", local + b"(x)@" + domain,
        local + b" @ " + domain, b"<" + a + blank(c) + b">", name(c) + b"<" + a + b">" + blank(c) + name(c),
        b"Team:" + a + b";", local + b"\r\n @" + domain, b"<" + a, a + b">",
        b"<" + local + b"@" + domain.replace(b".", b"(" + c.choice(FOREIGN) + b").") + b">", local + b"@" + domain.replace(b".", b" . "),
        b"<" + local + b"(" + c.choice(FOREIGN) + b") @(x@y.example)" + domain + b">", b"A:" + a + b";, B:;"][shape]


def value(c):
    kind = c.randrange(10)
    if kind < 3:
        return b" " + soup(c)
    if kind < 5:
        return b" " + shaken(c, hidden(c))
    if kind < 6:
        return b" " + shaken(c, c.choice(HONEST))
    return b" " + addresses(c)


def addresses(c):
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


def message(seed, number):
    c = random.Random(f"{seed}.{number}")
    if number % HONEST_EVERY == 0:
        fields = [b"From: " + HONEST[number // HONEST_EVERY % len(HONEST)], b"To: guest@adatum.example", b"Subject: hello"]
        return b"\r\n".join(fields).replace(b"\n ", b"\r\n ") + b"\r\n\r\nbody\r\n"
    if number % 25 == 1:
        return broken_line(c) + b"\r\n\r\nbody\r\n"
    fields = [field(c) for _ in range(c.choice([1, 1, 2, 2, 3, 4]))]
    if c.random() < 0.6:
        fields.insert(c.randrange(len(fields) + 1), b"From:" + value(c))
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


class Readers:
    """What they see of headers that pass: lines about those who would be shown somebody else, and who found the login."""

    def __init__(self):
        self.readers = from_readers.all_readers()
        self.shown, self.headers = [], 0
        self.found_own = {reader.__name__: 0 for reader in self.readers}

    def look(self, block, what):
        foreign = {}
        self.headers += bool(from_readers.from_values(block))  # to the others the milter adds one
        for reader in self.readers:
            own, others = from_readers.sort_addresses(reader(block))
            self.found_own[reader.__name__] += bool(own)
            for address in others:
                foreign.setdefault(address, []).append(reader.__name__)
        self.shown += [f"{', '.join(names)} show {address!r} of {what}" for address, names in foreign.items()]

    def tell(self):
        blind = [f"{name}: {n} of {self.headers}" for name, n in self.found_own.items() if n * 2 < self.headers]
        seen = tell(not self.shown, "no header that passes shows any reader a From that isn't the login's", self.shown)
        return tell(not blind, f"each of {len(self.readers)} readers finds the login in most of them", blind) and seen


def header_of(text):
    """What Postfix takes for the header: a line that is no field ends it."""
    text = text.replace(b"\r\n", b"\n")
    fields = re.match(rb"(?:[^\n:]*:[^\n]*\n(?:[ \t][^\n]*\n)*)*", text).group()
    return fields + b"\n"


def direct(count, seed, judge):
    """The verdict on each header, without a mail server: what it would change, or mend, is judged as it is."""
    blocks = [header_of(message(seed, number)) for number in range(count)]
    lines = "".join(block.hex() + "\n" for block in blocks)
    verdicts = subprocess.run([judge, ANNA.decode()], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    readers, counts, refused = Readers(), {}, []
    for number, (block, line) in enumerate(zip(blocks, verdicts)):
        verdict, why, _ = line.split("\t")
        counts[verdict] = counts.get(verdict, 0) + 1
        if verdict == "fine":
            readers.look(block, str(from_readers.from_values(block)))
        elif number % HONEST_EVERY == 0:
            refused.append(f"{verdict} ({why}): {block!r}")
    print(f"# {count} headers: " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
    results = [
        tell(len(verdicts) == count, "every header is judged", [str(len(verdicts))]),
        readers.tell(),
        tell(not refused, "nothing that real software writes is refused", sorted(set(refused))),
        tell(len(counts) == 3 and min(counts.values()) * 50 >= count, "all three verdicts are common enough to mean something", [])]
    return 0 if all(results) else 1


def check(count, seed, folder):
    monitored, enforced = read_pairs(f"{folder}/monitored"), read_pairs(f"{folder}/enforced")
    judged = {k: v.split(" ", 1) for k, v in read_pairs(f"{folder}/judged").items()}
    said = milter_verdicts(f"{folder}/milter.log")
    differ, refused, lost, changed = [], [], [], []
    counts = {"fine": 0, "foreign": 0, "bad": 0}
    readers = Readers()
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
            readers.look(header_block(path), f"{key}: {text!r:.400}")
        if number % HONEST_EVERY == 0 and not enforced[key].startswith("250"):
            refused.append(f"{key}: {enforced[key]}: {text!r}")
    print(f"# {count} headers: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
    results = [
        tell(not lost, "every message arrives where postern only looks on", lost),
        tell(not differ, "the From that was judged is the From that arrived", differ),
        readers.tell(),
        tell(not changed, "what would be refused is refused, and nothing else", changed),
        tell(not refused, "nothing that real software writes is refused", refused),
        tell(min(counts.values()) * 50 >= count, "all three verdicts are common enough to mean something", [str(counts)])]
    return 0 if all(results) else 1


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "direct":
        return direct(int(sys.argv[2]), sys.argv[3], sys.argv[4])
    if len(sys.argv) == 6 and sys.argv[1] == "send":
        return send(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5])
    if len(sys.argv) == 5 and sys.argv[1] == "check":
        return check(int(sys.argv[2]), sys.argv[3], sys.argv[4])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
