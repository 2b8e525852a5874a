"""Looks taken together: totals, strata, counters as differences, and the looks that are missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.release.builders import BEGAN, READS, STAGE, after, both, look, looks, seen, stage_of
from verification.core.histogram import total
from verification.core.model import Arm
from verification.core.release.events import Counters, Look, Written
from verification.core.release.looks import (
    ArmTotal,
    Gap,
    Moved,
    errors_of,
    gaps,
    moved,
    reads_of,
    slot_of,
    spaced,
    strata_of,
    total_of,
    write_errors_of,
)


@pytest.mark.parametrize(
    ("one", "is_answered"),
    [
        (look(0), True),
        (look(0, seen=()), False),
        (look(0, seen=(seen(Arm.CONTROL),)), False),
        (look(0, seen=(seen(Arm.CANDIDATE),)), False),
        (look(0, seen=(seen(Arm.CONTROL), seen(Arm.CANDIDATE, errors=25))), False),
        (look(0, seen=(seen(Arm.CONTROL, errors=24), seen(Arm.CANDIDATE, errors=24))), True),
        (look(0, seen=(seen(Arm.CONTROL, requests=0), seen(Arm.CANDIDATE))), False),
    ],
)
def test_a_look_is_answered_where_both_arms_gave_an_answer_at_all(one: Look, is_answered: bool) -> None:
    assert one.is_answered is is_answered


def test_totals_add_up_one_arm_over_looks_and_reads() -> None:
    taken = [look(0, seen=both(0, errors=2)), look(1, seen=(seen(Arm.CANDIDATE, legacy=3, domain=20, unwitnessed=2),))]
    assert total_of(taken, Arm.CANDIDATE) == ArmTotal(75, 4, 3, 66, 2)
    assert total_of(taken, Arm.CONTROL) == ArmTotal(50, 0, 50, 0, 0)
    assert total_of([], Arm.CONTROL) == ArmTotal(0, 0, 0, 0, 0)


def test_each_read_is_a_stratum_and_each_look_a_block_with_its_place() -> None:
    taken = [look(0, seen=both(0, reads=READS[:1])), look(1, seen=()), look(2, seen=both(2))]
    assert reads_of(taken) == list(READS)
    sizes = [[(total(a), total(b)) for a, b in stratum.blocks] for stratum in strata_of(taken)]
    assert sizes == [[(25, 25), (0, 0), (25, 25)], [(0, 0), (0, 0), (25, 25)]]


def test_writes_count_as_requests_and_errors_and_not_as_times() -> None:
    wrote = Written((seen(Arm.CANDIDATE, read="PUT /cameras", requests=3, errors=2),))
    taken = [look(0, seen=both(0, errors=1), written=wrote), look(1, seen=both(1))]
    assert total_of(taken, Arm.CANDIDATE) == ArmTotal(103, 4, 0, 99, 0)
    assert errors_of(taken, Arm.CANDIDATE) == [(4, 53), (0, 50)]
    assert errors_of(taken, Arm.CANDIDATE, READS[0]) == [(1, 25), (0, 25)]
    assert write_errors_of(taken, Arm.CANDIDATE) == [(2, 3), (0, 0)]
    assert write_errors_of(taken, Arm.CONTROL) == [(0, 0), (0, 0)]
    assert reads_of(taken) == list(READS)
    without = [replace(one, written=Written()) for one in taken]
    assert strata_of(taken) == strata_of(without)


def test_no_looks_have_no_strata() -> None:
    assert strata_of([]) == []
    assert reads_of([look(0, seen=())]) == []


def test_a_read_that_stands_twice_in_a_look_is_added_up_as_in_the_totals() -> None:
    taken = [look(0, seen=(*both(0, reads=READS[:1]), seen(Arm.CANDIDATE, seed=7)))]
    ((control, candidate),) = strata_of(taken)[0].blocks
    assert (total(control), total(candidate)) == (25, total_of(taken, Arm.CANDIDATE).requests) == (25, 50)


def _told(*counters: Counters | tuple[int, ...] | None, **changes: Any) -> list[Look]:
    made = [one if one is None or isinstance(one, Counters) else Counters(*one) for one in counters]
    return [look(slot, counters=one, **changes) for slot, one in enumerate(made)]


def test_counters_are_taken_as_differences_from_the_first_that_is_told() -> None:
    found = moved(_told((1000, 7, 900, 100), (1500, 9, 1350, 150), (1600, 9, 1440, 160)))
    assert found == Moved(600, 2, 540, 60)


@pytest.mark.parametrize("counters", [(), (None,), ((5, 1, 4, 1),), (None, (5, 1, 4, 1), None)])
def test_one_look_tells_no_difference(counters: tuple[tuple[int, ...] | None, ...]) -> None:
    assert moved(_told(*counters)) == Moved()


def test_after_a_restart_what_stands_there_was_counted_since() -> None:
    assert moved(_told((1000, 7, 900, 100), (40, 1, 36, 4), (90, 1, 81, 9))) == Moved(90, 1, 81, 9, restarts=1)


def test_a_counter_that_falls_alone_tells_a_restart_too() -> None:
    assert moved(_told((10, 3, 9, 1), (40, 1, 36, 4))) == Moved(40, 1, 36, 4, restarts=1)


def test_a_look_without_counters_loses_nothing() -> None:
    assert moved(_told((10, 0, 9, 1), None, (40, 1, 36, 4))) == Moved(30, 1, 27, 3)


def test_a_counter_that_is_not_told_for_a_while_is_no_restart_and_is_not_counted_twice() -> None:
    gone = Counters(20, 0, None, None)
    assert moved(_told((10, 0, 9, 1), gone, (40, 1, 36, 4))) == Moved(30, 1, 27, 3)


def test_a_counter_that_is_told_late_does_not_bring_in_what_was_before() -> None:
    assert moved(_told(Counters(10, 0, None, None), (40, 1, 36, 4), (50, 1, 45, 5))) == Moved(40, 1, 9, 1)


def test_a_counter_that_is_not_told_after_a_restart_began_at_zero_with_it() -> None:
    again = Counters(5, 0, None, None)
    assert moved(_told((1000, 7, 900, 100), again, (15, 0, 12, 3))) == Moved(15, 0, 12, 3, restarts=1)


def test_negative_counters_are_none() -> None:
    assert moved(_told((10, 0, 9, 1), (-5, 0, 9, 1), (40, 1, 36, 4))) == Moved(30, 1, 27, 3)
    assert moved(_told((10, 0, 9, 1), (20, 0, -1, 2), (40, 1, 36, 4))) == Moved(30, 1, 27, 3)


STEPS = st.lists(st.tuples(*[st.integers(0, 50)] * 4), min_size=1, max_size=8)


@given(STEPS, st.lists(st.booleans(), min_size=8, max_size=8), st.lists(st.booleans(), min_size=8, max_size=8))
def test_nothing_that_a_look_could_see_is_lost_or_counted_twice(
    steps: list[tuple[int, ...]], restarts: list[bool], silent: list[bool]
) -> None:
    """Each restart is seen by its first counter: the process before had counted more requests than there are now."""
    now, expected, seen_restarts = [10_000] * 4, [0] * 4, 0
    before: list[int] | None = None
    counters: list[tuple[int, ...] | None] = []
    for step, again, is_silent in zip(steps, restarts, silent, strict=False):
        if again:
            now = [0] * 4
        now = [count + more for count, more in zip(now, step, strict=True)]
        if is_silent:
            counters.append(None)
            continue
        began_anew = before is not None and any(new < old for old, new in zip(before, now, strict=True))
        seen_restarts += began_anew
        if before is not None:
            gained = now if began_anew else [new - old for old, new in zip(before, now, strict=True)]
            expected = [kept + more for kept, more in zip(expected, gained, strict=True)]
        before = now
        counters.append(tuple(now))
    found = moved(_told(*counters))
    assert [found.requests, found.server_errors, found.legacy, found.domain] == expected
    assert found.restarts == seen_restarts


@given(STEPS)
def test_without_a_restart_the_differences_add_up_to_the_last_less_the_first(steps: list[tuple[int, ...]]) -> None:
    counters = [(0, 0, 0, 0)]
    for step in steps:
        counters.append(tuple(a + b for a, b in zip(counters[-1], step, strict=True)))  # type: ignore[arg-type]
    found = moved(_told(*counters))
    assert (found.requests, found.server_errors, found.legacy, found.domain, found.restarts) == (*counters[-1], 0)


SAME = (10, 0, 9, 1)


def test_counters_that_stand_still_although_requests_were_answered_are_stale() -> None:
    assert moved(_told(SAME, SAME)).is_stale
    assert moved(_told(SAME, None, SAME)).is_stale
    only_natural = moved(_told(SAME, SAME, seen=()))
    assert only_natural.is_stale


def test_counters_that_move_again_are_no_longer_stale() -> None:
    assert not moved(_told(SAME, SAME, (11, 0, 9, 1))).is_stale


def test_counters_may_stand_still_where_nothing_was_answered() -> None:
    nothing = {"seen": (), "natural_legacy": 0, "natural_domain": 0}
    assert not moved(_told(SAME, SAME, **nothing)).is_stale
    failed = {**nothing, "seen": both(0, errors=25, control_errors=25)}
    assert not moved(_told(SAME, SAME, **failed)).is_stale


def test_what_was_answered_after_the_last_counters_may_not_be_in_them_yet() -> None:
    first, last = _told(SAME, SAME)
    nothing = replace(first, seen=(), natural_legacy=0, natural_domain=0)
    assert not moved([nothing, last]).is_stale


def test_the_first_counters_are_not_stale_however_many_looks_had_none() -> None:
    assert not moved(_told(None, SAME)).is_stale


def test_a_slot_begins_when_its_look_is_due() -> None:
    moments = [0.0, 0.999, 1.0, 24.0]
    assert [slot_of(STAGE, BEGAN, after(hours)) for hours in moments] == [0, 0, 1, 24]
    assert slot_of(STAGE, BEGAN, BEGAN - timedelta(microseconds=1)) == -1


def test_the_look_that_is_due_now_is_not_missing_yet_and_the_one_before_is() -> None:
    assert gaps(STAGE, BEGAN, looks(3), after(3.9)) == []
    assert gaps(STAGE, BEGAN, looks(3), after(4)) == [Gap(3, 3)]


def test_gaps_are_told_from_slot_to_slot() -> None:
    taken = [one for one in looks(10) if one.slot not in (0, 4, 5, 6)]
    found = gaps(STAGE, BEGAN, taken, after(12))
    assert found == [Gap(0, 0), Gap(4, 6), Gap(10, 11)]
    assert [gap.looks for gap in found] == [1, 3, 2]


def test_without_any_look_all_that_were_due_are_missing() -> None:
    assert gaps(STAGE, BEGAN, [], after(0.5)) == []
    assert gaps(STAGE, BEGAN, [], after(5)) == [Gap(0, 4)]


def test_slots_of_a_clock_that_was_wrong_make_no_gaps() -> None:
    assert gaps(STAGE, BEGAN, [look(-3), look(-1), *looks(2)], after(1)) == []
    assert gaps(STAGE, BEGAN, [*looks(2), look(2), look(3)], after(1)) == []


@given(st.sets(st.integers(-3, 30)), st.integers(-2, 40))
def test_taken_and_missing_are_together_all_that_were_due(slots: set[int], now: int) -> None:
    found = gaps(STAGE, BEGAN, [look(slot) for slot in slots], after(now))
    missing = {slot for gap in found for slot in range(gap.first, gap.last + 1)}
    assert not missing & slots
    last = max([now - 1, *(slot for slot in slots if slot < now)])
    assert {slot for slot in slots | missing if 0 <= slot < now} == set(range(last + 1))
    assert all(one.last < other.first for one, other in pairwise(found))


@pytest.mark.parametrize(
    ("minutes", "share", "looks", "is_enough"),
    [
        (60, 0.2, 49, True),
        (66, 0.2, 44, True),
        (75, 0.2, 39, True),
        (79, 0.2, 37, False),
        (120, 0.2, 25, False),
        (120, 0.6, 25, True),
        # Missing ones would be allowed, and still there are too few of them.
        (180, 0.9, 17, False),
        (6000, 0.9, 1, False),
    ],
)
def test_looks_further_apart_are_enough_where_neither_their_number_nor_the_missing_ones_forbid_it(
    minutes: int, share: float, looks: int, is_enough: bool
) -> None:
    found = spaced(STAGE, timedelta(minutes=minutes), share)
    assert (found.looks, found.due, found.is_enough) == (looks, 49, is_enough)


def test_a_moment_at_which_the_looks_are_enough_comes_within_the_window_only() -> None:
    assert not spaced(stage_of(least_hours=47, looks=2), timedelta(hours=2), 0.4).is_enough
    assert spaced(stage_of(least_hours=1, looks=2), timedelta(hours=2), 0.4).is_enough


@given(
    minutes=st.integers(60, 300),
    share=st.sampled_from((0.0, 0.1, 0.2, 0.5, 0.9)),
    hours=st.integers(1, 48),
    needed=st.integers(1, 22),
)
@settings(max_examples=50)
def test_what_is_said_never_to_be_enough_never_is(minutes: int, share: float, hours: int, needed: int) -> None:
    """Held against the rule by which missing looks are counted, at every quarter of an hour."""
    stage, apart = stage_of(least_hours=hours, looks=needed), timedelta(minutes=minutes)
    if spaced(stage, apart, share).is_enough:
        return
    for quarter in range(4 * hours, 4 * 48 + 1):
        now = after(quarter / 4)
        times = [BEGAN + number * apart for number in range((now - BEGAN) // apart + 1)]
        slots = sorted({slot_of(stage, BEGAN, at + stage.every / 2) for at in times})
        taken = [look(slot) for slot in slots]
        missing = sum(gap.looks for gap in gaps(stage, BEGAN, taken, now))
        assert len(taken) < needed or missing > share * (missing + len(taken))
