"""A server of a few lines in a thread of the test's own, ended with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], certificates: SSLContext | None = None) -> Iterator[str]:
    """The base URL at which the handler answers; over https with certificates."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if certificates is not None:
        server.socket = certificates.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{'http' if certificates is None else 'https'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
