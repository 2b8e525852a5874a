"""What users will feel at later stages, from what both arms showed so far: a mixture of their distributions.

At p % a request is served by the candidate with probability p, so the population's latency is
F_p = (1 - p) F_control + p F_candidate. Its P95 over control's in the same time blocks is forecast, not a time in ms:
from one day to another the times drift, their ratio hardly does. Intervals by bootstrap over whole time blocks, which
keeps what the requests of a block share (B. Efron and R. Tibshirani, An Introduction to the Bootstrap, 1993).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from verification.core.histogram import FIRST_EDGE_MS, LOG_BIN, Bins, Histogram, axis_of

Floats = NDArray[np.float64]

RESAMPLES = 400
_TAIL, _P95 = 0.975, 0.95
LEAST_BLOCKS = 3
"""Fewer time blocks tell nothing of how they vary."""


@dataclass(frozen=True, slots=True)
class ShiftInterval:
    """A change of the P95 as a share (0.2 is 20 % slower) with its 95 % interval; high is infinite among errors."""

    change: float
    low: float
    high: float

    def overlaps(self, other: ShiftInterval) -> bool:
        """Whether both may be true at once."""
        return self.low <= other.high and other.low <= self.high


def forecast(blocks: Sequence[tuple[Bins, Bins]], share: float, rng: np.random.Generator) -> ShiftInterval | None:
    """P95 at which a `share` of requests (0 to 1) is the candidate's, over control's: from blocks with both arms.

    None with fewer than three such blocks, and where control's P95 lies among errors.
    """
    both = [pair for pair in blocks if pair[0] and pair[1]]
    if len(both) < LEAST_BLOCKS:
        return None
    axis = axis_of([bins for pair in both for bins in pair])
    weights = _weights(len(both), rng)
    control, candidate = (_law(weights @ _counts(arm, axis)) for arm in zip(*both, strict=True))
    felt_then = (1 - share) * control + share * candidate
    return _interval(_change(_log_p95(felt_then, axis), _log_p95(control, axis)), len(both))


def felt(natural: Sequence[Bins], alone: Sequence[Bins], rng: np.random.Generator) -> ShiftInterval | None:
    """P95 of natural traffic over that of control alone, each from time blocks of its own.

    None with fewer than three blocks of a kind, and where control's P95 lies among errors.
    """
    kinds = [[block for block in kind if block] for kind in (natural, alone)]
    fewest = min(map(len, kinds))
    if fewest < LEAST_BLOCKS:
        return None
    axis = axis_of([block for kind in kinds for block in kind])
    logs = [_log_p95(_law(_weights(len(kind), rng) @ _counts(kind, axis)), axis) for kind in kinds]
    return _interval(_change(*logs), fewest)


def _counts(blocks: Sequence[Bins], axis: range) -> Floats:
    """Block by bin; times that are none count as the slowest, as everywhere."""
    return np.array([Histogram.of(bins).on(axis) for bins in blocks], np.float64)


def _weights(blocks: int, rng: np.random.Generator) -> Floats:
    """How often each block stands in a resample; the first row is the sample itself."""
    drawn = rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=RESAMPLES)
    return np.vstack([np.ones(blocks), drawn]).astype(np.float64)


def _law(counts: Floats) -> Floats:
    """Cumulative shares, row by row."""
    sums = counts.cumsum(axis=1)
    shares: Floats = sums / sums[:, -1:]
    return shares


def _log_p95(law: Floats, axis: range) -> Floats:
    """ln of the P95 in ms of each row, within its bin by how far the share has come; infinite among errors."""
    at = (law >= _P95 - 1e-12).argmax(axis=1)
    rows = np.arange(len(law))
    before = np.where(at > 0, law[rows, np.maximum(at - 1, 0)], 0.0)
    step = np.maximum(law[rows, at] - before, 1e-12)
    found: Floats = math.log(FIRST_EDGE_MS) + LOG_BIN * (axis.start + at + np.clip((_P95 - before) / step, 0.0, 1.0))
    return np.where(at == len(axis) - 1, np.inf, found)


def _change(logs: Floats, base: Floats) -> Floats:
    """Difference of logarithms; none where the base lies among errors."""
    known = np.isfinite(base)
    return np.where(known, logs - np.where(known, base, 0.0), np.nan)


def _interval(logs: Floats, blocks: int) -> ShiftInterval | None:
    """The wider of the symmetric and the percentile interval at each end; the first element is the estimate."""
    estimate, drawn = float(logs[0]), logs[1:]
    if math.isnan(estimate):
        return None
    known = drawn[~np.isnan(drawn)]
    low, high = (float(end) for end in np.quantile(known, (1 - _TAIL, _TAIL), method="nearest"))
    if np.isfinite(known).all():
        reach = float(known.std()) * math.sqrt(blocks / (blocks - 1)) * float(stdtrit(blocks - 1, _TAIL))
        low, high = min(low, estimate - reach), max(high, estimate + reach)
    return ShiftInterval(*(math.inf if end > 700 else math.expm1(end) for end in (estimate, low, high)))
