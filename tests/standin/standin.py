#!/usr/bin/python3
"""An Exchange Online stand-in for postern's tests, on loopback. README says how to use it.

    standin.py --dir DIR [--scenario FILE] [--port N] [--evil]
"""

import sys

sys.dont_write_bytecode = True  # the tree stays as it is

import argparse
import base64
import itertools
import json
import logging
import re
import signal
import socket
import ssl
import threading
import time
import urllib.parse
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Optional

import faults
import wire
from exchange import GRAPH_PATH, Exchange
from proxy import Proxy
from record import Record
from scenario import Scenario, ScenarioError, ScenarioFile
from sign_ins import NAME as SIGN_INS, PATH as SIGN_INS_PATH, SignIns
from signin import SignIn, SignInError, error_answer
from wire import Request, Response, json_response

log = logging.getLogger("standin")

LARGEST_REQUEST = 1 << 20  # bytes
IDLE = 120  # seconds
PATHS = {
    "token": re.compile(r"/([^/]+)/oauth2/v2\.0/token$", re.IGNORECASE),
    "exchange": re.compile(r"/adminapi/(?:beta|v1\.0)/([^/]+)/invokecommand$", re.IGNORECASE),
    "module": re.compile(r"/adminapi/(?:beta|v1\.0)/([^/]+)/exomodulefile$", re.IGNORECASE),
}
METHODS = {"token": "POST", "exchange": "POST", "module": "GET", "graph": "GET", "other": ""}
EVIL_PAGE = {"@odata.context": "https://evil.example/", "@adminapi.warnings": [], "value": []}


