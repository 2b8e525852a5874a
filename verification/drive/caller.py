"""One HTTP request -> one exchange. Every failure of the transport is an answer of its own kind, never an exception."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from verification.core.address import without_own_address
from verification.core.arms import DEFAULT_ROUTING, Marks, Routing
from verification.core.model import EXPECTED_IMPLEMENTATION, Answer, Arm, Exchange, Request
from verification.core.redact import Redactor
from verification.core.witness import DEFAULT_WITNESS, Witness

# Headers that differ by nature and say nothing of the implementation; they would only fill the evidence.
_DULL_HEADERS = frozenset({"date", "server", "content-length", "connection", "keep-alive", "transfer-encoding"})


class Caller:
    """Sends requests to one base URL. Redirects are not followed, bodies are bounded, secrets redacted."""

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
    ) -> None:
        self.base_url = base_url
        self._redactor = redactor
        self._max_body_bytes = max_body_bytes
        self._witness, self._routing = witness, routing
        # trust_env off: a proxy from the environment would put a third party between the gate and its target.
        self._client = httpx.Client(
            timeout=timeout_s,
            transport=transport,
            follow_redirects=False,
            trust_env=False,
            headers=dict(headers or {}),
            verify=True if ca_file is None else ssl.create_default_context(cafile=str(ca_file)),
        )

    def call(self, request: Request, arm: Arm, *, force: bool = True) -> Exchange:
        """Send the request on an arm; with force=False the arm is only what is expected, the flag decides."""
        return self._send(request, arm, self._routing.marks(arm if force else None))

    def told(self, request: Request, path: str) -> str | None:
        """What stands at a dotted path of a JSON answer, as text; None where nothing does. No arm is forced."""
        found = json_body(self.call(request, Arm.CONTROL, force=False))
        for step in path.split("."):
            found = found.get(step) if isinstance(found, dict) else None
        return None if found is None or isinstance(found, dict | list) else str(found)

    def _send(self, request: Request, arm: Arm, marks: Marks) -> Exchange:
        headers = dict(marks.headers)
        if request.content_type is not None:
            headers["content-type"] = request.content_type
        url = f"{marks.base_url or self.base_url}{marks.prefix}{request.path}"
        content = None if request.body is None else request.body.encode("utf-8", "surrogatepass")
        answer: Answer | None = None
        failure: str | None = None
        witness: str | None = None
        started = time.perf_counter()
        try:
            with self._client.stream(
                request.method, url, params=[*request.query, *marks.query], headers=headers, content=content
            ) as response:
                answer = self._read(response, marks.base_url)
                witness = EXPECTED_IMPLEMENTATION[arm].value if self._witness.address else self._witness.of(answer)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            answer, failure = None, self._redactor.text(f"{type(error).__name__}: {error}")
        elapsed_ms = (time.perf_counter() - started) * 1000
        return Exchange(arm, self._redacted(request), answer, failure, round(elapsed_ms, 3), witness)

    def _read(self, response: httpx.Response, own: str | None) -> Answer:
        """The answer as it is kept; `own` is the address that was asked where control and candidate have one each."""
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > self._max_body_bytes:
                raise ValueError(f"the answer is larger than {self._max_body_bytes} bytes")
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
        query = tuple((name, self._redactor.text(f"?{name}={value}").split("=", 1)[1]) for name, value in request.query)
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


def json_body(exchange: Exchange) -> object:
    """The parsed body of an exchange for set-up and monitoring; None where there is no JSON."""
    if exchange.answer is None or exchange.answer.body_is_base64:
        return None
    try:
        return json.loads(exchange.answer.body)
    except (ValueError, RecursionError):
        return None
