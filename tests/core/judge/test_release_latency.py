"""A stage's P95 over the looks: a fault of the last hours is called, and told by what those hours showed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.core.test_sequential import arm
from verification.core.histogram import Bins
from verification.core.judge.release import judge_stage
from verification.core.model import Arm, Finding, Verdict
from verification.core.policy import LatencyPolicy, Policy
from verification.core.release.events import GateRun, Look, Seen
from verification.core.release.judgement import StageJudgement
from verification.core.release.plan import ReleasePlan
from verification.core.release.standing import Standing

BEGAN = datetime(2026, 1, 5, tzinfo=UTC)
PLAN = ReleasePlan()
GATE = GateRun(50, "r1", BEGAN, Verdict.PROMOTE, ())


def seen(read: str, of: Arm, times: Bins) -> Seen:
    requests = sum(times.values())
    served = (requests, 0) if of is Arm.CONTROL else (0, requests)
    return Seen(read, of, requests, 0, *served, 0, times)


def judged(ratio: float, *, good: int, bad: int, reads: int = 1, policy: LatencyPolicy | None = None) -> StageJudgement:
    rng = np.random.default_rng(1)
    looks = []
    for slot in range(good + bad):
        at = BEGAN + timedelta(hours=slot)
        times = {Arm.CONTROL: 1.0, Arm.CANDIDATE: ratio if slot >= good else 1.0}
        probes = tuple(
            seen(f"read {read}", of, arm(rng, 60, scale)) for read in range(reads) for of, scale in times.items()
        )
        looks.append(Look(50, slot, at, at, 1.0, probes, 20, 20))
    standing = Standing(percent=50, began_at=BEGAN, looks=tuple(looks), gate=GATE)
    return judge_stage(standing, PLAN, Policy(latency=policy or LatencyPolicy()), looks[-1].at)


def of_latency(stage: StageJudgement) -> list[Finding]:
    return [one for one in stage.findings if one.rule == "latency.p95"]


def test_a_fault_of_the_last_hours_is_told_by_what_they_showed_and_not_by_the_whole_stage() -> None:
    """Over all looks the P95 has hardly changed; that must not pass it as too small to count."""
    stage = judged(2.0, good=130, bad=10)
    (finding,) = of_latency(stage)
    assert (stage.verdict, finding.verdict) == (Verdict.ROLLBACK, Verdict.ROLLBACK)
    first, last = (int(word) for word in finding.reason.split(":")[0].removeprefix("looks ").split(" to "))
    assert 126 <= first <= 132 < last <= 139
    assert finding.numbers["change"] > 0.5
    figure = stage.figure("p95_change")
    assert figure is not None
    assert (figure.verdict, figure.value) == (Verdict.ROLLBACK, finding.numbers["change"])


def test_a_change_that_is_too_small_in_milliseconds_is_passed() -> None:
    policy = LatencyPolicy(floor_ms=1_000.0, floor_share=0.999)
    (passed,) = of_latency(judged(1.4, good=0, bad=80, policy=policy))
    assert passed.verdict is Verdict.PROMOTE
    assert "the least that counts" in passed.reason
    (held,) = of_latency(judged(1.4, good=0, bad=80))
    assert held.verdict is Verdict.HOLD


@pytest.mark.parametrize("reads", [1, 3])
def test_each_read_is_judged_beside_all_together_where_there_are_several(reads: int) -> None:
    found = of_latency(judged(2.2, good=24, bad=20, reads=reads))
    assert len(found) == (1 if reads == 1 else 1 + reads)
    assert {one.verdict for one in found} == {Verdict.ROLLBACK}


def test_an_unchanged_release_raises_nothing() -> None:
    assert of_latency(judged(1.0, good=60, bad=0, reads=3)) == []