class Server:
    """All state of the stand-in."""

    def __init__(self, directory: Path, scenario: Path) -> None:
        self.directory = directory
        self.scenarios = ScenarioFile(scenario, faults.FAULTS)
        self.signin = SignIn(directory)
        self.exchange = Exchange(self.signin)
        self.sign_ins = SignIns(self.exchange)
        self.record = Record(directory / "requests.jsonl")
        self.ports: dict[str, int] = {}
        self.stop = threading.Event()
        self.connections = itertools.count(1)
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def tls_mode(self) -> str:
        try:
            return str(self.scenarios.current()["tls"])
        except ScenarioError:
            return "good"

    def context(self, mode: str) -> ssl.SSLContext:
        """The TLS settings of a mode, made once."""
        with self._lock:
            if mode not in self._contexts:
                self._contexts[mode] = self._make_context(mode)
            return self._contexts[mode]

    def _make_context(self, mode: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sni_callback = remember_name
        if mode == "tls11":
            # OpenSSL 3 has TLS 1.1 at security level 0 only.
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():  # Python warns of what is meant here
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        elif mode == "tls12":
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        name = "good" if mode.startswith("tls") else mode
        context.load_cert_chain(self.directory / f"server-{name}.pem", self.directory / f"server-{name}.key")
        return context

    # ---- what is asked ----

    def proxy_status(self) -> Optional[int]:
        """What the proxy answers CONNECT with, in place of opening the way."""
        try:
            return self.scenarios.current()["proxy_status"]
        except ScenarioError:
            return None

    def understand(self, request: Request, scenario: Scenario) -> None:
        """Fills in kind, tenant, cmdlet and page."""
        path, _, query = request.target.partition("?")
        request.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        if path.lower() == GRAPH_PATH:
            request.kind = "graph"
        if SIGN_INS_PATH.match(path):
            request.kind, request.cmdlet = "graph", SIGN_INS
            self._understand_cursor(request)
        for kind, pattern in PATHS.items():
            match = pattern.match(path)
            if match:
                request.kind, request.tenant_name = kind, urllib.parse.unquote(match[1])
                request.tenant = scenario.tenant_id(request.tenant_name) or ""
        if request.kind == "exchange":
            self._understand_cmdlet(request)
        if request.kind == "token":
            form = urllib.parse.parse_qs(request.body.decode("utf-8", "replace"))
            federated = looks_federated("".join(form.get("client_assertion", [])))
            request.notes["grant"] = (
                "secret" if "client_secret" in form else "federated" if federated else "certificate"
            )
            request.notes["scope"] = form.get("scope", [""])[0]

    def _understand_cmdlet(self, request: Request) -> None:
        try:
            command = json.loads(request.body)["CmdletInput"]
            request.cmdlet, request.parameters = str(command["CmdletName"]), command.get("Parameters")
        except (ValueError, KeyError, TypeError):
            request.cmdlet, request.parameters = "", None
        self._understand_cursor(request)

    def _understand_cursor(self, request: Request) -> None:
        if "$skiptoken" in request.query:
            request.cursor = self.exchange.open_cursor(request.query["$skiptoken"])
            request.page = request.cursor["p"] if request.cursor else 0

    # ---- what is answered ----

    def answer(self, request: Request) -> Response:
        """The whole of it, recorded; never raises."""
        try:
            scenario = self.scenarios.current()
            self.understand(request, scenario)
            response = self._answer(request, scenario)
        except ScenarioError as error:
            log.error("scenario: %s", error)
            response = json_response(500, {"error": {"code": "Scenario", "message": str(error)}})
        except Exception as error:  # pylint: disable=broad-except
            log.exception("%s %s", request.method, request.target)
            response = json_response(500, {"error": {"code": "Standin", "message": repr(error)}})
        return response

    def _mailbox(self, request: Request, scenario: Scenario) -> Optional[int]:
        """The number of the mailbox that the request's Identity names."""
        if request.kind != "exchange" or not request.tenant or not isinstance(request.parameters, dict):
            return None
        identity = request.parameters.get("Identity")
        return self.exchange.tenant(scenario, request.tenant).find(str(identity)) if identity else None

    def _answer(self, request: Request, scenario: Scenario) -> Response:
        self.stop.wait(scenario["latency"])
        now = time.time() + scenario["clock_skew"]
        around = faults.Surroundings(self.signin, self.ports, now)
        mailbox = self._mailbox(request, scenario)
        fault = scenario.pick(request.kind, request.tenant, request.cmdlet, request.page, mailbox)
        request.notes["fault"] = fault.name if fault else None
        response = faults.instead(around, request, fault)
        if response is None:
            response = self._truth(request, scenario, lambda page: faults.edit_page(around, request, fault, page), now)
        faults.edit_response(around, request, fault, response)
        if scenario["gzip"] and response.compress and response.length() and request.accepts_gzip():
            wire.compressed(response)
        return response

    def _truth(self, request: Request, scenario: Scenario, edit: Any, now: float) -> Response:
        """The answer without faults, but for those that edit a page."""
        if METHODS[request.kind] not in ("", request.method):
            return Response(405, [], None, [("Allow", METHODS[request.kind])])
        if request.kind == "token":
            return self._token(request, scenario, now)
        if request.kind == "exchange":
            return self.exchange.invoke(request, scenario, edit, now)
        if request.kind == "module":
            return self.exchange.module(request, scenario, now)
        if request.cmdlet == SIGN_INS:
            return self.sign_ins.answer(request, scenario, edit, now)
        if request.kind == "graph":
            return self.exchange.graph(request, scenario, now)
        return json_response(404, {"error": {"code": "NotFound", "message": "No such address here."}})

    def _token(self, request: Request, scenario: Scenario, now: float) -> Response:
        pairs = urllib.parse.parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
        form = dict(pairs)
        path = f"/{request.tenant_name}/oauth2/v2.0/token"
        audiences = {f"https://{request.host()}{path}", f"https://login.microsoftonline.com{path}"}
        try:
            if len(form) != len(pairs):
                raise SignInError(900144, "A parameter is there twice.")
            if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
                raise SignInError(900144, "Content-Type must be application/x-www-form-urlencoded.")
            return json_response(200, self.signin.token(request.tenant or None, form, audiences, scenario, now))
        except SignInError as error:
            status, answer = error_answer(error.code, error.detail, now)
            request.notes["aadsts"] = error.code
            return json_response(status, answer)


def looks_federated(assertion: str) -> bool:
    """For the record only."""
    try:
        return "idp." in json.loads(base64.urlsafe_b64decode(assertion.split(".")[1] + "==")).get("iss", "")
    except (ValueError, IndexError, AttributeError, TypeError):
        return False


def remember_name(tls: Any, name: Optional[str], _: ssl.SSLContext) -> None:
    tls.asked_name = name


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE
    server: "Listener"

    def log_message(self, format: str, *args: Any) -> None:  # pylint: disable=redefined-builtin
        log.debug("%s: " + format, self.server.name, *args)

    def _read(self) -> Optional[Request]:
        length = int(self.headers.get("Content-Length", "0"))
        if length > LARGEST_REQUEST or "Transfer-Encoding" in self.headers:
            return None
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, self.path, headers, self.rfile.read(length))

    def _serve(self) -> None:
        request = self._read()
        self.close_connection = request is None or request.headers.get("connection", "").lower() == "close"
        if request is None:
            wire.send(self.connection, Response(413, []), self.server.app.stop)
            return
        response = self.server.answer(request)
        tls = self.connection if isinstance(self.connection, ssl.SSLSocket) else None
        self.server.record.request(
            request,
            listener=self.server.name,
            connection=self.server.number(self.connection),
            tls=tls.version() if tls else None,
            sni=getattr(tls, "asked_name", None),
            status=response.status,
            bytes=response.length(),
        )
        if not wire.send(self.connection, response, self.server.app.stop):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _serve


