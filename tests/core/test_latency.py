"""The P95 change: proven, disproven, or silent with the reason and what is missing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.latencies import POLICY, draw, histogram, judged, stratum
from verification.core.exceedance import exceedance
from verification.core.histogram import INVALID_BIN, TOP_BIN, Bins, merge
from verification.core.latency import Stratum, p95_change
from verification.core.model import Verdict
from verification.core.policy import LatencyPolicy


@pytest.mark.parametrize(
    ("ratio", "verdict", "said"),
    [
        (0.5, Verdict.PROMOTE, "less than +20.0 % is proven"),
        (1.0, Verdict.PROMOTE, "less than +20.0 % is proven"),
        (1.35, Verdict.HOLD, "more than +20.0 % is proven, more than +50.0 % is not"),
        (2.2, Verdict.ROLLBACK, "more than +50.0 % is proven"),
    ],
)
def test_a_change_far_from_the_limits_is_decided(ratio: float, verdict: Verdict, said: str) -> None:
    change = judged(stratum(ratio))
    assert change.verdict is verdict
    assert said in change.reason
    assert change.low is not None
    assert change.high is not None
    assert change.low < ratio - 1 < change.high
    assert change.change == pytest.approx(ratio - 1, abs=0.1 * ratio)
    assert change.median_change == pytest.approx(ratio - 1, abs=0.05 * ratio)
    assert (change.blocks, change.requests_control, change.requests_candidate) == (30, 1_800, 1_800)
    assert change.tail_ratio == pytest.approx(0.3 * (1.881 - 1.476), rel=0.3)


@pytest.mark.parametrize("ratio", [1.2, 1.2**0.98])
def test_at_the_limit_nothing_is_proven_and_the_missing_requests_are_named(ratio: float) -> None:
    change = judged(stratum(ratio, seed=5))
    assert change.verdict is Verdict.INCONCLUSIVE
    assert change.missing_per_arm > 0
    assert f"about {change.missing_per_arm} more requests per arm" in change.reason
    assert "more time blocks at this rate" in change.reason


def later(bins: Bins, shift: int) -> Bins:
    """The same requests so many bins later; what never ended stays beyond every time."""
    return {number if number == TOP_BIN else number + shift: count for number, count in bins.items()}


def test_exactly_twenty_percent_slower_is_the_null_itself() -> None:
    """The same requests, all 18 bins later: no excess over a ratio of 1.2, and the change is 20 %."""
    base = stratum(1.0).blocks
    shifted = Stratum(tuple((control, later(control, 18)) for control, _ in base))
    change = judged(shifted)
    assert change.z_hold == 0.0
    assert change.verdict is Verdict.INCONCLUSIVE
    assert change.change == pytest.approx(0.2, rel=1e-9)
    fifty = Stratum(tuple((control, later(control, 40)) for control, _ in base))
    assert judged(fifty).z_rollback == 0.0
    assert judged(fifty).verdict is Verdict.HOLD


def test_the_interval_ends_where_the_test_rejects() -> None:
    data = [stratum(1.1, seed=3), stratum(1.1, seed=4, median_ms=200.0)]
    change = judged(*data)
    assert change.low is not None
    assert change.high is not None
    ends = [math.log(1 + end) / math.log(1.2) * 18 for end in (change.low, change.high)]
    z = exceedance(data, np.array([math.floor(ends[0]), math.ceil(ends[0]), math.floor(ends[1]), math.ceil(ends[1])])).z
    critical = 2.045  # t, 29 degrees of freedom: both endpoints share the 30 blocks
    assert z[0] > critical > z[1]
    assert z[2] > -critical > z[3]


def test_several_tests_alarm_later_but_prove_alike() -> None:
    slow = stratum(1.5, seed=2, blocks=20, per_arm=40)
    assert judged(slow).verdict is Verdict.HOLD
    assert judged(slow, alarm_alpha=1e-9).verdict is Verdict.INCONCLUSIVE
    assert judged(stratum(1.0), alarm_alpha=1e-9).verdict is Verdict.PROMOTE


def test_drift_that_both_arms_share_changes_nothing() -> None:
    levels = np.exp(0.2 * np.sin(np.arange(40) / 3)).tolist()
    assert judged(stratum(1.0, levels=levels)).verdict is Verdict.PROMOTE
    assert judged(stratum(2.2, levels=levels)).verdict is Verdict.ROLLBACK


def test_a_slow_tail_behind_an_equal_median_is_found() -> None:
    rng = np.random.default_rng(4)
    pairs = tuple(
        (
            histogram(draw(rng, 60, 20.0)),
            histogram(draw(rng, 60, 20.0) * np.where(rng.random(60) < 0.1, 10.0, 1.0)),
        )
        for _ in range(40)
    )
    change = judged(Stratum(pairs))
    assert change.verdict is Verdict.ROLLBACK
    assert change.median_change == pytest.approx(0, abs=0.08)


def test_fewer_than_twenty_shared_blocks_are_inconclusive_whatever_the_ratio() -> None:
    assert judged(stratum(1.0, blocks=20)).verdict is Verdict.PROMOTE
    change = judged(stratum(3.0, blocks=19))
    assert change.verdict is Verdict.INCONCLUSIVE
    assert "only 19 time blocks hold both arms, 20 are needed" in change.reason
    assert change.missing_per_arm == 60


def test_a_run_before_and_a_run_after_are_refused() -> None:
    data = stratum(1.0, blocks=30).blocks
    apart = Stratum((*((control, {}) for control, _ in data), *(({}, candidate) for _, candidate in data)))
    change = judged(apart)
    assert (change.verdict, change.blocks, change.missing_per_arm) == (Verdict.INCONCLUSIVE, 0, 0)
    assert "only 0 time blocks" in change.reason
    assert (change.low, change.high) == (-1.0, math.inf)


@pytest.mark.parametrize(("alone", "verdict"), [(15, Verdict.PROMOTE), (16, Verdict.INCONCLUSIVE)])
def test_eighty_percent_of_the_requests_must_lie_in_shared_blocks(alone: int, verdict: Verdict) -> None:
    data = stratum(1.0, blocks=30).blocks
    lonely = Stratum((*data, *(({}, candidate) for _, candidate in data[:alone])))
    assert judged(lonely).verdict is verdict


def test_too_few_slow_requests_to_be_expected_are_inconclusive_with_the_number() -> None:
    change = judged(stratum(1.0, blocks=30, per_arm=6))
    assert change.verdict is Verdict.INCONCLUSIVE
    assert "slow candidate requests to be expected, 10 needed" in change.reason
    assert change.missing_per_arm > 0


def test_a_broken_clock_is_never_passed_over() -> None:
    data = stratum(1.0).blocks
    broken = Stratum(((data[0][0], merge(data[0][1], {INVALID_BIN: 2})), *data[1:]))
    change = judged(broken)
    assert change.verdict is Verdict.INCONCLUSIVE
    assert "2 times are no positive numbers" in change.reason


@pytest.mark.parametrize(
    ("strata", "requests"),
    [
        ([], (0, 0)),
        ([Stratum(())], (0, 0)),
        ([Stratum((({}, {}),) * 30)], (0, 0)),
        ([Stratum((({9: 5}, {}),))], (5, 0)),
    ],
)
def test_an_arm_without_requests_is_inconclusive(strata: list[Stratum], requests: tuple[int, int]) -> None:
    change = judged(*strata)
    assert change.verdict is Verdict.INCONCLUSIVE
    assert (change.requests_control, change.requests_candidate) == requests
    assert (change.change, change.low, change.high, change.median_change) == (None, None, None, None)
    assert f"{requests[0]} requests on control and {requests[1]} on candidate" in change.reason
    assert change.missing_per_arm > 0


def test_the_planned_number_of_requests_is_enough_for_an_unchanged_release() -> None:
    runs = (judged(stratum(1.0, seed=seed, per_arm=7)) for seed in range(50))
    few = next(run for run in runs if run.verdict is Verdict.INCONCLUSIVE)
    assert 0 < few.missing_per_arm < 2_000
    more = math.ceil((few.requests_control + few.missing_per_arm) / 30)
    verdicts = [judged(stratum(1.0, seed=seed, per_arm=more)).verdict for seed in range(20)]
    assert verdicts.count(Verdict.PROMOTE) >= 14


def test_errors_and_time_outs_count_as_slow() -> None:
    change = judged(stratum(1.0, errors=(0, 12)))
    assert change.verdict is Verdict.ROLLBACK
    assert change.candidate_p95_ms == change.change == change.high == math.inf
    assert change.low is not None
    assert change.low > 0.5
    assert change.control_p95_ms is not None
    assert change.control_p95_ms < 100


def test_a_candidate_that_only_errs_is_rolled_back() -> None:
    change = judged(stratum(1.0, errors=(0, 60)))
    assert change.verdict is Verdict.ROLLBACK
    assert (change.change, change.low, change.high, change.median_change) == (math.inf, math.inf, math.inf, None)


def test_two_arms_that_err_alike_are_no_alarm() -> None:
    change = judged(stratum(1.0, errors=(12, 12)))
    assert change.verdict is Verdict.INCONCLUSIVE
    assert change.control_p95_ms == change.candidate_p95_ms == math.inf
    assert (change.change, change.tail_ratio) == (None, None)


def test_a_control_that_errs_beside_a_sound_candidate_is_no_alarm() -> None:
    change = judged(stratum(1.0, errors=(12, 0)))
    assert change.verdict is Verdict.PROMOTE
    assert change.change == -1.0


FINE = LatencyPolicy(hold_ratio=1.05, rollback_ratio=1.5, floor_ms=1.0, floor_share=0.5)


def test_a_breach_below_the_absolute_floor_is_passed_with_a_note() -> None:
    """10 % of 2 ms is 0.2 ms: proven, and nobody feels it."""
    small = stratum(1.15, median_ms=1.0, per_arm=200)
    change = judged(small, policy=FINE)
    assert (change.verdict, change.floor_applied) == (Verdict.PROMOTE, True)
    assert "the least that counts" in change.reason
    assert "more than +5.0 % is proven" in change.reason
    large = judged(stratum(1.15, median_ms=100.0, per_arm=200), policy=FINE)
    assert (large.verdict, large.floor_applied) == (Verdict.HOLD, False)


def test_the_floor_never_exceeds_its_share_of_the_control_p95() -> None:
    """With the defaults a floor of 1 ms cannot excuse a fast endpoint that becomes 35 % slower."""
    change = judged(stratum(1.35, median_ms=0.5))
    assert change.control_p95_ms is not None
    assert change.control_p95_ms < 1.0
    assert (change.verdict, change.floor_applied) == (Verdict.HOLD, False)


def test_the_floor_does_not_excuse_errors() -> None:
    assert judged(stratum(1.0, median_ms=1.0, errors=(0, 12)), policy=FINE).verdict is Verdict.ROLLBACK
    worse = judged(stratum(1.0, median_ms=1.0, errors=(12, 30)), policy=FINE)
    assert (worse.verdict, worse.floor_applied) == (Verdict.ROLLBACK, False)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(-200, 200))
def test_the_verdict_does_not_depend_on_the_unit(seed: int, shift: int) -> None:
    """Shifting both arms along the log axis changes neither z nor the change."""
    data = stratum(1.1, seed=seed, blocks=20, per_arm=30, median_ms=50.0)
    moved = Stratum(tuple((later(a, shift), later(b, shift)) for a, b in data.blocks))
    before, after = p95_change([data], POLICY), p95_change([moved], POLICY)
    assert (before.verdict, before.z_hold, before.low) == (after.verdict, after.z_hold, after.low)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.5, 3.0))
def test_exchanging_the_arms_turns_the_change_round(seed: int, ratio: float) -> None:
    data = stratum(ratio, seed=seed, blocks=20, per_arm=30)
    turned = Stratum(tuple((candidate, control) for control, candidate in data.blocks))
    shifts = np.arange(-40, 41)
    assert exceedance([turned], shifts).z == pytest.approx(-exceedance([data], -shifts).z, abs=1e-9)


def test_an_unchanged_release_is_flagged_in_at_most_one_run_of_a_hundred() -> None:
    flags = sum(
        p95_change([stratum(1.0, seed=seed, blocks=24, per_arm=20)], POLICY).verdict.rank > Verdict.INCONCLUSIVE.rank
        for seed in range(150)
    )
    assert flags == 0
