#!/usr/bin/env python3
"""Reads the log of programs that were shown the rows of bypass.tsv: each line is printable ASCII, reads back into the
fields that were written, and none of them was made by what a client said.

    log_reads_back.py ROWS LOG...
"""
import codecs
import json
import re
import sys

HEAD = re.compile(rb"^\S+ postern-\w+\[\d+\]: |^(?={\"time\":)")
FIELD = re.compile(r' ?([a-z_]+)=("[^"]*"|[^ "=]*)(?= |$)')
SHOWN_MAX = 256  # bytes of a foreign value that are shown
STREAM = ("time", "program", "pid", "level")  # with what a line of JSON on stderr begins
KNOWN = {
    "event", "action", "reason", "by", "stage", "login", "mailbox", "tenant", "connector", "client", "method", "tls",
    "sender", "recipient", "recipients", "size", "limit", "retry", "would", "would_limit", "status", "queue_id",
    "instance", "why", "field", "fault", "header", "from", "header_sender", "text"}


def unescape_row(text):
    """The escapes of bypass.tsv, to bytes."""
    def one(match):
        kind = match.group(0)[1]
        if kind == "x":
            return bytes([int(match.group(0)[2:], 16)]).decode("latin-1")
        if kind == "u":
            return chr(int(match.group(0)[2:], 16)).encode().decode("latin-1")
        return {"n": "\n", "r": "\r", "t": "\t"}.get(kind, kind)

    plain = text.encode().decode("latin-1")
    return re.sub(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|.)", one, plain).encode("latin-1")


def unescape_log(text):
    return re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m.group(1), 16)]), text.encode("ascii"))


def rows(path):
    with open(path, encoding="ascii") as f:
        for line in f:
            if line[0] not in "#\n":
                yield line.rstrip("\n").split("\t")


def fields_of(line):
    """Of a text line; None when it doesn't read back."""
    fields, at = [], 0
    while at < len(line):
        match = FIELD.match(line, at)
        if not match:
            return None
        fields.append((match.group(1), match.group(2).strip("\"")))
        at = match.end()
    return fields


def in_json(said):
    """As JSON has it: what is no UTF-8 becomes U+FFFD, byte by byte."""
    return said.decode("utf-8", "each_byte")


codecs.register_error("each_byte", lambda e: ("\ufffd", e.start + 1))


def is_shown_in_json(said, logins):
    begin = said.removesuffix("...")
    return any(in_json(l) == said or in_json(l[:SHOWN_MAX]) == begin for l in logins)


def is_shown(value, logins):
    said = unescape_log(value)
    begin = said.removesuffix(b"...")
    return said in logins or (len(begin) == SHOWN_MAX and any(l.startswith(begin) for l in logins))


def problem(line, logins):
    """What is wrong with a line without its head, or None; and whether it is a decision with a login."""
    if re.search(rb"[^\x20-\x7e]", line):
        return "not printable ASCII", False
    text = line.decode("ascii")
    if text.startswith("{"):
        fields = json.loads(text, object_pairs_hook=list)
        fields = [(k, str(v)) for k, v in fields if k not in STREAM]
    elif text.startswith("event="):
        fields = fields_of(text)
    else:
        return None, False
    if fields is None:
        return "does not read back", False
    names = [name for name, _ in fields]
    if len(set(names)) != len(names) or not set(names) <= KNOWN:
        return "fields that are there twice, or unknown", False
    if fields[0] != ("event", "decision"):
        return None, False
    if names[1:3] != ["action", "reason"]:
        return "fields in another order", False
    login = dict(fields).get("login")
    if login is not None and not (is_shown_in_json if text.startswith("{") else is_shown)(login, logins):
        return "a login that nobody said", False
    return None, login is not None


def main():
    logins = {unescape_row(r[1]) for r in rows(sys.argv[1])}
    refused = sum(1 for r in rows(sys.argv[1]) if r[9] != "pass")
    wrong, decisions = [], 0
    for path in sys.argv[2:]:
        with open(path, "rb") as f:
            for line in f.read().split(b"\n"):
                line, heads = HEAD.subn(b"", line)
                if not line and not heads:
                    continue
                what, with_login = problem(line, logins) if heads else ("a line without time and name", False)
                decisions += with_login
                if what:
                    wrong.append(f"{path}: {what}: {line!r:.300}")
    print(f"# {decisions} decisions about logins in {len(sys.argv) - 2} logs")
    for line in wrong[:12]:
        print("    " + line)
    print(("not ok" if wrong else "ok") + " every line of the log is printable ASCII and reads back")
    enough = decisions >= refused
    print(("ok" if enough else "not ok") + " every refusal is there")
    return 0 if not wrong and enough else 1


if __name__ == "__main__":
    sys.exit(main())
