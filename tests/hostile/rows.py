"""The list of what a hostile target does, a row each: what it sends, and what must be recorded of it."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass

from tests.hostile.server import (
    JSON,
    MARKUP,
    NAME,
    STEERING,
    Behaviour,
    Conversation,
    bomb,
    deflate_bomb,
    head,
    hostile_json,
)

MOST_BYTES = 200_000
"""What a client of these tests keeps of one body."""
MOST_HEAD_BYTES = 400_000
"""No client may keep more of an answer's head."""
TOO_LARGE, TOO_LATE, BROKEN = "larger than 200000 bytes", "no whole answer within", "RemoteProtocolError"


@dataclass(frozen=True)
class Row:
    """One behaviour. `expected` is the status of the answer that is recorded, or words of the recorded failure."""

    name: str
    behaviour: Behaviour
    expected: int | str


def _says(body: bytes, *headers: str | bytes, status: str = "200 OK", length: str | None = "") -> Behaviour:
    return lambda talk: talk.answer(body, *headers, status=status, length=length)


def _raw(data: bytes, *, hold: bool = False) -> Behaviour:
    """These bytes, then the end of the connection, or silence."""

    def behave(talk: Conversation) -> None:
        talk.send(data)
        if hold:
            talk.wait()
        raise ConnectionError

    return behave


def _floods(start: bytes, again: bytes, *, pause_s: float = 0.0) -> Behaviour:
    def behave(talk: Conversation) -> None:
        talk.send(start)
        talk.for_ever(again, pause_s=pause_s)
        raise ConnectionError

    return behave


def _resets(sent: bytes) -> Behaviour:
    def behave(talk: Conversation) -> None:
        talk.send(sent)
        talk.reset()
        raise ConnectionError

    return behave


def _hundred_redirects(talk: Conversation) -> None:
    talk.answer(b"", f"Location: /hop-{talk.requests}", status="302 Found")


def _deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


