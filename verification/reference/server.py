"""The backend as a process: one bound socket, one line that says it is ready, and a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator

import uvicorn

from verification.reference.backend import Backend

GRACE_S = 2
"""How long requests under way may take when the process is asked to end."""
KEEP_ALIVE_S = 300
"""Longer than any pause of a client, which would otherwise write into a connection that is just being closed."""


class _Server(uvicorn.Server):
    """Says when it is ready, and on a signal leaves `serve` instead of dying, so that the backend can be closed."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if sockets and not self.should_exit:
            ready = {"event": "ready", "port": sockets[0].getsockname()[1], "pid": os.getpid()}
            print(json.dumps(ready, separators=(",", ":")), flush=True)  # noqa: T201, RUF100 - the parent reads it

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises OSError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=1024)
    # asyncio does this itself only where the socket names its protocol; without it head and body of an answer, two
    # writes, lie 40 ms apart (Nagle against delayed acknowledgement), and no latency is worth measuring.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def serve(backend: Backend, listener: socket.socket, *, exit_with_stdin: bool) -> None:
    """Serve until a signal or, where asked for, until standard input ends."""
    config = uvicorn.Config(
        backend.router,
        access_log=False,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=KEEP_ALIVE_S,
        server_header=False,
    )
    server = _Server(config)
    if exit_with_stdin:
        threading.Thread(target=_end_with_stdin, args=(server,), daemon=True).start()
    asyncio.run(_serve(server, backend, listener))


async def _serve(server: _Server, backend: Backend, listener: socket.socket) -> None:
    await backend.open()
    try:
        await server.serve(sockets=[listener])
    finally:
        await backend.close()


def _end_with_stdin(server: _Server) -> None:
    """The pipe ends with the parent, however the parent ended; so no backend outlives it."""
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    server.should_exit = True
    time.sleep(GRACE_S + 1)
    os._exit(0)
