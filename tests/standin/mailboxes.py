"""What a tenant holds: made-up mailboxes of any number, or those of the samples, with the scenario's changes.

Rows of made-up mailboxes come from text templates, so that a million of them costs little. Only rows that are changed
are built as objects.
"""

import json
import re
from pathlib import Path
from typing import Any, Iterator, Optional

SAMPLES = Path(__file__).resolve().parent / "samples"
PROPERTY = "SmtpClientAuthenticationDisabled"
MAILBOX_CMDLETS = ("Get-CASMailbox", "Get-Mailbox", "Get-User", "Get-RecipientPermission")
SAMPLE_FILES = {
    "Get-CASMailbox": ("get-casmailbox-page1.json", "get-casmailbox-page2.json"),
    "Get-Mailbox": ("get-mailbox.json",),
    "Get-RecipientPermission": ("get-recipientpermission.json",),
    "Get-TransportConfig": ("get-transportconfig.json",),
    "Get-AcceptedDomain": ("get-accepteddomain.json",),
    "Get-AuthenticationPolicy": ("get-authenticationpolicy.json",),
    "Get-HostedOutboundSpamFilterPolicy": ("get-hostedoutboundspamfilterpolicy.json",),
}
ORGANIZATION = {
    "Name": "contosoexample.onmicrosoft.com",
    "Identity": "contosoexample.onmicrosoft.com",
    "DefaultAuthenticationPolicy": None,
    "SendFromAliasEnabled": False,
    "RejectDirectSend": False,
    "OAuth2ClientProfileEnabled": True,
    "IsValid": True,
    "ObjectState": "Unchanged",
}
CMDLETS = (
    *SAMPLE_FILES,
    "Get-User",
    "Get-OrganizationConfig",
    "Get-BlockedSenderAddress",
    "Get-Recipient",
    "Get-DistributionGroupMember",
    "Get-MailUser",
)
USER_FIELDS = (
    "UserPrincipalName",
    "DisplayName",
    "ExternalDirectoryObjectId",
    "Guid@data.type",
    "Guid@odata.type",
    "Guid",
    "Identity",
    "Name",
    "RecipientType",
    "RecipientTypeDetails",
    "IsValid",
    "ObjectState",
)

ORGANIZATION_WRITTEN = -1  # in place of a mailbox's number

# The setting of mailbox i is that of i % 10, as in the ten samples.
SETTINGS = ("null", "false", "false", "true", "null", "false", "true", "null", "null", "true")
NUMBERED = re.compile(r"(?:user ?|upn|alias)(\d{7})(?:@(.*))?$", re.IGNORECASE)  # "User 0000017": DisplayName
GUID = re.compile(r"([0-9a-f]{8})-(?:3c5e-4b7a-9d21|81d4-4c02-b6e7)-0000([0-9a-f]{4})0000$", re.IGNORECASE)

