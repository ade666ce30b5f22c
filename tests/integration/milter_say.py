#!/usr/bin/env python3
"""One message as it stands, the login claimed with XCLIENT; prints the reply that decided.

milter_say.py PORT LOGIN MESSAGE [RECIPIENTS [SENDER]]

LOGIN "-": none, from the printers' network. MESSAGE: escapes as in Python. RECIPIENTS: separated by blanks.
"""
import sys
from postfix_attacks import Smtp

port, login, message = int(sys.argv[1]), sys.argv[2], sys.argv[3].encode().decode("unicode_escape")
recipients = sys.argv[4].split() if len(sys.argv) > 4 else ["<guest@adatum.example>"]
sender = sys.argv[5] if len(sys.argv) > 5 else f"<{login}>"
smtp = Smtp(port, None if login == "-" else login)
reply = ""
for command in [f"MAIL FROM:{sender}"] + [f"RCPT TO:{r}" for r in recipients] + ["DATA"]:
    reply = smtp.ask(command)
    if reply[0] in "45":
        break
else:
    data = message.encode("latin-1").replace(b"\n", b"\r\n")
    reply = smtp.ask(data + b"\r\n." if data else b".")
print(reply)
smtp.ask("QUIT")
