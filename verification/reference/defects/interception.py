"""Standing between the routing and the rewrite: how a defect changes, delays or refuses what the rewrite answers."""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from verification.reference.asgi import Application, Receive, Response, Scope, Send, read_body, replay
from verification.reference.backend import Backend
from verification.reference.endpoints import endpoint_of


class SeededFault(RuntimeError):
    """What a defect raises where the rewrite shall fail unexpectedly."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request for one of the 13 endpoints on its way to an implementation."""

    endpoint: str
    scope: Scope
    body: bytes
    application: Application

    async def proceed(self) -> Response:
        """Let the implementation answer."""
        response = Response()
        await self.application(self.scope, replay(self.body), response.collect)
        return response


Act = Callable[[Call], Awaitable[Response]]
Install = Callable[[Backend], None]


def wrapped(application: Application, endpoint: str | None, act: Act) -> Application:
    """The application with `act` in charge of one endpoint, or of all 13."""

    async def application_with_fault(scope: Scope, receive: Receive, send: Send) -> None:
        found = endpoint_of(scope)
        if found is None or endpoint not in (None, found):
            await application(scope, receive, send)
            return
        response = await act(Call(found, scope, await read_body(receive), application))
        await response.send(send)

    return application_with_fault


def intercept(endpoint: str | None, make: Callable[[Backend], Act]) -> Install:
    """A defect that acts on the rewrite's answers; `make` is called once for each backend."""

    def install(backend: Backend) -> None:
        backend.domain.application = wrapped(backend.domain.application, endpoint, make(backend))

    return install


def edit_response(endpoint: str | None, edit: Callable[[Response], None]) -> Install:
    """A defect that changes whole answers."""

    async def act(call: Call) -> Response:
        response = await call.proceed()
        edit(response)
        return response

    return intercept(endpoint, lambda _backend: act)


def edit_body(endpoint: str | None, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Install:
    """A defect that changes the JSON object in answers with status 200."""

    def edit_object(response: Response) -> None:
        if response.status == 200:
            set_body(response, edit(json.loads(response.body)))

    return edit_response(endpoint, edit_object)


def set_body(response: Response, value: Any) -> None:
    """Put another JSON value into an answer."""
    set_bytes(response, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def set_bytes(response: Response, body: bytes) -> None:
    """Put another body into an answer and tell its length."""
    response.body = body
    others = [(name, value) for name, value in response.headers if name.lower() != b"content-length"]
    response.headers = [*others, (b"content-length", str(len(body)).encode())]


def lottery(backend: Backend, name: str, share: float) -> Callable[[], bool]:
    """A draw that hits with the given share; seeded by the backend and the defect's name."""
    draw = random.Random(f"{backend.seed}-{name}")  # noqa: S311 - decides which requests go wrong, no cryptography
    return lambda: draw.random() < share
