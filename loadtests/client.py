"""One HTTP client for both arms: one connection pool, no cookies, no silent retries, three clocks."""

from __future__ import annotations

import math
import socket
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from urllib.parse import quote, urlencode

import gevent
from locust.contrib.fasthttp import FastHttpSession

from verification.core.arms import WITNESS_HEADER, force_query
from verification.core.model import Arm, Request

_TIMEOUTS = (gevent.Timeout, TimeoutError, socket.timeout)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `status` 0: nothing did, `failure` says why. Moments in seconds on the monotonic clock."""

    status: int
    body: str
    served_by: str | None
    server_ms: float | None
    failure: str | None
    timed_out: bool
    sent_at_s: float
    done_at_s: float
    length: int

    @property
    def ok(self) -> bool:
        """True for a 2xx answer that came in time."""
        return 200 <= self.status < 300 and self.failure is None


class Client:
    """Sends requests through Locust's session for one target.

    Cookies are off: one shared jar would make all requests one user, and a sticky backend would pin it to an arm.
    Retries are off: geventhttpclient repeats a GET whose connection broke, up to once for each connection of its pool,
    which hides resets of the target and multiplies its load.
    """

    def __init__(self, session: FastHttpSession, host: str, server_time_header: str) -> None:
        self._session: Any = session  # typed for text only, and sends bytes
        self._host = host.rstrip("/")
        self._server_time_header = server_time_header
        agent: Any = session.client  # its class does not declare what its instances may change
        agent.cookiejar = None
        agent.redirect_response_codes = frozenset()
        pooled = agent.clientpool.get_client(self._host)
        pooled._connection_pool.size = -1  # the number of repeats is size + 1; the limits were set from it before

    def ask(self, request: Request, arm: Arm | None, timeout_s: float) -> Reply:
        """Send one request on an arm (None: the flag decides) and wait at most `timeout_s` for the whole answer."""
        query = (*request.query, *force_query(arm))
        url = quote(request.path, safe="/%:@!$&'()*+,;=~") + (f"?{urlencode(query)}" if query else "")
        headers = {"Content-Type": request.content_type} if request.content_type else None
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
            return _silence(f"no answer within {timeout_s:g} s", sent_at, timed_out=True)
        finally:
            timer.close()
        return self._reply(response, sent_at, done_at, timeout_s)

    def _reply(self, response: Any, sent_at: float, done_at: float, timeout_s: float) -> Reply:
        error = response.request_meta["exception"]
        if response.status_code == 0 or response.headers is None:
            if isinstance(error, _TIMEOUTS):
                return _silence(f"no answer within {timeout_s:g} s", sent_at, timed_out=True)
            return _silence(f"{type(error).__name__}: {error}", sent_at, timed_out=False)
        # An error beside a good status: the answer began and did not end.
        broken = error is not None and response.status_code < 400
        content = b"" if broken else response.content or b""
        return Reply(
            status=response.status_code,
            body=content.decode("utf-8", "replace"),
            served_by=response.headers.get(WITNESS_HEADER),
            server_ms=server_time_ms(response.headers.get(self._server_time_header)),
            failure=f"{type(error).__name__}: {error}" if broken else None,
            timed_out=broken and isinstance(error, _TIMEOUTS),
            sent_at_s=sent_at,
            done_at_s=done_at,
            length=len(content),
        )


def server_time_ms(value: str | None) -> float | None:
    """The server's own time in ms: the first `dur` of a `Server-Timing` header, or a plain number; None without one."""
    if value is None:
        return None
    texts = [part.partition("=")[2] for part in value.replace(",", ";").split(";") if part.strip().startswith("dur=")]
    try:
        milliseconds = float((texts[0] if texts else value).strip().strip('"'))
    except ValueError:
        return None
    return milliseconds if math.isfinite(milliseconds) and milliseconds > 0 else None


def _silence(failure: str, sent_at: float, *, timed_out: bool) -> Reply:
    return Reply(0, "", None, None, failure, timed_out, sent_at, perf_counter(), 0)
