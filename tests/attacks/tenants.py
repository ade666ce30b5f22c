#!/usr/bin/env python3
"""A21: tenants whose names clash. Worlds of two to four tenants are made up, with account names, addresses, mailbox ids and
domains that several claim; then what each login may do must not depend on the other tenants' settings: with only its own
tenant imported the verdict is the same, or the name is ambiguous and refused. TAP lines.

    tenants.py BUILD FOLDER WORLDS [SEED]      FOLDER/state is a state that "postern explain" can read
"""
import csv
import json
import random
import re
import subprocess
import sys

NAMES = ["sean", "anna", "info", "sean.o"]
SHARED = ["s0.example", "s1.example"]


def make_tenant(c, name, others):
    """Its domains, mailboxes, organization's setting."""
    domains = [f"{name}.example"] + [d for d in SHARED if c.random() < 0.4]
    mailboxes = []
    for number, local in enumerate(c.sample(NAMES, c.randrange(2, 4))):
        primary = f"{local}@{c.choice(domains)}"
        proxies = {f"{c.choice(NAMES)}@{c.choice(domains)}" for _ in range(c.randrange(2))}
        if c.random() < 0.4:  # an address in a domain that is another's
            proxies.add(f"{c.choice(NAMES)}@{c.choice(others + SHARED)}")
        guid = f"0a7d6d2c-0000-4b7e-9d55-{c.randrange(6):012x}" if c.random() < 0.3 else f"0a7d6d2c-{name[1:]:0>4}-4b7e-9d55-{number + 16:012x}"
        mailboxes.append({"guid": guid, "primary": primary, "proxies": sorted(proxies - {primary}), "alias": local,
                          "disabled": c.choice(["True", "False", "False", ""])})
    own, seen = [], set()
    for m in mailboxes:  # within a tenant Exchange allows no address and no id twice
        if m["guid"] in seen or m["primary"] in seen:
            continue
        m["proxies"] = [p for p in m["proxies"] if p not in seen]
        seen |= {m["guid"], m["primary"], *m["proxies"]}
        own.append(m)
    return {"name": name, "domains": domains, "mailboxes": own, "disabled": c.random() < 0.5}


def write_exports(tenant, folder):
    """As PowerShell writes them; the paths."""
    path = f"{folder}/{tenant['name']}"
    with open(f"{path}-casmailbox.csv", "w", encoding="utf-8", newline="") as f:
        rows = csv.writer(f, quoting=csv.QUOTE_ALL)
        rows.writerow(["Guid", "PrimarySmtpAddress", "OWAEnabled", "SmtpClientAuthenticationDisabled"])
        rows.writerows([m["guid"], m["primary"], "True", m["disabled"]] for m in tenant["mailboxes"])
    files = {
        "mailbox": [{"Guid": m["guid"], "UserPrincipalName": m["primary"], "Alias": m["alias"], "PrimarySmtpAddress": m["primary"],
                     "EmailAddresses": ["SMTP:" + m["primary"]] + ["smtp:" + p for p in m["proxies"]],
                     "RecipientTypeDetails": "UserMailbox", "Name": m["alias"]} for m in tenant["mailboxes"]],
        "accepteddomain": [{"DomainName": d, "DomainType": "Authoritative", "MatchSubDomains": False, "Default": i == 0}
                           for i, d in enumerate(tenant["domains"])],
        "transportconfig": {"JournalingReportNdrTo": "<>", "MaxSendSize": "Unlimited", "SmtpClientAuthenticationDisabled": tenant["disabled"]}}
    for kind, value in files.items():
        with open(f"{path}-{kind}.json", "w", encoding="utf-8") as f:
            json.dump(value, f)
    return [f"{path}-casmailbox.csv"] + [f"{path}-{kind}.json" for kind in files]


def bring_in(build, directory, tenants, folder):
    for tenant in tenants:
        subprocess.run([f"{build}/postern-mirror", "import", "-d", directory, "--force", "--tenant", tenant["name"]] +
                       write_exports(tenant, folder), check=True, capture_output=True)


def write_config(folder, name, tenants):
    path = f"{folder}/{name}.conf"
    rows = ",".join(f'{{ name = "{t["name"]}"; netbios = ["{t["name"].upper()}"]; }}' for t in tenants)
    with open(path, "w", encoding="utf-8") as f:
        f.write(f'directory = "{folder}/{name}"; state = {{ file = "{folder}/../state"; entries = 1024; }}; journal = ""; preset = "none";\n'
                f'default_tenant = "{tenants[0]["name"]}"; tenants = ({rows});\n')
    return path


def decide(build, config, login, sender):
    got = subprocess.run([f"{build}/postern", "-c", config, "explain", "--user", login, "--sender", sender, "--client", "203.0.113.9",
                          "--recipient", "x@adatum.example", "--json"], capture_output=True, text=True)
    said = json.loads(got.stdout)
    who = re.match(r"who: tenant ([a-z0-9]+)", said["steps"][0])
    return said["action"], said["reason"], who and who[1]


def world(c, build, folder, number):
    """What is wrong in it, how many logins were asked about, and how many of these may send."""
    names = [f"t{i}" for i in range(c.randrange(2, 5))]
    tenants = [make_tenant(c, n, [f"{o}.example" for o in names if o != n]) for n in names]
    folder = f"{folder}/{number}"
    subprocess.run(["mkdir", folder], check=True)
    bring_in(build, f"{folder}/all", tenants, folder)
    everything = write_config(folder, "all", tenants)
    alone = {}
    for t in tenants:
        bring_in(build, f"{folder}/{t['name']}", [t], folder)
        alone[t["name"]] = write_config(folder, t["name"], tenants)
    known = {a for t in tenants for m in t["mailboxes"] for a in [m["primary"], *m["proxies"]]}
    logins = c.sample(sorted(known), min(len(known), 6)) + [f"{c.choice(names).upper()}\\{c.choice(NAMES)}", c.choice(NAMES)]
    wrong, passed = [], 0
    for login in logins:
        sender = login if "@" in login else c.choice(sorted(known))
        together = decide(build, everything, login, sender)
        passed += together[0] == "pass"
        if together[2] is None:
            if together[0] == "pass":
                wrong.append((login, sender, together, "without a tenant"))
            continue
        single = decide(build, alone[together[2]], login, sender)
        # What others claim may make a name ambiguous, which refuses; it never permits, and never changes why.
        if single[:2] != together[:2] and (together[0] == "pass" or single[0] != "pass"):
            wrong.append((login, sender, together, single))
    return wrong, len(logins), passed


def main():
    build, folder, worlds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    c = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 21)
    wrong, asked, passed = [], 0, 0
    for number in range(worlds):
        bad, logins, through = world(c, build, folder, number)
        wrong += [(number, *w) for w in bad]
        asked, passed = asked + logins, passed + through
    print(f"# {worlds} worlds, {asked} logins, {passed} of them may send")
    print(("not ok" if wrong else "ok") + " what a login may do depends on its own tenant's settings alone")
    for w in wrong[:10]:
        print("    " + ascii(w))
    enough = asked // 5 < passed < asked
    print(("ok" if enough else "not ok") + " of logins that may send and others that may not")
    return 0 if enough and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
