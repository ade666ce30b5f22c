"""The scenario: what the stand-in serves and how it fails. A JSON file, read again whenever it changes."""

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

CONTOSO = "7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1"
FABRIKAM = "c0ffee00-6d1f-4c55-8a8e-90d1b2c3a4f5"
CLIENT_ID = "3d9e6f20-1b7c-4a58-9f3e-c5d2a7b80e14"

DEFAULTS: dict[str, Any] = {
    "gzip": True,
    "max_page_size": 1000,
    "cursor_lifetime": 1800,
    "warn_with_link": True,
    "link_last": False,
    "unknown_identity": "404",
    "clock_skew": 0,
    "token_lifetime": 3599,
    "token_expires_in": None,
    "app_role": True,
    "directory_role": True,
    "graph_role": True,
    "audit_role": True,
    "premium": True,
    "throttle": None,
    "tls": "good",
    "proxy_status": None,
    "latency": 0,
    "registered": ["client.pem"],
    "tenants": {
        CONTOSO: {},
        FABRIKAM: {
            "domain": "fabrikam.example",
            "initial_domain": "fabrikamexample.onmicrosoft.com",
            "mailboxes": 25,
            "seed": 2,
        },
    },
    "faults": [],
}

TENANT_DEFAULTS: dict[str, Any] = {
    "domain": "contoso.example",
    "initial_domain": "contosoexample.onmicrosoft.com",
    "mailboxes": "samples",
    "seed": 1,
    "keep": 1.0,
    "changes": [],
    "remove": [],
    "patch": {},
    "rows": {},
    "groups": [],
    "mail_users": [],
    "security_defaults": False,
    "sign_ins": {},
    "forbidden": [],
    "data_of": None,
    "context_id": None,
}
TENANT_OPTIONAL = {"all"}  # absent is not null here

SIGN_INS_MEMBERS = {"count", "days", "failed", "users", "rows", "base", "overlap"}
SIGN_IN_MEMBERS = {"ago", "at", "late", "id", "user", "ip", "error", "app", "type", "protocol", "members"}
CHANGE_MEMBERS = {"mailbox", "set", "unset", "cmdlet"}
TLS_MODES = {"good", "expired", "wronghost", "selfsigned", "unknownca", "tls11", "tls12", "plaintext"}
SELECTION = {"name", "on", "cmdlet", "page", "tenant", "mailbox", "times", "skip"}
PLACES = {"exchange", "token", "graph", "module", "any"}


class ScenarioError(Exception):
    """The scenario says something that the stand-in does not know."""


@dataclass
class Fault:
    """One way to fail, and when."""

    name: str
    options: dict[str, Any]
    on: str
    cmdlet: Optional[str]
    page: Optional[int]
    tenant: Optional[str]
    mailbox: Optional[int]
    times: Optional[int]
    skip: int
    seen: int = 0
    used: int = 0

    def matches(self, kind: str, tenant: str, cmdlet: str, page: int, mailbox: Optional[int]) -> bool:
        return (
            self.on in (kind, "any")
            and self.tenant in (None, tenant)
            and self.cmdlet in (None, cmdlet)
            and self.page in (None, page)
            and self.mailbox in (None, mailbox)
        )


@dataclass
class Scenario:
    """A scenario as read; tenants are completed with the defaults. Objects built from it live in `cache`."""

    values: dict[str, Any]
    tenants: dict[str, dict[str, Any]]
    faults: list[Fault]
    lock: threading.Lock = field(default_factory=threading.Lock)
    cache: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def tenant_id(self, name: str) -> Optional[str]:
        """The GUID of the tenant that the path names by GUID or domain."""
        name = name.lower()
        for guid, tenant in self.tenants.items():
            if name in (guid.lower(), tenant["domain"].lower(), tenant["initial_domain"].lower()):
                return guid
        return None

    def pick(self, kind: str, tenant: str, cmdlet: str, page: int, mailbox: Optional[int]) -> Optional[Fault]:
        """The fault for this request, counted; None for none."""
        with self.lock:
            for fault in self.faults:
                if not fault.matches(kind, tenant, cmdlet, page, mailbox):
                    continue
                fault.seen += 1
                if fault.seen <= fault.skip or (fault.times is not None and fault.used >= fault.times):
                    continue
                fault.used += 1
                return fault
        return None


