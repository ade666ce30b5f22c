"""Microsoft Graph's auditLogs/signIns: who signed in, with $filter, $top, pages, and rows that show up late."""

import bisect
import datetime
import re
import threading
import time
import uuid
from typing import Any, Callable, Optional
from urllib.parse import quote

from exchange import ABSENT, Exchange, Page
from mailboxes import compact
from scenario import Scenario
from wire import Request, Response, joined, json_response

PATH = re.compile(r"/(beta|v1\.0)/auditlogs/signins$", re.IGNORECASE)
NAME = "signIns"  # for faults' "cmdlet", and in the record
LARGEST_PAGE = 1000
SMTP = "Authenticated SMTP"
INTERACTIVE, OTHER = "interactiveUser", "nonInteractiveUser"
STARTED = int(time.time())


def refusal(code: str, message: str) -> Response:
    return json_response(403, {"error": {"code": code, "message": message, "innerError": {}}})


def bad_filter(text: str) -> Response:
    return json_response(400, {"error": {"code": "BadRequest", "message": f"Invalid filter clause: {text}"}})


# ---- rows ----


def row_of(given: dict[str, Any], number: int, base: int) -> dict[str, Any]:
    """One sign-in as the scenario has it: "ago" seconds before `base`, or at the time "at"."""
    at = given["at"] if "at" in given else base - given.get("ago", 0)
    error = given.get("error", 0)
    name = given.get("id", str(uuid.UUID(int=(0x51 << 96) + number)))
    moment = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return {
        "at": at,
        "shows": at + given.get("late", 0),
        "error": error,
        "app": given.get("app", SMTP),
        "type": given.get("type", OTHER),
        "text": compact(
            {
                "id": name,
                "createdDateTime": moment + ".6195833Z",
                "userDisplayName": "A user",
                "userPrincipalName": given.get("user", "user0000001@contoso.example"),
                "userId": "26be570a-ae82-4189-b4e2-a37c6808512d",
                "appId": "00000002-0000-0ff1-ce00-000000000000",
                "appDisplayName": "Office 365 Exchange Online",
                "ipAddress": given.get("ip", "203.0.113.7"),
                "clientAppUsed": given.get("app", SMTP),
                "conditionalAccessStatus": "notApplied",
                "isInteractive": given.get("type", OTHER) == INTERACTIVE,
                "authenticationProtocol": given.get("protocol", "none"),
                "signInEventTypes": [given.get("type", OTHER)],
                "status": {"errorCode": error, "failureReason": "Other." if error == 0 else "Invalid password."},
                "location": {"city": "Redmond", "countryOrRegion": "US"},
                **given.get("members", {}),
            }
        ),
    }


def made_up(settings: dict[str, Any], number: int) -> dict[str, Any]:
    """Sign-in number i of "count": evenly over "days"; every "failed"th fails; of "users" mailboxes, one after another."""
    span = settings["days"] * 86400 - 3600
    failed = settings["failed"] and number % settings["failed"] == settings["failed"] - 1
    return {
        "ago": 60 + number * span // max(1, settings["count"]),
        "user": f"user{number % settings['users']:07d}@{settings['domain']}",
        "ip": f"203.0.113.{number % 250 + 1}",
        "error": 50126 if failed else 0,
        "type": INTERACTIVE if number % 2 else OTHER,
    }


