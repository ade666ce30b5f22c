"""InvokeCommand, EXOModuleFile and Graph's security defaults: who may ask, pages, and the cmdlets that write."""

import base64
import hashlib
import hmac
import json
import os
import re
import threading
import uuid
from dataclasses import dataclass
from typing import Any, Callable, Optional
from urllib.parse import quote

from mailboxes import (
    CMDLETS,
    MAILBOX_CMDLETS,
    ORGANIZATION_WRITTEN,
    PROPERTY,
    SAMPLES,
    Tenant,
    compact,
    selected,
)
from scenario import Scenario
from signin import SignIn
from wire import JSON_TYPE, Request, Response, joined, json_response

ABSENT = object()  # for members whose null means something
MORE = (
    "There are more results available than are currently displayed. To view them, increase the value for the "
    "ResultSize parameter."
)
DEFAULT_RESULT_SIZE = 1000
WRITING = ("Set-CASMailbox", "Set-TransportConfig")
GRAPH_PATH = "/v1.0/policies/identitysecuritydefaultsenforcementpolicy"
CHALLENGE = (
    'Bearer client_id="00000002-0000-0ff1-ce00-000000000000", '
    'trusted_issuers="00000001-0000-0000-c000-000000000000@*", '
    'token_types="app_asserted_user_v1 service_asserted_app_v1", error="invalid_token"'
)


@dataclass
class Page:
    """One page before it becomes text, so that faults can change it."""

    context: Optional[str]  # the tenant's id in @odata.context; None leaves the member out
    warnings: list[str]
    link: Any  # ABSENT for the last page
    rows: list[str]
    fetch: Callable[[int, int], list[str]]  # rows start...stop-1 of the series
    make_link: Callable[..., str]  # link of this page's cursor with some members changed
    start: int
    size: int
    value: Optional[str] = None  # JSON text in place of the rows; "" leaves the member out
    error: Any = None  # an "error" member


def render(page: Page, link_last: bool) -> bytes:
    members = []
    if page.context is not None:
        base = "https://outlook.office365.com/adminapi/beta"
        context = f"{base}/{page.context}/$metadata#Collection(Exchange.GenericHashTable)"
        members.append('"@odata.context":' + compact(context))
    if page.error is not None:
        members.append('"error":' + compact(page.error))
    members.append(
        '"adminapi.warnings@odata.type":"#Collection(String)","@adminapi.warnings":' + compact(page.warnings)
    )
    link = [] if page.link is ABSENT else ['"@odata.nextLink":' + compact(page.link)]
    value = page.value if page.value is not None else "[" + ",".join(page.rows) + "]"
    values = ['"value":' + value] if value else []
    members += values + link if link_last else link + values
    return joined(("{", ",".join(members), "}"))


def sample_error(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text("utf-8"))


def bad_request(text: str) -> Response:
    error = sample_error("error-pagination-expired.json")
    error["error"]["details"][0]["message"] = f"|System.ArgumentException|{text}"
    error["error"]["innererror"]["internalexception"]["message"] = text
    return json_response(400, error, content_type=JSON_TYPE)


def expired_cursor() -> Response:
    return json_response(400, sample_error("error-pagination-expired.json"), content_type=JSON_TYPE)


def not_found(identity: str) -> Response:
    text = json.dumps(sample_error("error-notfound.json")).replace("nobody@contoso.example", json.dumps(identity)[1:-1])
    return Response(404, [text.encode()], JSON_TYPE)


def unauthorized(reason: str) -> Response:
    # The service says nothing in the body; the reason is for those who look at the wire.
    return Response(401, [], None, [("WWW-Authenticate", CHALLENGE), ("X-Standin-Reason", reason)])


def forbidden() -> Response:
    """What a missing directory role looks like: NUL bytes that claim to be JSON."""
    return Response(
        403,
        [b"\0" * 512],
        "application/json; charset=utf-8",
        [
            (
                "x-ms-diagnostics",
                '2000003;reason="The role assigned to the application does not allow this.";'
                'error_category="invalid_authz"',
            ),
            ("request-id", str(uuid.uuid4())),
        ],
        compress=False,
    )


