from __future__ import annotations

import asyncio
import itertools
import json
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.reference.asking import Asker, converse
from verification.reference.defects import DEFECTS, operation
from verification.reference.defects.interception import SeededFault
from verification.reference.defects.registry import KINDS, VERDICTS
from verification.reference.endpoints import ENDPOINTS

RULE = {"name": "smoke", "rule_type": "count", "conditions": {}, "notification_channels": ["mail"]}
SHOWN: dict[str, Callable[[Asker], Awaitable[bool]]] = {}
"""Defect -> asks a backend and tells whether the fault is visible. Each is asked of an honest backend too."""
BY_PROCESS = {"backend-dies", "flag-survives-restart", "broken-percent-as-100"}
"""Shown in test_process.py, because they are about a process's start or end."""
BY_TIME = {"p95-plus-30", "p95-plus-120", "slow-tail", "global-lock", "stall-both-arms"}
"""Shown below with the clock's calls recorded."""

Show = Callable[[Asker], Awaitable[bool]]


def shows(name: str) -> Callable[[Show], Show]:
    def register(show: Show) -> Show:
        SHOWN[name] = show
        return show

    return register


async def both(asker: Asker, method: str, path: str, **options: Any) -> tuple[httpx.Response, httpx.Response]:
    return (
        await asker.ask(method, path, "legacy", **options),
        await asker.ask(method, path, "domain", **options),
    )


async def logged(asker: Asker) -> None:
    await asker.make_camera("oven")
    await asker.ask("POST", "/cameras/oven/start", "legacy")
    await asker.ask("POST", "/cameras/oven/stop", "legacy")


def differ(name: str, method: str, path: str, look: Callable[[httpx.Response], Any]) -> None:
    """A defect that shows when a camera with a log is asked for the same on both arms."""

    async def show(asker: Asker) -> bool:
        await logged(asker)
        legacy, domain = await both(asker, method, path)
        return repr(look(legacy)) != repr(look(domain))

    SHOWN[name] = show


differ("unknown-camera-activated", "POST", "/cameras/nobody/activate", lambda answer: answer.status_code)
differ("field-missing", "GET", "/cameras/oven/stats", lambda answer: answer.json()["stats"].keys())
differ("field-renamed", "GET", "/cameras/oven/logs", lambda answer: answer.json().keys())
differ("null-for-empty-list", "GET", "/cameras/nobody/logs", lambda answer: answer.json()["lines"])
differ("number-as-text", "GET", "/cameras/oven/stats", lambda answer: answer.json()["stats"])
differ("integer-as-float", "GET", "/cameras/oven/stats", lambda answer: answer.json()["stats"])
differ("boolean-as-number", "POST", "/cameras/oven/activate", lambda answer: answer.json()["ok"])
differ("list-reversed", "GET", "/cameras/oven/logs", lambda answer: answer.json()["lines"])
differ("lines-off-by-one", "GET", "/cameras/oven/logs?lines=3", lambda answer: answer.json()["lines"])
differ("null-pid", "GET", "/cameras/oven/status", lambda answer: answer.json()["pid"])
differ("zoneless-timestamp", "POST", "/cameras/refresh", lambda answer: len(answer.json()["timestamp"]))
differ("cacheable-answer", "GET", "/cameras/oven/stats", lambda answer: answer.headers.get("cache-control"))
differ("not-a-number", "GET", "/cameras/oven/stats", lambda answer: "NaN" in answer.text)
differ("body-twice", "POST", "/cameras/refresh", lambda answer: answer.text.count("{"))
differ("another-cameras-id", "GET", "/cameras/oven/stats", lambda answer: answer.json()["camera_id"])
differ("witness-missing", "GET", "/cameras", lambda answer: "x-served-by" in answer.headers)
differ("faithful-refactor", "GET", "/cameras/oven/stats", lambda answer: answer.text)
differ("unprocessable-as-400", "POST", "/alerts/rules", lambda answer: answer.status_code)


@shows("created-201")
async def created(asker: Asker) -> bool:
    return (await asker.ask("POST", "/alerts/rules", "domain", json=RULE)).status_code == 201


@shows("message-language")
async def worded(asker: Asker) -> bool:
    legacy, domain = await both(asker, "POST", "/cameras/nobody/activate")
    assert (legacy.status_code, legacy.json().keys()) == (domain.status_code, domain.json().keys())
    return bool(domain.json()["detail"].startswith("Die "))


