"""What users will feel: the mixture of both arms, with an interval that holds."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verification.core.forecast import LEAST_BLOCKS, ShiftInterval, felt, forecast
from verification.core.histogram import TOP_BIN, Bins, bin_of, merge, quantile_ms


def arm(rng: np.random.Generator, requests: int, scale: float, failed: int = 0) -> Bins:
    return Counter(map(bin_of, (20 * scale * np.exp(0.3 * rng.standard_normal(requests))).tolist())) + Counter(
        {TOP_BIN: failed}
    )


def pairs(ratio: float, *, seed: int = 1, blocks: int = 20, requests: int = 100) -> list[tuple[Bins, Bins]]:
    rng = np.random.default_rng(seed)
    return [(arm(rng, requests, 1.0), arm(rng, requests, ratio)) for _ in range(blocks)]


def asked(blocks: list[tuple[Bins, Bins]], share: float) -> ShiftInterval:
    found = forecast(blocks, share, np.random.default_rng(7))
    assert found is not None
    return found


def test_without_the_candidate_nothing_changes() -> None:
    assert asked(pairs(2.0), 0.0) == ShiftInterval(0.0, 0.0, 0.0)


def test_with_the_candidate_alone_it_is_the_arms_own_ratio() -> None:
    blocks = pairs(1.4)
    control, candidate = merge(*(one for one, _ in blocks)), merge(*(other for _, other in blocks))
    ratio = quantile_ms(candidate, 0.95) / quantile_ms(control, 0.95) - 1
    assert asked(blocks, 1.0).change == pytest.approx(ratio, abs=0.02)


def test_a_rewrite_twice_as_slow_hardly_moves_the_population_at_ten_percent() -> None:
    """17.6 % for a log-sigma of 0.5 in a long simulation; the thinner the tail, the less."""
    blocks = pairs(2.0, requests=400)
    shares = [asked(blocks, share).change for share in (0.1, 0.25, 0.5, 1.0)]
    assert shares == sorted(shares)
    assert shares[0] < 0.35 < 0.9 < shares[-1]


@given(st.integers(0, 30), st.sampled_from([1.1, 1.5, 3.0]), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=20)
def test_a_slower_candidate_is_felt_the_more_the_more_it_serves(
    seed: int, ratio: float, share: float, other: float
) -> None:
    blocks: list[tuple[Bins, Bins]] = [
        (one, {number + 30: count for number, count in one.items()}) for one, _ in pairs(ratio, seed=seed)
    ]
    less, more = sorted((share, other))
    assert asked(blocks, less).change <= asked(blocks, more).change + 1e-9


@given(st.randoms(use_true_random=False))
@settings(max_examples=10)
def test_the_order_of_blocks_does_not_matter_for_the_estimate(random: object) -> None:
    blocks = pairs(1.3)
    turned = list(blocks)
    random.shuffle(turned)  # type: ignore[attr-defined]  # a random.Random
    assert asked(turned, 0.5).change == pytest.approx(asked(blocks, 0.5).change)


def test_the_interval_holds_the_truth() -> None:
    truth = asked(pairs(1.5, requests=4000, blocks=100), 0.25).change
    held = [found.low <= truth <= found.high for seed in range(2, 82) for found in [asked(pairs(1.5, seed=seed), 0.25)]]
    assert sum(held) >= 0.88 * len(held)


def test_the_same_seed_gives_the_same_interval() -> None:
    blocks = pairs(1.2)
    assert asked(blocks, 0.1) == asked(blocks, 0.1)


def test_what_lies_among_errors_is_felt_without_limit() -> None:
    rng = np.random.default_rng(1)
    blocks = [(arm(rng, 100, 1.0), arm(rng, 80, 1.0, failed=20)) for _ in range(10)]
    assert asked(blocks, 1.0).change == math.inf
    assert asked(blocks, 0.01).change < 1


def test_too_few_blocks_and_a_control_among_errors_forecast_nothing() -> None:
    rng = np.random.default_rng(1)
    assert forecast(pairs(1.0, blocks=LEAST_BLOCKS - 1), 0.5, rng) is None
    assert forecast([(arm(rng, 10, 1.0), {})] * 20, 0.5, rng) is None
    broken = [(arm(rng, 50, 1.0, failed=50), arm(rng, 50, 1.0, failed=50)) for _ in range(5)]
    assert forecast(broken, 0.5, rng) is None


def test_natural_traffic_is_held_against_control_alone() -> None:
    rng = np.random.default_rng(3)
    alone = [arm(rng, 150, 1.0) for _ in range(8)]
    same, slow = (felt([arm(rng, 150, scale) for _ in range(8)], alone, rng) for scale in (1.0, 1.6))
    assert same is not None
    assert slow is not None
    assert same.low < 0 < same.high
    assert slow.low > 0.2
    assert not same.overlaps(slow)
    assert same.overlaps(same)
    assert felt([], alone, rng) is None
