"""What is measured above half of the knee is not believed, and a rate that was lowered for it is told."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.core.judge.builders import load_evidence, stage
from verification.catalog.load import load_catalog
from verification.core.histogram import bin_of
from verification.core.judge.knee import judge_knee, knee_row
from verification.core.judge.verdict import judge
from verification.core.judgement import KneeRow
from verification.core.knee import RampStep
from verification.core.model import Verdict
from verification.core.policy import Policy
from verification.core.records import Evidence, Ramp

STEPS = (50.0, 100.0, 150.0, 200.0, 250.0, 300.0)


def ramp(knee: float, planned: float = 100.0, requests: int = 60) -> Ramp:
    """Ten times as slow beyond the knee."""
    steps = [
        RampStep(rate, requests, 0, Counter({bin_of(20.0 if rate <= knee else 200.0): requests})) for rate in STEPS
    ]
    return Ramp(planned, tuple(steps))


def measured(*ramps: Ramp) -> Evidence:
    """The stages of the builders are measured at 100 requests per second."""
    return load_evidence(stage(), ramps=ramps)


@pytest.mark.parametrize(
    ("knee", "planned", "found"),
    [
        (1000.0, 100.0, []),
        (200.0, 100.0, []),
        (200.0, 180.0, [("load.knee", Verdict.PROMOTE)]),
        (150.0, 100.0, [("load.knee", Verdict.INCONCLUSIVE)]),
    ],
)
def test_the_rate_used_must_lie_below_half_of_the_knee(
    knee: float, planned: float, found: list[tuple[str, Verdict]]
) -> None:
    assert [(finding.rule, finding.verdict) for finding in judge_knee(measured(ramp(knee, planned)))] == found


def test_a_ramp_that_tells_nothing_is_inconclusive_and_none_at_all_is_no_finding() -> None:
    nothing = measured(ramp(150.0, requests=3))
    assert [(f.rule, f.verdict) for f in judge_knee(nothing)] == [("load.knee", Verdict.INCONCLUSIVE)]
    assert knee_row(nothing) is None
    assert list(judge_knee(measured())) == []


def test_knee_and_rates_stand_in_the_judgement() -> None:
    evidence = measured(ramp(200.0, 180.0))
    assert knee_row(evidence) == KneeRow(200.0, 300.0, 180.0, 100.0)
    assert judge(evidence, load_catalog(), Policy()).knee == knee_row(evidence)
