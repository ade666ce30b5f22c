#!/usr/bin/env python3
"""Submits messages for the demonstration of relays that count as one. The relay names itself in its reply to EHLO.

    submit.py once PORT LOGIN CLIENT               one message: "RELAY CODE"
    submit.py people PORT NUMBER RELAY...          one message each, of so many: how many each relay let through
    submit.py steal PORT LOGIN PLACES RELAY...     from so many places at once, as fast as they are answered, until each relay
                                                   refuses: how many each let through, and the seconds until the last of these
"""
import base64
import multiprocessing
import smtplib
import ssl
import sys
import time

# Of each relay, before the thief gives up; and how long he tries at least, and at most.
REFUSALS, LEAST_S, MOST_S = 4, 2, 120


class Session:
    """A client that signed in; .relay is the one that it got."""

    def __init__(self, port, login, client):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.login = login
        self.smtp = smtplib.SMTP("127.0.0.1", int(port), source_address=(client, 0), timeout=60)
        self.relay = self.smtp.ehlo("client.contoso.example")[1].decode().split(".")[0]
        self.smtp.starttls(context=context)
        self.smtp.ehlo("client.contoso.example")
        plain = base64.b64encode(("\0%s\0secret" % login).encode()).decode()
        self.signed_in = self.smtp.docmd("AUTH", "PLAIN " + plain)[0] == 235

    def send(self):
        """The code that decided."""
        if not self.signed_in:
            return 535
        for line in ("MAIL FROM:<%s>" % self.login, "RCPT TO:<guest@adatum.example>"):
            code = self.smtp.docmd(line)[0]
            if code != 250:
                return code
        text = "From: <%s>\r\nTo: <guest@adatum.example>\r\nSubject: demo\r\n\r\nmade up\r\n" % self.login
        return self.smtp.data(text)[0]

    def close(self):
        try:
            self.smtp.quit()
        except (smtplib.SMTPException, OSError):
            pass


def once(port, login, client):
    session = Session(port, login, client)
    print(session.relay, session.send())
    session.close()


def people(port, number, *relays):
    passed = dict.fromkeys(relays, 0)
    for i in range(int(number)):
        session = Session(port, "person%d@contoso.example" % i, "127.9.%d.1" % i)
        passed[session.relay] += session.send() == 250
        session.close()
    print(*passed.values())


def thief(port, login, client, relays, passed, refused, last, begun):
    while time.monotonic() - begun < MOST_S and (min(refused) < REFUSALS or time.monotonic() - begun < LEAST_S):
        try:
            session = Session(port, login, client)
            at = relays.index(session.relay)
            while session.send() == 250:
                with passed.get_lock():
                    passed[at] += 1
                    last.value = time.monotonic() - begun
            with refused.get_lock():
                refused[at] += 1
            session.close()
        except (smtplib.SMTPException, OSError):
            time.sleep(0.1)


def steal(port, login, places, *relays):
    passed, refused = multiprocessing.Array("i", len(relays)), multiprocessing.Array("i", len(relays))
    last = multiprocessing.Value("d", 0)
    arguments = (relays, passed, refused, last, time.monotonic())
    thieves = [multiprocessing.Process(target=thief, args=(port, login, "127.10.%d.1" % i, *arguments))
               for i in range(int(places))]
    for process in thieves:
        process.start()
    for process in thieves:
        process.join()
    print(*passed, "%.1f" % last.value)


{"once": once, "people": people, "steal": steal}[sys.argv[1]](*sys.argv[2:])
