"""An implementation as a whole: its application, which signs every answer with its name and its own time.

Who really made an answer is remembered apart from the signature, by the application itself; the usage counters count
that, so that header and counters are two witnesses and not one told twice.
"""

from __future__ import annotations

import time
from contextvars import ContextVar

from verification.reference.asgi import Application, Message, Receive, Scope, Send

maker: ContextVar[str | None] = ContextVar("maker", default=None)
"""Name of the implementation whose code began the answer to the present request."""


def remembered(name: str, application: Application) -> Application:
    """The application, which tells `maker` its name as soon as it answers."""

    async def application_with_name(scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                maker.set(name)
            await send(message)

        await application(scope, receive, told)

    return application_with_name


class Implementation:
    """Wraps an implementation's application. It belongs to the implementation, not to the routing: whatever was routed
    where, the name on the answer is that of the code that made it, 404 and 422 included.

    `application` may be replaced while nothing is served; that is where seeded defects come in.
    """

    def __init__(self, name: str, application: Application) -> None:
        self.name, self.application = name, remembered(name, application)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()

        async def signed(message: Message) -> None:
            if message["type"] == "http.response.start":
                work_ms = (time.perf_counter() - started) * 1000.0
                message["headers"] = [*message.get("headers", ()), *self.signature(work_ms)]
            await send(message)

        await self.application(scope, receive, signed)

    def signature(self, work_ms: float) -> list[tuple[bytes, bytes]]:
        """The headers that say who made the answer and how long that took, in ms."""
        return [(b"x-served-by", self.name.encode()), (b"server-timing", f"work;dur={work_ms:.3f}".encode())]


class Unsigned(Implementation):
    """Signs nothing: from its answers nobody learns who made them, nor how long that took."""

    def signature(self, work_ms: float) -> list[tuple[bytes, bytes]]:  # noqa: ARG002 - nothing is told of it
        return []
