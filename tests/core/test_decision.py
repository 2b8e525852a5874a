"""Both tests together: an alarm of either counts, one proof is enough, and a stage that ended early has only one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verification.core.decision import FIXED, SEQUENTIAL, decided_change, early_verdict
from verification.core.exceedance import Stratum
from verification.core.histogram import bin_of
from verification.core.latency import p95_change
from verification.core.model import Verdict
from verification.core.policy import LatencyPolicy

POLICY = LatencyPolicy()


def stratum(ratio: float, *, seed: int = 1, blocks: int = 60, requests: int = 40, group: str = "") -> Stratum:
    rng = np.random.default_rng(seed)

    def arm(scale: float) -> dict[int, int]:
        bins: dict[int, int] = {}
        for ms in (20.0 * scale * np.exp(0.2 * rng.standard_normal(requests))).tolist():
            bins[bin_of(ms)] = bins.get(bin_of(ms), 0) + 1
        return bins

    return Stratum(tuple((arm(1.0), arm(ratio)) for _ in range(blocks)), group)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(("ratio", "verdict"), [(1.0, Verdict.PROMOTE), (1.35, Verdict.HOLD), (2.2, Verdict.ROLLBACK)])
def test_what_is_plain_is_decided_early_and_says_after_how_many_blocks(
    ratio: float, verdict: Verdict, whole: bool
) -> None:
    change = decided_change([stratum(ratio, blocks=120)], POLICY, tests=1, whole=whole)
    assert (change.verdict, change.decided_by) == (verdict, SEQUENTIAL)
    assert change.decided_after is not None
    assert change.e_value is not None
    assert POLICY.min_blocks <= change.decided_after <= 120
    assert change.e_value >= 4 / POLICY.alpha
    assert f"after {change.decided_after} time blocks" in change.reason


def test_the_end_of_the_plan_proves_what_early_looks_could_not() -> None:
    thin = stratum(1.0, requests=9, blocks=30, seed=2)
    ran_whole, ended_early = (decided_change([thin], POLICY, tests=1, whole=whole) for whole in (True, False))
    assert (ran_whole.verdict, ran_whole.decided_by) == (Verdict.PROMOTE, FIXED)
    assert (ended_early.verdict, ended_early.decided_by) == (Verdict.INCONCLUSIVE, None)
    assert "ended before" in ended_early.reason


def test_what_neither_decides_stays_open_with_what_is_missing() -> None:
    change = decided_change([stratum(1.2, requests=10, blocks=24)], POLICY, tests=1, whole=True)
    assert (change.verdict, change.decided_by) == (Verdict.INCONCLUSIVE, None)
    assert change.missing_per_arm > 0


def test_data_that_allow_no_test_are_inconclusive_however_sure_early_looks_are() -> None:
    good = stratum(1.0, blocks=100)
    broken = replace(good, blocks=(*good.blocks, ({-1: 3}, {})))
    change = decided_change([broken], POLICY, tests=1, whole=True)
    assert change.verdict is Verdict.INCONCLUSIVE
    assert "clock" in change.reason


def test_a_breach_that_is_too_small_in_ms_is_passed_and_named() -> None:
    tolerant = POLICY.model_copy(update={"floor_ms": 1000.0, "floor_share": 0.9})
    change = decided_change([stratum(1.6, blocks=100)], tolerant, tests=1, whole=False)
    assert (change.verdict, change.floor_applied) == (Verdict.PROMOTE, True)
    assert "the least that counts" in change.reason


def test_what_turned_slow_after_it_was_promoted_is_still_an_alarm() -> None:
    before, after = stratum(1.0, blocks=24), stratum(2.5, seed=2, blocks=80)
    assert decided_change([before], POLICY, tests=3, whole=False).verdict is Verdict.PROMOTE
    turned = decided_change([Stratum(before.blocks + after.blocks)], POLICY, tests=3, whole=False)
    assert turned.verdict is Verdict.ROLLBACK
    assert turned.decided_after is not None
    assert turned.decided_after > 24


@pytest.mark.parametrize("ratio", [1.35, 1.5, 2.0])
def test_what_turned_slow_after_it_was_proven_is_not_promoted(ratio: float) -> None:
    """An endpoint that was fast at the first stage must not be promoted for that at the last."""
    promoted = []
    for seed in range(8):
        before = stratum(1.0, seed=seed, blocks=30)
        after = stratum(ratio, seed=100 + seed, blocks=60)
        turned = [Stratum(before.blocks, "10"), Stratum(after.blocks, "25")]
        assert decided_change(turned[:1], POLICY, tests=30, whole=False).verdict is Verdict.PROMOTE
        promoted += [
            early_verdict(turned, POLICY, tests=30) is not Verdict.INCONCLUSIVE
            and decided_change(turned, POLICY, tests=30, whole=False).verdict is Verdict.PROMOTE
        ]
    assert not any(promoted)


def test_what_stays_undecided_when_a_stage_ends_early_says_how_much_is_missing() -> None:
    thin = stratum(1.0, requests=6, blocks=26)
    change = decided_change([thin], POLICY, tests=30, whole=False)
    assert change.verdict is Verdict.INCONCLUSIVE
    assert change.missing_per_arm > 0
    assert str(change.missing_per_arm) in change.reason


@given(st.integers(0, 40), st.sampled_from([1.0, 1.25, 2.0]), st.integers(1, 40))
@settings(max_examples=25)
def test_more_tests_never_alarm_more(seed: int, ratio: float, tests: int) -> None:
    one = stratum(ratio, seed=seed, requests=15)
    alone, among = (decided_change([one], POLICY, tests=number, whole=True) for number in (1, tests))
    alarms = (Verdict.HOLD, Verdict.ROLLBACK)
    assert among.verdict not in alarms or alone.verdict.rank >= among.verdict.rank


@given(st.integers(0, 40), st.sampled_from([1.0, 1.3, 2.5]))
@settings(max_examples=20)
def test_a_stage_that_ended_early_has_the_verdict_that_ended_it(seed: int, ratio: float) -> None:
    one = stratum(ratio, seed=seed, requests=30)
    early = early_verdict([one], POLICY, tests=5)
    if early is not Verdict.INCONCLUSIVE:
        assert decided_change([one], POLICY, tests=5, whole=False).verdict is early


def test_a_breach_below_the_floor_ends_no_stage_as_an_alarm() -> None:
    slow, forgiving = stratum(2.0), POLICY.model_copy(update={"floor_ms": 100.0, "floor_share": 10.0})
    found = [early_verdict([slow], policy, tests=5) for policy in (POLICY, forgiving)]
    assert found == [Verdict.ROLLBACK, Verdict.PROMOTE]


@pytest.mark.parametrize("after", [1, 8, 30])
def test_no_later_block_takes_back_a_rollback_that_ended_a_stage(after: int) -> None:
    """So that a stage may end at once and nothing is lost by what was under way."""
    proven, calm = stratum(2.2), stratum(1.0, seed=9, blocks=after)
    assert early_verdict([proven], POLICY, tests=30) is Verdict.ROLLBACK
    longer = Stratum((*proven.blocks, *calm.blocks))
    assert decided_change([longer], POLICY, tests=30, whole=False).verdict is Verdict.ROLLBACK


def test_together_both_tests_err_as_seldom_as_one_alone_may() -> None:
    """The estimate and its interval are the fixed test's, whoever decides."""
    whole = stratum(1.0)
    change, fixed = decided_change([whole], POLICY, tests=1, whole=True), p95_change([whole], POLICY)
    assert (change.change, change.low, change.high) == (fixed.change, fixed.low, fixed.high)
    wrong = [decided_change([stratum(1.0, seed=seed)], POLICY, tests=1, whole=True).verdict for seed in range(60)]
    assert sum(verdict in (Verdict.HOLD, Verdict.ROLLBACK) for verdict in wrong) <= 1


def test_nothing_ends_for_a_change_that_the_judge_will_call_untestable() -> None:
    """Most requests lie in blocks with one arm: however slow the candidate is in the others, it is not judged."""
    slow = stratum(3.0)
    alone = [({bin_of(20.0): 60}, dict[int, int]()) for _ in range(120)]
    parted = Stratum((*slow.blocks, *alone))
    assert early_verdict([slow], POLICY, tests=5) is Verdict.ROLLBACK
    assert early_verdict([parted], POLICY, tests=5) is Verdict.INCONCLUSIVE
    assert decided_change([parted], POLICY, tests=5, whole=False).verdict is Verdict.INCONCLUSIVE


def test_what_is_proven_of_hold_at_the_last_block_counts_where_a_stage_was_cut_short() -> None:
    """No further block will come; that it may be worse still is no reason to say nothing."""
    one = stratum(1.45)
    assert early_verdict([one], POLICY, tests=5) is Verdict.INCONCLUSIVE
    assert decided_change([one], POLICY, tests=5, whole=False).verdict is Verdict.HOLD
