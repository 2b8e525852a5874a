"""Does the candidate slow its neighbour? Control beside the candidate against control alone.

Both arms may live in one process; a slow or locking candidate then slows control too and shrinks the measured ratio.
The two kinds of time blocks lie at different times, so blocks, not requests, are the units: each gives the share of its
requests above a threshold, and the shares are compared by a t test. The kinds were shuffled, which makes the test hold
under drift as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from verification.core.exceedance import TAIL_SHARE, Floats, Stratum, Tails
from verification.core.histogram import LOG_BIN, Bins
from verification.core.model import Verdict
from verification.core.policy import LatencyPolicy

_LEAST_BLOCKS = 3
_SHIFTS = np.arange(-240, 241, dtype=np.int64)
"""Ratios from 1/11 to 11; a policy's ratio is at most 10."""


@dataclass(frozen=True, slots=True)
class Interference:
    """Control P95 in mixed blocks over that in control-only blocks, with its 95 % interval."""

    ratio: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    """HOLD when a ratio above the policy's is proven; otherwise PROMOTE, which here only means: no alarm."""
    reason: str


def interference(mixed: Sequence[Bins], alone: Sequence[Bins], policy: LatencyPolicy) -> Interference:
    """Compare control in `mixed` blocks with control in control-only blocks; errors count as slow."""
    mixed, alone = ([bins for bins in blocks if any(bins.values())] for blocks in (mixed, alone))
    if min(len(mixed), len(alone)) < _LEAST_BLOCKS:
        reason = (
            f"{len(mixed)} mixed and {len(alone)} control-only blocks: "
            f"{_LEAST_BLOCKS} of each are needed to tell whether the candidate slows control"
        )
        return Interference(None, None, None, Verdict.PROMOTE, reason)
    z = _z(mixed, alone)
    freedom = len(mixed) + len(alone) - 2
    reach = float(stdtrit(freedom, 0.975))
    low, ratio, high = (_crossing(z, level) for level in (reach, 0.0, -reach))
    margin = round(math.log(policy.interference_ratio) / LOG_BIN)
    alarm = z[margin - _SHIFTS[0]] > float(stdtrit(freedom, 1 - policy.alpha))
    reason = (
        f"P95 of control beside the candidate is {ratio:.3g} times that of control alone (95 % interval {low:.3g} to "
        f"{high:.3g}): more than {policy.interference_ratio:.3g} times is {'' if alarm else 'not '}proven"
    )
    return Interference(ratio, low, high, Verdict.HOLD if alarm else Verdict.PROMOTE, reason)


def _z(mixed: Sequence[Bins], alone: Sequence[Bins]) -> Floats:
    """Per shift: by how many standard errors more of mixed lies above the shifted threshold than of alone."""
    a, b = len(alone), len(mixed)
    tails = Stratum((*((bins, {}) for bins in alone), *(({}, bins) for bins in mixed))).tails
    requests = tails.control[:a, :1], tails.candidate[a:, :1]
    shares = tails.control[:a] / requests[0], tails.candidate[a:] / requests[1]
    means = [share.mean(axis=0, keepdims=True) for share in shares]
    threshold = Tails(tails.first, means[0], means[1], np.array([True])).thresholds(_SHIFTS)
    base, beside = shares[0][:, tails.column(threshold)], shares[1][:, tails.column(threshold + _SHIFTS)]
    spread = base.var(axis=0, ddof=1), beside.var(axis=0, ddof=1)
    # Welch's error, but never below that of equal variances, because three blocks that happen to be alike say little
    # about their variance, nor below that of independent requests.
    welch = spread[0] / a + spread[1] / b
    equal = ((a - 1) * spread[0] + (b - 1) * spread[1]) / (a + b - 2) * (1 / a + 1 / b)
    sampling = TAIL_SHARE * (1 - TAIL_SHARE) * (1 / requests[0].sum() + 1 / requests[1].sum())
    error = np.sqrt(np.maximum(np.maximum(welch, equal), sampling))
    result: Floats = (beside.mean(axis=0) - base.mean(axis=0)) / error
    return result


def _crossing(z: Floats, level: float) -> float:
    """The ratio from which on z stays at or below `level`; 0 or infinity when there is none."""
    above = np.flatnonzero(z > level)
    if not len(above):
        return 0.0
    at = int(above[-1]) + 1
    if at == len(z):
        return math.inf
    shift = _SHIFTS[at - 1] + (z[at - 1] - level) / (z[at - 1] - z[at])
    return math.exp(float(shift) * LOG_BIN)
