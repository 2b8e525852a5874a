"""An implementation as a whole: its application, which signs every answer with its name and its own time."""

from __future__ import annotations

import time

from verification.reference.asgi import Application, Message, Receive, Scope, Send


class Implementation:
    """Wraps an implementation's application. It belongs to the implementation, not to the routing: whatever was routed
    where, the name on the answer is that of the code that made it, 404 and 422 included.

    `application` may be replaced while nothing is served; that is where seeded defects come in.
    """

    def __init__(self, name: str, application: Application) -> None:
        self.name, self.application = name, application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()

        async def signed(message: Message) -> None:
            if message["type"] == "http.response.start":
                work_ms = (time.perf_counter() - started) * 1000.0
                signature = [
                    (b"x-served-by", self.name.encode()),
                    (b"server-timing", f"work;dur={work_ms:.3f}".encode()),
                ]
                message["headers"] = [*message.get("headers", ()), *signature]
            await send(message)

        await self.application(scope, receive, signed)
