"""The errors of a stage: proven good over all looks, called bad since some look, and never blamed for control's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from verification.core.judge.release import judge_stage
from verification.core.judge.release_errors import errors_alarm_alpha, judge_errors
from verification.core.model import Arm, Verdict
from verification.core.policy import Policy, RatePolicy
from verification.core.release.events import Look, Seen, Written
from verification.core.release.looks import ArmTotal
from verification.core.release.plan import ReleasePlan
from verification.core.release.standing import Standing

BEGAN = datetime(2026, 1, 5, tzinfo=UTC)
PLAN, POLICY = ReleasePlan(), RatePolicy()
NOBODY = ArmTotal(0, 0, 0, 0, 0)
"""Users of whom the backend counts nothing."""


def look(slot: int, candidate: int, control: int, requests: int = 50) -> Look:
    seen = tuple(
        Seen(
            "GET /things",
            arm,
            requests,
            errors,
            0 if arm is Arm.CANDIDATE else requests - errors,
            requests - errors if arm is Arm.CANDIDATE else 0,
            0,
            {900: requests - errors, 1600: errors} if errors else {900: requests},
        )
        for arm, errors in ((Arm.CONTROL, control), (Arm.CANDIDATE, candidate))
    )
    return Look(25, slot, BEGAN, BEGAN + timedelta(hours=slot), 1.0, seen, 30, 10)


def standing(candidate: list[int], control: list[int] | None = None, first: int = 0) -> Standing:
    other = control or [0] * len(candidate)
    looks = [look(first + at, *errors) for at, errors in enumerate(zip(candidate, other, strict=True))]
    return Standing(percent=25, began_at=BEGAN, looks=tuple(looks))


def test_no_errors_in_many_looks_are_proven_good() -> None:
    bound, verdict, findings = judge_errors(standing([0] * 20), PLAN, POLICY, NOBODY)
    assert (bound.errors, bound.requests, verdict, findings) == (0, 1000, Verdict.PROMOTE, [])


def test_too_few_requests_prove_nothing_and_it_is_said_how_many_are_missing() -> None:
    bound, verdict, findings = judge_errors(standing([0] * 5), PLAN, POLICY, NOBODY)
    assert verdict is Verdict.INCONCLUSIVE
    assert [(one.rule, one.verdict) for one in findings] == [("rates.errors", Verdict.INCONCLUSIVE)]
    assert f"{bound.missing} more requests" in findings[0].reason


def test_without_looks_nothing_is_proven() -> None:
    bound, verdict, findings = judge_errors(standing([]), PLAN, POLICY, NOBODY)
    assert (bound.requests, verdict, len(findings)) == (0, Verdict.INCONCLUSIVE, 1)


def test_errors_that_begin_late_are_called_with_the_look_since_which_they_are_there() -> None:
    bound, verdict, (finding,) = judge_errors(standing([0] * 60 + [10] * 6, first=2), PLAN, POLICY, NOBODY)
    assert (verdict, finding.rule, finding.verdict) == (Verdict.ROLLBACK, "rates.errors", Verdict.ROLLBACK)
    assert finding.reason.startswith("from look 62 on ")
    assert finding.numbers["errors"] == 60
    assert finding.numbers["requests"] == 300
    assert (bound.errors, bound.requests) == (60, 3300)


def test_errors_from_the_first_look_on_are_told_without_a_beginning() -> None:
    _, verdict, (finding,) = judge_errors(standing([10] * 5), PLAN, POLICY, NOBODY)
    assert verdict is Verdict.ROLLBACK
    assert not finding.reason.startswith("from look")


def test_errors_of_both_arms_alike_are_controls_and_leave_the_stage_open() -> None:
    failing = [0] * 12 + [10] * 8
    _, verdict, (finding,) = judge_errors(standing(failing, failing), PLAN, POLICY, NOBODY)
    assert (verdict, finding.rule, finding.verdict) == (Verdict.INCONCLUSIVE, "control.unhealthy", Verdict.INCONCLUSIVE)


def test_errors_of_control_alone_leave_the_stage_open() -> None:
    _, verdict, (finding,) = judge_errors(standing([0] * 20, [0] * 12 + [10] * 8), PLAN, POLICY, NOBODY)
    assert verdict is Verdict.PROMOTE
    assert (finding.rule, finding.verdict) == ("control.unhealthy", Verdict.INCONCLUSIVE)


def test_a_candidate_that_is_worse_than_an_unhealthy_control_is_blamed_all_the_same() -> None:
    _, verdict, findings = judge_errors(standing([40] * 10, [5] * 10), PLAN, POLICY, NOBODY)
    assert verdict is Verdict.ROLLBACK
    assert {one.rule for one in findings} == {"rates.errors", "control.unhealthy"}


@pytest.mark.parametrize("late", [0, 60])
def test_the_stage_takes_the_verdict_over(late: int) -> None:
    looks = standing([0] * late + [10] * 8)
    judged = judge_stage(looks, PLAN, Policy(), looks.looks[-1].at)
    figure = judged.figure("error_rate")
    assert figure is not None
    assert (judged.verdict, figure.verdict, judged.action.kind) == (Verdict.ROLLBACK, Verdict.ROLLBACK, "roll-back")


def writing(candidate: list[int], control: list[int]) -> Standing:
    """Reads without an error, and one write at each look: three requests on control, three on candidate."""
    of = standing([0] * len(candidate))
    taken = []
    for one, errors, others in zip(of.looks, candidate, control, strict=True):
        seen = tuple(
            Seen("PUT /things", arm, 3, count, 0, 0, 0, {})
            for arm, count in ((Arm.CONTROL, others), (Arm.CANDIDATE, errors))
        )
        taken.append(replace(one, written=Written(seen)))
    return replace(of, looks=tuple(taken))


def test_writes_that_fail_are_called_though_the_reads_are_well() -> None:
    failing = [0] * 12 + [3] * 6
    _, _, findings = judge_errors(writing(failing, [0] * 18), PLAN, POLICY, NOBODY)
    assert [(one.title, one.verdict) for one in findings if one.verdict is Verdict.ROLLBACK] == [
        ("Errors of writes on candidate", Verdict.ROLLBACK)
    ]


def test_writes_that_fail_on_both_arms_alike_do_not_blame_the_candidate() -> None:
    failing = [0] * 12 + [3] * 6
    _, _, findings = judge_errors(writing(failing, failing), PLAN, POLICY, NOBODY)
    assert not [one for one in findings if "writes" in one.title]


def test_writes_take_a_share_of_alpha_only_where_there_are_any() -> None:
    reads, with_writes = standing([0] * 3), writing([0] * 3, [0] * 3)
    assert errors_alarm_alpha(reads.looks, PLAN, POLICY) > errors_alarm_alpha(with_writes.looks, PLAN, POLICY)
