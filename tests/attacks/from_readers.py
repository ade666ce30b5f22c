"""Readers of a From field that know nothing of postern. Each is given a header as bytes, lines ended by LF, and returns the
addresses that it finds, as text.
"""
import email
import email.policy
import email.utils
import os
import re
import subprocess

# Where mail programs try one of these before UTF-8.
LEGACY_CHARSETS = ("shift_jis", "gb18030", "big5", "euc_kr", "johab", "iso2022_jp", "hz")


def from_values(block):
    """The values of the From fields, found by hand: in any case, blanks before the colon, lines not yet joined."""
    return re.findall(rb"(?im)^from[ \t]*:((?:.*)(?:\n[ \t].*)*)", block)


def unfolded(value):
    return re.sub(rb"\r?\n(?=[ \t])", b"", value)


def without_display_text(text):
    """Quoted strings and comments become blanks, but for a quoted string in front of an "@"."""
    out, depth, i, quoted = [], 0, 0, False
    while i < len(text):
        ch = text[i]
        if ch == "\\" and (quoted or depth):
            i += 2
            continue
        if ch == '"' and not depth:
            quoted = not quoted
            out.append('"')
        elif not quoted and ch == "(":
            depth += 1
        elif not quoted and ch == ")" and depth:
            depth -= 1
        elif not depth:
            out.append(ch)
        i += 1
    text = re.sub(r'"([^"]*)"(?=\s*@)', lambda m: m.group(1), "".join(out))
    return re.sub(r'"[^"]*("|$)', " ", text)


def without_quotes(text):
    return re.sub(r'"(?:\\.|[^"\\])*("|$)', " ", text)


def words_with_an_at_sign(block):
    """A program's quick look: every word with an "@" in it, outside of quotes and comments."""
    found = []
    for value in from_values(block):
        text = re.sub(r"\s*@\s*", "@", without_display_text(unfolded(value).decode("latin-1")))
        found += re.findall(r'[^\s<>,;:"]+@[^\s<>,;:"]+', text)
    return found


def first_angle(block):
    """What stands in the first angle brackets outside of quotes and comments, else all of it."""
    return angle(block, 0)


def last_angle(block):
    return angle(block, -1)


def angle(block, which):
    found = []
    for value in from_values(block):
        text = without_display_text(unfolded(value).decode("latin-1"))
        inside = re.findall(r"<([^<>]*)", text)
        found.append((inside[which] if inside else re.split("[,;]", text)[0]).strip(" \t\r<>"))
    return [a for a in found if re.fullmatch(r"[^@]+@[^@]+", a)]


def comma_splitter(block):
    """Cuts at commas and semicolons outside of quotes first; of each piece what stands in angle brackets, or the last word."""
    found = []
    for value in from_values(block):
        text = re.sub(r"\s*@\s*", "@", without_display_text(unfolded(value).decode("latin-1")))
        for piece in re.split("[,;]", text):
            inside = re.findall(r"<([^<>]*)", piece)
            found += [inside[0].strip() if inside else (piece.split() or [""])[-1].strip("<>;")]
    return [a for a in found if "@" in a]


def for_want_of_an_address(block):
    """Where a place of the list has none, what stands in its comment, as nodemailer has it. In a group that doesn't end, a quoted
    name in front of angle brackets, too, and in these the comments with the address, as Java's has it."""
    found = []
    for value in from_values(block):
        text = unfolded(value).decode("latin-1")
        inside = re.findall(r"<([^<>\"]*)>", without_quotes(text))
        found += [a.strip() for a in inside if re.search(r"\([^)]*@", a)]
        for piece in re.split("[,;:]", without_quotes(text)):
            if "@" not in without_display_text(piece):
                found += re.findall(r"\(\s*([^\s()<>\"]+@[^\s()<>\"]+)\s*\)", piece)
        group = re.match(r"[^\":;(<@]*:([^;]*)$", text)
        if group:
            found += re.findall(r'"([^\s"]+@[^\s"]+)"\s*<', group.group(1))
    return found + comma_splitter(block)


def python_old(block):
    parsed = email.message_from_bytes(block, policy=email.policy.compat32)
    values = [re.sub(r"[\r\n]+", "", str(v)) for v in parsed.get_all("from", [])]
    return [a for _, a in email.utils.getaddresses(values) if "@" in a]


def python_new(block):
    parsed = email.message_from_bytes(block, policy=email.policy.default)
    try:
        return [a.addr_spec for v in parsed.get_all("from", []) for a in v.addresses if a.domain]
    except Exception:  # a header that Python's own parser falls over shows nobody anything
        return []


def charset_first(charset):
    """A mail program of East Asia: takes the bytes for its own charset before it looks for quotes."""
    def reader(block):
        values = [unfolded(v).decode(charset, "replace") for v in from_values(block)]
        return [a for _, a in email.utils.getaddresses(values) if "@" in a]
    reader.__name__ = charset + "_first"
    return reader


def swallowing(block):
    """A careless decoder of such a charset: the first half of a letter takes a quote behind it, or a parenthesis."""
    values = [re.sub(rb'[\x81-\xfe]["()\\]', b"?", unfolded(v)).decode("latin-1") for v in from_values(block)]
    return [a for _, a in email.utils.getaddresses(values) if "@" in a]


class Perl:
    """Dovecot's parser and Perl's oldest (from_readers.pl), in a process of their own. Where Perl doesn't have them, none."""

    def __init__(self):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "from_readers.pl")
        self.process = subprocess.Popen([script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.ready = self.process.stdout.readline() == b"ready\n"
        self.block, self.found = None, ([], [])

    def ask(self, block):
        if block == self.block:
            return self.found
        found = ([], [])
        for value in from_values(block):
            self.process.stdin.write(value.hex().encode() + b"\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline().decode("ascii").rstrip("\n").split("\t")
            for mine, theirs in zip(found, answer):
                mine += [bytes.fromhex(a).decode("utf-8", "replace") for a in theirs.split()]
        self.block, self.found = block, found
        return found

    def readers(self):
        def dovecot(block):
            return self.ask(block)[0]

        def perl_old(block):
            return self.ask(block)[1]
        return [dovecot, perl_old] if self.ready else []


def all_readers():
    return ([words_with_an_at_sign, first_angle, last_angle, comma_splitter, for_want_of_an_address, python_old, python_new, swallowing] +
            [charset_first(c) for c in LEGACY_CHARSETS] + Perl().readers())


def is_dotted(address):
    return "." in address.rpartition("@")[2].strip().strip(".'")


def is_own(address):
    """Anna's, or one with a tag of hers. The quotes that some programs put around addresses don't matter."""
    local, _, domain = address.strip().strip("'").rpartition("@")
    domain = re.sub(r"\s", "", domain)
    return local.strip().strip('"').lower().split("+")[0] == "anna" and domain.rstrip(".").lower() == "contoso.example"


def sort_addresses(shown):
    """Of what a reader shows, what is the login's and what somebody else's. Without a dot in its domain it is nobody's; of a
    name in the place of an address, the addresses in it count."""
    found = []
    for address in shown:
        found += re.findall(r'[^\s<>,;:"]+@[^\s<>,;:"]+', address) if re.search("[<>,;:]", address) else [address]
    found = [re.sub(r"^=\?[^?]*\?[qQ]\?([^?=_]*)\?=$", r"\1", a) for a in found if is_dotted(a)]
    return [a for a in found if is_own(a)], [a for a in found if not is_own(a)]
