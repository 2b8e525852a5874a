"""The release as other tools ask for it, over HTTP: read-only, from the ledger, never by running anything.

Beside 127.0.0.1 it listens only with a token, and then every request must carry it.
"""

from __future__ import annotations

import hmac
import json
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from verification.core.errors import SettingsError, UsageError
from verification.core.printable import visible
from verification.core.redact import secret_values
from verification.rollout import answers
from verification.rollout.answers import Reply, present, said
from verification.settings import Settings

HOST, PORT = "127.0.0.1", 8787
TOKEN = "RELEASE_GATE_TOKEN"  # noqa: S105  # a name, no token
"""Environment variable that holds the token, where no file does."""
LEAST_TOKEN_SIGNS = 16
MOST_BODY_BYTES = 65_536
_MOST_CONNECTIONS = 32
_STEP_S, _WHOLE_S = 5.0, 15.0
"""Longest wait for a client's next bytes, and for all of one connection."""

_READS: Mapping[str, Callable[[answers.Present], Reply]] = {"/verdict": answers.verdict, "/metrics": answers.metrics}
_HOOKS: Mapping[str, Callable[[Settings, datetime, dict[str, Any]], Reply]] = {
    "/flagger/confirm": lambda settings, at, body: answers.confirm(present(settings, at), _metadata(body)),
    "/flagger/check": lambda settings, at, _: answers.check(present(settings, at)),
    "/flagger/rollback": lambda settings, at, _: answers.rollback(present(settings, at)),
    "/flagger/event": answers.event,
}


def _now() -> datetime:
    return datetime.now(UTC)


