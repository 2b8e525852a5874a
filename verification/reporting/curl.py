"""A request as a curl command to read and to paste: quoted for a POSIX shell, forced to its arm."""

from __future__ import annotations

import shlex
from urllib.parse import quote, urlencode

from verification.core.arms import Routing
from verification.core.model import Exchange
from verification.reporting import plain

STAND_IN = "http://127.0.0.1:8000"
"""Written for the host where the suite started the backend itself: that one is gone."""


def command(exchange: Exchange, target: str, routing: Routing, most_characters: int) -> str | None:
    """The command on one line; None where it would be longer than that or the body cannot be typed into a shell."""
    request = exchange.request
    if request.body is not None and (len(request.body) > most_characters or "\0" in request.body):
        return None
    marks = routing.marks(exchange.arm)
    base = marks.base_url or (target.rstrip("/") if target.startswith(("http://", "https://")) else STAND_IN)
    # What stands encoded in the path stays; whatever no URL may hold is encoded.
    path = quote(marks.prefix + request.path, safe="/%:@!$&'()*+,;=~-._", errors="replace")
    query = urlencode([*request.query, *marks.query], errors="replace")
    url = f"{base}{path}{'?' if query else ''}{query}"
    words = ["curl", "-i", "--globoff", "--path-as-is", "-X", request.method, url]
    for name, value in marks.headers:
        words += ["-H", f"{name}: {value}"]
    if request.content_type is not None:
        words += ["-H", f"Content-Type: {request.content_type}"]
    if request.body is not None:
        words += ["--data-raw", request.body]
    line = " ".join(map(_word, words))
    return line if len(line) <= most_characters else None


def _word(word: str) -> str:
    """The word quoted; with characters that cannot be seen it takes the `$'…'` form of bash and zsh."""
    if not plain.HIDDEN.search(word):
        return shlex.quote(word)
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{plain.HIDDEN.sub(lambda match: _code(ord(match[0])), escaped)}'"


def _code(code: int) -> str:
    """A character of `$'…'`: below 128 as a byte, otherwise as a code point, since a shell writes text as UTF-8."""
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
