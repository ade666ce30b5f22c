"""The ways to fail, one row each in FAULTS: where it acts, what it does, its options with their defaults."""

import json
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Callable, Optional

import wire
from exchange import ABSENT, MORE, Page, bad_request, expired_cursor, forbidden, not_found, unauthorized
from mailboxes import PROPERTY, compact
from scenario import FABRIKAM, Fault
from signin import SignIn, error_answer
from wire import Request, Response, json_response

HTML = b"<!DOCTYPE html><html><body><p>This network wants you to sign in.</p></body></html>"
CONCURRENT = b"You have reached the maximum number of concurrent requests per tenant. Please wait and try again"


@dataclass
class Surroundings:
    """What a fault may need besides the request."""

    signin: SignIn
    ports: dict[str, int]  # "main", "evil", "plain"
    now: float


@dataclass
class Kind:
    """One way to fail. `stage`: answer (instead of the real one), page, or body (changes the response)."""

    stage: str
    act: Callable[..., Any]
    options: dict[str, Any] = field(default_factory=dict)
    on: str = "exchange"
    times: Optional[int] = None


# ---- answers instead of the real one: (surroundings, request, options) -> Response ----


def _token_ends(around: Surroundings, request: Request, _: dict[str, Any]) -> Response:
    around.signin.revoke(request.bearer())
    return unauthorized("the token has ended")


def _forbidden_nul(_: Surroundings, __: Request, options: dict[str, Any]) -> Response:
    response = forbidden()
    if options["gzip"]:
        response.headers.append(("Content-Encoding", "gzip"))
    return response


def _not_allowed(_: Surroundings, request: Request, __: dict[str, Any]) -> Response:
    text = f"User is not allowed to call {request.cmdlet}"
    return json_response(401, {"error": {"code": "Unauthorized", "message": text}})


def _retry_after(response: Response, around: Surroundings, options: dict[str, Any]) -> Response:
    wanted = options["retry_after"]
    if wanted is not None:
        text = formatdate(time.time() + 2, usegmt=True) if wanted == "date" else str(wanted)
        response.headers.append(("Retry-After", text))
    return response


def _throttled(around: Surroundings, _: Request, options: dict[str, Any]) -> Response:
    return _retry_after(
        json_response(429, {"error": {"code": "TooManyRequests", "message": "Too many requests."}}), around, options
    )


def _unavailable(around: Surroundings, _: Request, options: dict[str, Any]) -> Response:
    return _retry_after(Response(503, [b"The service is unavailable."], "text/plain"), around, options)


def _server_error(_: Surroundings, __: Request, options: dict[str, Any]) -> Response:
    error = {"code": "InternalServerError", "message": options["message"]}
    return json_response(options["status"], {"error": error})


def _redirect(around: Surroundings, request: Request, options: dict[str, Any]) -> Response:
    to = link_to(around, request, options["to"], lambda **_: f"https://{request.host()}{request.target}")
    return Response(options["status"], [], None, [("Location", str(to))])


def _token_error(around: Surroundings, _: Request, options: dict[str, Any]) -> Response:
    status, answer = error_answer(options["code"], "", around.now)
    return json_response(status, answer)


def _fixed(status: int, body: bytes, content_type: Optional[str]) -> Callable[..., Response]:
    return lambda _, __, options: Response(options.get("status", status), [body], content_type)


def _error_in_200(_: Surroundings, __: Request, ___: dict[str, Any]) -> Response:
    response = bad_request("The operation failed after it had begun.")
    response.status = 200
    return response


# ---- pages: (surroundings, request, options, page) ----

LINKS = {
    "evil": "https://127.0.0.1:{evil}{path}",
    "evil_port": "https://{name}:{evil}{path}",
    "http": "http://{name}:{plain}{path}",
    "userinfo": "https://{host}@127.0.0.1:{evil}{path}",
    "backslash": "https://127.0.0.1:{evil}\\@{host}{path}",
    "suffix": "https://{name}.evil.example:{evil}{path}",
    "prefix": "https://evil{name}:{evil}{path}",
    "parent": "https://{parent}:{evil}{path}",
    "file": "file:///etc/passwd",
    "empty": "",
    "number": 12,
    "null": None,
    "long": "https://{host}/" + "a" * 100000,
    "control": "https://{host}{path}\r\nX-Evil: 1",
    "other_path": "https://{host}/elsewhere{path}",
    "first": "https://{host}{first}",
    "subdomain": "https://{back_end}{path}",
    "relative": "{path}",
    "upper": "HTTPS://{upper}{path}",
}