def _known(what: str, given: dict[str, Any], known: set[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise ScenarioError(f"{what}: unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}")


def _tenant(guid: str, given: dict[str, Any]) -> dict[str, Any]:
    _known(f"tenant {guid}", given, set(TENANT_DEFAULTS) | TENANT_OPTIONAL)
    for change in given.get("changes", []):
        _known(f"tenant {guid}: change", change, CHANGE_MEMBERS)
        if "mailbox" not in change:
            raise ScenarioError(f"tenant {guid}: a change needs a mailbox")
    _known(f"tenant {guid}: sign_ins", given.get("sign_ins", {}), SIGN_INS_MEMBERS)
    for row in given.get("sign_ins", {}).get("rows", []):
        _known(f"tenant {guid}: a sign-in", row, SIGN_IN_MEMBERS)
    return {**TENANT_DEFAULTS, **given}


def _fault(given: dict[str, Any], known: dict[str, Any]) -> Fault:
    name = given.get("name")
    if name not in known:
        raise ScenarioError(f"fault {name!r} is unknown; known are {', '.join(sorted(known))}")
    kind = known[name]
    _known(f"fault {name}", given, SELECTION | set(kind.options))
    place = given.get("on", kind.on)
    if place not in PLACES:
        raise ScenarioError(f"fault {name}: on {place!r} is none of {', '.join(sorted(PLACES))}")
    options = {key: given.get(key, default) for key, default in kind.options.items()}
    return Fault(
        name,
        options,
        place,
        given.get("cmdlet"),
        given.get("page"),
        given.get("tenant"),
        given.get("mailbox"),
        given.get("times", kind.times),
        given.get("skip", 0),
    )


def parse(text: str, known_faults: dict[str, Any]) -> Scenario:
    """The scenario in this text; ScenarioError when it has anything unknown."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise ScenarioError(f"not JSON: {error}") from error
    if not isinstance(given, dict):
        raise ScenarioError("not an object")
    _known("scenario", given, set(DEFAULTS))
    values = {**DEFAULTS, **given}
    if values["tls"] not in TLS_MODES:
        raise ScenarioError(f"tls {values['tls']!r} is none of {', '.join(sorted(TLS_MODES))}")
    tenants = {guid: _tenant(guid, tenant) for guid, tenant in values["tenants"].items()}
    return Scenario(values, tenants, [_fault(fault, known_faults) for fault in values["faults"]])


class ScenarioFile:
    """Hands out the scenario of a file; each change of the file makes a new one, with fresh counters."""

    def __init__(self, path: Path, known_faults: dict[str, Any]) -> None:
        self._path = path
        self._known_faults = known_faults
        self._lock = threading.Lock()
        self._stamp: Any = None
        self._scenario: Any = None

    def current(self) -> Scenario:
        with self._lock:
            try:
                status = self._path.stat()
                stamp: Any = (status.st_mtime_ns, status.st_ino, status.st_size)
            except FileNotFoundError:
                stamp = "none"
            if stamp != self._stamp:
                self._scenario = self._read(stamp)
                self._stamp = stamp
            if isinstance(self._scenario, ScenarioError):
                raise self._scenario
            return self._scenario

    def _read(self, stamp: Any) -> Any:
        try:
            return parse("{}" if stamp == "none" else self._path.read_text("utf-8"), self._known_faults)
        except (ScenarioError, OSError, UnicodeDecodeError) as error:
            return ScenarioError(f"{self._path}: {error}")
