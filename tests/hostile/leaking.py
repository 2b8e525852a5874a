"""A proxy in front of a reference backend that tells secrets wherever an answer has a place for them."""

from __future__ import annotations

import base64
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.reference.running import running

PLACES = (
    *("target", "cookie", "header", "authorization", "settings_header", "location", "member", "list", "object", "text"),
    *("settings_member", "settings_text", "url", "query", "nested", "error", "failure", "crash", "differs", "log"),
)
CORES = {name: f"Qz{number:02d}canary{name.replace('_', '')}xK" for number, name in enumerate(PLACES)}
"""Where -> letters and digits that stand nowhere else: no escaping, quoting or percent-encoding changes them."""
NUMBER = "918273645546372819"
CATALOGS_OWN = "planted-secret"
"""What the shipped catalog plants into the cameras that it creates."""
NAMES = ("x-my-key", "ticket", "pin")
"""What the settings name."""


def secret(place: str) -> str:
    """The secret of a place, with signs around its core that every encoding writes in another way."""
    return f"a/{CORES[place]}+ü="


def hits(data: bytes) -> list[str]:
    """The places whose secret is in the data: as it is, or as base64 at any of its three offsets."""
    found = []
    for name, core in {**CORES, "catalog": CATALOGS_OWN, "number": NUMBER}.items():
        plain = core.encode()
        packed = [base64.b64encode(bytes(offset) + plain)[(4 if offset else 0) : -4] for offset in range(3)]
        found += [name for form in (plain, plain.lower(), *packed) if form in data or form in data.lower()]
    return sorted(set(found))


@dataclass
class Leak:
    """The proxy's address, what it saw, and where it does what."""

    url: str = ""
    authorized: set[str | None] = field(default_factory=set)
    fails: bool = False
    """Whether creating a camera fails with an error that tells secrets."""


@contextmanager
def leaking(*, fails: bool = False) -> Iterator[Leak]:
    """Start a backend at 25 % and the proxy before it."""
    with running("--percent", "25") as backend:
        leak = Leak(fails=fails)
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(str(backend.client.base_url), leak))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        leak.url = f"http://gate:{CORES['target']}@127.0.0.1:{server.server_port}"
        try:
            yield leak
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


_BASIC = base64.b64encode(f"u:{CORES['authorization']}".encode()).decode()
HEADERS = (
    ("Set-Cookie", f"session={CORES['cookie']}; HttpOnly"),
    ("X-Api-Key", CORES["header"]),
    ("Authorization", f"Basic {_BASIC}"),
    ("X-My-Key", CORES["settings_header"]),
    ("Location", f"https://u:{CORES['location']}@elsewhere/x?access_token={CORES['query']}"),
)


def _members(target: str) -> dict[str, Any]:
    differs = "force_domain=true" in target and "/alerts/rules" in target
    return {
        "access_token": secret("member"),
        "client_secret": secret("differs") if differs else secret("member"),
        "api_keys": [secret("list"), secret("list") + "2"],
        "ticket": {"value": secret("object"), "and": [secret("object")]},
        "x_my_key": secret("settings_member"),
        "pin": int(NUMBER),
        "note": f"see rtsp://u:{CORES['url']}@h/s, password={CORES['text']} or X-My-Key: {secret('settings_text')}",
        "nested": json.dumps({"token": secret("nested"), "pin": int(NUMBER)}),
    }


def _handler(backend: str, leak: Leak) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            leak.authorized.add(self.headers.get("Authorization"))
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if leak.fails and self.command == "POST" and urlsplit(self.path).path.endswith("/cameras"):
                text = f"no: {'x' * 150} https://u:{CORES['error']}@h/ " + json.dumps({"secret": secret("failure")})
                self._answer(500, [("Content-Type", "text/plain")], text.encode())
                return
            there = http.client.HTTPConnection(urlsplit(backend).netloc, timeout=20)
            headers = {"Content-Type": self.headers["Content-Type"]} if self.headers["Content-Type"] else {}
            there.request(self.command, self.path, sent or None, headers)
            answer = there.getresponse()
            body = answer.read()
            there.close()
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() in _KEPT]
            try:
                document = json.loads(body)
            except ValueError:
                document = None
            if isinstance(document, dict):
                body = json.dumps(document | _members(self.path)).encode()
            self._answer(answer.status, [*kept, *HEADERS], body)

        do_GET = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815  # the base class names them so

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # the base class names it so
            pass

    return Handler


_KEPT = frozenset({"content-type", "x-served-by", "server-timing"})
