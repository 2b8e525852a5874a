"""Looked at after every block: right, early, and never by what comes later."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verification.core.exceedance import Stratum
from verification.core.histogram import TOP_BIN, Bins, bin_of
from verification.core.model import Verdict
from verification.core.policy import LatencyPolicy
from verification.core.sequential import BURN_IN_BLOCKS, SequentialDecision, decide, decided_by_block

POLICY = LatencyPolicy()


def arm(rng: np.random.Generator, requests: int, scale: float, failed: int = 0) -> Bins:
    times = 20.0 * scale * np.exp(0.3 * rng.standard_normal(requests))
    return Counter({TOP_BIN: failed}) + Counter(map(bin_of, times.tolist()))


def stratum(
    ratio: float, *, seed: int = 1, blocks: int = 60, requests: int = 60, failed: tuple[int, int] = (0, 0)
) -> Stratum:
    rng = np.random.default_rng(seed)
    return Stratum(
        tuple((arm(rng, requests, 1.0, failed[0]), arm(rng, requests, ratio, failed[1])) for _ in range(blocks))
    )


def cut(whole: Stratum, blocks: int) -> Stratum:
    return Stratum(whole.blocks[:blocks], whole.group)


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [(1.0, Verdict.PROMOTE), (0.7, Verdict.PROMOTE), (1.35, Verdict.HOLD), (2.2, Verdict.ROLLBACK)],
)
def test_what_is_plain_is_decided_before_the_end(ratio: float, verdict: Verdict) -> None:
    decision = decide([stratum(ratio, blocks=400)], POLICY)
    assert decision.verdict is verdict
    assert decision.block is not None
    assert POLICY.min_blocks <= decision.block < 400
    assert decision.requests_candidate == decision.block * 60


def test_nothing_is_decided_before_enough_shared_blocks_however_plain_it_is() -> None:
    slow = stratum(5.0)
    assert decide([cut(slow, POLICY.min_blocks - 1)], POLICY).verdict is Verdict.INCONCLUSIVE
    assert decide([cut(slow, POLICY.min_blocks)], POLICY).verdict is Verdict.ROLLBACK


def test_arms_that_never_meet_in_a_block_are_not_decided() -> None:
    rng = np.random.default_rng(1)
    nobody: Bins = {}
    apart = [(arm(rng, 60, 1.0), nobody) for _ in range(40)] + [(nobody, arm(rng, 60, 3.0)) for _ in range(40)]
    decision = decide([Stratum(tuple(apart))], POLICY)
    assert (decision.verdict, decision.block, decision.e_rollback) == (Verdict.INCONCLUSIVE, None, 1.0)


def test_without_blocks_nothing_is_known() -> None:
    nothing = SequentialDecision(Verdict.INCONCLUSIVE, None, 0, 1.0, 1.0, 1.0, 1.0)
    assert decide([], POLICY) == decide([Stratum(())], POLICY) == nothing


@given(st.integers(0, 50), st.sampled_from([1.0, 1.2, 1.5, 2.0]), st.integers(BURN_IN_BLOCKS, 59))
@settings(max_examples=30)
def test_later_blocks_change_nothing_of_what_was_decided(seed: int, ratio: float, blocks: int) -> None:
    whole = stratum(ratio, seed=seed)
    early = decide([cut(whole, blocks)], POLICY, at_horizon=False)
    late = decide([whole], POLICY, at_horizon=False)
    if early.block is not None:
        assert late == early
    elif late.block is not None:
        assert late.block > blocks


@given(st.integers(0, 50), st.sampled_from([1.0, 1.3, 2.0]))
@settings(max_examples=20)
def test_a_stratum_without_requests_changes_nothing(seed: int, ratio: float) -> None:
    known = stratum(ratio, seed=seed, blocks=40)
    empty = Stratum(tuple(({}, {}) for _ in range(30)))
    assert decide([known, empty], POLICY) == decide([known], POLICY)


def test_endpoints_that_are_each_too_thin_are_decided_together() -> None:
    thin = [stratum(1.0, seed=seed, requests=2, blocks=40) for seed in range(8)]
    assert [decide([one], POLICY).verdict for one in thin] == [Verdict.INCONCLUSIVE] * 8
    assert decide(thin, POLICY).verdict is Verdict.PROMOTE


def test_slower_than_the_hold_ratio_is_enough_to_hold_only_when_the_stage_is_over() -> None:
    """Where it is not known whether it is below the rollback ratio, later blocks may still tell."""
    held = [cut(stratum(1.5, seed=seed, requests=40), 30) for seed in range(20)]
    open_ones = [one for one in held if decide([one], POLICY, at_horizon=False).verdict is Verdict.INCONCLUSIVE]
    at_the_end = [decide([one], POLICY) for one in open_ones]
    assert Verdict.HOLD in {decision.verdict for decision in at_the_end}
    for decision in at_the_end:
        if decision.verdict is Verdict.HOLD:
            assert (decision.block, decision.e_hold >= 1 / POLICY.alpha) == (30, True)


def test_more_errors_than_the_tail_holds_are_compared_as_the_slowest_of_all() -> None:
    assert decide([stratum(1.0, failed=(6, 18))], POLICY).verdict is Verdict.ROLLBACK


def test_an_unchanged_release_is_hardly_ever_held_and_a_slower_one_hardly_ever_promoted() -> None:
    wrong = Counter(decide([stratum(1.0, seed=seed, blocks=40)], POLICY).verdict for seed in range(60))
    assert wrong[Verdict.HOLD] + wrong[Verdict.ROLLBACK] <= 1
    passed = Counter(decide([stratum(1.35, seed=seed, blocks=40)], POLICY).verdict for seed in range(60))
    assert passed[Verdict.PROMOTE] + passed[Verdict.ROLLBACK] <= 1


def test_noise_that_belongs_to_one_arm_makes_the_evidence_weaker() -> None:
    rng = np.random.default_rng(3)
    steady, shaken = [], []
    for _ in range(60):
        control, level = arm(rng, 60, 1.0), float(np.exp(0.4 * rng.standard_normal()))
        steady.append((control, arm(rng, 60, 1.6)))
        shaken.append((control, arm(rng, 60, 1.6 * level)))
    calm, noisy = (decide([Stratum(tuple(pairs))], POLICY) for pairs in (steady, shaken))
    assert calm.block is not None
    assert noisy.block is None or noisy.block > calm.block


@pytest.mark.parametrize("hours_apart", [False, True])
@pytest.mark.parametrize("scale", [1.0, 1.3, 2.5])
def test_what_is_decided_in_one_pass_is_what_is_decided_after_each_block(scale: float, *, hours_apart: bool) -> None:
    rng = np.random.default_rng(5)
    pairs = [(arm(rng, 60, 1.0), arm(rng, 60, scale if block > 12 else 1.0)) for block in range(45)]
    whole = Stratum(tuple(pairs))
    after_each = [
        decide([cut(whole, end)], POLICY, alarm_alpha=0.002, kept_alpha=0.01, hours_apart=hours_apart).verdict
        for end in range(1, len(pairs) + 1)
    ]
    said = decided_by_block([whole], POLICY, alarm_alpha=0.002, kept_alpha=0.01, hours_apart=hours_apart)
    assert said == after_each
    assert (after_each[-1] in (Verdict.HOLD, Verdict.ROLLBACK)) == (scale > 2)
