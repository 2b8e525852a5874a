"""Blocks over days: each has its own tail, and what begins on the fourth day need not outweigh the days before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.test_sequential import POLICY, arm, cut, stratum
from verification.core.exceedance import Stratum
from verification.core.histogram import Bins
from verification.core.model import Verdict
from verification.core.sequential import SequentialDecision, decide, decided_by_block

KEPT = POLICY.alpha
ALARM = 0.0005


def over_days(strata: list[Stratum]) -> SequentialDecision:
    return decide(strata, POLICY, alarm_alpha=ALARM, kept_alpha=KEPT, hours_apart=True)


def turned(ratio: float, *, good: int, bad: int, seed: int = 1, requests: int = 60, drift: float = 0.0) -> Stratum:
    """Good blocks first, then some with a candidate that is slower; both arms drift together from block to block."""
    rng = np.random.default_rng(seed)
    pairs: list[tuple[Bins, Bins]] = []
    for block in range(good + bad):
        level = float(np.exp(drift * rng.standard_normal()))
        slower = ratio if block >= good else 1.0
        pairs.append((arm(rng, requests, level), arm(rng, requests, level * slower)))
    return Stratum(tuple(pairs))


@pytest.mark.parametrize("drift", [0.0, 0.3])
def test_a_fault_after_many_good_blocks_is_called_within_a_dozen(drift: float) -> None:
    late = turned(2.0, good=90, bad=12, drift=drift)
    found = over_days([late])
    assert found.verdict is Verdict.ROLLBACK
    assert found.block is not None
    assert 84 <= found.since < found.block
    assert 90 < found.block <= 102
    at_once = decide([late], POLICY, alarm_alpha=ALARM, kept_alpha=KEPT)
    assert (at_once.verdict, at_once.since) != (Verdict.ROLLBACK, found.since)


def test_a_slower_candidate_that_is_not_beyond_the_rollback_ratio_is_held_since_it_turned_slow() -> None:
    found = over_days([turned(1.4, good=60, bad=24, requests=150)])
    assert found.verdict is Verdict.HOLD
    assert 54 <= found.since <= 72


def test_an_alarm_once_reached_is_kept_however_good_the_blocks_after_it_are() -> None:
    bad, good = turned(2.2, good=30, bad=12), turned(1.0, good=60, bad=0, seed=2)
    both = Stratum(bad.blocks + good.blocks)
    now, then = over_days([both]), over_days([bad])
    assert (now.verdict, now.block, now.since) == (Verdict.ROLLBACK, then.block, then.since)


def test_a_load_that_drifts_in_both_arms_alike_neither_alarms_nor_hides_that_all_is_well() -> None:
    for seed in range(20):
        found = over_days([turned(1.0, good=100, bad=0, seed=seed, drift=0.5)])
        assert (found.verdict, found.since) == (Verdict.PROMOTE, 0)


def test_two_blocks_alone_are_no_fault_however_slow() -> None:
    """One bad hour of an arm is not the release."""
    for bad in (1, 2):
        assert over_days([turned(1.6, good=60, bad=bad, requests=40)]).verdict is Verdict.PROMOTE


def test_a_few_requests_a_block_say_something_too() -> None:
    """Of fewer than twenty the slowest one counts, otherwise such blocks would never say anything."""
    thin = [turned(3.0, good=0, bad=150, seed=seed, requests=6) for seed in range(2)]
    assert over_days(thin).verdict is Verdict.ROLLBACK
    assert over_days([turned(1.0, good=150, bad=0, requests=6)]).verdict in (Verdict.PROMOTE, Verdict.INCONCLUSIVE)


def test_errors_are_the_slowest_of_all() -> None:
    assert over_days([stratum(1.0, failed=(0, 12))]).verdict is Verdict.ROLLBACK


def test_without_blocks_nothing_is_known() -> None:
    nothing = SequentialDecision(Verdict.INCONCLUSIVE, None, 0, 1.0, 1.0, 1.0, 1.0)
    assert over_days([]) == over_days([Stratum(())]) == nothing
    assert decided_by_block([], POLICY, alarm_alpha=ALARM, kept_alpha=KEPT) == []


@given(st.integers(0, 50), st.sampled_from([1.0, 1.3, 1.8, 3.0]), st.integers(0, 40), st.booleans())
@settings(max_examples=15)
def test_all_blocks_at_once_say_what_each_says_when_it_is_the_last(
    seed: int, ratio: float, good: int, hours_apart: bool
) -> None:
    whole = [turned(ratio, good=good, bad=45 - good, seed=seed + each, drift=0.2) for each in (0, 100)]
    at_once = decided_by_block(whole, POLICY, alarm_alpha=ALARM, kept_alpha=KEPT, hours_apart=hours_apart)
    verdicts = [
        decide(
            [cut(one, blocks) for one in whole], POLICY, alarm_alpha=ALARM, kept_alpha=KEPT, hours_apart=hours_apart
        ).verdict
        for blocks in range(1, 46)
    ]
    assert at_once == verdicts
    # ROLLBACK, once said, stays.
    first = verdicts.index(Verdict.ROLLBACK) if Verdict.ROLLBACK in verdicts else len(verdicts)
    assert set(verdicts[first:]) <= {Verdict.ROLLBACK}


def test_at_the_hold_ratio_itself_holding_is_as_rare_as_alpha_says() -> None:
    called = 0
    for seed in range(60):
        whole = [turned(1.2, good=0, bad=60, seed=seed, drift=0.3)]
        said = decided_by_block(whole, POLICY, alarm_alpha=0.05, kept_alpha=KEPT, hours_apart=True)
        called += any(verdict in (Verdict.HOLD, Verdict.ROLLBACK) for verdict in said)
    assert called <= 3


def test_a_part_of_a_stratum_is_its_blocks_from_the_first_to_before_the_end() -> None:
    whole = Stratum(tuple(stratum(1.0, blocks=5, requests=3).blocks), "25")
    part = whole.part(1, 3)
    assert (part.blocks, part.group) == (whole.blocks[1:3], "25")
