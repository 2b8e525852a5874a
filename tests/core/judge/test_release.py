"""One verdict for a stage: window and samples, feedback, the gate's run, and what to do next."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.core.release.builders import (
    PLAN,
    STAGE,
    after,
    both,
    gate,
    judged,
    look,
    looks,
    open_word,
    reason_of,
    rolled_back,
    rules,
    stage_of,
    stands,
    started,
    told,
    with_look,
)
from verification.core.judge.release import judge_stage
from verification.core.model import Verdict
from verification.core.policy import Policy
from verification.core.release.events import FeedbackResolved, Started
from verification.core.release.judgement import Action
from verification.core.release.plan import PlannedStage, ReleasePlan
from verification.core.release.standing import Standing

HOLD, ROLLBACK, INCONCLUSIVE, PROMOTE = Verdict.HOLD, Verdict.ROLLBACK, Verdict.INCONCLUSIVE, Verdict.PROMOTE


def plan_of(**changes: float) -> ReleasePlan:
    """The usual plan with its first stage changed."""
    return ReleasePlan(stages=(stage_of(**changes), *PLAN.stages[1:]))


def missing_in(where: Standing, plan: ReleasePlan = PLAN, hours: float = 24) -> list[str]:
    return [one.what for one in judged(where, plan=plan, hours=hours).missing]


def test_a_stage_of_which_all_is_known_and_well_is_left_upwards() -> None:
    judgement = judged()
    assert (judgement.verdict, judgement.missing, judgement.findings) == (PROMOTE, (), ())
    assert judgement.action == Action("promote", 25)
    assert judgement.reasons == ()


# Where there is no stage


def test_before_the_first_stage_there_is_nothing_to_promote() -> None:
    judgement = judged(Standing())
    assert rules(judgement) == {("release.stage", INCONCLUSIVE)}
    assert (judgement.verdict, judgement.action) == (INCONCLUSIVE, Action("begin", 10))
    assert judgement.figures == ()


def test_after_a_proven_rollback_the_release_begins_anew() -> None:
    judgement = judged(told(started(), look(0), rolled_back()))
    assert (judgement.percent, judgement.verdict, judgement.action) == (0, INCONCLUSIVE, Action("begin", 10))


@pytest.mark.parametrize(
    ("detail", "words"),
    [(("domain still answers", "P95 high"), "domain still answers; P95 high"), ((), "no reason is known")],
)
def test_a_rollback_that_is_not_proven_must_be_done_again(detail: tuple[str, ...], words: str) -> None:
    judgement = judged(told(started(25), rolled_back(25, is_proven=False, detail=detail)))
    assert rules(judgement) == {("release.rollback", ROLLBACK)}
    assert words in reason_of(judgement, "release.rollback")
    assert (judgement.verdict, judgement.action) == (ROLLBACK, Action("roll-back", 0))


def test_a_percent_that_is_none_of_the_plan_is_never_promoted() -> None:
    judgement = judged(stands(looks(percent=30), percent=30))
    assert ("release.stage", INCONCLUSIVE) in rules(judgement)
    assert (judgement.verdict, judgement.action) == (INCONCLUSIVE, Action("begin", 10))


@pytest.mark.parametrize(
    ("errors", "verdict", "action"), [(20, ROLLBACK, Action("roll-back", 0)), (1, HOLD, Action("analyse", 10))]
)
def test_a_percent_that_is_none_of_the_plan_can_still_come_to_a_bad_end(
    errors: int, verdict: Verdict, action: Action
) -> None:
    taken = tuple(look(slot, percent=30, seen=both(slot, errors=errors)) for slot in range(25))
    judgement = judged(stands(taken, percent=30))
    assert (judgement.verdict, judgement.action) == (verdict, action)


# Window and samples must both be met


def test_the_shortest_window_ends_exactly_at_its_hours() -> None:
    assert judged(hours=24).verdict is PROMOTE
    early = judged(hours=24 - 1 / 3600)
    assert [one.what for one in early.missing] == ["hours"]
    assert (early.verdict, early.action) == (INCONCLUSIVE, Action("wait", 10))


def test_time_that_the_clock_jumped_over_is_no_part_of_the_window() -> None:
    where = stands(with_look(looks(), 5, clock_step_s=7200))
    assert missing_in(where) == ["hours"]
    where = stands(with_look(looks(27), 5, clock_step_s=7200))
    assert judged(where, hours=26).verdict is PROMOTE


def test_looks_are_enough_exactly_at_their_number() -> None:
    assert missing_in(stands(), plan_of(looks=25)) == []
    assert missing_in(stands(), plan_of(looks=26)) == ["looks"]


def test_requests_are_enough_exactly_at_their_number() -> None:
    assert missing_in(stands(), plan_of(requests=25 * 50)) == []
    assert missing_in(stands(), plan_of(requests=25 * 50 + 1)) == ["requests"]


def test_looks_without_an_answer_of_both_arms_bring_neither_looks_nor_requests() -> None:
    only_candidate = tuple(one for one in both(9) if one.arm == "candidate")
    where = stands(with_look(looks(), 9, seen=only_candidate))
    assert missing_in(where, plan_of(looks=25, requests=1201)) == ["looks", "requests"]
    assert missing_in(where, plan_of(looks=24, requests=1200)) == []


def test_without_a_run_of_the_gate_nothing_is_promoted_and_that_is_the_next_step() -> None:
    judgement = judged(stands(gate=None))
    assert [one.what for one in judgement.missing] == ["gate"]
    assert (judgement.verdict, judgement.action) == (INCONCLUSIVE, Action("run-gate", 10))


def test_while_more_is_missing_than_the_gate_one_waits() -> None:
    assert judged(stands(gate=None), hours=23).action == Action("wait", 10)


def test_a_plan_may_do_without_the_gate() -> None:
    assert missing_in(stands(gate=None), ReleasePlan(needs_gate=False)) == []


def test_nothing_at_all_is_never_promoted() -> None:
    empty = judged(stands((), gate=None), hours=0)
    assert empty.verdict is INCONCLUSIVE
    assert [one.what for one in empty.missing] == ["hours", "looks", "requests", "gate"]


def test_looks_that_all_failed_are_never_promoted() -> None:
    assert judged(stands(looks(seen=(), failure="refused"))).verdict is HOLD


def test_a_verdict_on_looks_that_ended_long_ago_is_open() -> None:
    where = stands(looks(49))
    assert judged(where, hours=48).verdict is PROMOTE
    assert rules(judged(where, hours=51)) >= {("release.stale", INCONCLUSIVE)}


def test_the_longest_window_ends_exactly_at_its_hours_and_only_for_what_is_not_proven() -> None:
    unproven = stands(looks(49), gate=None)
    assert ("release.overdue", HOLD) not in rules(judged(unproven, hours=48))
    late = judged(unproven, hours=48 + 1 / 3600)
    assert ("release.overdue", HOLD) in rules(late)
    assert (late.verdict, late.action) == (HOLD, Action("analyse", 10))
    assert judged(stands(looks(50)), hours=49).verdict is PROMOTE


def test_a_finding_alone_makes_an_old_stage_overdue() -> None:
    where = stands(looks(50), gate=gate(INCONCLUSIVE))
    assert ("release.overdue", HOLD) in rules(judged(where, hours=49))


def test_too_many_missing_looks_are_open_whatever_else_is_there() -> None:
    gone = [one for one in looks(36) if one.slot not in range(5, 13)]
    judgement = judged(stands(gone), hours=35)
    assert (judgement.missing, judgement.verdict) == ((), INCONCLUSIVE)
    assert rules(judgement) == {("release.gap", INCONCLUSIVE)}


# Feedback


@pytest.mark.parametrize("weight", [ROLLBACK, HOLD])
def test_an_open_serious_word_weighs_as_the_policy_says(weight: Verdict) -> None:
    judgement = judged(stands(feedback=(open_word(),)), plan=ReleasePlan(serious_feedback=weight))
    assert (judgement.verdict, rules(judgement)) == (weight, {("release.feedback", weight)})
    assert judgement.findings[0].reason == "the list is empty"


def test_a_serious_word_means_rollback_where_nothing_else_is_said() -> None:
    assert judged(stands(feedback=(open_word(),))).verdict is ROLLBACK


def test_a_minor_word_is_shown_and_stands_in_no_way() -> None:
    judgement = judged(stands(feedback=(open_word("minor"),)))
    assert (judgement.verdict, rules(judgement)) == (PROMOTE, {("release.feedback", PROMOTE)})


def test_a_resolved_word_weighs_nothing() -> None:
    resolved = replace(open_word(), resolved=FeedbackResolved("f1", "mended", "otto"))
    assert judged(stands(feedback=(resolved,))).verdict is PROMOTE


# The gate's run


@pytest.mark.parametrize("verdict", [INCONCLUSIVE, HOLD, ROLLBACK])
def test_a_run_of_the_gate_that_does_not_promote_decides(verdict: Verdict) -> None:
    judgement = judged(stands(gate=gate(verdict, reasons=("a", "b"))))
    assert judgement.verdict is verdict
    assert reason_of(judgement, "release.gate") == "a; b"
    assert reason_of(judged(stands(gate=gate(verdict))), "release.gate") == "it gave no reason"


def test_waiting_does_not_mend_a_run_of_the_gate_that_could_not_decide() -> None:
    where = stands(gate=gate(INCONCLUSIVE))
    assert judged(where).action == Action("run-gate", 10)
    assert judged(where, hours=23).action == Action("wait", 10)


def test_waiting_mends_what_the_looks_could_not_say() -> None:
    assert judged(stands(with_look(looks(), 24, seen=()))).action == Action("wait", 10)


# The end


def test_the_last_stage_is_done_and_promotes_to_nothing() -> None:
    last = PlannedStage(percent=100, least_hours=24, most_hours=48, looks=22, requests=1000)
    where = stands(looks(percent=100), percent=100, gate=gate(percent=100))
    judgement = judged(where, plan=ReleasePlan(stages=(STAGE, last)))
    assert (judgement.verdict, judgement.action) == (PROMOTE, Action("done", 100))


def test_the_gravest_finding_stands_first_and_decides() -> None:
    where = stands(feedback=(open_word("minor"), open_word(id="f2")), gate=gate(HOLD))
    judgement = judged(where)
    assert [finding.verdict for finding in judgement.findings] == [ROLLBACK, HOLD, PROMOTE]
    assert judgement.verdict is ROLLBACK


def test_a_clock_that_stands_before_the_stage_promotes_nothing() -> None:
    assert judged(hours=-1).verdict is INCONCLUSIVE


def test_the_order_in_which_looks_came_does_not_matter() -> None:
    taken = looks()
    forth, back = (told(started(), *order) for order in (taken, taken[::-1]))
    assert judged(forth) == judged(back)
    assert forth.began_at is not None
    assert forth.looks[-1].at - forth.began_at == timedelta(hours=24)


@pytest.mark.parametrize("is_back", [True, False])
def test_a_start_that_failed_and_did_not_come_back_rolls_back(*, is_back: bool) -> None:
    """The backend may stand at any percent, whatever the looks of the former stage have said."""
    failed = Started(25, 10, "maria", False, "25 % is not proven; NOT back at 10 %", 9.0, is_back=is_back)
    at_ten = judge_stage(Standing(percent=10, began_at=after(0), started=failed), PLAN, Policy(), after(0))
    at_zero = judge_stage(Standing(started=replace(failed, percent=10, former=0)), PLAN, Policy(), after(0))
    for found in (at_ten, at_zero):
        assert (found.action.kind == "roll-back") == (not is_back)
        assert (found.verdict is ROLLBACK) == (not is_back)
