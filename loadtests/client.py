"""One HTTP client for both arms: one connection pool, no cookies, no redirects, no silent retries, three clocks, and a
bound for everything that an answer may grow to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import geventhttpclient.client
from gevent import Timeout, sleep
from geventhttpclient.response import HTTPParseError, HTTPSocketPoolResponse
from locust.contrib.fasthttp import FastHttpSession

from loadtests.reply import Reply, server_time_ms, silence
from verification.core.arms import DEFAULT_ROUTING, Routing
from verification.core.encodings import ACCEPTED, Unpacking
from verification.core.model import EXPECTED_IMPLEMENTATION, Arm, Request
from verification.core.printable import visible
from verification.core.redact import redact_text
from verification.core.witness import DEFAULT_WITNESS, Witness
from verification.settings.authentication import url_credentials

DEFAULT_MAX_BODY_BYTES = 5_000_000
MOST_HEAD_CHARACTERS = 100_000
"""Names and values of an answer's headers and trailers together."""
_PIECE_BYTES, _TURN_BYTES = 16_384, 100_000


@dataclass(frozen=True, slots=True)
class _Backend:
    """Connections to one base URL, its path, and the header that its user and password come to."""

    http: Any
    path: str
    headers: Mapping[str, str]


class Client:
    """Sends requests on the connections of Locust's session, for one target or for the two base URLs of a routing.

    It does not send through the session itself: that reads and unpacks whatever comes, follows redirects, keeps cookies
    (one shared jar would make all requests one user, and a sticky backend would pin it to an arm), and ends with an
    exception of its own where an answer is odd enough. Retries are off: geventhttpclient repeats a GET whose connection
    broke, up to once for each connection of its pool, which hides resets of the target and multiplies its load.
    """

    def __init__(
        self,
        session: FastHttpSession,
        host: str,
        server_time_header: str,
        witness: Witness = DEFAULT_WITNESS,
        routing: Routing = DEFAULT_ROUTING,
        headers: Mapping[str, str] | None = None,
        max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
    ) -> None:
        self._server_time_header = server_time_header
        self._witness, self._routing = witness, routing
        self._headers = dict(headers or {})
        self._max_body_bytes = max_body_bytes
        urls = {host, *(routing.marks(arm).base_url or host for arm in Arm)}
        pool = session.client.clientpool
        self._host, self._backends = host, {url: _backend(pool, url) for url in urls}

    def ask(self, request: Request, arm: Arm | None, timeout_s: float) -> Reply:
        """Send one request on an arm (None: the flag decides) and wait at most `timeout_s` for the whole answer."""
        marks = self._routing.marks(arm)
        backend = self._backends[marks.base_url or self._host]
        query = (*request.query, *marks.query)
        path = backend.path + quote(marks.prefix + request.path, safe="/%:@!$&'()*+,;=~")
        path += f"?{urlencode(query)}" if query else ""
        headers = marks.beside({"accept-encoding": ACCEPTED, **self._headers, **backend.headers})
        if request.content_type:
            headers["content-type"] = request.content_type
        data = request.body.encode() if request.body is not None else None
        answer: Any = None
        content, failure, timed_out = b"", None, False
        sent_at = perf_counter()
        timer = Timeout.start_new(timeout_s)
        try:
            answer = backend.http.request(request.method, path, body=data, headers=headers)
            content = self._body(answer)
        except Timeout as timeout:
            if timeout is not timer:
                raise
            failure, timed_out = f"no answer within {timeout_s:g} s", True
        except (OSError, HTTPParseError, ValueError) as error:
            failure = visible(redact_text(f"{type(error).__name__}: {error}"))
        finally:
            timer.close()
            done_at = perf_counter()
            if answer is not None:
                answer.release()
        if answer is None:
            return silence(failure or "no answer", sent_at, done_at, timed_out=timed_out)
        reply = self._reply(answer, content, failure, timed_out, sent_at, done_at)
        if self._witness.address:
            return replace(reply, served_by=EXPECTED_IMPLEMENTATION[arm or Arm.CONTROL].value)
        return reply

    def _body(self, answer: Any) -> bytes:
        body = bytearray()
        unpacking = Unpacking(answer.info().getlist("content-encoding"), self._max_body_bytes)
        while piece := answer.read(_PIECE_BYTES):
            body += unpacking.feed(piece)
        unpacking.finish()
        return bytes(body)

    def _reply(
        self, answer: Any, content: bytes, failure: str | None, timed_out: bool, sent_at: float, done_at: float
    ) -> Reply:
        headers = list(answer.items())
        body = content.decode("utf-8", "replace")
        wanted = self._server_time_header.lower()
        return Reply(
            status=answer.status_code,
            body=body,
            served_by=self._witness.served_by(headers, body),
            server_ms=server_time_ms(next((value for name, value in headers if name.lower() == wanted), None)),
            failure=failure,  # beside a status: the answer began and did not end
            timed_out=timed_out,
            sent_at_s=sent_at,
            done_at_s=done_at,
            length=len(content),
        )


def _backend(pool: Any, base_url: str) -> _Backend:
    parts = urlsplit(base_url)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    http = pool.get_client(bare)
    http._connection_pool.size = -1  # the number of repeats is size + 1; the limits were set from it before
    return _Backend(http, parts.path.rstrip("/"), url_credentials(base_url))


class _BoundedAnswer(HTTPSocketPoolResponse):
    """An answer whose head and trailers do not grow without end, and that lets others have their turn.

    Reading from a target that sends faster than we read never waits, and so would never let a timer go off.
    """

    _characters = _bytes = 0

    def feed(self, data: str | bytes) -> None:
        self._bytes += len(data)
        if self._bytes > _TURN_BYTES:
            self._bytes = 0
            sleep(0)
        super().feed(data)

    def _on_header_field(self, string: str) -> None:
        self._count(string)
        super()._on_header_field(string)

    def _on_header_value(self, string: str) -> None:
        self._count(string)
        super()._on_header_value(string)

    def _count(self, string: str) -> None:
        self._characters += len(string)
        if self._characters > MOST_HEAD_CHARACTERS:
            raise HTTPParseError(f"the answer's headers are longer than {MOST_HEAD_CHARACTERS} characters")


# The client has no other place in which to say what its answers are.
setattr(geventhttpclient.client, "HTTPSocketPoolResponse", _BoundedAnswer)  # noqa: B010  # not declared as exported
