"""Errors that begin late are called soon, and those that control has as well are not the candidate's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verification.core.late_errors import late_alarms_by_block, late_errors
from verification.core.model import Verdict
from verification.core.onset import BLOCKS_PER_ONSET
from verification.core.policy import RatePolicy
from verification.core.rates import error_rate

POLICY = RatePolicy()
ALPHA = 0.0025
GOOD = [(0, 50)] * 60


def gravest(candidate: list[tuple[int, int]], control: list[tuple[int, int]]) -> Verdict:
    found = late_errors(candidate, control, POLICY, alarm_alpha=ALPHA)
    return found[0].candidate.verdict if found else Verdict.PROMOTE


def test_errors_after_good_days_are_called_although_all_days_together_are_not_above_the_limit() -> None:
    candidate = GOOD + [(10, 50)] * 6
    errors, requests = (sum(numbers) for numbers in zip(*candidate, strict=True))
    whole = error_rate(errors, requests, POLICY, prove=False, alarm_alpha=ALPHA, repeatedly=True)
    assert whole.verdict is not Verdict.ROLLBACK
    first = late_errors(candidate, [(0, 50)] * 66, POLICY, alarm_alpha=ALPHA)[0]
    assert (first.since, first.candidate.verdict) == (60, Verdict.ROLLBACK)
    assert (first.candidate.errors, first.candidate.requests, first.control.requests) == (60, 300, 300)
    assert first.blames_candidate


def test_without_blocks_or_errors_there_is_no_alarm() -> None:
    assert late_errors([], [], POLICY, alarm_alpha=ALPHA) == []
    assert late_errors(GOOD, GOOD, POLICY, alarm_alpha=ALPHA) == []
    assert late_alarms_by_block([], POLICY, alarm_alpha=ALPHA) == []


def test_errors_that_control_has_too_are_not_the_candidates_alone() -> None:
    failing = GOOD + [(10, 50)] * 6
    assert not any(one.blames_candidate for one in late_errors(failing, failing, POLICY, alarm_alpha=ALPHA))
    worse = GOOD + [(40, 50)] * 6
    assert late_errors(worse, failing, POLICY, alarm_alpha=ALPHA)[0].blames_candidate


@pytest.mark.parametrize(("rate", "said"), [(0.03, Verdict.HOLD), (0.2, Verdict.ROLLBACK)])
def test_what_each_limit_calls_for(rate: float, said: Verdict) -> None:
    candidate = [(round(500 * rate), 500)] * 12
    assert gravest(candidate, [(0, 500)] * 12) is said
    assert late_alarms_by_block(candidate, POLICY, alarm_alpha=ALPHA)[-1] is said


def test_a_suspicion_that_the_bound_does_not_bear_out_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence and bound are the same but for what the search for a root leaves."""
    monkeypatch.setattr("verification.core.late_errors._SLACK", 100.0)
    assert late_errors([(2, 50)], [(0, 50)], POLICY, alarm_alpha=ALPHA) == []


@given(st.integers(0, 1_000), st.sampled_from([0.001, 0.02, 0.08, 0.3]), st.integers(0, 3 * BLOCKS_PER_ONSET))
@settings(max_examples=30)
def test_all_blocks_at_once_say_what_each_says_when_it_is_the_last(seed: int, rate: float, begins: int) -> None:
    rng = np.random.default_rng(seed)
    rates = np.where(np.arange(4 * BLOCKS_PER_ONSET) < begins, 0.001, rate)
    candidate = [(int(rng.binomial(50, each)), 50) for each in rates]
    control = [(0, 50)] * len(candidate)
    one_by_one = [gravest(candidate[:blocks], control[:blocks]) for blocks in range(1, len(candidate) + 1)]
    assert late_alarms_by_block(candidate, POLICY, alarm_alpha=ALPHA) == one_by_one


def test_a_rate_at_the_limit_is_called_no_more_often_than_alpha_says() -> None:
    rng = np.random.default_rng(5)
    called = 0
    for _ in range(300):
        errors = rng.binomial(50, POLICY.hold_error_rate, 120).tolist()
        alarms = late_alarms_by_block([(one, 50) for one in errors], POLICY, alarm_alpha=0.05)
        called += any(verdict is not Verdict.PROMOTE for verdict in alarms)
    assert called <= 0.05 * 300