def serve(
    settings: Settings,
    *,
    host: str = HOST,
    port: int = PORT,
    token: str | None = None,
    now: Callable[[], datetime] = _now,
) -> None:
    """Answer until interrupted. UsageError where it may not or cannot listen there."""
    with ReleaseServer(settings, host=host, port=port, token=token, now=now) as server:
        print(f"release gate: answers on {server.url} from {settings.release.ledger}; Ctrl-C ends it", flush=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def token_from(environment: Mapping[str, str], file: Path | None) -> str | None:
    """The token of the file's first line, else that of the environment; None where neither has one.

    SettingsError for a file that cannot be read, and for a token that could be guessed or that no header can carry.
    """
    value = environment.get(TOKEN, "").strip()
    if file is not None:
        try:
            value = next(iter(file.read_text(encoding="utf-8").splitlines()), "").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{file}: the token cannot be read as text: {type(error).__name__}.") from error
    if not value and file is None:
        return None
    origin = TOKEN if file is None else f"the first line of {file}"
    if len(value) < LEAST_TOKEN_SIGNS or not value.isascii() or not value.isprintable() or " " in value:
        raise SettingsError(
            f"The token in {origin} cannot be used. Valid are {LEAST_TOKEN_SIGNS} or more printable ASCII signs "
            "without a space, for example of `openssl rand -hex 24`."
        )
    return value


class ReleaseServer(ThreadingHTTPServer):
    """Listens as soon as it is made; port 0 takes a free one. Answers with `serve_forever`."""

    daemon_threads = True

    def __init__(
        self,
        settings: Settings,
        *,
        host: str = HOST,
        port: int = PORT,
        token: str | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        if host != HOST and not token:
            raise UsageError(
                f"{host}: whoever can reach this address could ask, so a token is needed: set {TOKEN} or name a file "
                f"that holds it, or listen on {HOST}."
            )
        if token:
            secret_values([token])
        self.settings, self.token, self.now = settings, token, now
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._room = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            raise UsageError(f"{host}, port {port}: cannot listen there: {error}. Name another --port.") from error

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self.server_address[:2]
        return f"http://[{host!s}]:{port}" if ":" in str(host) else f"http://{host!s}:{port}"

    def server_bind(self) -> None:
        """Without looking up a name for the address, which may take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for the connection while there is room; else it is closed."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._room.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection, from begin to end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A client that went away is no news; anything else is a bug of ours, told without what a request held."""
        error = sys.exception()
        if not isinstance(error, OSError):
            print(f"release gate: a request could not be answered: {type(error).__name__}", file=sys.stderr)


class _Refused(Exception):
    """The request itself cannot be answered."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.reply = said(status, reason)


class _Handler(BaseHTTPRequestHandler):
    """One request on one connection."""

    server: ReleaseServer
    server_version, sys_version = "release-gate", ""
    timeout = _STEP_S

    def setup(self) -> None:
        super().setup()
        # The limit above begins anew with every byte.
        self._end = threading.Timer(_WHOLE_S, self._cut)
        self._end.daemon = True
        self._end.start()

    def _cut(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        self._end.cancel()
        super().finish()

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        try:
            reply = self._reply(path)
        except _Refused as refused:
            reply = refused.reply
        self._send(reply)
        if path in _HOOKS or reply.status != answers.OK:
            shown = path if path in _HOOKS or path in _READS else "another path"
            print(f"release gate: {visible(self.command)} {shown}: {reply.status}", file=sys.stderr)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _answer  # noqa: N815

    def _reply(self, path: str) -> Reply:
        """Who asks must be known before anything of the release is said."""
        body = self._body() if self.command == "POST" or "content-length" in self.headers else b""
        is_hook = path in _HOOKS
        if not self._is_known(body if is_hook else b""):
            raise _Refused(401, "this address answers with `Authorization: Bearer TOKEN` only")
        if not is_hook and path not in _READS:
            raise _Refused(404, f"valid: {', '.join(f'GET {one}' for one in _READS)}, POST {', '.join(_HOOKS)}")
        if self.command != ("POST" if is_hook else "GET"):
            raise _Refused(405, f"{path} takes {'POST' if is_hook else 'GET'} only")
        if not is_hook:
            return _READS[path](present(self.server.settings, self.server.now()))
        if self.headers.get_content_type() != "application/json":
            # Also keeps web pages out: a browser sends this type to another site only when that site allows it.
            raise _Refused(415, "the body must be application/json")
        return _HOOKS[path](self.server.settings, self.server.now(), _document(body))

    def _body(self) -> bytes:
        told = self.headers.get("content-length", "")
        if not (told.isascii() and told.isdecimal() and len(told) < 20):
            raise _Refused(411, "the length of the body must be told as Content-Length")
        if int(told) > MOST_BODY_BYTES:
            self._drain(int(told))
            raise _Refused(413, f"the body may have {MOST_BODY_BYTES} bytes at most")
        return self.rfile.read(int(told))

    def _drain(self, length: int) -> None:
        """Take a little of what is too much: a client that is cut off while it sends never reads the answer."""
        left = min(length, 16 * MOST_BODY_BYTES)
        while left > 0 and (taken := self.rfile.read(min(left, MOST_BODY_BYTES))):
            left -= len(taken)

    def _is_known(self, body: bytes) -> bool:
        """Whether the request carries the token. Flagger can send no header of ours: its hooks may name the token in
        their metadata."""
        token = self.server.token
        if not token:
            return True
        given = self.headers.get("authorization", "")
        if not given and body:
            with suppress(_Refused):
                given = f"Bearer {_metadata(_document(body)).get('token')}"
        # As bytes: signs outside ASCII would be an error.
        wanted = f"Bearer {token}".encode()
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("Cache-Control", "no-store")
        if reply.status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        if reply.status == 405:
            self.send_header("Allow", "POST" if self.path.partition("?")[0] in _HOOKS else "GET")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """What is wrong with the request's form, without quoting it. A 5xx would be taken for a fault of ours."""
        reply = said(code if code < 500 else 405 if code == 501 else 400, "this is no request that can be answered")
        self.command = getattr(self, "command", None) or "GET"
        self.path, self.close_connection = getattr(self, "path", ""), True
        self._send(reply)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Requests are told elsewhere, without their query, which may hold a secret."""


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise _Refused(400, "the body is no JSON") from None
    if not isinstance(document, dict):
        raise _Refused(400, 'the body must be a JSON object such as {"name": "podinfo", "namespace": "test"}')
    return document


def _metadata(body: Mapping[str, Any]) -> Mapping[str, Any]:
    found = body.get("metadata")
    return found if isinstance(found, dict) else {}
