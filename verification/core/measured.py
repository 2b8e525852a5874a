"""What a scope of the load measured, before it is judged: both arms pooled, their ratio and the evidence on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from verification.core.exceedance import RatioInterval, Stratum, exceedance, ratio_interval
from verification.core.histogram import LOG_BIN, Bins, Histogram, merge, quantile_ms, total
from verification.core.policy import LatencyPolicy

_INTERVAL_TAIL = 0.975


@dataclass(frozen=True, slots=True)
class Measured:
    """The numbers of a scope before they are judged."""

    control: Histogram
    candidate: Histogram
    blocks: int
    shared_requests: int
    interval: RatioInterval
    z_hold: float
    z_rollback: float
    expected: float
    inflation: float
    tail_ratio: float | None
    several: bool

    @property
    def requests(self) -> tuple[int, int]:
        """On control and on candidate."""
        return total(self.control), total(self.candidate)


_NOTHING_KNOWN = RatioInterval(0, 1, math.inf)


def measure(strata: Sequence[Stratum], policy: LatencyPolicy) -> Measured:
    """What the time blocks of `strata` (endpoints at stages; blocks in order of time) tell together."""
    margins = np.array([round(math.log(ratio) / LOG_BIN) for ratio in (policy.hold_ratio, policy.rollback_ratio)])
    test = exceedance(strata, margins)
    blocks = test.blocks
    shared = sum(
        float(arm[stratum.tails.shared, 0].sum())
        for stratum in strata
        for arm in (stratum.tails.control, stratum.tails.candidate)
    )
    return Measured(
        control=merge(*(stratum.arms[0] for stratum in strata)),
        candidate=merge(*(stratum.arms[1] for stratum in strata)),
        blocks=blocks,
        shared_requests=int(shared),
        interval=ratio_interval(strata, critical(_INTERVAL_TAIL, blocks)) if blocks > 1 else _NOTHING_KNOWN,
        z_hold=float(test.z[0]),
        z_rollback=float(test.z[1]),
        expected=float(test.expected.min()),
        inflation=float(test.inflation[0]),
        tail_ratio=_tail_ratio(strata),
        several=len(strata) > 1,
    )


def change_of(measured: Measured, control: float | None, candidate: float | None) -> float | None:
    """Change of the P95 from these of both arms, over several strata the common one; None where it is not known."""
    if control is None or candidate is None or (control == math.inf and candidate == math.inf):
        return None
    return measured.interval.estimate - 1 if measured.several and measured.blocks >= 2 else candidate / control - 1


def median_change(strata: Sequence[Stratum]) -> float | None:
    """Change of the median, over several strata their weighted geometric mean; None when no stratum tells."""
    logs: list[tuple[float, float]] = []
    for control, candidate in (stratum.arms for stratum in strata):
        sizes = total(control), total(candidate)
        if all(sizes):
            medians = quantile_ms(control, 0.5), quantile_ms(candidate, 0.5)
            if math.inf not in medians:
                logs.append((sizes[0] * sizes[1] / sum(sizes), math.log(medians[1] / medians[0])))
    return math.expm1(sum(w * log for w, log in logs) / sum(w for w, _ in logs)) if logs else None


def _tail_ratio(strata: Sequence[Stratum]) -> float | None:
    """ln(q97/q93) of control, over several strata weighted by requests; None when it falls among errors."""
    controls = (stratum.arms[0] for stratum in strata)
    known = [arm for arm in controls if total(arm) and quantile_ms(arm, 0.97) < math.inf]
    logs = [total(arm) * math.log(quantile_ms(arm, 0.97) / quantile_ms(arm, 0.93)) for arm in known]
    return sum(logs) / sum(map(total, known)) if known else None


def critical(probability: float, blocks: int) -> float:
    """Quantile of Student's t with one degree of freedom less than there are time blocks."""
    return float(stdtrit(blocks - 1, probability))


def quantile(arm: Bins, q: float) -> float | None:
    """In ms, infinite among errors; None without requests."""
    return quantile_ms(arm, q) if total(arm) else None
