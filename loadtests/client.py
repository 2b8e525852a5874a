"""One HTTP client for both arms: one connection pool, no cookies, no silent retries, three clocks."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any
from urllib.parse import quote, urlencode

import gevent
from locust.contrib.fasthttp import FastHttpSession

from loadtests.reply import Reply, server_time_ms, silence
from verification.core.arms import DEFAULT_ROUTING, Routing
from verification.core.model import EXPECTED_IMPLEMENTATION, Arm, Request
from verification.core.witness import DEFAULT_WITNESS, Witness


class Client:
    """Sends requests through Locust's session for one target.

    Cookies are off: one shared jar would make all requests one user, and a sticky backend would pin it to an arm.
    Retries are off: geventhttpclient repeats a GET whose connection broke, up to once for each connection of its pool,
    which hides resets of the target and multiplies its load.
    """

    def __init__(
        self,
        session: FastHttpSession,
        host: str,
        server_time_header: str,
        witness: Witness = DEFAULT_WITNESS,
        routing: Routing = DEFAULT_ROUTING,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._session: Any = session  # typed for text only, and sends bytes
        self._host = host.rstrip("/")
        self._server_time_header = server_time_header
        self._witness, self._routing = witness, routing
        self._headers = dict(headers or {})
        agent: Any = session.client  # its class does not declare what its instances may change
        agent.cookiejar = None
        agent.redirect_response_codes = frozenset()
        for base_url in {self._host, *(routing.marks(arm).base_url or self._host for arm in Arm)}:
            pooled = agent.clientpool.get_client(base_url)
            pooled._connection_pool.size = -1  # the number of repeats is size + 1; the limits were set from it before

    def ask(self, request: Request, arm: Arm | None, timeout_s: float) -> Reply:
        """Send one request on an arm (None: the flag decides) and wait at most `timeout_s` for the whole answer."""
        marks = self._routing.marks(arm)
        query = (*request.query, *marks.query)
        path = quote(marks.prefix + request.path, safe="/%:@!$&'()*+,;=~")
        url = f"{marks.base_url or ''}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {**self._headers, **dict(marks.headers)}
        if request.content_type:
            headers["Content-Type"] = request.content_type
        data = request.body.encode() if request.body is not None else None
        sent_at = perf_counter()
        timer = gevent.Timeout.start_new(timeout_s)
        try:
            # catch_response, and never entered: the session then reports nothing to Locust's statistics by itself.
            response = self._session.request(request.method, url, data=data, headers=headers, catch_response=True)
            done_at = perf_counter()
        except gevent.Timeout as timeout:
            if timeout is not timer:
                raise
            return silence(f"no answer within {timeout_s:g} s", sent_at, perf_counter(), timed_out=True)
        finally:
            timer.close()
        return self._reply(response, arm, sent_at, done_at, timeout_s)

    def _reply(self, response: Any, arm: Arm | None, sent_at: float, done_at: float, timeout_s: float) -> Reply:
        error = response.request_meta["exception"]
        # The client wraps what happened; and it wraps our own timer too, so the clock tells a timeout.
        timed_out = error is not None and done_at - sent_at >= timeout_s
        cause = getattr(error, "original", error)
        failure = f"no answer within {timeout_s:g} s" if timed_out else f"{type(cause).__name__}: {cause}"
        if response.status_code == 0 or response.headers is None:
            return silence(failure, sent_at, done_at, timed_out=timed_out)
        # An error beside a good status: the answer began and did not end.
        broken = error is not None and response.status_code < 400
        content = b"" if broken else response.content or b""
        body = content.decode("utf-8", "replace")
        return Reply(
            status=response.status_code,
            body=body,
            served_by=self._served_by(response, arm, body),
            server_ms=server_time_ms(response.headers.get(self._server_time_header)),
            failure=failure if broken else None,
            timed_out=broken and timed_out,
            sent_at_s=sent_at,
            done_at_s=done_at,
            length=len(content),
        )

    def _served_by(self, response: Any, arm: Arm | None, body: str) -> str | None:
        if self._witness.address:
            return EXPECTED_IMPLEMENTATION[arm or Arm.CONTROL].value
        return self._witness.served_by(response.headers.items(), body)
