"""Defects that are about time, with the calls of the clock recorded."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path

import pytest

from tests.reference.asking import Asker, converse
from verification.reference.defects import operation


class Sleeps:
    """Records what is slept, without sleeping it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds: list[float] = []
        honest = asyncio.sleep

        async def sleep(seconds: float) -> None:
            self.seconds.append(seconds)
            await honest(0)

        monkeypatch.setattr("verification.reference.defects.operation.asyncio.sleep", sleep)


@pytest.mark.parametrize(
    ("name", "method", "path", "factor"),
    [
        ("p95-plus-30", "GET", "/cameras/oven/stats", 1.3),
        ("p95-plus-120", "GET", "/cameras/oven/logs", 2.2),
        ("p95-plus-80", "POST", "/cameras/batch-status", 1.8),
    ],
)
def test_a_stretched_endpoint_waits_in_proportion_on_the_rewrite_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, method: str, path: str, factor: float
) -> None:
    clock = itertools.count(0.0, 0.1)
    monkeypatch.setattr("verification.reference.defects.operation.time.perf_counter", lambda: next(clock))
    sleeps = Sleeps(monkeypatch)

    async def talk(asker: Asker) -> tuple[list[float], list[float]]:
        await asker.ask(method, path, "legacy")
        legacy, sleeps.seconds = sleeps.seconds, []
        await asker.ask(method, path, "domain")
        return legacy, sleeps.seconds

    legacy, domain = converse(tmp_path, talk, defect=name)
    assert legacy == [0.0]
    (waited,) = [seconds for seconds in domain if seconds]
    # The clock goes on by 0.1 s at each look, so the work took a whole number of tenths.
    tenths = waited / (factor - 1.0) / 0.1
    assert tenths == pytest.approx(round(tenths), abs=1e-6)
    assert round(tenths) >= 1


def test_a_slow_tail_is_about_6_percent_of_the_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeps = Sleeps(monkeypatch)

    async def talk(asker: Asker) -> int:
        for _ in range(400):
            await asker.ask("POST", "/cameras/batch-status", "domain")
        return sum(seconds > 0 for seconds in sleeps.seconds)

    assert 8 <= converse(tmp_path, talk, defect="slow-tail") <= 48


def test_the_global_lock_makes_legacy_wait_for_the_rewrite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk(asker: Asker) -> tuple[bool, bool]:
        held, release = asyncio.Event(), asyncio.Event()
        honest = asyncio.sleep

        async def sleep(seconds: float) -> None:
            if seconds == operation.LOCK_HELD_S:
                held.set()
                await release.wait()
            await honest(0)

        monkeypatch.setattr("verification.reference.defects.operation.asyncio.sleep", sleep)
        domain = asyncio.create_task(asker.ask("GET", "/cameras/oven/status", "domain"))
        await held.wait()
        legacy = asyncio.create_task(asker.ask("GET", "/cameras/oven/status", "legacy"))
        for _ in range(200):
            await honest(0)
        waited = not legacy.done()
        release.set()
        await asyncio.gather(domain, legacy)
        return waited, legacy.result().status_code == 200

    assert converse(tmp_path, talk, defect="global-lock") == (True, True)


def test_a_stall_stops_the_whole_process_at_intervals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stalls: list[float] = []
    monkeypatch.setattr("verification.reference.defects.operation.STALL_PERIOD_S", operation.STALL_S)
    monkeypatch.setattr("verification.reference.defects.operation.time.sleep", stalls.append)

    async def talk(asker: Asker) -> None:
        started = time.monotonic()
        while len(stalls) < 2 and time.monotonic() - started < 10:
            await asker.ask("GET", "/cameras", "legacy")
            await asyncio.sleep(0)

    converse(tmp_path, talk, defect="stall-both-arms")
    assert stalls[:2] == [operation.STALL_S] * 2