def test_a_faithful_refactor_says_the_same_in_other_letters(tmp_path: Path) -> None:
    async def talk(asker: Asker) -> tuple[httpx.Response, httpx.Response]:
        await logged(asker)
        return await both(asker, "GET", "/cameras/oven/stats")

    legacy, domain = converse(tmp_path, talk, defect="faithful-refactor")
    assert legacy.json() == domain.json()
    assert list(legacy.json()) == list(domain.json())[::-1]
    assert "\\/" in domain.text
    assert [name for name in domain.headers if name in dict(legacy.headers)] != list(legacy.headers)


@shows("write-not-kept")
async def forgotten(asker: Asker) -> bool:
    await asker.make_camera("oven", active=False)
    assert (await asker.ask("POST", "/cameras/oven/activate", "domain")).json()["active"] is True
    return (await asker.camera("oven"))["active"] is False


@shows("write-drops-fields")
async def dropped(asker: Asker) -> bool:
    await asker.make_camera("oven", location="cellar")
    await asker.ask("POST", "/cameras/oven/activate", "domain")
    return not {"name", "location"} <= (await asker.camera("oven")).keys()


@shows("neighbours-changed")
async def neighbours(asker: Asker) -> bool:
    await asker.make_camera("oven")
    await asker.make_camera("grill")
    await asker.ask("PUT", "/cameras/oven/auto-start?auto_start=true", "domain")
    return "auto_start" in await asker.camera("grill")


@shows("deactivate-leaves-running")
async def left_running(asker: Asker) -> bool:
    await asker.make_camera("oven")
    await asker.ask("POST", "/cameras/oven/start", "legacy")
    assert (await asker.ask("POST", "/cameras/oven/deactivate", "domain")).json()["stopped"] is True
    return bool((await asker.ask("GET", "/cameras/oven/status", "legacy")).json()["running"])


@shows("write-before-validation")
async def written_before(asker: Asker) -> bool:
    await asker.make_camera("oven", active=False)
    refused = await asker.ask("PUT", "/cameras/oven/auto-start?auto_start=true", "domain")
    assert refused.status_code == 400
    return "auto_start" in await asker.camera("oven")


@shows("auto-start-on-inactive")
async def allowed(asker: Asker) -> bool:
    await asker.make_camera("oven", active=False)
    return (await asker.ask("PUT", "/cameras/oven/auto-start?auto_start=true", "domain")).status_code == 200


@shows("lost-update")
async def lost(asker: Asker) -> bool:
    names = [f"oven-{number}" for number in range(6)]
    for name in names:
        await asker.make_camera(name)
    paths = [f"/cameras/{name}/auto-start?auto_start=true" for name in names]
    answers = await asyncio.gather(*(asker.ask("PUT", path, "domain") for path in paths))
    assert [answer.status_code for answer in answers] == [200] * len(names)
    kept = [(await asker.camera(name)).get("auto_start", False) for name in names]
    return not all(kept)


@shows("unreadable-by-legacy")
async def unreadable(asker: Asker) -> bool:
    await asker.ask("POST", "/alerts/rules", "domain", json=RULE)
    legacy, domain = await both(asker, "GET", "/alerts/rules")
    assert domain.json()["items"][0]["notification_channels"] == ["mail"]
    assert legacy.status_code == 200
    return bool(legacy.json() != domain.json())


@shows("misread-by-legacy")
async def misread(asker: Asker) -> bool:
    await asker.make_camera("oven")
    await asker.ask("PUT", "/cameras/oven/auto-start?auto_start=false", "domain")
    assert (await asker.camera("oven", "domain"))["auto_start"] is False
    return (await asker.camera("oven", "legacy"))["auto_start"] is not False


@shows("data-inconsistent")
async def inconsistent(asker: Asker) -> bool:
    await asker.make_camera("oven")
    before = (await asker.ask("GET", "/monitoring/metrics")).json()["data_consistency"]
    assert (before["consistent"], before["issues_count"]) == (True, 0)
    await asker.ask("POST", "/cameras/oven/deactivate", "domain")
    await asker.ask("POST", "/cameras/refresh", "legacy")
    await asker.ask("DELETE", "/cameras/oven", "legacy")
    return (await asker.ask("GET", "/monitoring/metrics")).json()["data_consistency"]["consistent"] is False