# Marks in the templates' rows: «name» is replaced by a value; with its quotes when it stands alone as "«=name»".
TEMPLATE_FIELDS: dict[str, Any] = {
    "EmailAddresses": ["«=addresses»"],
    "PrimarySmtpAddress": "«mail»",
    "DisplayName": "User «number»",
    "Name": "«name»",
    "Identity": "«name»",
    "Id": "«name»",
    "Alias": "«name»",
    "Guid": "«guid»",
    "ExternalDirectoryObjectId": "«object»",
    "ExchangeGuid": "«guid»",
    "UserPrincipalName": "«upn»",
    "WindowsLiveID": "«upn»",
    "MicrosoftOnlineServicesID": "«upn»",
    "SamAccountName": "$«number»-4F3C2D1E0001",
    PROPERTY: "«=setting»",
    "LegacyExchangeDN": "/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients"
    "/cn=«number»-«name»",
    "DistinguishedName": "CN=«name»,OU=«initial»,OU=Microsoft Exchange Hosted Organizations"
    ",DC=EURPR01A001,DC=PROD,DC=OUTLOOK,DC=COM",
    "RecipientTypeDetails": "«kind»",
    "AccountDisabled": "«=blocked»",
    "IsShared": "«=shared»",
    "Trustee": "«trustee»",
    "TrusteeSidString": "«sid»",
}


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _sample_rows(cmdlet: str, tenant: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the sample files, with this tenant's domains and, but for seed 1, identifiers of its own."""
    rows: list[dict[str, Any]] = []
    for name in SAMPLE_FILES[cmdlet]:
        text = (SAMPLES / name).read_text("utf-8")
        text = text.replace("contosoexample", tenant["initial_domain"].split(".")[0]).replace(
            "contoso.example", tenant["domain"]
        )
        if tenant["seed"] != 1:
            text = text.replace("51f0a", f"51{tenant['seed'] & 0xfff:03x}").replace(
                "9be4", f"9b{tenant['seed'] & 0xff:02x}"
            )
        rows += json.loads(text)["value"]
    return rows


def _user_row(mailbox: dict[str, Any]) -> dict[str, Any]:
    return {**{key: mailbox[key] for key in USER_FIELDS if key in mailbox}, "AuthenticationPolicy": None}


def selected(row: dict[str, Any], select: tuple[str, ...]) -> dict[str, Any]:
    """The fields that $select names, with their annotations; all when it names none."""
    wanted = {name.lower() for name in select}
    return row if not wanted else {key: value for key, value in row.items() if key.split("@")[0].lower() in wanted}


class Tenant:
    """The rows of one tenant in one scenario. `written` holds what was set: number -> value."""

    def __init__(self, settings: dict[str, Any], written: dict[int, Any]) -> None:
        self.settings = settings
        self._written = written
        self._templates: dict[tuple[str, tuple[str, ...]], str] = {}
        self._from_samples = settings["mailboxes"] == "samples"
        self._samples = {cmdlet: _sample_rows(cmdlet, settings) for cmdlet in SAMPLE_FILES}
        self._samples["Get-User"] = [_user_row(row) for row in self._samples["Get-Mailbox"]]
        total = len(self._samples["Get-Mailbox"]) if self._from_samples else int(settings["mailboxes"])
        self._kept = int(total * settings["keep"] + 0.5)
        self._removed = sorted({self._must_find(mailbox) for mailbox in settings["remove"]})
        self._removed = [number for number in self._removed if number < self._kept]
        self._changes: dict[int, list[dict[str, Any]]] = {}
        for change in settings["changes"]:
            self._changes.setdefault(self._must_find(change["mailbox"]), []).append(change)

    # ---- who is who ----

    def _must_find(self, mailbox: Any) -> int:
        number = mailbox if isinstance(mailbox, int) else self._number(str(mailbox))
        if number is None:
            raise ValueError(f"the scenario names a mailbox that is not there: {mailbox!r}")
        return number

    def _number(self, identity: str) -> Optional[int]:
        return self._sample_number(identity.lower()) if self._from_samples else self._made_number(identity)

    def _made_number(self, identity: str) -> Optional[int]:
        guid = GUID.match(identity)
        if guid:
            return int(guid[1], 16) if int(guid[2], 16) == self.settings["seed"] else None
        name = NUMBERED.match(identity)
        domains = (None, self.settings["domain"], self.settings["initial_domain"])
        return int(name[1]) if name and (name[2] and name[2].lower()) in domains else None

    def _sample_number(self, identity: str) -> Optional[int]:
        for number, row in enumerate(self._samples["Get-Mailbox"]):
            names = [
                row[key]
                for key in (
                    "UserPrincipalName",
                    "Alias",
                    "Name",
                    "DisplayName",
                    "Identity",
                    "Guid",
                    "ExchangeGuid",
                    "ExternalDirectoryObjectId",
                )
                if key in row
            ]
            names += [address[5:] for address in row["EmailAddresses"] if address[:5].lower() == "smtp:"]
            if identity in (name.lower() for name in names):
                return number
        return None

    def find(self, identity: str) -> Optional[int]:
        """The number of the mailbox that somebody outside names; None when it is not (or no longer) there."""
        number = self._number(identity)
        return number if number is not None and number < self._kept and number not in self._removed else None

    def organization(self) -> Any:
        """The organization's SmtpClientAuthenticationDisabled as served now."""
        return json.loads(next(iter(self.rows("Get-TransportConfig", 0, 1, (PROPERTY,))))).get(PROPERTY)

    def setting(self, number: int) -> Any:
        """SmtpClientAuthenticationDisabled as served now."""
        return json.loads(next(self._mailbox_rows("Get-CASMailbox", [number], (PROPERTY,)))).get(PROPERTY)

    # ---- groups and mail users ----

    def _others(self) -> list[dict[str, Any]]:
        """Get-Recipient's rows of those that the scenario names, mailboxes aside."""
        kinds = [(one, one.get("type", "MailUniversalSecurityGroup")) for one in self.settings["groups"]]
        kinds += [(one, one.get("type", "MailUser")) for one in self.settings["mail_users"]]
        return [
            {
                "Guid": f"{number:08x}-6b1d-4f0a-8c3e-0000{self.settings['seed']:04x}0000",
                "Name": one["address"].split("@")[0],
                "Identity": one["address"].split("@")[0],
                "DisplayName": one["name"],
                "PrimarySmtpAddress": one["address"],
                "EmailAddresses": ["SMTP:" + one["address"]],
                "RecipientTypeDetails": kind,
            }
            for number, (one, kind) in enumerate(kinds)
        ]

    def _members(self, identity: str) -> Optional[list[dict[str, Any]]]:
        """The rows of a group's members; None when there is no such group. Nobody has asked for one that has no list."""
        others = self._others()
        for row, group in zip(others, self.settings["groups"]):
            if identity.lower() not in (row[key].lower() for key in ("Guid", "Name", "PrimarySmtpAddress")):
                continue
            rows = []
            for address in group["members"]:
                number = self.find(address)
                known = [other for other in others if other["PrimarySmtpAddress"] == address]
                mailbox = json.loads(self.row("Get-Mailbox", number, ())) if number is not None else None
                whole = mailbox or (known[0] if known else {"PrimarySmtpAddress": address, "Guid": None})
                rows.append(
                    {key: whole.get(key) for key in ("Name", "Guid", "PrimarySmtpAddress", "RecipientTypeDetails")}
                )
            return rows
        return None

    def listed(self, cmdlet: str, parameters: dict[str, Any]) -> Optional[list[dict[str, Any]]]:
        """The rows of a cmdlet that answers by its parameters; None: it isn't one of these, or there is no such group."""
        if cmdlet == "Get-MailUser":
            kind = "HVEAccount" if parameters.get("HVEAccount") else "MailUser"
            rows = [row for row in self._others() if row["RecipientTypeDetails"] == kind]
            return [{**row, "RecipientTypeDetails": "MailUser"} for row in rows]
        if cmdlet == "Get-Recipient":
            wanted = parameters.get("RecipientTypeDetails")
            rows = [
                {**row, "RecipientTypeDetails": row["RecipientTypeDetails"].replace("HVEAccount", "MailUser")}
                for row in self._others()
            ]
            return [row for row in rows if wanted is None or row["RecipientTypeDetails"] in wanted]
        return self._members(str(parameters.get("Identity"))) if cmdlet == "Get-DistributionGroupMember" else None

    # ---- rows ----

    def count(self, cmdlet: str) -> int:
        fixed = self._fixed(cmdlet)
        return len(fixed) if fixed is not None else self._kept - len(self._removed)

    def rows(self, cmdlet: str, start: int, stop: int, select: tuple[str, ...]) -> Iterator[str]:
        """Rows start...stop-1 as JSON text."""
        fixed = self._fixed(cmdlet)
        if fixed is not None:
            patch = dict(self.settings["patch"].get(cmdlet, {}))
            if cmdlet == "Get-TransportConfig" and ORGANIZATION_WRITTEN in self._written:
                patch[PROPERTY] = self._written[ORGANIZATION_WRITTEN]
            return (compact(selected({**row, **patch}, select)) for row in fixed[start:stop])
        return self._mailbox_rows(
            cmdlet, (self._at(position) for position in range(start, min(stop, self.count(cmdlet)))), select
        )

    def row(self, cmdlet: str, number: int, select: tuple[str, ...]) -> str:
        """The row of one mailbox."""
        return next(self._mailbox_rows(cmdlet, [number], select))

    def _fixed(self, cmdlet: str) -> Optional[list[dict[str, Any]]]:
        """The rows of a cmdlet whose answer is a list given beforehand; None for those made from the mailboxes."""
        if cmdlet in self.settings["rows"]:
            return self.settings["rows"][cmdlet]
        if cmdlet == "Get-OrganizationConfig":
            return [
                {**ORGANIZATION, "Name": self.settings["initial_domain"], "Identity": self.settings["initial_domain"]}
            ]
        if cmdlet == "Get-BlockedSenderAddress":
            return []
        if cmdlet not in MAILBOX_CMDLETS or (cmdlet == "Get-RecipientPermission" and self._from_samples):
            return self._samples[cmdlet]
        return None

    def _at(self, position: int) -> int:
        number = position
        for removed in self._removed:
            if removed <= number:
                number += 1
        return number

    def _mailbox_rows(self, cmdlet: str, numbers: Any, select: tuple[str, ...]) -> Iterator[str]:
        special = bool(self.settings["patch"].get(cmdlet)) or self._from_samples
        template = "" if special else self._template(cmdlet, select)
        for number in numbers:
            if special or number in self._changes or (cmdlet == "Get-CASMailbox" and number in self._written):
                yield compact(selected(self._changed(cmdlet, number), select))
            else:
                yield template % self._values(number)

    def _changed(self, cmdlet: str, number: int) -> dict[str, Any]:
        if self._from_samples:
            row = dict(self._samples[cmdlet][number])
            if cmdlet == "Get-CASMailbox" and "all" in self.settings:
                row[PROPERTY] = self.settings["all"]
        else:
            row = json.loads(self._template(cmdlet, ()) % self._values(number))
        row.update(self.settings["patch"].get(cmdlet, {}))
        if cmdlet == "Get-CASMailbox" and number in self._written:
            row[PROPERTY] = self._written[number]
        for change in self._changes.get(number, []):
            if change.get("cmdlet", cmdlet) == cmdlet:
                row.update(
                    {key: value for key, value in change.get("set", {}).items() if key in row or "cmdlet" in change}
                )
                for name in change.get("unset", []):
                    row.pop(name, None)
        return row

    def _template(self, cmdlet: str, select: tuple[str, ...]) -> str:
        key = (cmdlet, select)
        if key not in self._templates:
            first = self._samples[cmdlet][0]
            row = {name: TEMPLATE_FIELDS.get(name, value) for name, value in first.items()}
            text = compact(selected(row, select)).replace("%", "%%")
            text = re.sub(r'"«=(\w+)»"', r"%(\1)s", text)
            self._templates[key] = re.sub(r"«(\w+)»", r"%(\1)s", text)
        return self._templates[key]

    def _values(self, number: int) -> dict[str, str]:
        digits = f"{number:07d}"
        domain, initial, seed = self.settings["domain"], self.settings["initial_domain"], self.settings["seed"]
        name = "user" + digits
        mail = f"{name}@{domain}"
        shared = number % 20 == 7
        alias = f'"smtp:alias{digits}@{domain}",' if number % 3 == 0 else ""
        neighbour = shared and number > 0
        return {
            "number": digits,
            "name": name,
            "mail": mail,
            "initial": initial,
            "upn": f"upn{digits}@{domain}" if number % 5 == 4 else mail,
            "addresses": f'"SMTP:{mail}","smtp:{name}@{initial}",{alias}"SIP:{mail}"',
            "guid": f"{number:08x}-3c5e-4b7a-9d21-0000{seed:04x}0000",
            "object": f"{number:08x}-81d4-4c02-b6e7-0000{seed:04x}0000",
            "setting": compact(self.settings["all"]) if "all" in self.settings else SETTINGS[number % 10],
            "kind": "SharedMailbox" if shared else "RoomMailbox" if number % 50 == 13 else "UserMailbox",
            "shared": "true" if shared else "false",
            "blocked": "true" if shared else "false",
            "trustee": f"user{number - 1:07d}@{domain}" if neighbour else "NT AUTHORITY\\\\SELF",
            "sid": f"S-1-5-21-1004336348-1177238915-682003330-{number + 512000}" if neighbour else "S-1-5-10",
        }
