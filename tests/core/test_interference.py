"""A candidate that slows control beside it is found; a drifting host and too few blocks are no alarm."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tests.core.latencies import POLICY, draw, histogram
from verification.core.histogram import TOP_BIN, Bins, bin_of
from verification.core.interference import Interference
from verification.core.interference import interference as of_stages
from verification.core.model import Verdict
from verification.core.policy import LatencyPolicy


def interference(mixed: Sequence[Bins], alone: Sequence[Bins], policy: LatencyPolicy) -> Interference:
    """Of one stage."""
    return of_stages([(mixed, alone)], policy)


def control_blocks(rng: np.random.Generator, levels: Sequence[float]) -> list[Bins]:
    return [histogram(draw(rng, 100, 20.0 * level)) for level in levels]


def test_control_that_suffers_beside_the_candidate_is_a_hold() -> None:
    rng = np.random.default_rng(1)
    found = interference(control_blocks(rng, [1.8] * 24), control_blocks(rng, [1.0] * 3), POLICY)
    assert found.verdict is Verdict.HOLD
    assert found.ratio == pytest.approx(1.8, rel=0.1)
    assert found.low is not None
    assert found.low > 1.2
    assert "more than 1.2 times is proven" in found.reason


def test_control_that_does_not_suffer_is_no_alarm() -> None:
    rng = np.random.default_rng(2)
    found = interference(control_blocks(rng, [1.0] * 24), control_blocks(rng, [1.0] * 3), POLICY)
    assert found.verdict is Verdict.PROMOTE
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1.0 < found.high
    assert "is excluded" in found.reason


def test_too_few_blocks_tell_nothing_about_interference() -> None:
    blocks = control_blocks(np.random.default_rng(3), [1.0] * 3)
    for mixed, alone in ((blocks, [*blocks[:2], {9: 19}]), ([], blocks), (blocks[:2], blocks)):
        found = interference(mixed, alone, POLICY)
        assert (found.verdict, found.ratio, found.low, found.high) == (Verdict.INCONCLUSIVE, None, None, None)
        assert "at least 3 of each" in found.reason
    assert of_stages([], POLICY).verdict is Verdict.INCONCLUSIVE


def test_what_is_neither_proven_nor_excluded_is_open_and_says_how_many_blocks_would_tell() -> None:
    rng = np.random.default_rng(6)
    levels = [math.exp(0.3 * noise) for noise in rng.normal(size=12)]
    found = interference(control_blocks(rng, levels), control_blocks(rng, levels[:4]), POLICY)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "neither proven nor excluded" in found.reason
    assert "more control-only blocks" in found.reason


def test_stages_together_exclude_what_none_excludes_alone() -> None:
    rng = np.random.default_rng(7)

    def stage() -> tuple[list[Bins], list[Bins]]:
        levels = [math.exp(0.14 * noise) for noise in rng.normal(size=28)]
        return control_blocks(rng, levels[:24]), control_blocks(rng, levels[24:])

    stages = [stage() for _ in range(6)]
    assert {of_stages([one], POLICY, alpha=0.001).verdict for one in stages} == {Verdict.INCONCLUSIVE}
    assert of_stages(stages, POLICY, alpha=0.001).verdict is Verdict.PROMOTE
    slow = [(control_blocks(rng, [1.5] * 24), alone) for _, alone in stages]
    assert of_stages(slow, POLICY, alarm_alpha=0.0001).verdict is Verdict.HOLD


def test_blocks_that_are_all_alike_are_judged_without_dividing_by_zero() -> None:
    """Equal blocks have no spread; then the width of a bin is what counts."""
    block = {bin_of(20.0): 95, bin_of(60.0): 5}
    assert interference([block] * 20, [block] * 3, POLICY).verdict is Verdict.PROMOTE
    late = {number + 60: count for number, count in block.items()}
    assert interference([late] * 20, [block] * 3, POLICY).verdict is Verdict.HOLD


def test_control_that_only_errs_beside_the_candidate_is_a_hold() -> None:
    rng = np.random.default_rng(4)
    alone = control_blocks(rng, [1.0] * 3)
    found = interference([{TOP_BIN: 100}] * 20, alone, POLICY)
    assert found.verdict is Verdict.HOLD
    assert found.ratio is not None
    assert found.ratio > 10_000
    assert interference(alone * 7, [{TOP_BIN: 100}] * 3, POLICY).verdict is Verdict.PROMOTE


def test_a_drifting_host_is_not_taken_for_interference() -> None:
    """AR(1) load, ten seconds of memory, kinds of blocks in random order: at most one alarm in a hundred runs."""
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(300):
        level, levels = rng.normal(0, 0.25), []
        for _ in range(30):
            level = 0.86 * level + rng.normal(0, 0.25 * math.sqrt(1 - 0.86**2))
            levels.append(math.exp(level))
        order = rng.permutation(30)
        alone, mixed = ([levels[at] for at in sorted(part)] for part in (order[:3], order[3:]))
        found = interference(control_blocks(rng, mixed), control_blocks(rng, alone), POLICY)
        alarms += found.verdict is Verdict.HOLD
    assert alarms <= 3
