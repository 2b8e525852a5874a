"""Events folded into where a release stands: what belongs to which stage, and what cannot get lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.release.builders import (
    BEGAN,
    HOUR,
    after,
    feedback,
    gate,
    look,
    looks,
    rolled_back,
    started,
    told,
)
from verification.core.model import Verdict
from verification.core.release.events import Decided, Event, FeedbackResolved, Found, Judged, Told
from verification.core.release.standing import PassedStage, Standing, standing

JUDGED = Judged(10, Verdict.PROMOTE, (), "start 25")
DECIDED = Decided(10, "promote", "maria", "all is well")
FOUND = Found(10, "rates.errors", Verdict.HOLD, "Errors", "many")
RESOLVED = FeedbackResolved("f1", "mended in build 7", "otto")


def test_before_the_first_event_nothing_has_begun() -> None:
    nothing = standing([])
    assert nothing == Standing()
    assert (nothing.percent, nothing.began_at, nothing.verdict, nothing.open_feedback) == (0, None, None, ())


def test_a_proven_start_begins_a_stage_at_its_time_and_line() -> None:
    now = standing([(7, BEGAN, started(25))])
    assert (now.percent, now.began_at, now.began_line, now.started) == (25, BEGAN, 7, started(25))


def test_a_start_that_is_not_proven_changes_no_stage_and_is_told() -> None:
    failed = started(25, former=10, is_proven=False)
    now = told(started(), look(0), failed)
    assert now == replace(told(started(), look(0)), started=failed)


def test_everything_of_the_present_stage_is_kept() -> None:
    now = told(started(), look(0), gate(), FOUND, JUDGED, DECIDED)
    assert (now.looks, now.gate, now.found, now.judged, now.decided) == ((look(0),), gate(), (FOUND,), JUDGED, DECIDED)
    assert now.verdict is Verdict.PROMOTE


OF_TEN: list[Event] = [look(1), gate(), FOUND, JUDGED, DECIDED]


@pytest.mark.parametrize("event", OF_TEN, ids=lambda event: type(event).__name__)
def test_what_comes_in_of_another_percent_says_nothing_of_this_stage(event: Event) -> None:
    assert told(started(25), event) == told(started(25))


@pytest.mark.parametrize("event", OF_TEN, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("end", [rolled_back(), started(0)], ids=["rolled-back", "at-zero"])
def test_after_the_end_of_a_stage_nothing_is_added_to_it(event: Event, end: Event) -> None:
    assert told(started(), end, event) == told(started(), end)


def test_percent_zero_is_no_stage_even_for_what_names_it() -> None:
    assert told(started(0), look(0, percent=0), gate(percent=0)) == told(started(0))


@pytest.mark.parametrize("event", OF_TEN, ids=lambda event: type(event).__name__)
def test_a_stage_that_is_started_again_forgets_what_was_seen_before(event: Event) -> None:
    again = told(started(), event, started())
    assert (again.looks, again.gate, again.found, again.judged, again.decided) == ((), None, (), None, None)
    assert [stage.percent for stage in again.passed] == [10]


def test_a_run_of_the_gate_from_before_the_stage_began_does_not_count() -> None:
    old = gate(ran_at=BEGAN - timedelta(seconds=1))
    assert told(started(), old).gate is None
    assert told(started(), gate(ran_at=BEGAN)).gate is not None


def test_of_two_runs_of_the_gate_the_newer_one_counts_whichever_is_told_last() -> None:
    older, newer = gate(ran_at=after(1)), gate(Verdict.ROLLBACK, ran_at=after(2))
    assert told(started(), older, newer).gate == newer
    assert told(started(), newer, older).gate == newer


def test_of_one_run_that_is_judged_again_the_last_word_counts() -> None:
    assert told(started(), gate(), gate(Verdict.HOLD)).gate == gate(Verdict.HOLD)


def test_a_stage_that_is_left_is_remembered_with_its_last_verdict() -> None:
    events: list[tuple[int, Event]] = [
        (0, started()), (1, look(0)), (2, JUDGED), (24, started(25)), (30, rolled_back(25)), (31, started()),
    ]  # fmt: skip
    now = standing((number, after(hours), event) for number, (hours, event) in enumerate(events, start=1))
    assert now.passed == (
        PassedStage(10, after(0), after(24), 1, Verdict.PROMOTE),
        PassedStage(25, after(24), after(30), 0, None, rolled_back=True),
    )
    assert (now.percent, now.rolled_back) == (10, None)


@pytest.mark.parametrize("is_proven", [True, False])
def test_a_rollback_ends_the_stage_proven_or_not(is_proven: bool) -> None:
    back = rolled_back(is_proven=is_proven)
    now = told(started(), look(0), back)
    assert (now.percent, now.began_at, now.began_line, now.looks, now.rolled_back) == (0, None, 3, (), back)


def test_a_second_rollback_leaves_no_second_stage_behind() -> None:
    assert len(told(started(), rolled_back(), rolled_back()).passed) == 1


def test_going_to_zero_by_a_start_ends_the_stage_and_is_no_rollback() -> None:
    now = told(started(), started(0))
    assert (now.percent, now.began_at, now.rolled_back) == (0, None, None)
    assert [stage.rolled_back for stage in now.passed] == [False]


@given(st.permutations(range(6)), st.permutations(range(6)))
def test_looks_stand_in_order_of_their_slots_however_they_arrive(one: list[int], other: list[int]) -> None:
    events = [look(slot) for slot in one], [look(slot) for slot in other]
    here, there = (told(started(), *arrived) for arrived in events)
    assert here == there
    assert [taken.slot for taken in here.looks] == list(range(6))


@given(st.permutations([look(0), look(1), look(1, at=after(1.5)), look(2), look(2, at=after(2.1))]))
def test_a_slot_counts_once_the_earlier_look_however_they_arrive(arrived: list[Event]) -> None:
    assert told(started(), *arrived).looks == looks(3)


def test_feedback_outlives_stages_and_rollbacks() -> None:
    now = told(started(), feedback(), started(25), rolled_back(25), started())
    assert [one.added for one in now.open_feedback] == [feedback()]


def test_feedback_is_resolved_with_a_reason_and_stays_to_be_read() -> None:
    now = told(feedback(), RESOLVED)
    assert now.open_feedback == ()
    assert [(one.added, one.resolved) for one in now.feedback] == [(feedback(), RESOLVED)]


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_feedback_is_not_resolved_without_a_reason(reason: str) -> None:
    assert len(told(feedback(), replace(RESOLVED, reason=reason)).open_feedback) == 1


def test_what_is_resolved_under_an_unknown_id_resolves_nothing() -> None:
    assert told(feedback(), replace(RESOLVED, id="f2")) == told(feedback())


def test_what_is_resolved_before_it_was_told_stays_open() -> None:
    assert len(told(RESOLVED, feedback()).open_feedback) == 1


def test_the_first_reason_stays_where_it_is_resolved_twice() -> None:
    now = told(feedback(), RESOLVED, replace(RESOLVED, reason="again"))
    assert [one.resolved for one in now.feedback] == [RESOLVED]


def test_two_words_under_one_id_are_resolved_one_by_one_the_older_first() -> None:
    other = feedback(text="all cameras are gone")
    now = told(feedback(), other, RESOLVED)
    assert [one.added for one in now.open_feedback] == [other]
    assert told(feedback(), other, RESOLVED, RESOLVED).open_feedback == ()


def test_another_word_under_the_id_of_a_resolved_one_is_open() -> None:
    other = feedback(text="all cameras are gone")
    assert [one.added for one in told(feedback(), RESOLVED, other).open_feedback] == [other]


def test_a_file_of_feedback_that_is_read_in_twice_says_it_once_and_opens_nothing_again() -> None:
    assert len(told(feedback(), feedback()).feedback) == 1
    assert told(feedback(), RESOLVED, feedback()).open_feedback == ()


def test_a_serious_word_does_not_hide_behind_a_minor_one_of_the_same_id() -> None:
    now = told(feedback("minor"), feedback("serious"), RESOLVED)
    assert [one.added.severity for one in now.open_feedback] == ["serious"]


def test_what_other_tools_tell_changes_nothing() -> None:
    assert told(started(), Told("flagger", "Synced")) == told(started())


def test_the_times_are_those_of_the_lines() -> None:
    now = standing([(1, BEGAN, started()), (2, BEGAN + HOUR, feedback())])
    assert [one.at for one in now.feedback] == [BEGAN + HOUR]