HARMLESS_LINKS = {"subdomain", "relative", "upper"}  # other ways to write the link, for pages that have one


def link_to(around: Surroundings, request: Request, wanted: str, make_link: Callable[..., str]) -> Any:
    """The link of that kind; a text with a colon or a slash is taken as it stands, but for its {placeholders}."""
    if wanted not in LINKS and ":" not in wanted and "/" not in wanted:
        return f"unknown kind of link: {wanted}"
    form = LINKS.get(wanted, wanted)
    if not isinstance(form, str):
        return form
    host = request.host()
    name = host.rpartition(":")[0] or host
    path = make_link().partition(host)[2]
    values = {
        "host": host,
        "name": name,
        "upper": host.upper(),
        "back_end": host if host.startswith("eur01.") else "eur01." + host,
        "parent": name.partition(".")[2] or "example",
        "path": path,
        "first": request.target.partition("?")[0],
        "port": around.ports["main"],
        "evil": around.ports.get("evil", 9),
        "plain": around.ports.get("plain", 9),
    }
    for key, value in values.items():
        form = form.replace("{" + key + "}", str(value))
    return form


def _next_link(around: Surroundings, request: Request, options: dict[str, Any], page: Page) -> None:
    number = request.page
    if options["kind"] in HARMLESS_LINKS and page.link is ABSENT:
        return
    if options["kind"] == "loop":
        page.link = page.make_link()
    elif options["kind"] == "endless":
        page.link = page.make_link(o=0, p=number + 1, n=number)
    else:

        def onward(**_: Any) -> str:
            return page.make_link(o=page.start + page.size, p=number + 1)

        page.link = link_to(around, request, options["to"] or options["kind"], onward)


def _truncated(_: Surroundings, __: Request, ___: dict[str, Any], page: Page) -> None:
    page.link, page.warnings = ABSENT, [MORE]


def _other_warning(_: Surroundings, __: Request, options: dict[str, Any], page: Page) -> None:
    page.warnings.append(options["warning"])


def _missing_last_page(_: Surroundings, __: Request, ___: dict[str, Any], page: Page) -> None:
    page.link, page.warnings = ABSENT, []


def _empty_page(_: Surroundings, request: Request, __: dict[str, Any], page: Page) -> None:
    page.rows, page.link = [], page.make_link(o=page.start, p=request.page + 1)


def _repeat_page(_: Surroundings, __: Request, ___: dict[str, Any], page: Page) -> None:
    page.rows = page.fetch(max(0, page.start - page.size), max(page.start, page.size))


def _other_tenant(_: Surroundings, __: Request, options: dict[str, Any], page: Page) -> None:
    page.context = options["id"]


def _no_context(_: Surroundings, __: Request, ___: dict[str, Any], page: Page) -> None:
    page.context = None


def _value(text: str) -> Callable[..., None]:
    def act(_: Surroundings, __: Request, ___: dict[str, Any], page: Page) -> None:
        page.value = text

    return act


