"""A log of actions with the nastiest logins in all of its texts: actions.py FILE-OF-HOSTILE-LOGINS"""
import json
import sys
import time

STATES = ["done", "failed", "refused", "unknown"]


def main():
    at = int(time.time()) - 3600
    with open(sys.argv[1], encoding="utf-8") as lines:
        for n, line in enumerate(lines):
            text = json.loads(line)[:300].replace("\0", " ").encode("utf-8", "replace").decode()
            print(json.dumps({"at": at + n, "id": f"{at + n}-{n:x}", "state": STATES[n % 4], "verb": "block", "kind": "login",
                              "subject": text, "for": "2h", "reason": text, "who": text, "role": "operator", "from": text,
                              "before": text, "after": text, "said": text}))
    print(json.dumps({"at": at + 1000, "id": f"{at + 1000}-0", "state": "done", "verb": "block", "subject": "cleo@contoso.example",
                      "for": "2h", "reason": "password in a leak", "who": "anna", "role": "operator", "from": "uid 1000",
                      "tenant": "contoso", "before": "not blocked", "after": "blocked by operator until 2026-11-30T16:00:00Z",
                      "said": "blocked: user cleo@contoso.example, until 2026-11-30 17:00:00 +0100"}))


main()