class Listener(ThreadingHTTPServer):
    """A listening socket on loopback. TLS begins in the connection's own thread: nobody waits for a slow client."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, app: Server, name: str, record: Record, address: str, port: int, tls: bool) -> None:
        self.app, self.name, self.record, self.tls = app, name, record, tls
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._numbers: dict[int, int] = {}
        super().__init__((address, port), Handler)

    def server_bind(self) -> None:
        # HTTPServer's own would look up a name for the address.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]

    def number(self, connection: Any) -> int:
        return self._numbers.get(id(connection), 0)

    def answer(self, request: Request) -> Response:
        return self.app.answer(request)

    def finish_request(self, request: Any, client_address: Any) -> None:
        number = next(self.app.connections)
        self.record.add("connect", listener=self.name, connection=number)
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request.settimeout(IDLE)
        connection = self._begin_tls(request, number) if self.tls else request
        if connection is None:
            return
        self._numbers[id(connection)] = number
        try:
            Handler(connection, client_address, self)
        except OSError as error:
            log.debug("connection %d: %s", number, error)
        finally:
            self._numbers.pop(id(connection), None)
            connection.close()

    def _begin_tls(self, request: Any, number: int) -> Optional[ssl.SSLSocket]:
        mode = self.app.tls_mode()
        if mode == "plaintext":
            request.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return None
        try:
            return self.app.context(mode).wrap_socket(request, server_side=True)
        except OSError as error:
            self.record.add("tls-failed", listener=self.name, connection=number, reason=str(error))
            return None

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.exception("connection of %s", client_address)


class EvilListener(Listener):
    """Where no client should ever ask. It records who does, and answers as if all were well."""

    def answer(self, request: Request) -> Response:
        request.kind = "evil"
        return json_response(200, EVIL_PAGE)


def listen(app: Server, kind: type, name: str, record: Record, port: int, tls: bool) -> None:
    """Listens on 127.0.0.1 and, where there is IPv6, on ::1 at the same port; then writes the port's file."""
    listeners = [kind(app, name, record, "127.0.0.1", port, tls)]
    app.ports[name] = listeners[0].server_address[1]
    try:
        listeners.append(kind(app, name, record, "::1", app.ports[name], tls))
    except OSError as error:
        log.info("no listener on ::1: %s", error)
    for listener in listeners:
        threading.Thread(target=listener.serve_forever, daemon=True).start()


def write_ports(app: Server) -> None:
    """Port files appear whole, and only when all listen."""
    for name, port in sorted(app.ports.items(), reverse=True):
        path = app.directory / ("port" if name == "main" else f"{name}.port")
        partial = path.with_suffix(path.suffix + ".new")
        partial.write_text(f"{port}\n", "ascii")
        partial.rename(path)


def main() -> int:
    options = argparse.ArgumentParser(description="An Exchange Online stand-in, on loopback. See README.")
    options.add_argument("--dir", type=Path, required=True, help="folder that make_ca.sh filled")
    options.add_argument("--scenario", type=Path, help="default: DIR/scenario.json")
    options.add_argument("--port", type=int, default=0, help="default: any free one, written to DIR/port")
    options.add_argument(
        "--evil", action="store_true", help="also listen where no client should ever ask, and as a proxy"
    )
    options.add_argument("--verbose", action="store_true")
    given = options.parse_args()
    logging.basicConfig(level=logging.DEBUG if given.verbose else logging.WARNING, format="standin: %(message)s")
    app = Server(given.dir, given.scenario or given.dir / "scenario.json")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: app.stop.set())
    if given.evil:
        evil = Record(given.dir / "evil.jsonl")
        listen(app, EvilListener, "evil", evil, 0, True)
        listen(app, EvilListener, "plain", evil, 0, False)
        app.ports["proxy"] = Proxy(app.record, app.proxy_status).server_address[1]
    listen(app, Listener, "main", app.record, given.port, True)
    write_ports(app)
    app.stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
