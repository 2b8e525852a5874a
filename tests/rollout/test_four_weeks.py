"""The whole plan of a release against real backend processes: untouched it ends at 100 %; what breaks on day 2 of the
25 % stage stops it there, and is rolled back on command, proven."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.production.deployment import Deployment, deployed
from tests.rollout.calendar import Calendar
from verification.catalog.load import load_catalog
from verification.core.model import Verdict
from verification.core.release.events import Look
from verification.rollout import control
from verification.rollout.ledger import Ledger
from verification.rollout.observe import Observer
from verification.settings import Settings

# The contract's windows; later stages are looked at less often, so that four weeks of looks take minutes.
PLAN = [
    {"percent": 10, "least_hours": 24, "most_hours": 48, "looks": 22, "requests": 700, "every_hours": 1},
    {"percent": 25, "least_hours": 72, "most_hours": 120, "looks": 34, "requests": 700, "every_hours": 2},
    {"percent": 50, "least_hours": 168, "most_hours": 240, "looks": 26, "requests": 700, "every_hours": 6},
    {"percent": 100, "least_hours": 168, "most_hours": 336, "looks": 26, "requests": 700, "every_hours": 6},
]
TELLING = ("--shape", "telling", "--device-scale", "0.5")


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Deployment]:
    with deployed(tmp_path / "state", *TELLING, percent=0) as deployment:
        for number in range(3):
            camera = {"id": f"cam-{number}", "name": "Gate", "source": "rtsp://somewhere/1"}
            ask(deployment, "POST", "/api/v1/cameras?force_domain=false", camera)
        yield deployment


def ask(backend: Deployment, method: str, path: str, body: object = None) -> None:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        backend.url + path, data=data, method=method, headers={"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


class Release:
    def __init__(self, backend: Deployment, folder: Path) -> None:
        self.clock, self.said = Calendar(), list[str]()
        self.backend, self.folder = backend, folder
        self.requests = 12
        self.ledger = Ledger(folder / "release.sqlite")
        self.catalog = load_catalog()

    @property
    def settings(self) -> Settings:
        look = {"requests": self.requests, "natural": 30}
        plan = {"stages": PLAN, "needs_gate": False, "look": look, "ledger": self.ledger.path}
        # The example's profile is of the real shape; this backend tells who served.
        profile = self.backend.settings(self.folder, release=plan, witness={"header": "X-Served-By"})
        return control.allowed(profile, change_percent=False)

    def start(self, percent: int) -> control.Outcome:
        return control.start(self.settings, self.ledger, percent, self.clock, who="maria")

    def observe(self, longest: timedelta | None = None, *, until: Verdict | None = None) -> Verdict:
        observer = Observer(self.settings, self.catalog, self.ledger, self.clock, self.said.append)
        return observer.run(longest, lambda verdict: verdict is until)

    def looks(self, percent: int) -> list[Look]:
        return [event for _, _, event in self.ledger.events() if isinstance(event, Look) and event.percent == percent]

    def roll_back(self) -> control.Outcome:
        return control.rollback(self.settings, self.catalog, self.ledger, self.clock, who="maria", why="broken")


def test_an_untouched_release_passes_every_stage_and_ends_at_100_percent(backend: Deployment, tmp_path: Path) -> None:
    release = Release(backend, tmp_path)
    for stage in PLAN:
        percent = int(stage["percent"])
        done = release.start(percent)
        assert done.is_proven, done.lines
        verdict = release.observe(timedelta(hours=stage["most_hours"]), until=Verdict.PROMOTE)
        assert verdict is Verdict.PROMOTE, release.said[-6:]
        began_at = release.ledger.standing().began_at
        assert began_at is not None
        assert stage["least_hours"] <= (release.clock.now() - began_at) / timedelta(hours=1) <= stage["most_hours"]
    standing = release.ledger.standing()
    assert (standing.percent, standing.verdict) == (100, Verdict.PROMOTE)
    assert [one.percent for one in standing.passed] == [10, 25, 50]
    assert {one.verdict for one in standing.passed} == {Verdict.PROMOTE}
    assert release.ledger.broken() == []


BROKEN = {
    "p95-plus-80": ({Verdict.HOLD, Verdict.ROLLBACK}, "latency.p95"),
    "errors-8-percent": ({Verdict.ROLLBACK}, "rates.errors"),
    "fallback-always": ({Verdict.HOLD}, "witness.fallback"),
    "data-inconsistent": ({Verdict.ROLLBACK}, "monitoring.consistency"),
}


@pytest.mark.parametrize("defect", BROKEN)
def test_what_breaks_on_day_2_of_25_percent_stops_the_release_there_and_is_rolled_back(
    backend: Deployment, tmp_path: Path, defect: str
) -> None:
    verdicts, rule = BROKEN[defect]
    release = Release(backend, tmp_path)
    assert release.start(10).is_proven
    assert release.observe(timedelta(hours=48), until=Verdict.PROMOTE) is Verdict.PROMOTE, release.said[-6:]
    assert release.start(25).is_proven
    release.observe(timedelta(hours=23))
    assert release.ledger.standing().verdict is Verdict.INCONCLUSIVE

    # A new build is deployed at the same percent, behind the suite's back.
    release.backend = replace(backend, options=(*backend.options, "--defect", defect))
    assert release.backend.at("25").returncode == 0
    if defect == "data-inconsistent":
        ask(backend, "PUT", "/api/v1/cameras/cam-1/auto-start?auto_start=true&force_domain=true")
    release.requests = 40
    release.observe(timedelta(hours=97), until=max(verdicts, key=lambda one: one.rank))

    standing = release.ledger.standing()
    assert standing.verdict in verdicts, release.said[-6:]
    assert rule in {one.rule for one in standing.found if one.verdict in verdicts}
    assert "target.restarted" in {one.rule for one in standing.found}
    refused = control.refusal(standing, release.settings.release, 50)
    assert refused is not None
    assert "25 % has not passed" in refused

    done = release.roll_back()
    assert done.is_proven, done.lines
    after = release.ledger.standing()
    assert after.percent == 0
    assert after.passed[-1].rolled_back
    assert release.roll_back().is_proven
    assert release.ledger.broken() == []
