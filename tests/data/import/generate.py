#!/usr/bin/env python3
"""Writes a large tenant's exports, for measuring postern-mirror import.

    generate.py COUNT FOLDER    cas.csv (Windows PowerShell's Export-Csv), mailbox.json (ConvertTo-Json), transport.json

The same count gives the same mailboxes.
"""
import random
import sys
import uuid

CAS_HEADER = (
    "#TYPE Deserialized.Microsoft.Exchange.Data.Directory.Management.CASMailbox\r\n"
    '"Guid","PrimarySmtpAddress","SamAccountName","SmtpClientAuthenticationDisabled","DisplayName","OWAEnabled",'
    '"EmailAddresses"\r\n'
)
CAS_ROW = (
    '"{guid}","{address}","$A{i:06X}-00","{setting}","User {i}","True","SMTP:{address} smtp:u{i}@contoso.example '
    "smtp:user{i}@contosoexample.onmicrosoft.com "
    "X500:/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=u{i}\"\r\n"
)
MAILBOX = """    {{
        "UserPrincipalName":  "{address}",
        "Alias":  "user{i}",
        "DisplayName":  "User {i}",
        "PrimarySmtpAddress":  "{address}",
        "EmailAddresses":  [
                               "SMTP:{address}",
                               "smtp:u{i}@contoso.example",
                               "smtp:user{i}@contosoexample.onmicrosoft.com"
                           ],
        "RecipientTypeDetails":  "UserMailbox",
        "Guid":  "{guid}",
        "Identity":  "user{i}",
        "Name":  "user{i}",
        "WhenCreated":  "/Date(1777880361000)/",
        "GrantSendOnBehalfTo":  []
    }}"""


def main():
    count, folder = int(sys.argv[1]), sys.argv[2]
    chance = random.Random(count)
    with open(f"{folder}/transport.json", "w", encoding="utf-8") as transport:
        transport.write('{"Name": "Transport Settings", "SmtpClientAuthenticationDisabled": true}\n')
    with open(f"{folder}/cas.csv", "w", encoding="utf-8-sig", newline="") as cas, open(
        f"{folder}/mailbox.json", "w", encoding="utf-8"
    ) as mailbox:
        cas.write(CAS_HEADER)
        mailbox.write("[\n")
        for i in range(count):
            values = {
                "i": i,
                "guid": uuid.UUID(int=chance.getrandbits(128), version=4),
                "address": f"user{i:07d}@contoso.example",
                "setting": ("True", "False", "")[chance.randrange(3)],
            }
            cas.write(CAS_ROW.format(**values))
            mailbox.write((",\n" if i else "") + MAILBOX.format(**values))
        mailbox.write("\n]\n")


if __name__ == "__main__":
    main()