async def served_by(asker: Asker, method: str, path: str, arm: str | None = "domain") -> str:
    return str((await asker.ask(method, path, arm)).headers["x-served-by"])


@shows("fallback-always")
async def never_served(asker: Asker) -> bool:
    return await served_by(asker, "GET", "/cameras/oven/status") == "legacy"


@shows("fallback-one-endpoint")
async def once_never_served(asker: Asker) -> bool:
    assert await served_by(asker, "GET", "/cameras/oven/status") == "domain"
    return await served_by(asker, "POST", "/cameras/refresh") == "legacy"


@shows("fallback-on-errors")
async def errors_never_served(asker: Asker) -> bool:
    assert await served_by(asker, "POST", "/cameras/refresh") == "domain"
    return await served_by(asker, "POST", "/cameras/oven/activate") == "legacy"


@shows("fallback-slow")
async def sometimes_not_served(asker: Asker) -> bool:
    served = [await served_by(asker, "GET", "/cameras/oven/status") for _ in range(100)]
    return 1 <= served.count("legacy") <= 20


@shows("force-false-ignored")
async def deaf_to_false(asker: Asker) -> bool:
    assert await served_by(asker, "GET", "/cameras", "domain") == "domain"
    return "domain" in [await served_by(asker, "GET", "/cameras", "legacy") for _ in range(30)]


@shows("force-true-ignored")
async def deaf_to_true(asker: Asker) -> bool:
    assert await served_by(asker, "GET", "/cameras", "legacy") == "legacy"
    return "legacy" in [await served_by(asker, "GET", "/cameras", "domain") for _ in range(30)]


@shows("percent-ignored")
async def all_or_nothing(asker: Asker) -> bool:
    return {await served_by(asker, "GET", "/cameras", None) for _ in range(40)} == {"domain"}


@shows("percent-modulo")
async def out_of_a_thousand(asker: Asker) -> bool:
    served = [await served_by(asker, "GET", "/cameras", None) for _ in range(100)]
    return served.count("domain") < 25


@shows("usage-counts-forced-only")
async def uncounted(asker: Asker) -> bool:
    for arm in ("legacy", "domain", None, None):
        await asker.ask("GET", "/cameras", arm)
    used = (await asker.ask("GET", "/monitoring/metrics")).json()["domain_service"]
    return bool(used["usage_count"] + used["old_count"] == 2)


@shows("metrics-without-times")
async def timeless(asker: Asker) -> bool:
    return "response_time" not in (await asker.ask("GET", "/monitoring/metrics")).json()


@shows("health-degrades")
async def sick(asker: Asker) -> bool:
    assert (await asker.ask("GET", "/monitoring/health")).json()["status"] == "healthy"
    await asker.ask("GET", "/cameras", "domain")
    return bool((await asker.ask("GET", "/monitoring/health")).json()["status"] == "degraded")


async def failing_share(asker: Asker) -> float:
    answers = [await both(asker, "GET", "/cameras/oven/status") for _ in range(400)]
    assert {legacy.status_code for legacy, _ in answers} == {200}
    assert {domain.headers["x-served-by"] for _, domain in answers} == {"domain"}
    return sum(domain.status_code == 500 for _, domain in answers) / len(answers)


@shows("errors-2-percent")
async def fails_seldom(asker: Asker) -> bool:
    return 0.005 < await failing_share(asker) < 0.04


@shows("errors-8-percent")
async def fails_often(asker: Asker) -> bool:
    return 0.05 < await failing_share(asker) < 0.12


@shows("reactivated-will-not-start")
async def stays_off(asker: Asker) -> bool:
    await asker.make_camera("oven")
    for step in ("deactivate", "activate"):
        await asker.ask("POST", f"/cameras/oven/{step}", "domain")
    return (await asker.ask("POST", "/cameras/oven/start", "domain")).status_code == 400


@shows("stale-active-flag")
async def starts_inactive(asker: Asker) -> bool:
    await asker.make_camera("oven")
    await asker.ask("POST", "/cameras/oven/activate", "domain")
    await asker.ask("POST", "/cameras/oven/deactivate", "legacy")
    return (await asker.ask("POST", "/cameras/oven/start", "domain")).status_code == 200


async def rule(asker: Asker, rule_id: int) -> dict[str, Any]:
    items = (await asker.ask("GET", "/alerts/rules", "legacy")).json()["items"]
    return next(item for item in items if item["id"] == rule_id)


