"""The whole plan of a release against real backend processes: untouched it ends at 100 %; what breaks on day 2 of the
25 % stage stops it there, and is rolled back on command, proven."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.production.deployment import Deployment
from tests.rollout.releasing import PLAN, Release, ask
from verification.core.model import Verdict
from verification.rollout import control

pytestmark = pytest.mark.weeks


def test_an_untouched_release_passes_every_stage_and_ends_at_100_percent(backend: Deployment, tmp_path: Path) -> None:
    release = Release(backend, tmp_path)
    for stage in PLAN:
        percent = int(stage["percent"])
        done = release.start(percent)
        assert done.is_proven, done.lines
        verdict = release.observe(timedelta(hours=stage["most_hours"]), until=[Verdict.PROMOTE])
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
    "p95-plus-80": ([Verdict.HOLD, Verdict.ROLLBACK], "latency.p95"),
    "errors-8-percent": ([Verdict.ROLLBACK], "rates.errors"),
    "fallback-always": ([Verdict.HOLD], "witness.fallback"),
    "data-inconsistent": ([Verdict.ROLLBACK], "monitoring.consistency"),
}


@pytest.mark.parametrize("defect", BROKEN)
def test_what_breaks_on_day_2_of_25_percent_stops_the_release_there_and_is_rolled_back(
    backend: Deployment, tmp_path: Path, defect: str
) -> None:
    verdicts, rule = BROKEN[defect]
    release = Release(backend, tmp_path)
    assert release.start(10).is_proven
    assert release.observe(timedelta(hours=48), until=[Verdict.PROMOTE]) is Verdict.PROMOTE, release.said[-6:]
    assert release.start(25).is_proven
    release.observe(timedelta(hours=23))
    assert release.ledger.standing().verdict is Verdict.INCONCLUSIVE

    # A new build is deployed at the same percent, behind the suite's back.
    release.backend = replace(backend, options=(*backend.options, "--defect", defect))
    assert release.backend.at("25").returncode == 0
    if defect == "data-inconsistent":
        ask(backend, "PUT", "/api/v1/cameras/cam-1/auto-start?auto_start=true&force_domain=true")
    release.requests = 40
    release.observe(timedelta(hours=97), until=verdicts)

    standing = release.ledger.standing()
    assert standing.verdict in verdicts, release.said[-6:]
    # Errors stand beyond every time, so the P95 may call them first.
    assert rule in {one.rule for one in standing.found if one.verdict.rank >= Verdict.HOLD.rank}
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
