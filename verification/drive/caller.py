"""One HTTP request -> one exchange. Every failure of the transport is an answer of its own kind, never an exception."""

from __future__ import annotations

import base64
import json
import time
from types import TracebackType
from typing import Self

import httpx

from verification.core.arms import force_query
from verification.core.model import Answer, Arm, Exchange, Request
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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.base_url = base_url
        self._redactor = redactor
        self._max_body_bytes = max_body_bytes
        self._witness = witness
        # trust_env off: a proxy from the environment would put a third party between the gate and its target.
        self._client = httpx.Client(
            base_url=base_url, timeout=timeout_s, transport=transport, follow_redirects=False, trust_env=False
        )

    def call(self, request: Request, arm: Arm, *, force: bool = True) -> Exchange:
        """Send the request on an arm; with force=False the arm is only what is expected, the flag decides."""
        return self._send(request, arm, force_query(arm) if force else ())

    def _send(self, request: Request, arm: Arm, extra: tuple[tuple[str, str], ...]) -> Exchange:
        headers = {} if request.content_type is None else {"content-type": request.content_type}
        content = None if request.body is None else request.body.encode("utf-8", "surrogatepass")
        answer: Answer | None = None
        failure: str | None = None
        witness: str | None = None
        started = time.perf_counter()
        try:
            with self._client.stream(
                request.method, request.path, params=[*request.query, *extra], headers=headers, content=content
            ) as response:
                answer = self._read(response)
                witness = self._witness.of(answer)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            answer, failure = None, self._redactor.text(f"{type(error).__name__}: {error}")
        elapsed_ms = (time.perf_counter() - started) * 1000
        return Exchange(arm, self._redacted(request), answer, failure, round(elapsed_ms, 3), witness)

    def _read(self, response: httpx.Response) -> Answer:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > self._max_body_bytes:
                raise ValueError(f"the answer is larger than {self._max_body_bytes} bytes")
        headers = tuple(
            (name.lower(), value) for name, value in response.headers.multi_items() if name.lower() not in _DULL_HEADERS
        )
        headers = self._redactor.headers(headers)
        try:
            return Answer(response.status_code, headers, self._redactor.text(body.decode("utf-8")))
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


def json_body(exchange: Exchange) -> object:
    """The parsed body of an exchange for set-up and monitoring; None where there is no JSON."""
    if exchange.answer is None or exchange.answer.body_is_base64:
        return None
    try:
        return json.loads(exchange.answer.body)
    except (ValueError, RecursionError):
        return None
