"""What the looks say of the backend beside the four figures, and of the looking itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from tests.core.release.builders import BEGAN, LOOKS, PLAN, STAGE, after, look, looks, reason_of, rules, with_look
from verification.core.judge.watching import forward_steps, judge_backend, judge_looks_taken
from verification.core.model import Arm, Finding, Verdict
from verification.core.release.events import Counters, Look, Seen, Written

HOLD, ROLLBACK, INCONCLUSIVE, PROMOTE = Verdict.HOLD, Verdict.ROLLBACK, Verdict.INCONCLUSIVE, Verdict.PROMOTE
LAST = LOOKS - 1
ALL = looks()


def backend(taken: Sequence[Look]) -> list[Finding]:
    return list(judge_backend(taken, 10, is_gated=False))


def taking(taken: Sequence[Look], hours: float = LAST) -> list[Finding]:
    return list(judge_looks_taken(taken, STAGE, PLAN, BEGAN, after(hours)))


def test_a_backend_that_is_well_gives_no_finding() -> None:
    assert backend(ALL) == []
    assert taking(ALL) == []


def test_nothing_is_said_of_a_backend_that_nobody_looked_at() -> None:
    assert backend([]) == []


# Data


def test_arms_that_answered_differently_at_any_look_go_back() -> None:
    found = backend(with_look(with_look(ALL, 3, differing=("b", "a")), 9, differing=("b",)))
    assert rules(found) == {("state.cross", ROLLBACK)}
    assert reason_of(found, "state.cross").startswith("at 2 looks")
    assert reason_of(found, "state.cross").endswith(": a, b")


@pytest.mark.parametrize(("is_gated", "verdict"), [(False, INCONCLUSIVE), (True, PROMOTE)])
def test_a_read_that_could_be_compared_at_no_look_is_open_unless_a_gate_has_read_it(
    verdict: Verdict, *, is_gated: bool
) -> None:
    never = looks(uncompared=("rules", "cameras"))
    found = list(judge_backend(never, 10, is_gated=is_gated))
    assert rules(found) == {("state.uncompared", verdict)}
    assert reason_of(found, "state.uncompared").endswith(": cameras, rules")
    once = list(judge_backend(with_look(never, 3, uncompared=("rules",)), 10, is_gated=is_gated))
    assert reason_of(once, "state.uncompared").endswith(": rules")
    assert backend(with_look(never, 3, uncompared=())) == []


def wrote(*names: str, **changes: Any) -> Written:
    return Written(tuple(Seen(name, Arm.CANDIDATE, 1, 0, 0, 1, 0, {}) for name in names), **changes)


def test_a_write_that_did_something_else_at_any_look_goes_back() -> None:
    found = backend(with_look(ALL, 3, written=wrote("PUT /a", differing=("PUT /a: state things:x",))))
    assert rules(found) == {("state.cross", ROLLBACK)}
    assert reason_of(found, "state.cross").endswith(": PUT /a: state things:x")


def test_a_write_that_was_only_answered_otherwise_is_held() -> None:
    found = backend(with_look(ALL, 3, written=wrote("PUT /a", worded=("PUT /a: header:etag",))))
    assert rules(found) == {("write.answer", HOLD)}


def test_writes_that_were_compared_are_no_finding() -> None:
    assert backend(with_look(ALL, 3, written=wrote("PUT /a"))) == []


@pytest.mark.parametrize(("is_gated", "verdict"), [(False, INCONCLUSIVE), (True, PROMOTE)])
def test_a_write_that_could_be_compared_at_no_look_that_tried_is_open_unless_a_gate_has_compared_it(
    verdict: Verdict, *, is_gated: bool
) -> None:
    noisy = wrote("PUT /a", unproven=(("PUT /a", "noise"),))
    tried = with_look(with_look(with_look(ALL, 3, written=noisy), 5, written=noisy), 4, written=wrote("PUT /b"))
    found = list(judge_backend(tried, 10, is_gated=is_gated))
    assert rules(found) == {("state.uncompared", verdict)}
    assert reason_of(found, "state.uncompared").endswith(": PUT /a (noise)")
    assert backend(with_look(tried, 7, written=wrote("PUT /a"))) == []


@pytest.mark.parametrize(
    ("candidate", "control", "verdict"),
    [
        ([1, 1], [0, 0], INCONCLUSIVE),
        ([1, 1], [1, 0], INCONCLUSIVE),
        ([1, 0], [0, 0], PROMOTE),
        ([1, 1], [2, 2], PROMOTE),
        ([], [0, 0], PROMOTE),
    ],
)
def test_a_write_that_only_ever_fails_on_candidate_is_open_whatever_a_gate_has_seen_before(
    candidate: list[int], control: list[int], verdict: Verdict
) -> None:
    taken = ALL
    for at in (0, 1):
        seen = [Seen("PUT /a", Arm.CONTROL, 2, control[at], 2 - control[at], 0, 0, {})]
        seen += [Seen("PUT /a", Arm.CANDIDATE, 1, one, 0, 1 - one, 0, {}) for one in candidate[at : at + 1]]
        # Another write, and one that was not sent, say nothing of it.
        seen += [Seen("PUT /b", Arm.CANDIDATE, 1, 0, 0, 1, 0, {}), Seen("PUT /a", Arm.CANDIDATE, 0, 0, 0, 0, 0, {})]
        taken = with_look(taken, at + 3, written=Written(tuple(seen), unproven=(("PUT /a", "an error"),)))
    assert rules(judge_backend(taken, 10, is_gated=True)) == {("state.uncompared", verdict)}


def test_what_the_last_look_could_not_remove_is_told_and_what_an_earlier_one_could_not_is_not() -> None:
    left = Written(left=("camera gate-1",))
    found = backend(with_look(ALL, LAST, written=left))
    assert rules(found) == {("write.leftover", PROMOTE)}
    assert backend(with_look(ALL, LAST - 1, written=left)) == []


@pytest.mark.parametrize("at", [1, 12, LAST])
def test_data_that_become_inconsistent_within_the_stage_go_back_at_once(at: int) -> None:
    assert rules(backend(with_look(ALL, at, consistent=False))) == {("monitoring.consistency", ROLLBACK)}


def test_data_that_were_inconsistent_when_the_stage_began_hide_everything() -> None:
    assert rules(backend(looks(consistent=False))) == {("monitoring.consistency", INCONCLUSIVE)}


def test_data_that_were_mended_since_the_stage_began_hide_nothing_any_more() -> None:
    assert backend(with_look(ALL, 0, consistent=False)) == []


def test_data_that_were_mended_and_broke_again_go_back() -> None:
    broken = with_look(with_look(ALL, 0, consistent=False), 9, consistent=False)
    assert rules(backend(broken)) == {("monitoring.consistency", ROLLBACK)}
    assert "at 1 of 25 looks" in reason_of(backend(broken), "monitoring.consistency")


def test_a_backend_that_never_tells_of_its_data_is_not_judged_by_it() -> None:
    assert backend(looks(consistent=None)) == []


# Health


def test_health_that_became_worse_holds_until_it_is_well_again() -> None:
    assert rules(backend(with_look(ALL, LAST, health="degraded"))) == {("monitoring.health", HOLD)}
    assert backend(with_look(ALL, 9, health="degraded")) == []


def test_health_that_was_never_good_says_nothing_of_the_release() -> None:
    assert rules(backend(looks(health="degraded"))) == {("monitoring.health", INCONCLUSIVE)}


def test_health_that_was_bad_at_first_and_good_between_became_worse() -> None:
    bad = with_look(with_look(ALL, 0, health="degraded"), LAST, health="down")
    assert rules(backend(bad)) == {("monitoring.health", HOLD)}


def test_a_backend_without_a_health_is_not_judged_by_it() -> None:
    assert backend(looks(health=None)) == []


# Fallbacks in the log


def test_a_single_line_of_the_log_that_tells_a_fallback_holds() -> None:
    assert rules(backend(with_look(ALL, 4, fallback_lines=1))) == {("log.fallback", HOLD)}
    assert backend(looks(fallback_lines=None)) == []


# Silence


def test_one_look_without_an_answer_is_open_and_two_hold() -> None:
    one = with_look(ALL, LAST, seen=(), failure="refused")
    assert rules(backend(one)) == {("target.silent", INCONCLUSIVE)}
    assert reason_of(backend(one), "target.silent") == "at the last look it did not answer on both arms: refused"
    two = with_look(one, LAST - 1, seen=())
    assert rules(backend(two)) == {("target.silent", HOLD)}
    assert "the last 2 looks" in reason_of(backend(two), "target.silent")


def test_silence_without_a_reason_says_so() -> None:
    assert reason_of(backend(with_look(ALL, LAST, seen=())), "target.silent").endswith(": no answer")


def test_a_backend_that_answers_again_is_not_silent() -> None:
    assert backend(with_look(with_look(ALL, 7, seen=()), 8, seen=())) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("health", "the health"),
        ("consistent", "the consistency"),
        ("counters", "the counters"),
        ("fallback_lines", "the log"),
    ],
)
def test_what_was_told_and_is_told_no_more_is_missing_until_it_comes_back(name: str, words: str) -> None:
    gone = backend(with_look(ALL, LAST, **{name: None}))
    assert rules(gone) == {("monitoring.missing", INCONCLUSIVE)}
    assert words in reason_of(gone, "monitoring.missing")
    assert backend(with_look(ALL, 9, **{name: None})) == []


def test_what_the_last_look_failed_to_get_is_missing_though_both_arms_answered() -> None:
    found = backend(with_look(ALL, LAST, failure="metrics: 503"))
    assert rules(found) == {("monitoring.missing", INCONCLUSIVE)}
    assert reason_of(found, "monitoring.missing").endswith("not all of it could be had: metrics: 503")
    assert backend(with_look(ALL, 9, failure="metrics: 503")) == []


# Counters


def test_a_restart_is_named_and_weighs_nothing() -> None:
    found = backend([*looks(3), look(3, counters=Counters(4, 0, 4, 0))])
    assert rules(found) == {("target.restarted", PROMOTE)}
    assert "began anew 1 times" in reason_of(found, "target.restarted")


def test_counters_that_stand_still_are_stale_until_they_move() -> None:
    still = with_look(ALL, LAST, counters=ALL[-2].counters)
    assert rules(backend(still)) == {("monitoring.stale", INCONCLUSIVE)}
    assert backend(with_look(ALL, 9, counters=ALL[8].counters)) == []


# Looks that are missing


def test_looks_that_were_not_taken_are_named_up_to_the_share_that_may_be_missing() -> None:
    few = [one for one in ALL if one.slot not in (3, 5, 6, 9, 12)]
    assert rules(taking(few)) == {("release.gap", PROMOTE)}
    assert reason_of(taking(few), "release.gap") == "5 of 25 looks were not taken: number 3, 5 to 6, 9, 12"
    more = [one for one in few if one.slot != 14]
    assert rules(taking(more)) == {("release.gap", INCONCLUSIVE)}


def test_gaps_that_are_not_named_are_told_of() -> None:
    odd = [one for one in ALL if one.slot % 2 == 0]
    assert reason_of(taking(odd), "release.gap") == "12 of 25 looks were not taken: number 1, 3, 5, 7, 9 and more"


def test_looks_that_found_no_answer_are_as_good_as_missing() -> None:
    few = ALL
    for slot in (2, 4, 6, 8, 10):
        few = with_look(few, slot, seen=())
    assert rules(taking(few)) == {("release.gap", PROMOTE)}
    assert reason_of(taking(few), "release.gap") == "5 of 25 looks found no answer on both arms"
    assert rules(taking(with_look(few, 12, seen=()))) == {("release.gap", INCONCLUSIVE)}
    assert rules(taking([one for one in few if one.slot != 12])) == {("release.gap", INCONCLUSIVE)}


def test_a_gap_heals_with_the_looks_after_it() -> None:
    taken = [look(0), look(3)]
    assert rules(taking(taken, 3)) == {("release.gap", INCONCLUSIVE)}
    assert rules(taking([*taken, *(look(slot) for slot in range(4, 10))], 9)) == {("release.gap", PROMOTE)}


def test_how_it_stands_is_not_known_where_the_last_two_looks_were_not_taken() -> None:
    long = looks(100)
    assert rules(taking(long, 100.9)) == set()
    assert rules(taking(long, 101.9)) == {("release.gap", PROMOTE)}
    assert rules(taking(long, 102)) == {("release.gap", PROMOTE), ("release.stale", INCONCLUSIVE)}


def test_a_gap_long_ago_is_not_stale() -> None:
    assert rules(taking([one for one in looks(100) if one.slot not in (7, 8, 9)], 99)) == {("release.gap", PROMOTE)}


def test_before_the_first_look_is_due_none_is_missing() -> None:
    assert taking([], 0.5) == []
    assert rules(taking([], 2)) == {("release.gap", INCONCLUSIVE), ("release.stale", INCONCLUSIVE)}


# Clocks


@pytest.mark.parametrize("step", [61.0, -61.0, 30_000.0])
def test_a_clock_that_was_set_is_named_and_does_not_end_the_stage(step: float) -> None:
    found = taking(with_look(ALL, 5, clock_step_s=step))
    assert rules(found) == {("release.clock", PROMOTE)}
    assert f"by up to {step:+.0f} s" in reason_of(found, "release.clock")


@pytest.mark.parametrize("step", [0.0, 60.0, -60.0])
def test_a_clock_that_is_steered_is_not_set(step: float) -> None:
    taken = with_look(ALL, 5, clock_step_s=step)
    assert taking(taken) == []
    assert forward_steps(taken) == timedelta(0)


def test_only_what_the_clock_was_moved_forward_is_left_out_of_the_window() -> None:
    taken = with_look(with_look(with_look(ALL, 3, clock_step_s=7200), 5, clock_step_s=-3600), 8, clock_step_s=61)
    assert forward_steps(taken) == timedelta(seconds=7261)


def test_looks_that_are_older_than_those_before_them_tell_that_the_clock_was_set_back() -> None:
    assert taking(with_look(ALL, 5, at=after(4) - timedelta(seconds=60))) == []
    back = taking(with_look(ALL, 5, at=after(4) - timedelta(seconds=61)))
    assert rules(back) == {("release.clock", INCONCLUSIVE)}
    assert "start the stage again" in reason_of(back, "release.clock")


def test_the_clocks_of_two_machines_may_differ_a_little_where_the_stage_begins_and_now() -> None:
    for at, hours in ((0, 3.0), (3, 3.0)):
        near = with_look(looks(4), at, at=after(at) + timedelta(seconds=60 if at else -60))
        assert taking(near, hours) == []
        far = with_look(looks(4), at, at=after(at) + timedelta(seconds=61 if at else -61))
        assert rules(taking(far, hours)) == {("release.clock", INCONCLUSIVE)}
