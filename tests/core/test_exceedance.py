"""Endpoints with thresholds of their own, blocks that share their noise, neighbours that deviate alike."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.core.latencies import draw, histogram, judged, stratum
from verification.core.exceedance import Exceedance, exceedance
from verification.core.histogram import merge
from verification.core.latency import Stratum
from verification.core.model import Verdict


def test_each_endpoint_has_its_own_threshold() -> None:
    """A fast endpoint that is twice as slow hides below the P95 of a slow one, but not from the test of both."""
    slow_and_equal = stratum(1.0, seed=1, median_ms=500.0)
    fast_and_late = stratum(2.0, seed=2, median_ms=5.0)
    pooled = Stratum(
        tuple(
            (merge(a, c), merge(b, d))
            for (a, b), (c, d) in zip(slow_and_equal.blocks, fast_and_late.blocks, strict=True)
        )
    )
    both = judged(slow_and_equal, fast_and_late)
    assert judged(pooled).verdict is Verdict.PROMOTE
    assert both.verdict is Verdict.HOLD
    assert both.change is not None
    assert 0.2 < both.change < 1.0


def test_endpoints_of_a_stage_share_its_time_blocks_and_stages_do_not() -> None:
    one, other = stratum(1.0, seed=1), stratum(1.0, seed=2)
    assert exceedance([one, other], np.array([0])).blocks == 30
    assert exceedance([one, Stratum(other.blocks, "50")], np.array([0])).blocks == 60


def test_noise_that_endpoints_share_within_a_block_is_not_counted_twice_as_evidence() -> None:
    """The same requests under three names say no more than once: the z of three copies is that of one."""
    rng = np.random.default_rng(8)
    pairs = []
    for _ in range(60):  # noise that belongs to one arm, block by block
        own = np.exp(rng.normal(0, 0.4, 2))
        pairs.append((histogram(draw(rng, 60, 20.0 * own[0])), histogram(draw(rng, 60, 20.0 * own[1]))))
    one = Stratum(tuple(pairs), "25")
    shifts = np.arange(-10, 30)
    alone = exceedance([one], shifts)
    assert alone.inflation.min() > 2
    assert exceedance([one] * 3, shifts).z == pytest.approx(alone.z)
    elsewhere = [Stratum(one.blocks, stage) for stage in ("10", "25", "50")]
    assert np.abs(exceedance(elsewhere, shifts).z[:5]).min() > np.abs(alone.z[:5]).max() / 2
    assert exceedance(elsewhere, shifts).z[0] == pytest.approx(alone.z[0] * math.sqrt(3), rel=0.1)


def test_neighbouring_blocks_that_deviate_alike_make_the_test_more_careful() -> None:
    """Half of the run one arm is late, then the other: far fewer independent looks than there are blocks."""
    late = [1.6] * 15 + [1.0] * 15
    shuffled = np.random.default_rng(3).permutation(late).tolist()

    def at(levels: list[float]) -> Exceedance:
        rng = np.random.default_rng(2)
        pairs = [(histogram(draw(rng, 80, 20.0)), histogram(draw(rng, 80, 20.0 * level))) for level in levels]
        return exceedance([Stratum(tuple(pairs))], np.array([0]))

    assert at(late).inflation[0] > 1.5 * at(shuffled).inflation[0]


def test_an_endpoint_that_was_not_asked_in_a_block_keeps_its_place() -> None:
    data = stratum(1.0, blocks=30)
    gaps = Stratum(tuple(({}, {}) if row % 10 == 0 else pair for row, pair in enumerate(data.blocks)), "25")
    assert judged(gaps).blocks == 27
    assert judged(gaps).verdict is Verdict.PROMOTE
    assert judged(gaps, data).blocks == 30
