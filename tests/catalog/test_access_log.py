"""An access log tells how often each endpoint is asked, matched by method and route."""

from __future__ import annotations

import time

from verification.catalog.access_log import count, weigh
from verification.catalog.sketch import Sketch

SKETCHES = {
    one.id: one
    for one in (
        Sketch("GET", "/api", "/things"),
        Sketch("GET", "/api", "/things/{id}"),
        Sketch("GET", "/api", "/things/all"),
        Sketch("POST", "/api", "/things"),
        Sketch("GET", "/api", "/never"),
    )
}


def line(request: str, status: int = 200, tail: str = "") -> str:
    return f'127.0.0.1 - kim [25/Nov/2026:20:00:00 +0000] "{request}" {status} 17{tail}'


COMBINED = ' "https://example.invalid/" "agent \\"GET /api/never HTTP/1.1\\" 200"'


def test_requests_are_counted_by_the_route_that_fits_best() -> None:
    lines = [
        line("GET /api/things?a=1 HTTP/1.1"),
        line("GET /api/things/7 HTTP/1.1", 404, COMBINED),
        line("GET /api/things/8 HTTP/2"),
        line("GET /api/things/all HTTP/1.1", tail=COMBINED),
        line("POST http://host/api/things HTTP/1.1", 201),
        line("DELETE /api/things HTTP/1.1"),
        line("GET /elsewhere HTTP/1.1"),
        line("PROPFIND /api/things HTTP/1.1"),
        line("\\x16\\x03\\x01", 400),
        "",
        "no log at all",
    ]
    asked = count(lines, SKETCHES)
    assert asked.endpoints == {"GET /things": 1, "GET /things/{id}": 2, "GET /things/all": 1, "POST /things": 1}
    assert (asked.elsewhere, asked.unreadable) == (3, 2)


def test_weights_are_relative_and_what_was_never_asked_keeps_the_smallest() -> None:
    weigh(count([line("GET /api/things HTTP/1.1")] * 3 + [line("GET /api/things/1 HTTP/1.1")], SKETCHES), SKETCHES)
    assert {name: one.weight for name, one in SKETCHES.items()} == {
        "GET /things": 75.0, "GET /things/{id}": 25.0,
        "GET /things/all": 0.01, "POST /things": 0.01, "GET /never": 0.01,
    }  # fmt: skip


def test_lines_and_routes_made_to_be_slow_are_not() -> None:
    route = "/" + "-".join(f"{{p{number}}}" for number in range(40))
    hostile = {"GET x": Sketch("GET", "", route)}
    started = time.monotonic()
    count(
        [line(f"GET /{'-' * 3900}x/ HTTP/1.1"), line(f"GET /{'-' * 3900} HTTP/1.1"), '"GET ' + '"GET ' * 4000], hostile
    )
    assert time.monotonic() - started < 5
