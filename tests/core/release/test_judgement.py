"""What is said of a stage."""

from __future__ import annotations

import pytest

from verification.core.model import Finding, Verdict
from verification.core.release.judgement import Action, Figure, Missing, StageJudgement


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (Missing("hours", 23.99, 24), "23.9 of 24 hours are there"),
        (Missing("hours", -0.5, 24), "-0.5 of 24 hours are there"),
        (Missing("looks", 21, 22), "21 of 22 looks are there"),
        (Missing("requests", 12_345, 2_000_000), "12345 of 2000000 requests are there"),
        (Missing("gate", 0, 1), "no run of the gate at this percent is known since the stage began"),
    ],
)
def test_what_is_missing_is_told_and_never_rounded_up(missing: Missing, words: str) -> None:
    assert missing.told == words


def test_the_reasons_are_those_of_the_verdicts_own_weight() -> None:
    findings = (
        Finding("rates.errors", Verdict.HOLD, "Errors", "many"),
        Finding("release.gap", Verdict.PROMOTE, "Looks", "one is missing"),
    )
    figure = Figure("share", 0.1, 0.05, 0.2, 0.1, None, Verdict.PROMOTE)
    judgement = StageJudgement(10, Verdict.HOLD, findings, (), Action("wait", 10), (figure,))
    assert judgement.reasons == ("Errors: many",)
    assert judgement.figure("share") is figure
    assert judgement.figure("p95_change") is None
