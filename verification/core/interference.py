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
from verification.core.said import say

_LEAST_BLOCKS = 3
LEAST_REQUESTS = 20
"""With fewer, a block's P95 is its slowest request."""


@dataclass(frozen=True, slots=True)
class Interference:
    """Control's quantile in mixed blocks over that in control-only blocks, with its 95 % interval; None: not known."""

    ratio: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    """HOLD: a ratio above the policy's is proven. PROMOTE: it is excluded, for the median and the P95. Otherwise
    INCONCLUSIVE."""
    reason: str


Stage = tuple[Sequence[Bins], Sequence[Bins]]
"""Control's blocks beside the candidate, and those of control alone, of one stage."""


def interference(
    stages: Sequence[Stage], policy: LatencyPolicy, *, alpha: float | None = None, alarm_alpha: float | None = None
) -> Interference:
    """Compare control in mixed blocks with control in control-only blocks of the same stage; errors count as slow.

    Several stages are taken together, each weighted by what it tells. The median is asked beside the P95: a lock shifts
    every request, which few blocks show in the middle long before they show it in the tail. Either may alarm, at half
    of `alarm_alpha`; both must be excluded, each at `alpha` (both by default the policy's). Told is the one that weighs
    more, the P95 where both weigh the same.
    """
    levels = (policy.alpha if alpha is None else alpha, policy.alpha if alarm_alpha is None else alarm_alpha)
    asked = [_compare(stages, quantile, name, policy, *levels) for quantile, name in _ASKED]
    return max(asked, key=lambda found: found.verdict.rank)


_ASKED = ((0.95, "P95"), (0.5, say("Median")))


@dataclass(frozen=True, slots=True)
class _Told:
    """What one stage says of the logarithm of the ratio."""

    middle: float
    error: float
    freedom: int


def _compare(
    stages: Sequence[Stage], quantile: float, name: str, policy: LatencyPolicy, alpha: float, alarm_alpha: float
) -> Interference:
    arms = [(_log_quantiles(mixed, quantile), _log_quantiles(alone, quantile)) for mixed, alone in stages]
    told = [_told(beside, base) for beside, base in arms if min(len(beside), len(base)) >= _LEAST_BLOCKS]
    limit = policy.interference_ratio
    if not told:
        b, a = (sum(len(arm) for arm in arm_of_stages) for arm_of_stages in zip(*arms, strict=True)) if arms else (0, 0)
        reason = say(
            "{mixed} mixed and {alone} control-only blocks with {requests} requests of control or more: at least "
            "{least} of each in a stage are needed to tell whether the candidate slows control; use a higher "
            "rate or longer blocks",
            mixed=b,
            alone=a,
            requests=LEAST_REQUESTS,
            least=_LEAST_BLOCKS,
        )
        return Interference(None, None, None, Verdict.INCONCLUSIVE, reason)
    weights = [1 / one.error**2 for one in told]
    middle = sum(weight * one.middle for weight, one in zip(weights, told, strict=True)) / sum(weights)
    error, freedom = math.sqrt(1 / sum(weights)), sum(one.freedom for one in told)
    reach = error * float(stdtrit(freedom, 0.975))
    low, ratio, high = (math.exp(end) for end in (middle - reach, middle, middle + reach))
    alarm = middle - error * float(stdtrit(freedom, 1 - alarm_alpha / len(_ASKED))) > math.log(limit)
    excluded = middle + error * float(stdtrit(freedom, 1 - alpha)) < math.log(limit)
    verdict = Verdict.HOLD if alarm else Verdict.PROMOTE if excluded else Verdict.INCONCLUSIVE
    seen = say(
        "{name} of control beside the candidate is {ratio:.3g} times that of control alone (95 % interval {low:.3g} "
        "to {high:.3g})",
        name=name,
        ratio=ratio,
        low=low,
        high=high,
    )
    if verdict is Verdict.HOLD:
        reason = say("{seen}: more than {limit:.3g} times is proven", seen=seen, limit=limit)
    elif verdict is Verdict.PROMOTE:
        reason = say("{seen}: more than {limit:.3g} times is excluded", seen=seen, limit=limit)
    else:
        blocks = sum(len(base) for _, base in arms)
        growth = (error * float(stdtrit(freedom, 1 - alpha)) / max(math.log(limit) - max(middle, 0.0), _NEAREST)) ** 2
        more = max(1, math.ceil(blocks * (growth - 1)))
        reason = say(
            "{seen}: more than {limit:.3g} times is neither proven nor excluded; about {more} more control-only "
            "blocks, and as many times more mixed ones, would tell",
            seen=seen,
            limit=limit,
            more=more,
        )
    return Interference(ratio, low, high, verdict, reason)


_NEAREST = math.log(1.02)
"""No plan for more blocks aims at telling a ratio from the limit that is nearer than this."""


def _told(beside: Floats, base: Floats) -> _Told:
    b, a = len(beside), len(base)
    spread = beside.var(ddof=1), base.var(ddof=1)
    # Welch's error, but never below that of equal variances, because three blocks that happen to be alike say little
    # about their variance, nor below what a bin can resolve.
    welch = spread[0] / b + spread[1] / a
    pooled = max(((b - 1) * spread[0] + (a - 1) * spread[1]) / (a + b - 2), LOG_BIN**2)
    error = math.sqrt(max(welch, pooled * (1 / a + 1 / b)))
    return _Told(float(beside.mean() - base.mean()), error, a + b - 2)


def _log_quantiles(blocks: Sequence[Bins], quantile: float) -> Floats:
    """ln of the quantile of every block with enough requests; among errors it is the time that nobody waits for."""
    found = [quantile_ms(bins, quantile) for bins in blocks if total(bins) >= LEAST_REQUESTS]
    return np.array([math.log(min(value, edge_ms(TOP_BIN))) for value in found])
