"""The knee is where latency starts to climb: found where it is, and not where a machine had a hiccup."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verification.core.histogram import bin_of
from verification.core.knee import BELOW_KNEE, Knee, RampStep, find_knee

RATES = tuple(40.0 * step for step in range(1, 11))


def step(rate: float, p95_ms: float, *, errors: int = 0, seed: int = 1) -> RampStep:
    rng = np.random.default_rng((seed, round(rate)))
    times = p95_ms / 1.64 * np.exp(0.3 * rng.standard_normal(200))
    return RampStep(rate, 200, errors, Counter(map(bin_of, times.tolist())))


def ramp(knee: float, scale: float = 1.0) -> list[RampStep]:
    """Flat at 20 ms up to the knee, then doubling with each step."""
    return [step(rate, scale * 20.0 * 2 ** max(0, round((rate - knee) / 40))) for rate in RATES]


@pytest.mark.parametrize("knee", [120.0, 200.0, 320.0])
def test_the_knee_is_the_last_rate_before_latency_climbs(knee: float) -> None:
    found = find_knee(ramp(knee))
    assert found == Knee(knee, RATES[-1])
    assert found.usable_per_s == BELOW_KNEE * knee


def test_latency_that_does_not_climb_has_its_knee_above_the_ramp() -> None:
    found = find_knee(ramp(10_000))
    assert found == Knee(None, RATES[-1])
    assert found.usable_per_s == BELOW_KNEE * RATES[-1]


def test_one_slow_step_with_an_easy_one_after_it_is_a_hiccup() -> None:
    steps = ramp(10_000)
    steps[4] = step(RATES[4], 90.0)
    assert find_knee(steps) == Knee(None, RATES[-1])


def test_the_last_step_has_none_after_it_and_counts() -> None:
    steps = ramp(10_000)
    steps[-1] = step(RATES[-1], 90.0)
    assert find_knee(steps) == Knee(RATES[-2], RATES[-1])


def test_a_climb_from_the_first_step_on_is_seen() -> None:
    steps = [step(rate, 300.0 * 2**number) for number, rate in enumerate(RATES)]
    assert find_knee(steps) == Knee(RATES[0], RATES[-1])


def test_a_target_that_fails_at_the_lowest_rates_has_its_knee_there_at_the_most() -> None:
    assert find_knee([replace(one, errors=50) for one in ramp(10_000)]) == Knee(RATES[0], RATES[-1])


def test_errors_are_beyond_the_knee_too() -> None:
    steps = [replace(one, errors=50) if one.rate_per_s > 200 else one for one in ramp(10_000)]
    assert find_knee(steps) == Knee(200.0, RATES[-1])


def test_a_climb_of_a_fraction_of_a_millisecond_is_none() -> None:
    steps = [step(rate, 1.0 if rate <= 200 else 2.2) for rate in RATES]
    assert find_knee(steps) == Knee(None, RATES[-1])


@pytest.mark.parametrize("steps", [[], ramp(200)[:2], [replace(one, requests=5) for one in ramp(200)]])
def test_too_few_steps_or_requests_tell_nothing(steps: list[RampStep]) -> None:
    assert find_knee(steps) is None


def test_a_step_in_which_nothing_was_timed_does_not_climb() -> None:
    steps = [replace(one, intended={}) for one in ramp(200)]
    assert find_knee(steps) == Knee(None, RATES[-1])


@given(st.floats(2.0, 50.0), st.sampled_from([120.0, 200.0, 320.0]), st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_neither_the_time_scale_nor_the_order_of_the_steps_moves_the_knee(
    scale: float, knee: float, random: object
) -> None:
    steps = ramp(knee, scale)
    random.shuffle(steps)  # type: ignore[attr-defined]  # a random.Random
    assert find_knee(steps) == Knee(knee, RATES[-1])
