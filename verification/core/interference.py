"""Does the candidate slow its neighbour? Control beside the candidate against control alone.

Both arms may live in one process; a slow or locking candidate then slows control too and shrinks the measured ratio.
The two kinds of time blocks lie at different times, so blocks, not requests, are the units: a t test on the logarithm
of each block's P95. The kinds were shuffled, which makes the test hold under drift as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from verification.core.exceedance import Floats
from verification.core.histogram import LOG_BIN, TOP_BIN, Bins, edge_ms, quantile_ms, total
from verification.core.model import Verdict
from verification.core.policy import LatencyPolicy

_LEAST_BLOCKS = 3
_LEAST_REQUESTS = 20
"""With fewer, a block's P95 is its slowest request."""


@dataclass(frozen=True, slots=True)
class Interference:
    """Control P95 in mixed blocks over that in control-only blocks, with its 95 % interval; None: not known."""

    ratio: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    """HOLD when a ratio above the policy's is proven; otherwise PROMOTE, which here only means: no alarm."""
    reason: str


def interference(mixed: Sequence[Bins], alone: Sequence[Bins], policy: LatencyPolicy) -> Interference:
    """Compare control in `mixed` blocks with control in control-only blocks; errors count as slow."""
    beside, base = _log_p95s(mixed), _log_p95s(alone)
    b, a = len(beside), len(base)
    if min(a, b) < _LEAST_BLOCKS:
        reason = (
            f"{b} mixed and {a} control-only blocks with {_LEAST_REQUESTS} requests or more: "
            f"{_LEAST_BLOCKS} of each are needed to tell whether the candidate slows control"
        )
        return Interference(None, None, None, Verdict.PROMOTE, reason)
    spread = beside.var(ddof=1), base.var(ddof=1)
    # Welch's error, but never below that of equal variances, because three blocks that happen to be alike say little
    # about their variance, nor below what a bin can resolve.
    welch = spread[0] / b + spread[1] / a
    pooled = max(((b - 1) * spread[0] + (a - 1) * spread[1]) / (a + b - 2), LOG_BIN**2)
    error = math.sqrt(max(welch, pooled * (1 / a + 1 / b)))
    middle = float(beside.mean() - base.mean())
    reach = error * float(stdtrit(a + b - 2, 0.975))
    low, ratio, high = (math.exp(end) for end in (middle - reach, middle, middle + reach))
    limit = policy.interference_ratio
    alarm = middle - error * float(stdtrit(a + b - 2, 1 - policy.alpha)) > math.log(limit)
    reason = (
        f"P95 of control beside the candidate is {ratio:.3g} times that of control alone (95 % interval {low:.3g} to "
        f"{high:.3g}): more than {limit:.3g} times is {'' if alarm else 'not '}proven"
    )
    return Interference(ratio, low, high, Verdict.HOLD if alarm else Verdict.PROMOTE, reason)


def _log_p95s(blocks: Sequence[Bins]) -> Floats:
    """ln P95 of every block with enough requests; among errors it is the time that nobody waits for."""
    p95s = [quantile_ms(bins, 0.95) for bins in blocks if total(bins) >= _LEAST_REQUESTS]
    return np.array([math.log(min(p95, edge_ms(TOP_BIN))) for p95 in p95s])
