"""A server that does to its clients what no honest one does: raw sockets on 127.0.0.1, a thread for each connection.
Every behaviour ends by itself after LONGEST_S, or when its client goes."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

LONGEST_S = 20.0
SERVED, AS_DOMAIN = b"X-Served-By: legacy\r\n", b"X-Served-By: domain\r\n"


@dataclass
class Conversation:
    """One connection after a request was read from it."""

    sock: socket.socket
    method: str
    target: str
    body: bytes
    until: float
    requests: int

    def send(self, data: bytes) -> None:
        """These bytes; an answer names the implementation that was asked for, so that it counts."""
        self.sock.sendall(data.replace(SERVED, AS_DOMAIN, 1) if "force_domain=true" in self.target else data)

    def for_ever(self, data: bytes, *, pause_s: float = 0.0) -> None:
        """The same bytes again and again, until the client goes or the time is up."""
        while time.monotonic() < self.until:
            self.sock.sendall(data)
            if pause_s:
                time.sleep(pause_s)

    def wait(self) -> None:
        """Say nothing more, and hold the connection until the client goes or the time is up."""
        self.sock.settimeout(max(0.01, self.until - time.monotonic()))
        while self.sock.recv(65536):
            pass

    def reset(self) -> None:
        """End the connection the hard way, so that the client's system reports a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def answer(self, body: bytes, *headers: str | bytes, status: str = "200 OK", length: str | None = "") -> None:
        """A whole answer; `length` replaces the true content length, None leaves it out."""
        lines = [line.encode() if isinstance(line, str) else line for line in headers]
        if length is not None:
            lines.append(f"Content-Length: {length or len(body)}".encode())
        head = b"".join(line + b"\r\n" for line in lines)
        self.send(f"HTTP/1.1 {status}\r\n".encode() + SERVED + head + b"\r\n" + body)


Behaviour = Callable[[Conversation], None]
"""Called for each request. The connection is kept when it returns and closed when it raises."""


@dataclass
class HostileServer:
    """Listens from `with` to the end of it; does the same to every request, whatever it asks for."""

    behaviour: Behaviour
    asked: list[str] = field(default_factory=list)
    """Method and target of every request that was read."""
    reads: bool = True
    """Whether it reads what it is sent at all."""

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for sock in (self._listener, *self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(sock)
            self._start(lambda sock=sock: self._serve(sock))  # type: ignore[misc]  # bound now, not when it runs

    def _serve(self, sock: socket.socket) -> None:
        until = time.monotonic() + LONGEST_S
        sock.settimeout(LONGEST_S)
        requests = 0
        with sock:
            try:
                while not self.reads and time.monotonic() < until and sock.fileno() >= 0:
                    time.sleep(0.05)
                while (asked := _read_request(sock)) is not None and time.monotonic() < until:
                    method, target, _ = asked[0].split(" ", 2)
                    self.asked.append(f"{method} {target}")
                    requests += 1
                    self.behaviour(Conversation(sock, method, target, asked[1], until, requests))
            except OSError:
                return


def _read_request(sock: socket.socket) -> tuple[str, bytes] | None:
    """The request line and the body, once the whole request was read; None where the client is gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while len(body) < int(lengths[0] if lengths else 0):
        piece = sock.recv(65536)
        if not piece:
            return None
        body += piece
    return head.partition(b"\r\n")[0].decode("latin-1"), body


# -- behaviours

JSON = "Content-Type: application/json"
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>]]>&amp;&\"'`--></script></style></title>"
STEERING = "\x1b[2J\x1b]52;c;aGk=\x07\x07\x08\x0b\x7f\u0085\u009b31m\u202e\u2066\u200b\u2028\ufeff\ufffe"
"""Clears the screen, writes to the clipboard, rings, C1 controls, turns the direction of reading, hides."""
NAME = f"cam\r\nX-Injected: 1\n| # [x](javascript:alert(1)) {MARKUP}{STEERING}"


def hostile_json() -> bytes:
    """Hostile text in every key and value, also as id and name, with half a surrogate pair and NUL as escapes."""
    members = {
        "id": NAME,
        "camera_id": NAME,
        "name": NAME,
        "message": NAME,
        "detail": NAME,
        NAME: [NAME, {NAME: NAME}],
        "big": 10**400,
        "nul": "\x00",
        "half": "\ud800",
        "cameras": [{"id": NAME, "camera_id": NAME, "name": NAME}],
        "rules": [{"id": NAME, "name": NAME}],
        "logs": [NAME],
        "stats": {NAME: NAME},
    }
    return json.dumps(members).encode()


def bomb(megabytes: int, layers: int = 1) -> bytes:
    """Zeros, packed once or more often."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes)) + packer.flush()
    for _ in range(layers - 1):
        data = gzip.compress(data)
    return data


def deflate_bomb(megabytes: int, *, raw: bool = False) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15 if raw else 15)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes)) + packer.flush()


def head(*lines: str | bytes, status: str = "200 OK") -> bytes:
    """An answer's head without its end."""
    encoded = [line.encode() if isinstance(line, str) else line for line in lines]
    return f"HTTP/1.1 {status}\r\n".encode() + SERVED + b"".join(line + b"\r\n" for line in encoded)