class SignIns:
    """The rows of each tenant, and how often it was asked."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._lock = threading.Lock()
        self._asked: dict[str, list[float]] = {}

    def _rows(self, scenario: Scenario, guid: str) -> list[dict[str, Any]]:
        """Those of the tenant, the oldest first; made once a scenario."""
        with self._lock:
            key = f"sign-ins {guid}"
            if key not in scenario.cache:
                settings = {"count": 0, "days": 30, "failed": 0, "users": 20, "rows": [], "base": STARTED}
                settings.update(scenario.tenants[guid]["sign_ins"], domain=scenario.tenants[guid]["domain"])
                given = settings["rows"] + [made_up(settings, i) for i in range(settings["count"])]
                rows = [row_of(row, i, settings["base"]) for i, row in enumerate(given)]
                scenario.cache[key] = sorted(rows, key=lambda row: row["at"])
            return scenario.cache[key]

    # ---- $filter ----

    @staticmethod
    def _clauses(text: str, beta: bool) -> Any:
        """What the filter asks for; a Response when it has what Graph does not know."""
        wanted: dict[str, Any] = {"ge": 0, "le": 1 << 60, "types": [INTERACTIVE], "app": None, "error": None}
        for clause in filter(None, text.split(" and ")):
            if match := re.fullmatch(r"createdDateTime (ge|le) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)", clause):
                moment = datetime.datetime.strptime(match[2], "%Y-%m-%dT%H:%M:%SZ")
                wanted[match[1]] = int(moment.replace(tzinfo=datetime.timezone.utc).timestamp())
            elif match := re.fullmatch(r"clientAppUsed eq '([^']*)'", clause):
                wanted["app"] = match[1]
            elif match := re.fullmatch(r"status/errorCode (eq|ne) 0", clause):
                wanted["error"] = match[1]
            elif beta and (match := re.fullmatch(r"signInEventTypes/any\(t: (.*)\)", clause)):
                types = [re.fullmatch(r"t eq '(\w+)'", part) for part in match[1].split(" or ")]
                if None in types:
                    return bad_filter(clause)
                wanted["types"] = [one[1] for one in types if one]
            else:
                return bad_filter(clause)
        return wanted

    def _found(self, scenario: Scenario, guid: str, wanted: dict[str, Any], now: float) -> list[str]:
        """The newest first. A time within the second of "le" is later than that."""
        rows = self._rows(scenario, guid)
        start = bisect.bisect_left(rows, wanted["ge"], key=lambda row: row["at"])
        end = bisect.bisect_left(rows, wanted["le"], key=lambda row: row["at"])
        kept = now - 30 * 86400
        return [
            row["text"]
            for row in reversed(rows[start:end])
            if row["type"] in wanted["types"]
            and wanted["app"] in (None, row["app"])
            and wanted["error"] in (None, "eq" if row["error"] == 0 else "ne")
            and row["shows"] <= now
            and row["at"] >= kept
        ]

    # ---- who may, and how often ----

    def _refused(self, request: Request, scenario: Scenario, now: float) -> Optional[Response]:
        refused = self._exchange.graph_refusal(request, scenario, now)
        if refused is not None:
            return refused
        if not scenario["audit_role"]:
            return refusal(
                "Authentication_MSGraphPermissionMissing",
                "Calling principal does not have required MSGraph permissions AuditLog.Read.All",
            )
        if not scenario["premium"]:
            return refusal(
                "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
                "Neither tenant is B2C or tenant doesn't have premium license",
            )
        return self._throttled(request, scenario, now)

    def _throttled(self, request: Request, scenario: Scenario, now: float) -> Optional[Response]:
        """ "throttle": [5, 10]: so many requests in so many seconds, as Graph has it for a tenant's reports."""
        if scenario["throttle"] is None:
            return None
        most, seconds = scenario["throttle"]
        with self._lock:
            asked = [at for at in self._asked.get(request.tenant, []) if now - at < seconds]
            self._asked[request.tenant] = asked
            if len(asked) < most:
                asked.append(now)
                return None
            wait = int(asked[0] + seconds - now) + 1
        answer = json_response(429, {"error": {"code": "TooManyRequests", "message": "Too many requests."}})
        answer.headers.append(("Retry-After", str(wait)))
        return answer

    # ---- pages ----

    def answer(self, request: Request, scenario: Scenario, edit: Callable[[Page], None], now: float) -> Response:
        refused = self._refused(request, scenario, now)
        if refused is not None:
            return refused
        cursor = request.cursor or {"o": 0, "p": 1, "t": now}
        if "$skiptoken" in request.query and (
            request.cursor is None or now - cursor["t"] > scenario["cursor_lifetime"]
        ):
            return json_response(400, {"error": {"code": "BadRequest", "message": "Skip token is expired."}})
        wanted = self._clauses(request.query.get("$filter", ""), request.target.lower().startswith("/beta/"))
        if isinstance(wanted, Response):
            return wanted
        page = self._page(request, scenario, self._found(scenario, request.tenant, wanted, now), cursor)
        edit(page)
        request.notes["rows"] = len(page.rows)
        members = ['"@odata.context":"https://graph.microsoft.com/beta/$metadata#auditLogs/signIns"']
        if page.link is not ABSENT:
            members.append('"@odata.nextLink":' + compact(page.link))
        value = page.value if page.value is not None else "[" + ",".join(page.rows) + "]"
        if value:
            members.append('"value":' + value)
        return Response(200, [joined(("{", ",".join(members), "}"))])

    def _page(self, request: Request, scenario: Scenario, found: list[str], cursor: dict[str, Any]) -> Page:
        size = max(1, min(int(request.query.get("$top", LARGEST_PAGE)), LARGEST_PAGE, scenario["max_page_size"]))
        start = cursor["o"]
        again = scenario.tenants[request.tenant]["sign_ins"].get("overlap", 0)

        def fetch(first: int, last: int) -> list[str]:
            return found[first:last]

        def make_link(**changes: Any) -> str:
            token = self._exchange.sign_cursor({**cursor, **changes})
            path, _, __ = request.target.partition("?")
            rest = "".join(f"{name}={quote(request.query[name])}&" for name in ("$filter", "$top") if name in request.query)
            return f"https://{request.host()}{path}?{rest}$skiptoken={quote(token)}"

        link: Any = ABSENT
        if start + size < len(found):
            link = make_link(o=max(start + 1, start + size - again), p=cursor["p"] + 1)
        return Page(None, [], link, fetch(start, start + size), fetch, make_link, start, size)
