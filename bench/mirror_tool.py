#!/usr/bin/python3
"""Small parts of bench/mirror.sh.

mirror_tool.py pages PORT CA SECRET TENANT CLIENT FILE   fetches all mailbox series, each page behind its length
mirror_tool.py run COMMAND...                            runs it; the last line is "cpu_s=... anonymous_mib=... status=..."
"""
import json
import os
import ssl
import sys
import time
import urllib.parse
import urllib.request

CMDLETS = ("Get-CASMailbox", "Get-Mailbox", "Get-User", "Get-RecipientPermission")


def pages(port, ca, secret, tenant, client, out):
    context = ssl.create_default_context(cafile=ca)
    base = f"https://localhost:{port}"

    def post(url, data, headers):
        return urllib.request.urlopen(urllib.request.Request(url, data, headers), context=context).read()

    with open(secret, encoding="ascii") as file:
        form = urllib.parse.urlencode({"client_id": client, "scope": base + "/.default", "grant_type": "client_credentials",
                                       "client_secret": file.read().strip()})
    token = json.loads(post(f"{base}/{tenant}/oauth2/v2.0/token", form.encode(), {}))["access_token"]
    headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json", "X-AnchorMailbox": "APP:bench",
               "Prefer": "odata.maxpagesize=1000"}
    with open(out, "wb") as file:
        for cmdlet in CMDLETS:
            body = json.dumps({"CmdletInput": {"CmdletName": cmdlet, "Parameters": {"ResultSize": "Unlimited"}}}).encode()
            url = f"{base}/adminapi/beta/{tenant}/InvokeCommand"
            while url:
                page = post(url, body, headers)
                file.write(b"%d\n" % len(page) + page)
                url = json.loads(page).get("@odata.nextLink")


def anonymous_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return max((int(line.split()[1]) for line in file if line.startswith("RssAnon:")), default=0)


def run(command):
    """The peak is of anonymous memory, looked at every few milliseconds: a mapped file is the page cache's."""
    pid = os.posix_spawnp(command[0], command, os.environ)
    peak = ended = 0
    while ended == 0:
        peak = max(peak, anonymous_kib(pid))
        time.sleep(0.005)
        ended, status, usage = os.wait4(pid, os.WNOHANG)
    print(f"cpu_s={usage.ru_utime + usage.ru_stime:.2f} anonymous_mib={peak / 1024:.0f} "
          f"status={os.waitstatus_to_exitcode(status)}", flush=True)


if sys.argv[1] == "pages":
    pages(*sys.argv[2:])
else:
    run(sys.argv[2:])
