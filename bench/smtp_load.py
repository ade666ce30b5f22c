#!/usr/bin/python3
"""Submits messages to a throwaway Postfix and waits until its queue is empty again.

smtp_load.py PORT QUEUE-DIRECTORY CONNECTIONS MESSAGES MAILBOXES

Each connection claims a login by XCLIENT (as from the network, without TLS), sends five messages, and claims the next. Logins are
drawn pseudo-randomly, the same in each run. One line comes out, in the manner of the other load generators:

messages=... refused=... seconds=... mps=... accepted_mps=... p50_us=... p99_us=... load_cpu_us=...

seconds ends when the queue is empty, mps counts to there; accepted_mps to the last acceptance. p50_us and p99_us are those of
a submission, from MAIL to the reply to the end of the message.
"""
import os
import random
import socket
import sys
import threading
import time

MESSAGES_A_LOGIN = 5
TEXT = ("From: %s\r\nTo: someone@fabrikam.example\r\nSubject: The figures that you asked for\r\n"
        "Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-Id: <%d.%d@contoso.example>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        + "A line of text, as long as a line of text is\r\n" * 32 + ".\r\n")


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        self.reply()

    def reply(self):
        line = self.file.readline()
        while line[3:4] == b"-":
            line = self.file.readline()
        return line

    def say(self, text):
        self.socket.sendall(text.encode())
        return self.reply()

    def must(self, text, code):
        reply = self.say(text)
        if not reply.startswith(code):
            raise RuntimeError(f"{text.splitlines()[0]}: {reply.decode().strip()}")

    def login(self, user):
        self.must("EHLO laptop.contoso.example\r\n", b"250")
        self.must(f"XCLIENT ADDR=203.0.113.9 NAME=[UNAVAILABLE] LOGIN={user}\r\n", b"220")
        self.must("EHLO laptop.contoso.example\r\n", b"250")

    def submit(self, user, number, which):
        begun = time.monotonic()
        self.must(f"MAIL FROM:<{user}>\r\n", b"250")
        self.must("RCPT TO:<someone@fabrikam.example>\r\n", b"250")
        self.must("DATA\r\n", b"354")
        self.must(TEXT % (user, which, number), b"250")
        return time.monotonic() - begun


def run(port, which, messages, mailboxes, gate, latencies, errors):
    draw = random.Random(which)
    try:
        connection = Connection(port)
        gate.wait()
        for number in range(messages):
            if number % MESSAGES_A_LOGIN == 0:
                user = f"user{draw.randrange(mailboxes):07d}@contoso.example"
                connection.login(user)
            latencies.append(connection.submit(user, number, which))
        connection.say("QUIT\r\n")
    except (OSError, RuntimeError) as error:
        gate.abort()
        errors.append(error)
    except threading.BrokenBarrierError:
        pass


def queued(queue):
    """Messages that have come and are not delivered: those of a run are never deferred, since the sink takes all."""
    return sum(entry.is_file() for folder in ("incoming", "active", "deferred")
               for entry in os.scandir(os.path.join(queue, folder)))


def main(port, queue, connections, messages, mailboxes):
    latencies, errors = [], []
    gate = threading.Barrier(connections + 1)
    threads = [threading.Thread(target=run, args=(port, i, messages // connections, mailboxes, gate, latencies, errors))
               for i in range(connections)]
    for thread in threads:
        thread.start()
    try:
        gate.wait()
    except threading.BrokenBarrierError:
        pass
    begun = time.monotonic()
    for thread in threads:
        thread.join()
    if errors:
        sys.exit(f"smtp_load: {errors[0]}")
    accepted = time.monotonic() - begun
    cpu = time.process_time()
    while queued(queue):
        time.sleep(0.01)
        if time.monotonic() - begun > 300:
            sys.exit("smtp_load: the queue does not empty")
    seconds = time.monotonic() - begun
    latencies.sort()
    n = len(latencies)
    print(f"messages={n} refused=0 seconds={seconds:.3f} mps={n / seconds:.1f} accepted_mps={n / accepted:.1f} "
          f"p50_us={latencies[n // 2] * 1e6:.1f} p99_us={latencies[n * 99 // 100] * 1e6:.1f} load_cpu_us={cpu / n * 1e6:.1f}")


main(int(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
