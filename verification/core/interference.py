"""Does the candidate slow its neighbour? Control beside the candidate against control alone.

Both arms may live in one process; a slow or locking candidate then slows control too and shrinks the measured ratio.
The two kinds of time blocks lie at different times, so blocks, not requests, are the units: a t test on the logarithm
of each block's P95 and median. The kinds were shuffled, which makes the test hold under drift as well.
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
    """Control's quantile in mixed blocks over that in control-only blocks, with its 95 % interval; None: not known."""

    ratio: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    """HOLD when a ratio above the policy's is proven; otherwise PROMOTE, which here only means: no alarm."""
    reason: str


def interference(mixed: Sequence[Bins], alone: Sequence[Bins], policy: LatencyPolicy) -> Interference:
    """Compare control in `mixed` blocks with control in control-only blocks; errors count as slow.

    The median is asked beside the P95, each at half of alpha: a lock shifts every request, which few blocks show in the
    middle long before they show it in the tail. Told is the one that fired, else the P95.
    """
    tail, middle = (_compare(_log_quantiles(mixed, q), _log_quantiles(alone, q), name, policy) for q, name in _ASKED)
    return middle if middle.verdict is Verdict.HOLD and tail.verdict is not Verdict.HOLD else tail


_ASKED = ((0.95, "P95"), (0.5, "Median"))


def _compare(beside: Floats, base: Floats, name: str, policy: LatencyPolicy) -> Interference:
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
    alarm = middle - error * float(stdtrit(a + b - 2, 1 - policy.alpha / len(_ASKED))) > math.log(limit)
    reason = (
        f"{name} of control beside the candidate is {ratio:.3g} times that of control alone (95 % interval {low:.3g} "
        f"to {high:.3g}): more than {limit:.3g} times is {'' if alarm else 'not '}proven"
    )
    return Interference(ratio, low, high, Verdict.HOLD if alarm else Verdict.PROMOTE, reason)


def _log_quantiles(blocks: Sequence[Bins], quantile: float) -> Floats:
    """ln of the quantile of every block with enough requests; among errors it is the time that nobody waits for."""
    found = [quantile_ms(bins, quantile) for bins in blocks if total(bins) >= _LEAST_REQUESTS]
    return np.array([math.log(min(value, edge_ms(TOP_BIN))) for value in found])
