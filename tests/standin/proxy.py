"""A forward proxy that knows CONNECT and leads to loopback only, so that tests can see whether a client used it."""

import logging
import select
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Optional

from record import Record, redacted

log = logging.getLogger("standin")

LOOPBACK = ("localhost", "127.0.0.1")
IDLE = 120  # seconds


def pump(one: socket.socket, other: socket.socket) -> None:
    """Copies both ways until either ends."""
    to = {one: other, other: one}
    while True:
        ready, _, _ = select.select(list(to), [], [], IDLE)
        if not ready:
            return
        for source in ready:
            data = source.recv(1 << 16)
            if not data:
                return
            to[source].sendall(data)


class Handler(BaseHTTPRequestHandler):
    """One connection through the proxy."""

    protocol_version = "HTTP/1.1"
    server: "Proxy"

    def log_message(self, format: str, *args: Any) -> None:  # pylint: disable=redefined-builtin
        log.debug("proxy: " + format, *args)

    def do_CONNECT(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.record.add("proxy", target=self.path, headers=redacted(headers))
        host, _, port = self.path.rpartition(":")
        self.close_connection = True
        status = self.server.status()
        if status is not None:
            self.send_error(status)
            return
        try:
            there = socket.create_connection((host if host in LOOPBACK else "127.0.0.1", int(port)), 10)
        except (OSError, ValueError) as error:
            self.send_error(502, str(error))
            return
        with there:
            self.connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            try:
                pump(self.connection, there)
            except OSError as error:
                log.debug("proxy: %s", error)


class Proxy(ThreadingHTTPServer):
    """Listens on 127.0.0.1; whatever name is asked for, it leads to loopback, unless a status says why not."""

    daemon_threads = True

    def __init__(self, record: Record, status: Callable[[], Optional[int]]) -> None:
        self.record = record
        self.status = status
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