class Exchange:
    """State over requests: what the cmdlets that write wrote, and the key that cursors are signed with."""

    def __init__(self, signin: SignIn) -> None:
        self._signin = signin
        self._key = os.urandom(32)
        self._lock = threading.Lock()
        self._written: dict[str, dict[int, Any]] = {}

    # ---- cursors ----

    def open_cursor(self, text: str) -> Optional[dict[str, Any]]:
        """What $skiptoken holds; None when it is not ours."""
        packed, _, mark = text.partition(".")
        if not hmac.compare_digest(mark.encode(), self._mark(packed).encode()):
            return None
        return json.loads(base64.urlsafe_b64decode(packed))

    def _mark(self, packed: str) -> str:
        return hmac.new(self._key, packed.encode(), hashlib.sha256).hexdigest()[:32]

    def sign_cursor(self, cursor: dict[str, Any]) -> str:
        packed = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode()
        return packed + "." + self._mark(packed)

    def _link(self, request: Request, cursor: dict[str, Any]) -> str:
        select = f"$select={quote(request.query['$select'])}&" if "$select" in request.query else ""
        path = f"/adminapi/beta/{request.tenant_name}/InvokeCommand"
        return f"https://{request.host()}{path}?{select}$skiptoken={quote(self.sign_cursor(cursor))}"

    # ---- who may ----

    def _authorized(self, request: Request, scenario: Scenario, audience: str, now: float) -> Optional[Response]:
        try:
            claims = self._signin.check(request.bearer(), now)
        except ValueError as error:
            return unauthorized(str(error))
        if claims["aud"] != audience:
            return unauthorized(f"audience {claims['aud']}, expected {audience}")
        if audience == "https://graph.microsoft.com":
            return (
                None
                if scenario["graph_role"]
                else json_response(
                    403,
                    {
                        "error": {
                            "code": "Authorization_RequestDenied",
                            "message": "Insufficient privileges to complete the operation.",
                        }
                    },
                )
            )
        if claims["tid"] != request.tenant:
            return unauthorized(f"token of tenant {claims['tid']}, path of {request.tenant or 'no known tenant'}")
        return None if "Exchange.ManageAsApp" in claims["roles"] else unauthorized("no role Exchange.ManageAsApp")

    def tenant(self, scenario: Scenario, guid: str) -> Tenant:
        """The tenant's rows, made once a scenario."""
        settings = scenario.tenants[guid]
        source = settings["data_of"] or guid
        with self._lock:
            written = self._written.setdefault(source, {})
            if source not in scenario.cache:
                scenario.cache[source] = Tenant(scenario.tenants[source], written)
            return scenario.cache[source]

    # ---- answers ----

    def graph_refusal(self, request: Request, scenario: Scenario, now: float) -> Optional[Response]:
        """Why Graph answers nothing; None when it does, and then the request has the token's tenant."""
        refused = self._authorized(request, scenario, "https://graph.microsoft.com", now)
        if refused is not None:
            if refused.status == 401:
                refused.chunks = [
                    b'{"error":{"code":"InvalidAuthenticationToken","message":"Access token validation failure."}}'
                ]
                refused.content_type = "application/json"
            return refused
        request.tenant = self._signin.check(request.bearer(), now)["tid"]
        return None

    def graph(self, request: Request, scenario: Scenario, now: float) -> Response:
        refused = self.graph_refusal(request, scenario, now)
        if refused is not None:
            return refused
        answer = sample_error("graph-security-defaults.json")
        answer["isEnabled"] = scenario.tenants.get(request.tenant, {"security_defaults": False})["security_defaults"]
        return json_response(200, answer)

    def module(self, request: Request, scenario: Scenario, now: float) -> Response:
        refused = self._authorized(request, scenario, "https://outlook.office365.com", now)
        if refused is not None:
            return refused
        if "commandname" not in request.headers:
            return json_response(200, {"value": []})
        barred = scenario.tenants[request.tenant]["forbidden"]
        allowed = [name for name in (*CMDLETS, *WRITING) if name not in barred and scenario["directory_role"]]
        return json_response(200, {"value": [{"exportedCmdlets": ",".join(allowed)}]})

    def invoke(self, request: Request, scenario: Scenario, edit: Callable[[Page], None], now: float) -> Response:
        """Answers InvokeCommand; `edit` may change a page before it is rendered."""
        refused = self._authorized(request, scenario, "https://outlook.office365.com", now)
        if refused is not None:
            return refused
        if "/v1.0/" in request.target.lower():
            return Response(405, [], None)
        if not request.cmdlet or not isinstance(request.parameters, dict):
            return bad_request("The body must hold CmdletInput with CmdletName and an object Parameters.")
        known = request.cmdlet in (*CMDLETS, *WRITING)
        if (
            not known
            or not scenario["directory_role"]
            or request.cmdlet in scenario.tenants[request.tenant]["forbidden"]
        ):
            return forbidden()
        if request.cmdlet in WRITING:
            return self._write(request, scenario)
        return self._read(request, scenario, edit, now)

    def _read(self, request: Request, scenario: Scenario, edit: Callable[[Page], None], now: float) -> Response:
        tenant = self.tenant(scenario, request.tenant)
        identity = request.parameters.get("Identity")
        numbers: Optional[list[int]] = None
        if identity is not None and request.cmdlet in MAILBOX_CMDLETS:
            number = tenant.find(str(identity))
            if number is None and scenario["unknown_identity"] != "all":
                return not_found(str(identity))
            numbers = [number] if number is not None else None
        if request.cmdlet == "Get-DistributionGroupMember" and tenant.listed(request.cmdlet, request.parameters) is None:
            return not_found(str(identity))
        if numbers is None and "$skiptoken" in request.query and not self._continues(request, scenario, now):
            return expired_cursor()
        page = self._page(request, scenario, tenant, numbers, now)
        edit(page)
        request.notes["rows"] = len(page.rows)
        headers = [("Odata-Version", "4.0"), ("Request-Id", str(uuid.uuid4()))]
        if "prefer" in request.headers:
            headers.append(("Preference-Applied", f"odata.maxpagesize={page.size}"))
        return Response(200, [render(page, scenario["link_last"])], JSON_TYPE, headers)

    def _marks(self, request: Request) -> dict[str, str]:
        """What has to stay the same over a series. Without an anchor the next page meets another back end."""
        marks = {
            "b": request.body,
            "a": request.headers.get("x-anchormailbox", "").encode(),
            "f": request.headers.get("prefer", "").encode(),
        }
        return {name: hashlib.sha256(value).hexdigest()[:16] if value else "none" for name, value in marks.items()}

    def _continues(self, request: Request, scenario: Scenario, now: float) -> bool:
        cursor = request.cursor
        if cursor is None or cursor["a"] == "none" or now - cursor["t"] > scenario["cursor_lifetime"]:
            return False
        wanted = {**self._marks(request), "g": request.tenant}
        differs = [name for name, value in wanted.items() if cursor[name] != value]
        if differs:
            request.notes["cursor"] = "changed: " + ", ".join(
                {"b": "body", "a": "X-AnchorMailbox", "f": "Prefer", "g": "tenant"}[name] for name in differs
            )
        return not differs

    def _page(
        self, request: Request, scenario: Scenario, tenant: Tenant, numbers: Optional[list[int]], now: float
    ) -> Page:
        cursor = request.cursor or {
            "s": str(uuid.uuid4()),
            "o": 0,
            "p": 1,
            "t": now,
            "n": 0,
            "g": request.tenant,
            **self._marks(request),
        }
        select = tuple(filter(None, re.split(r"[, ]+", request.query.get("$select", ""))))
        wanted = request.parameters.get("ResultSize", DEFAULT_RESULT_SIZE)
        listed = tenant.listed(request.cmdlet, request.parameters)
        count = tenant.count(request.cmdlet) if listed is None else len(listed)
        total = count if wanted == "Unlimited" else min(count, int(wanted))

        def fetch(start: int, stop: int) -> list[str]:
            if numbers is not None:
                return [tenant.row(request.cmdlet, number, select) for number in numbers]
            if listed is not None:
                return [compact(selected(row, select)) for row in listed[start : min(stop, total)]]
            return list(tenant.rows(request.cmdlet, start, min(stop, total), select))

        def make_link(**changes: Any) -> str:
            return self._link(request, {**cursor, **changes})

        size = self._page_size(request, scenario)
        start = cursor["o"]
        link: Any = ABSENT
        warnings = []
        if numbers is None and start + size < total:
            link = make_link(o=start + size, p=cursor["p"] + 1)
            warnings = [MORE] if scenario["warn_with_link"] else []
        elif numbers is None and total < count:
            warnings = [MORE]
        settings = scenario.tenants[request.tenant]
        context = settings["context_id"] or settings["data_of"] or request.tenant
        return Page(context, warnings, link, fetch(start, start + size), fetch, make_link, start, size)

    @staticmethod
    def _page_size(request: Request, scenario: Scenario) -> int:
        asked = re.search(r"odata\.maxpagesize\s*=\s*(\d+)", request.headers.get("prefer", ""), re.IGNORECASE)
        return max(1, min(int(asked[1]) if asked else 1000, scenario["max_page_size"]))

    def _write(self, request: Request, scenario: Scenario) -> Response:
        tenant = self.tenant(scenario, request.tenant)
        whole = request.cmdlet == "Set-TransportConfig"
        identity = "organization" if whole else request.parameters.get("Identity")
        number = ORGANIZATION_WRITTEN if whole else tenant.find(str(identity)) if identity else None
        if number is None:
            return not_found(str(identity))
        now = request.parameters.get(PROPERTY, ABSENT)
        if now not in (True, False, None) or isinstance(now, int) and not isinstance(now, bool):
            return bad_request(f"{PROPERTY} must be true, false or null.")
        if whole and (now is None or set(request.parameters) != {PROPERTY}):
            return bad_request(f"{PROPERTY} must be true or false, and nothing else be set.")
        was = tenant.organization() if whole else tenant.setting(number)
        source = scenario.tenants[request.tenant]["data_of"] or request.tenant
        with self._lock:
            self._written[source][number] = now
        request.notes["write"] = {"mailbox": identity, "was": was, "now": now}
        page = Page(request.tenant, [], ABSENT, [], lambda *_: [], lambda **_: "", 0, 0)
        return Response(200, [render(page, False)], JSON_TYPE)