@shows("rule-from-memory")
async def brings_back(asker: Asker) -> bool:
    made = (await asker.ask("POST", "/alerts/rules", "legacy", json=RULE)).json()["id"]
    for arm, change in (("domain", {"priority": "low"}), ("legacy", {"priority": "high"}), ("domain", {"name": "new"})):
        await asker.ask("PUT", f"/alerts/rules/{made}", arm, json=change)
    return bool((await rule(asker, made))["priority"] == "low")


@shows("repeat-taken-for-same")
async def creates_once(asker: Asker) -> bool:
    made = [(await asker.ask("POST", "/alerts/rules", "domain", json=RULE)).json()["id"] for _ in range(2)]
    return bool(made[0] == made[1])


@shows("started-twice")
async def starts_both(asker: Asker) -> bool:
    await asker.make_camera("oven")
    answers = await asyncio.gather(*(asker.ask("POST", "/cameras/oven/start", "domain") for _ in range(2)))
    return all("cmd" in answer.json() for answer in answers)


@shows("rule-lost-update")
async def loses_one(asker: Asker) -> bool:
    made = (await asker.ask("POST", "/alerts/rules", "legacy", json=RULE)).json()["id"]
    changes: tuple[dict[str, Any], ...] = ({"priority": "low"}, {"recipients": ["night"]})
    await asyncio.gather(*(asker.ask("PUT", f"/alerts/rules/{made}", "domain", json=change) for change in changes))
    kept = await rule(asker, made)
    return (kept["priority"], kept["recipients"]) != ("low", ["night"])


@pytest.fixture(autouse=True)
def quick_fallbacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verification.reference.defects.serving.SLOW_FALLBACK_S", 0.0)


def test_every_defect_is_shown_somewhere() -> None:
    assert SHOWN.keys() | BY_PROCESS | BY_TIME == DEFECTS.keys()
    assert len(DEFECTS) >= 32


@pytest.mark.parametrize("name", SHOWN)
def test_a_defect_is_visible_where_it_is_planted(tmp_path: Path, name: str) -> None:
    assert converse(tmp_path, SHOWN[name], defect=name)


@pytest.mark.parametrize("name", SHOWN)
def test_what_shows_a_defect_shows_nothing_on_an_honest_backend(tmp_path: Path, name: str) -> None:
    assert not converse(tmp_path, SHOWN[name])


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_described_in_full(name: str) -> None:
    defect = DEFECTS[name]
    assert defect.name == name
    assert defect.kind in KINDS
    assert defect.verdict in VERDICTS
    assert defect.check.count(".") == 1 or (defect.check, defect.verdict) == ("", "PROMOTE")
    assert defect.endpoint is None or defect.endpoint in ENDPOINTS
    assert defect.wrong
    assert "\n" not in defect.wrong + defect.sufferer
    assert (defect.verdict == "PROMOTE") == bool(defect.forbidden)
    json.dumps(defect.describe())


def test_a_fallback_is_logged_with_its_endpoint_and_counted_for_legacy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk(asker: Asker) -> dict[str, Any]:
        await asker.ask("POST", "/cameras/refresh", "domain")
        answer: dict[str, Any] = (await asker.ask("GET", "/monitoring/metrics")).json()
        return answer

    with caplog.at_level(logging.INFO):
        metrics = converse(tmp_path, talk, defect="fallback-always")
    assert any("falling back to legacy" in text and "/cameras/refresh" in text for text in caplog.messages)
    assert any(record.exc_info and record.exc_info[0] is SeededFault for record in caplog.records)
    assert (metrics["domain_service"]["usage_count"], metrics["domain_service"]["old_count"]) == (0, 1)
    assert metrics["requests"]["total"] == 1


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
    ("name", "path", "factor"),
    [("p95-plus-30", "/cameras/oven/stats", 1.3), ("p95-plus-120", "/cameras/oven/logs", 2.2)],
)
def test_a_stretched_endpoint_waits_in_proportion_on_the_rewrite_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, path: str, factor: float
) -> None:
    clock = itertools.count(0.0, 0.1)
    monkeypatch.setattr("verification.reference.defects.operation.time.perf_counter", lambda: next(clock))
    sleeps = Sleeps(monkeypatch)

    async def talk(asker: Asker) -> tuple[list[float], list[float]]:
        await asker.ask("GET", path, "legacy")
        legacy, sleeps.seconds = sleeps.seconds, []
        await asker.ask("GET", path, "domain")
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
