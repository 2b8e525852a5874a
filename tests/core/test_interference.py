"""A candidate that slows control beside it is found; a drifting host and too few blocks are no alarm."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tests.core.latencies import POLICY, draw, histogram
from verification.core.histogram import TOP_BIN, Bins, bin_of
from verification.core.latency import interference
from verification.core.model import Verdict


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
    assert "not proven" in found.reason


def test_too_few_blocks_tell_nothing_about_interference() -> None:
    blocks = control_blocks(np.random.default_rng(3), [1.0] * 3)
    for mixed, alone in ((blocks, [*blocks[:2], {9: 19}]), ([], blocks), (blocks[:2], blocks)):
        found = interference(mixed, alone, POLICY)
        assert (found.verdict, found.ratio, found.low, found.high) == (Verdict.PROMOTE, None, None, None)
        assert "3 of each are needed" in found.reason


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
