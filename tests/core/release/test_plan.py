"""The plan of a release: the usual one, and which ones could never be passed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from tests.core.release.builders import PLAN, stage_of
from verification.core.model import Verdict
from verification.core.release.plan import PlannedStage, ReleasePlan


def test_the_usual_plan_is_the_contracts() -> None:
    assert PLAN.percents == (10, 25, 50, 100)
    days = [(stage.least / timedelta(days=1), stage.most / timedelta(days=1)) for stage in PLAN.stages]
    assert days == [(1, 2), (3, 5), (7, 10), (7, 14)]
    assert {stage.every for stage in PLAN.stages} == {timedelta(hours=1)}
    assert PLAN.serious_feedback is Verdict.ROLLBACK
    assert PLAN.needs_gate


def test_the_usual_plan_leaves_room_for_a_missed_look_in_every_window() -> None:
    assert all(stage.looks < stage.least_hours for stage in PLAN.stages)


def test_a_stage_is_found_by_its_percent_and_the_next_one_lies_above() -> None:
    found = PLAN.stage(25)
    assert found is not None
    assert found.percent == 25
    assert PLAN.stage(26) is None
    above = [PLAN.after(percent) for percent in (0, 10, 11, 50, 99, 100)]
    assert [None if stage is None else stage.percent for stage in above] == [10, 25, 25, 100, 100, None]


def test_a_window_may_be_as_long_at_least_as_at_most_and_not_longer() -> None:
    assert stage_of(least_hours=48, most_hours=48).least_hours == 48
    with pytest.raises(ValidationError, match="least_hours = 49 is more than most_hours = 48"):
        stage_of(least_hours=49)


def test_looks_must_fit_into_the_longest_window_the_first_one_at_its_beginning() -> None:
    assert stage_of(looks=49).looks == 49
    with pytest.raises(ValidationError, match="looks = 50 do not fit: every 1 h there are 49 of them"):
        stage_of(looks=50)


def test_looks_fit_where_hours_are_no_whole_numbers_of_steps_in_binary() -> None:
    # 0.3 / 0.1 is 2.9999999999999996.
    assert stage_of(least_hours=0.1, most_hours=0.3, every_hours=0.1, looks=4).looks == 4
    with pytest.raises(ValidationError, match="there are 4 of them"):
        stage_of(least_hours=0.1, most_hours=0.3, every_hours=0.1, looks=5)


def test_what_is_no_time_to_a_clock_is_no_time_between_looks() -> None:
    assert stage_of(every_hours=1e-6).every > timedelta(0)
    with pytest.raises(ValidationError, match="every_hours"):
        stage_of(every_hours=1e-12)


@pytest.mark.parametrize(
    "changes", [{"percent": 0}, {"percent": 101}, {"looks": 0}, {"requests": 0}, {"least_hours": 0}, {"days": 1}]
)
def test_a_stage_without_a_percent_a_look_a_request_or_a_window_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        stage_of(**changes)


def _plan_of(*percents: int) -> ReleasePlan:
    return ReleasePlan(stages=tuple(stage_of(percent=percent) for percent in percents))


def test_a_release_moves_upwards_each_percent_once() -> None:
    assert _plan_of(5, 100).percents == (5, 100)
    for percents in ((25, 10), (10, 10), (10, 50, 25)):
        with pytest.raises(ValidationError, match="must ascend, each once"):
            _plan_of(*percents)


def test_a_plan_has_a_stage() -> None:
    with pytest.raises(ValidationError):
        ReleasePlan(stages=())


def test_a_plan_cannot_do_without_all_looks() -> None:
    assert ReleasePlan(most_missed_share=0).most_missed_share == 0
    with pytest.raises(ValidationError):
        ReleasePlan(most_missed_share=1)


def test_times_of_a_stage_are_its_hours() -> None:
    stage = PlannedStage(percent=1, least_hours=1.5, most_hours=3, looks=2, requests=1, every_hours=0.5)
    assert (stage.least, stage.most, stage.every) == tuple(timedelta(minutes=minutes) for minutes in (90, 180, 30))
