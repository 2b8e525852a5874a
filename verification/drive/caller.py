"""One HTTP request -> one exchange. Every failure of the transport is an answer of its own kind, never an exception."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import httpx

from verification.core.address import without_own_address
from verification.core.arms import DEFAULT_ROUTING, Marks, Routing
from verification.core.documents import member
from verification.core.encodings import ACCEPTED, Unpacking
from verification.core.model import EXPECTED_IMPLEMENTATION, Answer, Arm, Exchange, Request
from verification.core.printable import visible
from verification.core.redact import Redactor
from verification.core.witness import DEFAULT_WITNESS, Witness
from verification.drive.pace import Pace
from verification.drive.transport import Transport
from verification.settings.authentication import trusted, url_credentials

# Headers that differ by nature and say nothing of the implementation; they would only fill the evidence.
_DULL_HEADERS = frozenset({"date", "server", "content-length", "connection", "keep-alive", "transfer-encoding"})

MOST_SILENCES = 12
_NOT_ASKED = "not asked: "
"""Begins the failure of a request that was never sent; that of a sent one begins with the name of an exception."""


class Caller:
    """Sends requests to one base URL. `timeout_s` and `max_body_bytes` bound each answer as a whole, unpacked.

    Redirects are answers and not followed, cookies are not kept, secrets are redacted. `headers` go with every request
    and into no exchange. After `longest_s` nothing is sent any more; the last request still has its whole time limit.
    `hear` is told of each exchange, also of one that was not asked.
    """

    def __init__(
        self,
        base_url: str,
        redactor: Redactor,
        *,
        timeout_s: float = 10.0,
        max_body_bytes: int = 5_000_000,
        witness: Witness = DEFAULT_WITNESS,
        routing: Routing = DEFAULT_ROUTING,
        headers: Mapping[str, str] | None = None,
        ca_file: Path | None = None,
        transport: httpx.BaseTransport | None = None,
        pace: Pace | None = None,
        longest_s: float | None = None,
        hear: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._until = None if longest_s is None else time.monotonic() + longest_s
        self._hear = hear
        self._pace = pace
        self.base_url = base_url
        self._redactor = redactor
        self._max_body_bytes = max_body_bytes
        self._witness, self._routing = witness, routing
        self._headers = dict(headers or {})
        self._silent_s, self._most_silent_s = 0.0, MOST_SILENCES * timeout_s
        certificates = True if ca_file is None else trusted(ca_file)
        self._transport = transport or Transport(timeout_s, certificates)
        # trust_env off: a proxy from the environment would put a third party between the gate and its target.
        # It only words requests: sending with it would store cookies, which ties all that follows to one session, and
        # refuse a redirect to what is no URL, which is an answer like any other.
        self._client = httpx.Client(transport=self._transport, trust_env=False)

    def call(self, request: Request, arm: Arm, *, force: bool = True) -> Exchange:
        """Send the request on an arm; with force=False the arm is only what is expected, the flag decides.

        A service that answered nothing for twelve time limits of waiting is not asked any more: waiting the whole limit
        for every request to come would keep a run for hours.
        """
        refused = self.refused
        if refused is None:
            if self._pace is not None:
                self._pace.wait()
            exchange = self._send(request, arm, self._routing.marks(arm if force else None))
        else:
            exchange = Exchange(arm, self._redacted(request), None, f"{_NOT_ASKED}{refused}", 0.0, None)
        if self._hear is not None:
            self._hear(exchange)
        return exchange

    @property
    def refused(self) -> str | None:
        """Why nothing is sent any more; None while it is."""
        if self._until is not None and time.monotonic() >= self._until:
            return "the time for all requests together was up"
        if self._silent_s >= self._most_silent_s:
            return f"for {self._silent_s:.0f} s of waiting the service answered nothing"
        return None

    def reserve(self, calls: int) -> None:
        """Make room for so many calls at the same moment."""
        if self._pace is not None:
            self._pace.reserve(calls)

    def told(self, request: Request, path: str) -> str | None:
        """What stands at a dotted path of a JSON answer, as text; None where nothing does. No arm is forced."""
        found = member(json_body(self.call(request, Arm.CONTROL, force=False)), path)
        return None if found is None or isinstance(found, dict | list) else str(found)

    def _send(self, request: Request, arm: Arm, marks: Marks) -> Exchange:
        headers = marks.beside({"accept-encoding": ACCEPTED, **self._headers})
        if request.content_type is not None:
            headers["content-type"] = request.content_type
        base_url = marks.base_url or self.base_url
        url = f"{base_url}{marks.prefix}{request.path}"
        content = None if request.body is None else request.body.encode("utf-8", "surrogatepass")
        answer: Answer | None = None
        failure: str | None = None
        witness: str | None = None
        started = time.perf_counter()
        try:
            sent = self._client.build_request(
                request.method, url, params=[*request.query, *marks.query], headers=headers, content=content
            )
            sent.headers.update(url_credentials(base_url))
            with closing(self._transport.handle_request(sent)) as response:
                answer = self._read(response, marks.base_url)
            witness = EXPECTED_IMPLEMENTATION[arm].value if self._witness.address else self._witness.of(answer)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            answer, failure = None, self._redactor.text(visible(f"{type(error).__name__}: {error}"))
        elapsed_ms = (time.perf_counter() - started) * 1000
        self._silent_s = 0.0 if answer is not None else self._silent_s + elapsed_ms / 1000
        return Exchange(arm, self._redacted(request), answer, failure, round(elapsed_ms, 3), witness)

    def _read(self, response: httpx.Response, own: str | None) -> Answer:
        """The answer as it is kept; `own` is the address that was asked where control and candidate have one each."""
        body = bytearray()
        unpacking = Unpacking(response.headers.get_list("content-encoding"), self._max_body_bytes)
        # Not iter_bytes: what it unpacks is as large as the target likes, before anybody can count it.
        for chunk in cast("Iterable[bytes]", response.stream):
            body += unpacking.feed(chunk)
        unpacking.finish()
        headers = tuple(
            (name.lower(), value) for name, value in response.headers.multi_items() if name.lower() not in _DULL_HEADERS
        )
        headers = tuple((name, _unaddressed(value, own)) for name, value in self._redactor.headers(headers))
        try:
            text = _unaddressed(self._redactor.text(body.decode("utf-8")), own)
            return Answer(response.status_code, headers, text)
        except UnicodeDecodeError:
            kept = base64.b64encode(self._redactor.raw(bytes(body))).decode()
            return Answer(response.status_code, headers, kept, body_is_base64=True)

    def _redacted(self, request: Request) -> Request:
        body = None if request.body is None else self._redactor.text(request.body)
        query = tuple((name, self._redactor.named(name, value)) for name, value in request.query)
        return Request(request.method, self._redactor.text(request.path), query, body, request.content_type)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _unaddressed(text: str, own: str | None) -> str:
    return text if own is None else without_own_address(text, own)


def was_asked(exchange: Exchange) -> bool:
    """Whether the request was sent at all."""
    return exchange.failure is None or not exchange.failure.startswith(_NOT_ASKED)


def json_body(exchange: Exchange) -> object:
    """The parsed body of an exchange for set-up and monitoring; None where there is no JSON."""
    if exchange.answer is None or exchange.answer.body_is_base64:
        return None
    try:
        return json.loads(exchange.answer.body)
    except (ValueError, RecursionError):
        return None
