"""The record of what was asked: JSON lines, without secrets, so that tests can say what a client did and did not do."""

import hashlib
import json
import threading
import time
from pathlib import Path
from typing import Any

from wire import Request

SECRET_HEADERS = {"cookie", "proxy-authorization"}


def redacted(headers: dict[str, str]) -> dict[str, str]:
    """Headers with credentials replaced by a hash: equal tokens can be told from different ones, and nothing more."""
    safe = {name: "redacted" if name in SECRET_HEADERS else value for name, value in headers.items()}
    if "authorization" in safe:
        scheme, _, credential = safe["authorization"].partition(" ")
        safe["authorization"] = f"{scheme} sha256:{hashlib.sha256(credential.encode()).hexdigest()[:16]}"
    return safe


class Record:
    """Appends to a file; each line is written at once, so that it is there before the answer is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._number = 0
        self._path.touch()

    def add(self, event: str, **values: Any) -> None:
        with self._lock:
            self._number += 1
            line = {"n": self._number, "t": round(time.time(), 3), "event": event, **values}
            # Opened anew each time: a test may empty or remove the file in between.
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def request(self, request: Request, **values: Any) -> None:
        self.add(
            "request",
            method=request.method,
            target=request.target,
            host=request.headers.get("host"),
            headers=redacted(request.headers),
            kind=request.kind,
            tenant=request.tenant or None,
            tenant_name=request.tenant_name or None,
            cmdlet=request.cmdlet or None,
            page=request.page,
            parameters=request.parameters,
            **{**values, **request.notes},
        )
