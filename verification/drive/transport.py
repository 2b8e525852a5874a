"""What carries a request: one deadline for the whole answer, however it trickles, and no answer left over from another.

httpx itself limits the time of each read only, so that a byte a second would keep it for ever.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

_MOST_CONNECTIONS, _MOST_IDLE, _LONGEST_IDLE_S = 100, 20, 5.0
_PIECE_BYTES = 65_536


class Transport(httpx.BaseTransport):
    """An HTTP/1.1 transport. `timeout_s` is the longest time that one request and its whole answer may take."""

    def __init__(self, timeout_s: float, verify: ssl.SSLContext | bool = True) -> None:
        self._clock = _Deadline(timeout_s)
        context = verify if isinstance(verify, ssl.SSLContext) else httpx.create_ssl_context(verify, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=_MOST_IDLE,
            keepalive_expiry=_LONGEST_IDLE_S,
            network_backend=_Network(self._clock),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it and read the answer's head; raises httpx's exceptions."""
        self._clock.start()
        url = request.url
        asked = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
        )
        with _httpx_errors():
            answer = self._pool.handle_request(asked)
            stream = answer.extensions["network_stream"]
            if isinstance(stream, _Stream) and not stream.has_read:
                answer.close()
                stream.close()
                raise httpx.RemoteProtocolError(
                    "an answer was there before the request was sent: the answer before it was longer than it said"
                )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class _Deadline(threading.local):
    """When the present request of this thread must be over."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = 0.0

    def start(self) -> None:
        self._until = time.monotonic() + self.seconds

    def left(self, step_s: float | None) -> float:
        """How long a step may take that has a limit of its own or none, in seconds; 0 where no time is left."""
        left = max(0.0, self._until - time.monotonic())
        return left if step_s is None else min(left, step_s)


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _httpx_errors():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _Network(httpcore.NetworkBackend):
    """Sockets whose every step ends at the deadline."""

    def __init__(self, clock: _Deadline) -> None:
        self._inner, self._clock = httpcore.SyncBackend(), clock

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        # Zero would mean "do not wait", which fails with other words.
        left = max(self._clock.left(timeout), 0.001)
        return _Stream(self._inner.connect_tcp(host, port, left, local_address, socket_options), self._clock)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, clock: _Deadline) -> None:
        self._inner, self._clock = inner, clock
        self.has_read = False
        """Whether anything came since the last was sent."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.has_read = True
        left = self._clock.left(timeout)
        try:
            # Asked here: with 0 a socket does not wait, but takes what a target that floods us has ready.
            if left == 0:
                raise httpcore.ReadTimeout
            return self._inner.read(max_bytes, left)
        except httpcore.ReadTimeout as error:
            raise httpcore.ReadTimeout(f"no whole answer within {self._clock.seconds:g} s") from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.has_read = False
        try:
            # In pieces: the socket's own limit begins anew with every part that the target takes.
            for start in range(0, len(buffer), _PIECE_BYTES):
                left = self._clock.left(timeout)
                if left == 0:
                    raise httpcore.WriteTimeout
                self._inner.write(buffer[start : start + _PIECE_BYTES], left)
        except httpcore.WriteTimeout as error:
            raise httpcore.WriteTimeout(f"the request could not be sent within {self._clock.seconds:g} s") from error

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = max(self._clock.left(timeout), 0.001)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


@contextmanager
def _httpx_errors() -> Iterator[None]:
    """Whatever httpcore raises as the exception of the same name in httpx, which the rest of the room knows."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error
    except (httpcore.ProxyError, httpcore.UnsupportedProtocol) as error:
        raise httpx.TransportError(str(error)) from error
