"""A look at a backend that hangs is over in time, and tells what it did not ask."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.rollout.calendar import Calendar
from tests.serving import serving
from verification.catalog.load import load_catalog
from verification.core.model import Arm
from verification.core.release.events import Look
from verification.rollout import look as looking
from verification.rollout.look import Due, longest_s, requests_of_a_look, take_look
from verification.settings import Settings

TIMEOUT_S, EVERY_S, REQUESTS, NATURAL = 0.2, 3.6, 12, 5
STAGE = {"percent": 10, "least_hours": 1, "most_hours": 2, "looks": 1, "requests": 1, "every_hours": EVERY_S / 3600}


@pytest.fixture
def url() -> Iterator[str]:
    """Control answers at once, candidate never."""
    over = threading.Event()

    class Backend(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if "force_domain=true" in self.path:
                over.wait(60)
                return
            self.send_response(200)
            self.send_header("X-Served-By", "legacy")
            self.end_headers()
            self.wfile.write(b'{"cameras": [], "items": []}')

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.do_GET()

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # the base class names it so
            pass

    with serving(Backend) as url:
        yield url
        over.set()


def settings(url: str, *, writes: bool = False) -> Settings:
    look = {"requests": REQUESTS, "natural": NATURAL, "writes": writes}
    return Settings.model_validate({
        "target": {"url": url, "timeout_s": TIMEOUT_S},
        "witness": {"header": "X-Served-By"},
        "monitoring": {"none": True},
        "release": {"stages": [STAGE], "look": look},
    })  # fmt: skip


def taken(of: Settings, monkeypatch: pytest.MonkeyPatch) -> Look:
    monkeypatch.setattr(looking, "_LEAST_S", 0.0)
    clock = Calendar()
    return take_look(of, load_catalog(), Due(10, 0, clock.now()), clock, None)


def test_a_candidate_that_hangs_does_not_keep_a_look_beyond_its_time(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    of = settings(url)
    look = taken(of, monkeypatch)
    asked = {arm: sum(one.requests for one in look.seen if one.arm is arm) for arm in Arm}
    errors = {arm: sum(one.errors for one in look.seen if one.arm is arm) for arm in Arm}
    planned = 2 * REQUESTS * len(requests_of_a_look(of, load_catalog()))
    assert errors == {Arm.CONTROL: 0, Arm.CANDIDATE: asked[Arm.CANDIDATE]}
    assert 0 < asked[Arm.CANDIDATE] <= longest_s(of, 10) / TIMEOUT_S + 1
    assert asked[Arm.CONTROL] > 0
    beside = NATURAL + 3 * len(load_catalog().readings)
    assert look.unasked == planned - sum(asked.values()) + beside
    assert look.failure is not None
    assert f"{look.unasked} requests not asked: the time for all requests together was up" in look.failure
    assert set(look.uncompared) == set(load_catalog().readings)
    assert (look.natural_legacy, look.natural_domain, look.natural_unwitnessed) == (0, 0, 0)


def test_what_was_not_asked_is_neither_a_request_nor_an_error(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    look = taken(settings(url), monkeypatch)
    for one in look.seen:
        assert sum(one.times.values()) == one.requests
        assert one.errors + one.legacy + one.domain + one.unwitnessed == one.requests


def test_a_look_whose_time_is_up_writes_nothing_and_says_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    look = taken(settings(url, writes=True), monkeypatch)
    ((name, reason),) = look.written.unproven
    assert name == "POST /cameras/{id}/start"
    assert reason.startswith("not asked: the time")
    assert (look.written.seen, look.written.left) == ((), ())


@pytest.mark.parametrize(("every_hours", "longest"), [(1.0, 1800.0), (2.0, 3600.0), (0.001, 60.0)])
def test_a_look_has_half_of_the_time_to_the_next_and_a_minute_at_least(every_hours: float, longest: float) -> None:
    stage = {**STAGE, "every_hours": every_hours}
    of = Settings.model_validate({"release": {"stages": [stage]}})
    assert longest_s(of, 10) == longest
