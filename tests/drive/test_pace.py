"""No second holds more requests than a named target's cap, whoever sends them, and calls at once are made up for."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.drive.service import CATALOG, ENDPOINT, OFF, TWIN, Service
from verification import run as run_module
from verification.catalog.load import load_catalog
from verification.core.cases import RaceCall, RaceSpec
from verification.core.model import Arm, Request
from verification.core.redact import Redactor
from verification.drive.connect import connect
from verification.drive.measure import NAMED_RATE_PER_S, planned_rate, ramp_rates
from verification.drive.pace import Pace, pace_of
from verification.drive.race import Racer
from verification.drive.twins import Workshop
from verification.settings import Settings


@dataclass
class Clock:
    """Time that passes by sleeping only."""

    now: float = 100.0
    sent: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def named(**limits: float) -> Settings:
    return Settings.model_validate({"target": {"url": "http://127.0.0.1:9"}, "limits": limits})


@given(
    st.floats(2, 50),
    st.lists(st.tuples(st.integers(1, 6), st.floats(0, 1.5)), max_size=40),
)
def test_no_second_holds_more_than_the_cap_whatever_is_sent_when(cap: float, groups: list[tuple[int, float]]) -> None:
    clock = Clock()
    pace = Pace(cap, clock, clock.sleep)
    for calls, idle in groups:
        together = min(calls, int(cap))
        if together > 1:
            pace.reserve(together)
        for _ in range(together):
            pace.wait()
            clock.sent.append(clock.now)
        clock.now += idle
    for start in clock.sent:
        assert sum(start <= at < start + 1 - 1e-6 for at in clock.sent) <= cap + 1
        assert sum(start - 1 + 1e-6 < at <= start for at in clock.sent) <= cap + 1


def test_calls_at_once_are_sent_at_one_moment() -> None:
    clock = Clock()
    pace = Pace(10, clock, clock.sleep)
    pace.wait()
    pace.reserve(4)
    began = clock.now
    for _ in range(4):
        pace.wait()
    assert clock.now == began
    pace.wait()
    assert clock.now == pytest.approx(began + 0.4)


def test_every_caller_of_a_capped_target_waits_its_turn() -> None:
    settings = named(max_rate_per_s=40)
    callers = [connect(settings, "http://127.0.0.1:9", Redactor(b"salt")) for _ in range(2)]
    started = time.monotonic()
    for number in range(9):
        callers[number % 2].call(Request("GET", "/"), Arm.CONTROL)
    assert time.monotonic() - started >= 8 / 40
    assert pace_of(named()) is None
    assert pace_of(Settings.model_validate({"limits": {"max_rate_per_s": 1}})) is None


def test_a_race_is_still_a_race_below_the_cap() -> None:
    arrived: list[float] = []
    lock = threading.Lock()

    def note(request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("/off"):
            with lock:
                arrived.append(time.monotonic())
        return None

    caller = Service(interfere=note).caller(pace=Pace(20))
    calls = (RaceCall(ENDPOINT.id, OFF),) * 4
    racer = Racer(caller, CATALOG, Workshop(caller, CATALOG, "tag"))
    racer._round(RaceSpec("meeting", "", (TWIN,), calls, (), 1), Arm.CONTROL, ())
    assert len(arrived) == 4
    assert max(arrived) - min(arrived) < 0.1


@pytest.mark.parametrize("limits", [{"max_in_flight": 7}, {"max_rate_per_s": 7.5}])
def test_a_race_of_more_calls_than_may_be_under_way_is_left_out_with_its_reason(limits: dict[str, float]) -> None:
    catalog, omitted = run_module.catalog_for(named(**limits))
    name, value = next(iter(limits.items()))
    assert omitted == {
        "race:many-cameras-in-one-file": f"its 8 calls at once are more than limits.{name} = {value:g}",
    }
    assert "many-cameras-in-one-file" not in catalog.races
    assert run_module.catalog_for(Settings.model_validate({"limits": limits}))[0] == load_catalog()


def test_the_load_and_its_ramp_stay_below_the_cap() -> None:
    assert planned_rate(named()) == NAMED_RATE_PER_S
    assert planned_rate(named(max_rate_per_s=30)) == 30
    rates = ramp_rates(named(max_rate_per_s=30), 30)
    assert list(rates) == [9, 18, 27, 30]
    assert len(ramp_rates(named(), 100)) == 8


def test_two_urls_are_one_target_with_one_cap() -> None:
    settings = Settings.model_validate(
        {"target": {"control_url": "http://127.0.0.1:9", "candidate_url": "http://127.0.0.1:10"},
         "limits": {"max_rate_per_s": 40}}
    )  # fmt: skip
    started = time.monotonic()
    with connect(settings, settings.target.urls[0], Redactor(b"salt")) as caller:
        for number in range(9):
            caller.call(Request("GET", "/"), tuple(Arm)[number % 2])
    assert time.monotonic() - started >= 8 / 40
