"""Which implementation a request goes to, and what happens when the rewrite fails."""

from __future__ import annotations

import logging
import time
from urllib.parse import parse_qs

from verification.reference.asgi import Application, Receive, Response, Scope, Send, read_body, replay
from verification.reference.flag import Flag, forced_choice
from verification.reference.metrics import Metrics
from verification.reference.witness import Implementation, maker

PREFIX = "/api/v1"
_OWN = ("/api/ping", f"{PREFIX}/monitoring/")
_LOG = logging.getLogger("reference.routing")


class Router:
    """The whole backend as one application: monitoring and readiness beside the flag, everything else behind it."""

    def __init__(
        self, flag: Flag, legacy: Implementation, domain: Implementation, own: Application, metrics: Metrics
    ) -> None:
        self.flag, self.legacy, self.domain, self.own, self.metrics = flag, legacy, domain, own, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"].startswith(_OWN):
            await self.own(scope, receive, send)
            return
        started = time.perf_counter()
        body = await read_body(receive)
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        forced = forced_choice(query.get("force_domain", []))
        maker.set(None)
        response = await self._serve(scope, body, domain=self.flag.wants_domain(forced))
        elapsed_ms = (time.perf_counter() - started) * 1000.0
        self.metrics.count(response.status, elapsed_ms, maker.get(), forced)
        await response.send(send)

    async def _serve(self, scope: Scope, body: bytes, *, domain: bool) -> Response:
        if domain:
            response = Response()
            try:
                # The scope is copied because an application writes its own route into it.
                await self.domain(dict(scope), replay(body), response.collect)
            except Exception:  # noqa: BLE001 - see the next line
                # Whatever the rewrite raises, the user gets the old implementation's answer; only this line tells.
                endpoint = f"{scope['method']} {scope['path']}"
                _LOG.exception("domain failed at %s, falling back to legacy", endpoint)
            else:
                return response
        response = Response()
        try:
            await self.legacy(dict(scope), replay(body), response.collect)
        except Exception:  # noqa: BLE001 - see the next line
            # Starlette has made the answer 500 already and raises the reason afterwards, for the log.
            _LOG.exception("legacy failed at %s %s", scope["method"], scope["path"])
        return response
