"""Signs in by a SASL mechanism of its own making and prints the last reply, for tests. Loopback only.

    sasl_client.py PORT MECHANISM USER SECRET [--source ADDRESS] [--plain-text] [--break-off] [--times N]
    sasl_client.py --door SOCKET MECHANISM USER SECRET [--parameters TEXT] [--leave]

SECRET is a password, or an OAuth token. --break-off: says "*" in the midst of the dialogue, and then signs in. --door: speaks
Dovecot's authentication protocol at a UNIX socket, and prints the last line. --leave: is gone before there is an answer.
"""
import argparse
import base64
import hashlib
import hmac
import os
import smtplib
import socket
import ssl


def plain(user, secret):
    yield b"\0" + user + b"\0" + secret


def login(user, secret):
    yield None
    yield user
    yield secret


def cram_md5(user, secret):
    challenge = yield None
    yield user + b" " + hmac.new(secret, challenge, "md5").hexdigest().encode()


def scram_sha_256(user, secret):
    nonce = base64.b64encode(os.urandom(18))
    first = b"n=" + user.replace(b"=", b"=3D").replace(b",", b"=2C") + b",r=" + nonce
    answer = yield b"n,," + first
    parts = dict(part.split(b"=", 1) for part in answer.split(b","))
    salted = hashlib.pbkdf2_hmac("sha256", secret, base64.b64decode(parts[b"s"]), int(parts[b"i"]))
    key = hmac.new(salted, b"Client Key", "sha256").digest()
    final = b"c=biws,r=" + parts[b"r"]
    signature = hmac.new(hashlib.sha256(key).digest(), first + b"," + answer + b"," + final, "sha256").digest()
    yield final + b",p=" + base64.b64encode(bytes(a ^ b for a, b in zip(key, signature)))
    yield b""


def xoauth2(user, secret):
    yield b"user=" + user + b"\1auth=Bearer " + secret + b"\1\1"
    yield b""


def oauthbearer(user, secret):
    yield b"n,a=" + user + b",\1auth=Bearer " + secret + b"\1\1"
    yield b"\1"


def external(user, secret):
    yield user


MECHANISMS = {
    "PLAIN": plain, "LOGIN": login, "CRAM-MD5": cram_md5, "SCRAM-SHA-256": scram_sha_256, "XOAUTH2": xoauth2,
    "OAUTHBEARER": oauthbearer, "EXTERNAL": external,
}


def encode(data):
    return base64.b64encode(data).decode() or "="


def dialogue(options):
    return MECHANISMS[options.mechanism](options.user.encode(errors="surrogateescape"), options.secret.encode())


def sign_in(client, options):
    steps = dialogue(options)
    first = next(steps)
    code, text = client.docmd("AUTH", options.mechanism + (" " + encode(first) if first is not None else ""))
    while code == 334:
        answer = steps.send(base64.b64decode(text))
        code, text = client.docmd("*" if options.break_off else encode(answer).replace("=", "") if answer == b"" else encode(answer))
        options.break_off = False
    return "%d %s" % (code, text.decode(errors="replace").replace("\n", " "))


def over_smtp(options):
    client = smtplib.SMTP("127.0.0.1", options.port, timeout=120, source_address=(options.source, 0))
    client.ehlo("client.contoso.example")
    if not options.plain_text:
        client.starttls(context=ssl._create_unverified_context())
        client.ehlo("client.contoso.example")
    if options.break_off:
        print(sign_in(client, options))
    for _ in range(options.times):
        print(sign_in(client, options))


def over_door(options):
    door = socket.socket(socket.AF_UNIX)
    door.connect(options.door)
    lines = door.makefile("rwb")
    steps = dialogue(options)
    first = next(steps)

    def say(text):
        lines.write(text.encode() + b"\n")
        lines.flush()

    say("VERSION\t1\t2\nCPID\t%d" % os.getpid())
    while lines.readline() not in (b"DONE\n", b""):
        pass
    parameters = options.parameters.replace(" ", "\t")
    say("AUTH\t1\t%s\tservice=smtp\t%s%s" % (options.mechanism, parameters,
                                             "\tresp=" + encode(first).replace("=", "") if first == b"" else
                                             "\tresp=" + encode(first) if first is not None else ""))
    while not options.leave:
        line = lines.readline()
        if not line.startswith(b"CONT\t"):
            break
        answer = steps.send(base64.b64decode(line.split(b"\t")[2]))
        say("CONT\t1\t" + (encode(answer) if answer else ""))
    print("left" if options.leave else line.decode(errors="backslashreplace").rstrip("\n").replace("\t", " ") or "closed")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--door")
    parser.add_argument("--parameters", default="rip=192.0.2.9 secured")
    parser.add_argument("--source", default="127.9.1.1")
    parser.add_argument("--plain-text", action="store_true")
    parser.add_argument("--break-off", action="store_true")
    parser.add_argument("--leave", action="store_true")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("words", nargs="+")
    options = parser.parse_args()
    *port, options.mechanism, options.user, options.secret = options.words
    if options.door:
        over_door(options)
    else:
        options.port = int(port[0])
        over_smtp(options)


main()