def _many_rows(_: Surroundings, __: Request, options: dict[str, Any], page: Page) -> None:
    page.rows = (page.rows * (options["count"] // max(1, len(page.rows)) + 1))[: options["count"]]


def _each_row(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> Callable[..., None]:
    """Changes one row of the page, or all: (row, options)."""

    def act(_: Surroundings, __: Request, options: dict[str, Any], page: Page) -> None:
        for number in range(len(page.rows)) if options["all"] else [options["row"]]:
            if number < len(page.rows):
                row = json.loads(page.rows[number])
                change(row, options)
                page.rows[number] = compact(row)

    return act


def _missing_property(row: dict[str, Any], options: dict[str, Any]) -> None:
    row.pop(options["property"], None)


def _wrong_value(row: dict[str, Any], options: dict[str, Any]) -> None:
    row[options["property"]] = options["value"]


def _text_value(row: dict[str, Any], _: dict[str, Any]) -> None:
    if isinstance(row.get(PROPERTY), bool):
        row[PROPERTY] = str(row[PROPERTY])


def _no_address(row: dict[str, Any], _: dict[str, Any]) -> None:
    row["PrimarySmtpAddress"], row["EmailAddresses"] = "", []


def _nul_in_string(row: dict[str, Any], _: dict[str, Any]) -> None:
    row["PrimarySmtpAddress"] = row.get("PrimarySmtpAddress", "") + "\0.evil.example"


def _duplicate_member(_: Surroundings, __: Request, options: dict[str, Any], page: Page) -> None:
    number = options["row"]
    if number < len(page.rows):
        page.rows[number] = page.rows[number][:-1] + f',"{PROPERTY}":true,"{PROPERTY}":false}}'


def _duplicate_address(_: Surroundings, __: Request, options: dict[str, Any], page: Page) -> None:
    page.rows[options["row"] : options["row"] + 1] *= 2


def _claimed_address(_: Surroundings, __: Request, options: dict[str, Any], page: Page) -> None:
    if options["row"] + 1 < len(page.rows):
        row, following = (json.loads(text) for text in page.rows[options["row"] : options["row"] + 2])
        row["EmailAddresses"] = row.get("EmailAddresses", []) + ["smtp:" + following["PrimarySmtpAddress"]]
        page.rows[options["row"]] = compact(row)


# ---- bodies: (surroundings, request, options, response) ----


def _manner(name: str) -> Callable[..., None]:
    def act(_: Surroundings, __: Request, options: dict[str, Any], response: Response) -> None:
        assert name in wire.MANNERS
        response.manner, response.options = name, options

    return act


def _wrong_type(_: Surroundings, __: Request, options: dict[str, Any], response: Response) -> None:
    response.content_type = options["type"]


def _cut_json(_: Surroundings, __: Request, ___: dict[str, Any], response: Response) -> None:
    text = response.text()
    response.chunks = [text[: len(text) // 2]]


def _headers(_: Surroundings, __: Request, options: dict[str, Any], response: Response) -> None:
    response.headers += [(f"X-Filler-{number}", "x" * options["bytes"]) for number in range(options["count"])]


def _gzip_bomb(_: Surroundings, request: Request, options: dict[str, Any], response: Response) -> None:
    if request.accepts_gzip():
        response.chunks, response.compress = wire.bomb(options["bytes"]), False
        response.headers.append(("Content-Encoding", "gzip"))


def _bad_gzip(_: Surroundings, __: Request, ___: dict[str, Any], response: Response) -> None:
    response.compress = False
    response.headers.append(("Content-Encoding", "gzip"))


def _insert(response: Response, member: list[bytes]) -> None:
    """Puts a member at the front of the first row, or of the whole when there is none."""
    text = response.text()
    mark = b'"value":[{'
    at = text.find(mark)
    at = at + len(mark) if at >= 0 else text.find(b"{") + 1
    response.chunks, response.compress = [text[:at], *member, text[at:]], False


def _deep(_: Surroundings, __: Request, options: dict[str, Any], response: Response) -> None:
    depth = options["depth"]
    _insert(response, [b'"Deep":' + b"[" * depth + b"]" * depth + b","])


def _huge(_: Surroundings, __: Request, options: dict[str, Any], response: Response) -> None:
    unit = b"x" * min(1 << 20, options["bytes"])
    _insert(response, [b'"Huge":"', *[unit] * (options["bytes"] // len(unit)), b'",'])


def _bad_utf8(_: Surroundings, __: Request, ___: dict[str, Any], response: Response) -> None:
    _insert(response, [b'"CustomAttribute1":"\xc3\x28 \xff",'])


ROW = {"row": 0}
ROWS = {"row": 0, "all": False}

FAULTS: dict[str, Kind] = {
    "unauthorized": Kind("answer", lambda *_: unauthorized("as the scenario says")),
    "token_ends": Kind("answer", _token_ends, times=1),
    "not_allowed": Kind("answer", _not_allowed),
    "forbidden_nul": Kind("answer", _forbidden_nul, {"gzip": False}),
    "expired_cursor": Kind("answer", lambda *_: expired_cursor()),
    "not_found": Kind("answer", lambda *_: not_found("nobody@contoso.example")),
    "throttled": Kind("answer", _throttled, {"retry_after": None}),
    "unavailable": Kind("answer", _unavailable, {"retry_after": None}),
    "server_error": Kind("answer", _server_error, {"status": 500, "message": "Invalid Operation"}),
    "concurrent": Kind("answer", _fixed(429, CONCURRENT, "text/plain"), {"status": 429}),
    "redirect": Kind("answer", _redirect, {"status": 302, "to": "evil"}),
    "html": Kind("answer", _fixed(200, HTML, "text/html; charset=utf-8"), {"status": 200}),
    "not_json": Kind("answer", lambda _, __, options: Response(200, [options["body"].encode()]), {"body": "<oops>"}),
    "empty": Kind("answer", _fixed(200, b"", "application/json"), {}),
    "no_content": Kind("answer", _fixed(204, b"", None), {}),
    "token_error": Kind("answer", _token_error, {"code": 7000215}, on="token"),
    "error_in_200": Kind("answer", _error_in_200),
    "reset": Kind("body", _manner("reset")),
    "stall": Kind("body", _manner("stall"), {"seconds": 30}),
    "close": Kind("body", _manner("close")),
    "reset_in_body": Kind("body", _manner("reset_in_body")),
    "stall_in_body": Kind("body", _manner("stall_in_body"), {"seconds": 30}),
    "trickle": Kind("body", _manner("trickle"), {"bytes": 16, "seconds": 0.05}),
    "truncated_body": Kind("body", _manner("truncated_body"), {"chunked": False}),
    "wrong_length": Kind("body", _manner("wrong_length"), {"delta": 100}),
    "chunked": Kind("body", _manner("chunked")),
    "wrong_type": Kind("body", _wrong_type, {"type": "text/html; charset=utf-8"}),
    "headers": Kind("body", _headers, {"count": 200, "bytes": 1000}),
    "cut_json": Kind("body", _cut_json),
    "gzip_bomb": Kind("body", _gzip_bomb, {"bytes": 1 << 30}),
    "bad_gzip": Kind("body", _bad_gzip),
    "deep": Kind("body", _deep, {"depth": 100000}),
    "huge": Kind("body", _huge, {"bytes": 256 << 20}),
    "bad_utf8": Kind("body", _bad_utf8),
    "many_rows": Kind("page", _many_rows, {"count": 100000}),
    "no_value": Kind("page", _value("")),
    "null_value": Kind("page", _value("null")),
    "value_object": Kind("page", _value("{}")),
    "truncated": Kind("page", _truncated),
    "other_warning": Kind(
        "page", _other_warning, {"warning": "The command completed, and something harmless is told."}
    ),
    "missing_last_page": Kind("page", _missing_last_page),
    "empty_page": Kind("page", _empty_page),
    "repeat_page": Kind("page", _repeat_page),
    "next_link": Kind("page", _next_link, {"kind": "evil", "to": None}),
    "other_tenant": Kind("page", _other_tenant, {"id": FABRIKAM}),
    "no_context": Kind("page", _no_context),
    "missing_property": Kind("page", _each_row(_missing_property), {**ROWS, "property": PROPERTY}),
    "wrong_value": Kind("page", _each_row(_wrong_value), {**ROWS, "property": PROPERTY, "value": "yes"}),
    "text_value": Kind("page", _each_row(_text_value), ROWS),
    "no_address": Kind("page", _each_row(_no_address), ROWS),
    "nul_in_string": Kind("page", _each_row(_nul_in_string), ROWS),
    "duplicate_member": Kind("page", _duplicate_member, ROW),
    "duplicate_address": Kind("page", _duplicate_address, ROW),
    "claimed_address": Kind("page", _claimed_address, ROW),
}


def instead(around: Surroundings, request: Request, fault: Optional[Fault]) -> Optional[Response]:
    """The answer that a fault gives in place of the real one, if it does."""
    if fault is None or FAULTS[fault.name].stage != "answer":
        return None
    return FAULTS[fault.name].act(around, request, fault.options)


def edit_page(around: Surroundings, request: Request, fault: Optional[Fault], page: Page) -> None:
    if fault is not None and FAULTS[fault.name].stage == "page":
        FAULTS[fault.name].act(around, request, fault.options, page)


def edit_response(around: Surroundings, request: Request, fault: Optional[Fault], response: Response) -> None:
    if fault is not None and FAULTS[fault.name].stage == "body":
        FAULTS[fault.name].act(around, request, fault.options, response)
