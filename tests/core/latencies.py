"""Stages of log-normal times with a known ratio, and their judgement with what is true of every one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from verification.core.histogram import TOP_BIN, Bins, bin_of, merge
from verification.core.latency import P95Change, Stratum, p95_change
from verification.core.model import Verdict
from verification.core.policy import LatencyPolicy

POLICY = LatencyPolicy()
Times = Sequence[float] | NDArray[np.float64]


def histogram(times: Times) -> Bins:
    return Counter(map(bin_of, np.asarray(times).tolist()))


def draw(rng: np.random.Generator, requests: int, median_ms: float, sigma: float = 0.3) -> NDArray[np.float64]:
    return median_ms * np.exp(sigma * rng.standard_normal(requests))


def stratum(
    ratio: float,
    *,
    seed: int = 1,
    blocks: int = 30,
    per_arm: int = 60,
    median_ms: float = 20.0,
    group: str = "25",
    errors: tuple[int, int] = (0, 0),
    levels: Iterable[float] | None = None,
) -> Stratum:
    """Log-normal arms side by side, `errors` per block and arm of `per_arm` requests, block levels optional."""
    rng = np.random.default_rng(seed)
    pairs = []
    for level in [1.0] * blocks if levels is None else levels:
        arms = [
            merge(histogram(draw(rng, per_arm - failed, median_ms * level * slower)), {TOP_BIN: failed})
            for slower, failed in zip((1.0, ratio), errors, strict=True)
        ]
        pairs.append((arms[0], arms[1]))
    return Stratum(tuple(pairs), group)


def judged(*strata: Stratum, policy: LatencyPolicy = POLICY, alarm_alpha: float | None = None) -> P95Change:
    """Judge, and hold what is true of every result."""
    change = p95_change(strata, policy, alarm_alpha=alarm_alpha)
    for number in (change.change, change.low, change.high, change.median_change, change.tail_ratio):
        assert number is None or not math.isnan(number)
    assert not math.isnan(change.z_hold + change.z_rollback)
    assert "nan" not in change.reason
    assert change.low is None or change.high is None or change.low <= change.high
    assert (change.verdict is Verdict.INCONCLUSIVE) or change.missing_per_arm == 0
    return change
