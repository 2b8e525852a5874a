"""The knee of a target: the rate of requests from which on latency climbs, because requests begin to queue.

Measured above half of it, a P95 says more of the queue than of the code. Found by a short ramp: the same requests, all
on control, at rates that rise step by step.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from verification.core.histogram import Bins, Packed, quantile_ms, total

CLIMB_RATIO, CLIMB_MS = 1.5, 2.0
"""A step is beyond the knee where its P95 is above that of the easier ones by so much, both as a ratio and in ms."""
_LOST_SHARE = 0.01
_LEAST_REQUESTS = 20
BELOW_KNEE = 0.5
"""The share of the knee that a measurement may use."""


@dataclass(frozen=True, slots=True)
class RampStep:
    """One step of a ramp: requests per second, and what came of them from their intended start."""

    rate_per_s: float
    requests: int
    errors: int
    """Time-outs included."""
    intended: Packed


@dataclass(frozen=True, slots=True)
class Knee:
    """What a ramp tells of the knee."""

    rate_per_s: float | None
    """The highest rate before latency climbed; None where it did not within the ramp."""
    highest_rate_per_s: float
    """The highest rate that was asked."""

    @property
    def usable_per_s(self) -> float:
        """The highest rate to measure at."""
        return BELOW_KNEE * (self.highest_rate_per_s if self.rate_per_s is None else self.rate_per_s)


def find_knee(steps: Sequence[RampStep]) -> Knee | None:
    """The knee that the steps of a ramp show, lowest rate first; None where they are too few to tell.

    A step that climbs alone, with an easy one after it, was a hiccup of the machine. Where the lowest rates already
    fail, the knee lies there at the most.
    """
    told = sorted((step for step in steps if step.requests >= _LEAST_REQUESTS), key=lambda step: step.rate_per_s)
    if len(told) < 3:
        return None
    p95s = [_p95(step.intended) for step in told]
    if all(step.errors > _LOST_SHARE * step.requests for step in told[:2]):
        return Knee(told[0].rate_per_s, told[-1].rate_per_s)
    for number in range(1, len(told)):
        usual = statistics.median(p95s[:number])
        beyond = [_is_beyond(step, p95, usual) for step, p95 in zip(told[number:], p95s[number:], strict=True)]
        if beyond[0] and all(beyond[:2]):
            return Knee(told[number - 1].rate_per_s, told[-1].rate_per_s)
    return Knee(None, told[-1].rate_per_s)


def _p95(bins: Bins) -> float:
    return quantile_ms(bins, 0.95) if total(bins) else 0.0


def _is_beyond(step: RampStep, p95_ms: float, usual_ms: float) -> bool:
    climbed = p95_ms > max(CLIMB_RATIO * usual_ms, usual_ms + CLIMB_MS)
    return climbed or step.errors > _LOST_SHARE * step.requests
