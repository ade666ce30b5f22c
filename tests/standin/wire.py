"""Requests as understood, answers as sent, and the ways in which sending goes wrong."""

import json
import socket
import struct
import threading
import time
import zlib
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Optional

JSON_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"


@dataclass
class Request:
    """One request, as far as it could be understood."""

    method: str
    target: str
    headers: dict[str, str]  # lower-case names
    body: bytes
    kind: str = "other"
    tenant_name: str = ""
    tenant: str = ""  # GUID; empty when unknown
    cmdlet: str = ""
    page: int = 1
    parameters: Any = None
    cursor: Any = None
    query: dict[str, str] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)  # what the record should say besides

    def bearer(self) -> str:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def accepts_gzip(self) -> bool:
        return "gzip" in self.headers.get("accept-encoding", "").lower()

    def host(self) -> str:
        return self.headers.get("host", "localhost")


@dataclass
class Response:
    """An answer. `chunks` may hold the same bytes object many times, so that huge bodies cost no memory."""

    status: int
    chunks: list[bytes]
    content_type: Optional[str] = "application/json; charset=utf-8"
    headers: list[tuple[str, str]] = field(default_factory=list)
    compress: bool = True
    manner: str = "plain"
    options: dict[str, Any] = field(default_factory=dict)

    def length(self) -> int:
        return sum(len(chunk) for chunk in self.chunks)

    def text(self) -> bytes:
        return b"".join(self.chunks)


def json_response(status: int, value: Any, **more: Any) -> Response:
    return Response(status, [json.dumps(value, ensure_ascii=False).encode()], **more)


def compressed(response: Response) -> None:
    """Gzips a response in place, at the speed that a server would choose."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    response.chunks = [packer.compress(chunk) for chunk in response.chunks] + [packer.flush()]
    response.headers.append(("Content-Encoding", "gzip"))


def bomb(total: int) -> list[bytes]:
    """A gzip file of `total` blanks. After a full flush the same input packs to the same bytes: one piece, repeated."""
    unit = b" " * (1 << 20)
    times = max(1, total >> 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(unit) + packer.flush(zlib.Z_FULL_FLUSH)
    crc = 0
    for _ in range(times):
        crc = zlib.crc32(unit, crc)
    header = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    return [header, *[piece] * times, b"\x03\0", struct.pack("<II", crc, (times << 20) & 0xFFFFFFFF)]


# ---- sending ----

Sink = Any  # a TLS or plain socket: sendall, setsockopt, detach


def head(response: Response, length: Optional[int], close: bool) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Status')}"]
    if response.content_type is not None:
        lines.append(f"Content-Type: {response.content_type}")
    lines += [f"{name}: {value}" for name, value in response.headers]
    if length is None:
        lines.append("Transfer-Encoding: chunked")
    elif response.status not in (204, 304):
        lines.append(f"Content-Length: {length}")
    if close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


REASONS = {
    200: "OK",
    204: "No Content",
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


def reset(sink: Sink) -> None:
    """Ends the connection with RST: SO_LINGER with no time does that (socket(7))."""
    sink.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket.close(sink.detach())


def _halves(response: Response) -> tuple[bytes, int]:
    """Half the body, and the length of all of it."""
    body = response.text()
    return body[: len(body) // 2], len(body)


def _send_plain(sink: Sink, response: Response, _: threading.Event) -> bool:
    first = head(response, response.length(), False)
    if response.length() <= 1 << 16:
        sink.sendall(first + response.text())
        return True
    sink.sendall(first)
    for chunk in response.chunks:
        sink.sendall(chunk)
    return True


def _send_reset(sink: Sink, _: Response, __: threading.Event) -> bool:
    reset(sink)
    return False


def _send_stall(_: Sink, response: Response, stop: threading.Event) -> bool:
    stop.wait(response.options["seconds"])
    return False


def _send_close(_: Sink, __: Response, ___: threading.Event) -> bool:
    return False


def _send_reset_in_body(sink: Sink, response: Response, stop: threading.Event) -> bool:
    half, length = _halves(response)
    sink.sendall(head(response, length, False) + half)
    stop.wait(0.2)  # so that the client has read some of it
    reset(sink)
    return False


def _send_stall_in_body(sink: Sink, response: Response, stop: threading.Event) -> bool:
    half, length = _halves(response)
    sink.sendall(head(response, length, False) + half)
    stop.wait(response.options["seconds"])
    return False


def _send_trickle(sink: Sink, response: Response, stop: threading.Event) -> bool:
    everything = head(response, response.length(), False) + response.text()
    step = response.options["bytes"]
    for start in range(0, len(everything), step):
        sink.sendall(everything[start : start + step])
        if stop.wait(response.options["seconds"]):
            return False
    return True


def _send_truncated(sink: Sink, response: Response, _: threading.Event) -> bool:
    half, length = _halves(response)
    if response.options["chunked"]:
        sink.sendall(head(response, None, False) + b"%x\r\n" % len(half) + half + b"\r\n")
    else:
        sink.sendall(head(response, length, False) + half)
    return False


def _send_wrong_length(sink: Sink, response: Response, _: threading.Event) -> bool:
    told = max(0, response.length() + response.options["delta"])
    sink.sendall(head(response, told, False) + response.text())
    time.sleep(0.2)
    return False


def _send_chunked(sink: Sink, response: Response, _: threading.Event) -> bool:
    body = response.text()
    sink.sendall(head(response, None, False))
    for start in range(0, len(body), 1000):
        piece = body[start : start + 1000]
        sink.sendall(b"%x\r\n" % len(piece) + piece + b"\r\n")
    sink.sendall(b"0\r\n\r\n")
    return True


MANNERS: dict[str, Callable[[Sink, Response, threading.Event], bool]] = {
    "plain": _send_plain,
    "reset": _send_reset,
    "stall": _send_stall,
    "close": _send_close,
    "reset_in_body": _send_reset_in_body,
    "stall_in_body": _send_stall_in_body,
    "trickle": _send_trickle,
    "truncated_body": _send_truncated,
    "wrong_length": _send_wrong_length,
    "chunked": _send_chunked,
}


def send(sink: Sink, response: Response, stop: threading.Event) -> bool:
    """Sends in the response's manner; true when the connection can go on."""
    return MANNERS[response.manner](sink, response, stop)


def joined(parts: Iterable[str]) -> bytes:
    return "".join(parts).encode()
