"""A small SMTP client for tests: says which reply decided. Loopback only.

    client.py PORT [--source ADDRESS] [--first LINE]... [--tls | --wrap] [--login USER | --xclient ARGS] --from ADDRESS
              [--header-from TEXT] RECIPIENT...

--first is sent as it is before the greeting is read (PROXY TCP4 ...); \\r\\n is added. The password is "secret".
"""
import argparse
import base64
import smtplib
import socket
import ssl
import sys


class Client(smtplib.SMTP):
    """Sends what goes before SMTP as soon as the connection is there; with wrap, all of it in TLS."""

    def __init__(self, first, wrap, *args, **keywords):
        self.first = first
        self.wrap = wrap
        super().__init__(*args, **keywords)

    def _get_socket(self, host, port, timeout):
        connection = socket.create_connection((host, port), timeout, self.source_address)
        for line in self.first:
            connection.sendall(line.encode() + b"\r\n")
        return anonymous_tls().wrap_socket(connection) if self.wrap else connection


def anonymous_tls():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def reply(code, text):
    return "%d %s" % (code, text.decode(errors="replace").replace("\n", " "))


def start_tls(client):
    client.starttls(context=anonymous_tls())
    client.ehlo()


def sign_in(client, user):
    return client.docmd("AUTH", "PLAIN " + base64.b64encode(b"\0" + user.encode() + b"\0secret").decode())


def send(client, sender, header_from, recipients):
    """The reply of the first step that was refused, or of the last."""
    answer = client.docmd("MAIL", "FROM:<%s>" % sender)
    if answer[0] != 250:
        return answer
    answers = [client.docmd("RCPT", "TO:<%s>" % recipient) for recipient in recipients]
    if not any(answer[0] == 250 for answer in answers):
        return answers[0]
    return client.data("From: %s\r\nTo: %s\r\nSubject: made up\r\n\r\nmade up\r\n" % (header_from, recipients[0]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--source", default="127.9.1.1")
    parser.add_argument("--first", action="append", default=[])
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--wrap", action="store_true")
    parser.add_argument("--login")
    parser.add_argument("--xclient")
    parser.add_argument("--from", dest="sender", required=True)
    parser.add_argument("--header-from")
    parser.add_argument("recipients", nargs="+")
    options = parser.parse_args()

    client = Client(options.first, options.wrap, "127.0.0.1", options.port, timeout=60, source_address=(options.source, 0))
    client.ehlo("client.contoso.example")
    if options.tls:
        start_tls(client)
    if options.xclient:
        answer = client.docmd("XCLIENT", options.xclient)
        if answer[0] != 220:
            return reply(*answer)
        client.ehlo("client.contoso.example")
    if options.login:
        answer = sign_in(client, options.login)
        if answer[0] != 235:
            return reply(*answer)
    return reply(*send(client, options.sender, options.header_from or options.sender, options.recipients))


try:
    print(main())
except smtplib.SMTPResponseException as error:
    print(reply(error.smtp_code, error.smtp_error))
except (OSError, smtplib.SMTPException) as error:
    print("client: %r" % error)
    sys.exit(1)