OK = b'{"ok": true}'
CHUNKED = "Transfer-Encoding: chunked"
ROWS = (
    # bodies that do not end
    Row("endless body", _floods(head(JSON) + b"\r\n", b"x" * 65536), TOO_LARGE),
    Row("endless chunks", _floods(head(JSON, CHUNKED) + b"\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"), TOO_LARGE),
    Row("endless head of a chunk", _floods(head(CHUNKED) + b"\r\n1", b";x" * 32768), BROKEN),
    Row("a byte at a time", _floods(head("Content-Length: 100000") + b"\r\n", b"x", pause_s=0.1), TOO_LATE),
    Row("a byte of the head at a time", _floods(b"HTTP/1.1 200 OK\r\nX-A: ", b"x", pause_s=0.1), TOO_LATE),
    Row("silence", _raw(b"", hold=True), TOO_LATE),
    Row("silence after the head", _raw(head("Content-Length: 5") + b"\r\n", hold=True), TOO_LATE),
    # bodies that grow
    Row("gzip bomb", _says(bomb(100), "Content-Encoding: gzip"), TOO_LARGE),
    Row("gzip bomb in a gzip", _says(bomb(100, 2), "Content-Encoding: gzip, gzip"), TOO_LARGE),
    Row("gzip bomb in three headers", _says(bomb(100, 3), *["Content-Encoding: gzip"] * 3), TOO_LARGE),
    Row("gzip a thousand times", _says(OK, "Content-Encoding: " + ", ".join(["gzip"] * 1000)), "packed 1000 times"),
    Row("deflate bomb", _says(deflate_bomb(100), "Content-Encoding: deflate"), TOO_LARGE),
    Row("raw deflate bomb", _says(deflate_bomb(100, raw=True), "Content-Encoding: deflate"), TOO_LARGE),
    Row("an encoding that nobody asked for stays packed", _says(b"\xff\x00 br", "Content-Encoding: br"), 200),
    Row("an encoding that does not exist", _says(OK, f"Content-Encoding: {MARKUP}"), 200),
    Row("gzip that is none", _says(OK, "Content-Encoding: gzip"), "cannot be unpacked"),
    Row("gzip that is cut", _says(gzip.compress(OK * 99)[:-9], "Content-Encoding: gzip"), "ends before its end"),
    # bodies that are not what they say
    Row("invalid JSON", _says(b'{"ok": tru', JSON), 200),
    Row("HTML instead of JSON", _says(f"<html><body>{MARKUP}</body></html>".encode(), JSON), 200),
    Row("an empty body", _says(b"", JSON), 200),
    Row("nested ten thousand levels", _says(_deep(10_000), JSON), 200),
    Row("lists nested ten thousand levels and not closed", _says(b"[" * 100_000, JSON), 200),
    Row("a number of a hundred thousand digits", _says(b'{"n": ' + b"9" * 100_000 + b"}", JSON), 200),
    Row("bytes that are no UTF-8", _says(b'{"name": "\xff\xfe\xed\xa0\x80\xc0\xaf"}', JSON), 200),
    Row("half a surrogate pair", _says(b'{"name": "\\ud800", "\\udfff": 1}', JSON), 200),
    Row("script and steering in every field", _says(hostile_json(), JSON), 200),
    Row(
        "names with newlines and escapes, as they are",
        _says(json.dumps({"id": NAME}, ensure_ascii=False).encode("utf-8", "replace"), JSON),
        200,
    ),
    Row("steering in an error's text", _says((MARKUP + STEERING + "\x00").encode("utf-8"), status="500 X"), 500),
    Row("an error that is no text", _says(b"\xff\xfe", status="500 X"), 500),
    Row("two times of the server", _says(OK, "Server-Timing: a;dur=1", "Server-Timing: b;dur=2"), 200),
    # lengths that are wrong
    Row("length too long", _raw(head("Content-Length: 99") + b"\r\n" + OK), BROKEN),
    Row(
        "length too long, and the connection held", _raw(head("Content-Length: 99") + b"\r\n" + OK, hold=True), TOO_LATE
    ),
    Row("length too long in an error", _raw(head("Content-Length: 99", status="404 X") + b"\r\n" + OK), BROKEN),
    Row("length too short", _says(OK, JSON, length="3"), 200),
    Row("length negative", _says(OK, length="-5"), BROKEN),
    Row("length no number", _says(OK, length=MARKUP), BROKEN),
    Row("length beyond all numbers", _says(OK, length="9" * 40), BROKEN),
    Row("two lengths", _says(OK, "Content-Length: 4"), BROKEN),
    Row("length and chunks", _says(b"2\r\nok\r\n0\r\n\r\n", CHUNKED, length="7"), 200),
    Row("chunk of no size", _says(b"zz\r\nok\r\n", CHUNKED, length=None), BROKEN),
    Row("204 with a body", _says(OK, status="204 No Content"), 204),
    Row("304 with a body", _says(OK, status="304 Not Modified"), 304),
    # connections that break
    Row("closed before the answer", _raw(b""), BROKEN),
    Row("reset before the answer", _resets(b""), "ReadError"),
    Row("reset within the head", _resets(head("X-A: b")), "Error"),
    Row("reset within the body", _resets(head("Content-Length: 99") + b"\r\n" + OK), "Error"),
    Row("closed within the body", _raw(head(CHUNKED) + b"\r\n5\r\nab"), BROKEN),
    Row("reset after the body", _resets(head("Content-Length: 12") + b"\r\n" + OK), 200),
    # redirects
    Row("a hundred redirects", _hundred_redirects, 302),
    Row("a redirect to itself", _says(b"", "Location: /", status="307 Temporary Redirect"), 307),
    Row("a redirect to another host", _says(b"", "Location: http://192.0.2.1/x", status="301 Moved"), 301),
    Row("a redirect to what is no address", _says(b"", f"Location: http://[{MARKUP}", status="302 Found"), 302),
    Row("a redirect to a script", _says(b"", "Location: javascript:alert(1)", status="308 X"), 308),
    # heads
    Row("endless header", _floods(b"HTTP/1.1 200 OK\r\nX-A: ", b"x" * 65536), BROKEN),
    Row("endless headers", _floods(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 8192), BROKEN),
    Row("ten thousand headers", _says(OK, *[f"X-{n}: b" for n in range(10_000)]), 200),
    Row("a thousand headers", _says(OK, *[f"X-{n}: b" for n in range(1000)]), 200),
    Row("a thousand cookies", _says(OK, *[f"Set-Cookie: c{n}={n}" for n in range(1000)]), 200),
    Row("a header with a name that is none", _says(OK, f"{MARKUP}: 1"), BROKEN),
    Row("a header without a name", _says(OK, ": 1"), BROKEN),
    Row("a header on two lines", _says(OK, "X-A: 1\r\n 2\r\n\t3"), 200),
    Row("NUL in a header", _says(OK, b"X-A: a\x00b"), BROKEN),
    Row("letters beyond ASCII in a header", _says(OK, b"X-A: \xff\xfe\xe4", "X-B: ü\u202e"), 200),
    Row(
        "script and steering in headers",
        _says(OK, f"X-A: {MARKUP}\x1b[2J\x07\x7f\u009b", f"Content-Type: {MARKUP}"),
        200,
    ),
    Row("a witness that lies", _says(OK, f"X-Served-By: {MARKUP}"), 200),
    # what is no answer
    Row("HTTP/0.9", _raw(OK), BROKEN),
    Row(
        "garbage before the status line",
        _raw(b"\x00\xff\r\n" + head("Content-Length: 0") + b"\r\n"),
        BROKEN,
    ),
    Row("a status that is none", _raw(b"HTTP/1.1 9999999999999 OK\r\n\r\n"), BROKEN),
    Row("a status beyond all", _says(OK, status="999 " + MARKUP), 999),
    Row("endless interim answers", _floods(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 1000), TOO_LATE),
    Row("an upgrade that nobody asked for", _says(OK, "Upgrade: x", "Connection: upgrade", status="101 X"), "Error"),
)
