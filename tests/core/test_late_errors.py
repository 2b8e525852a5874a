"""Errors that begin late: called from the block on at which they begin, and never more often than alpha says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verification.core.late_errors import late_alarms_by_block, late_errors
from verification.core.model import Verdict
from verification.core.onset import onsets
from verification.core.policy import RatePolicy
from verification.core.rates import log_evidence_above, lowest_rate

POLICY, ALPHA = RatePolicy(), 0.0025
BLOCKS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 180)), min_size=1, max_size=30)
GOOD = [(0, 50)] * 72


def test_the_shares_of_all_onsets_are_never_more_than_one() -> None:
    for blocks in (0, 1, 6, 7, 500):
        found = onsets(blocks)
        assert found[0].block == 0
        assert sum(one.share for one in found) < 1
        assert [one.block for one in found] == list(range(0, max(blocks, 1), 6))


@settings(max_examples=60, deadline=None)
@given(BLOCKS)
def test_what_is_said_of_all_blocks_in_one_pass_is_what_is_said_after_each(blocks: list[tuple[int, int]]) -> None:
    arm = [(errors, errors + others) for errors, others in blocks]
    control = [(0, requests) for _, requests in arm]
    after_each = [
        max(
            (one.candidate.verdict for one in late_errors(arm[:end], control[:end], POLICY, alarm_alpha=ALPHA)),
            key=lambda verdict: verdict.rank,
            default=Verdict.PROMOTE,
        )
        for end in range(1, len(arm) + 1)
    ]
    assert late_alarms_by_block(arm, POLICY, alarm_alpha=ALPHA) == after_each


def test_errors_of_the_fourth_day_are_called_since_then() -> None:
    failing = [*GOOD, *[(5, 50)] * 24]
    found = late_errors(failing, [(0, 50)] * len(failing), POLICY, alarm_alpha=ALPHA)
    assert found[0].candidate.verdict is Verdict.ROLLBACK
    assert found[0].blames_candidate
    assert 66 <= found[0].since <= 84


def test_errors_that_control_shares_blame_nobody_unless_candidate_is_proven_to_be_worse() -> None:
    failing = [*GOOD, *[(5, 50)] * 24]
    assert not any(one.blames_candidate for one in late_errors(failing, failing, POLICY, alarm_alpha=ALPHA))
    worse = [*GOOD, *[(40, 50)] * 24]
    assert late_errors(worse, failing, POLICY, alarm_alpha=ALPHA)[0].blames_candidate


def test_a_healthy_arm_is_never_called() -> None:
    assert late_errors(GOOD, GOOD, POLICY, alarm_alpha=ALPHA) == []
    assert set(late_alarms_by_block(GOOD, POLICY, alarm_alpha=ALPHA)) == {Verdict.PROMOTE}


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(0, 400))
def test_the_evidence_is_that_of_the_bound(errors: int, others: int) -> None:
    low = lowest_rate(errors, errors + others, ALPHA)
    at = float(log_evidence_above(np.array(errors), np.array(errors + others), low))
    assert at == pytest.approx(-np.log(ALPHA), rel=1e-3) or low == 0.0
