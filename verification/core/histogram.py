"""Mergeable log-bin latency histograms.

Bin j holds times from 0.1 ms * 1.2^(j/18) up to the next edge: about 1 % wide, so +20 % is exactly 18 bins and +50 %
is 40 bins (1.4996) wherever on the axis it happens. A histogram is a sparse mapping bin -> count; histograms add, so
workers ship them block by block and their size does not grow with the number of requests. Compare HdrHistogram and
DDSketch (Masson et al., VLDB 2019), which bound the relative error of a quantile in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

from verification.core.errors import GateError

Bins: TypeAlias = Mapping[int, int]
"""Bin -> number of requests."""

BINS_PER_20_PERCENT = 18
FIRST_EDGE_MS = 0.1
LOG_BIN = math.log(1.2) / BINS_PER_20_PERCENT
"""Width of a bin on the natural log scale."""

TOP_BIN = 1600
"""Errors and time-outs. Its lower edge is 18 minutes, beyond any time that a request is waited for."""

INVALID_BIN = -1
"""Times that are NaN, zero or negative: a broken clock. Counted, never dropped."""

# Powers of 1.2^(1/18) and logarithms of them agree to about 1e-12 of a bin; anything nearer to an edge is on it.
_EDGE_TOLERANCE = 1e-9
_TOP_EDGE_MS = FIRST_EDGE_MS * math.exp(TOP_BIN * LOG_BIN)


class EmptyHistogramError(GateError):
    """A quantile was asked of a histogram without requests."""


def bin_of(ms: float) -> int:
    """The bin of a time in ms. A time on an edge (within float rounding) belongs to the bin above the edge.

    Times above zero and below 0.1 ms go into bin 0, those from 18 minutes on (and infinity) into `TOP_BIN`,
    NaN, zero and negative ones into `INVALID_BIN`.
    """
    if not ms > 0:
        return INVALID_BIN
    if ms < FIRST_EDGE_MS:
        return 0
    # Before the division, which could overflow.
    if ms >= _TOP_EDGE_MS:
        return TOP_BIN
    return int(math.log(ms / FIRST_EDGE_MS) / LOG_BIN + _EDGE_TOLERANCE)


def edge_ms(number: int) -> float:
    """The lower edge of a bin in ms; 0 for `INVALID_BIN`, which has none."""
    return 0.0 if number < 0 else FIRST_EDGE_MS * math.exp(number * LOG_BIN)


def merge(*bins: Bins) -> dict[int, int]:
    """The histogram of all requests of the given ones."""
    result: dict[int, int] = {}
    for histogram in bins:
        for number, count in histogram.items():
            result[number] = result.get(number, 0) + count
    return result


def total(bins: Bins) -> int:
    """The number of requests, those in the top bin and the invalid ones included."""
    return sum(bins.values())


def quantile_ms(bins: Bins, q: float) -> float:
    """The q-quantile (0 to 1) in ms, within 0.51 % of the raw sample's (linear between order statistics, as numpy).

    Each request stands at the geometric middle of its bin: spreading requests over the bin's width would be nearer for
    smooth laws, but up to 1 % off where many requests took equally long. Infinite when the quantile falls among errors
    and time-outs. Invalid times count as if they had never ended: what is not known must not make a service look fast.
    Raises EmptyHistogramError when there are no requests.
    """
    requests = total(bins)
    if requests == 0:
        raise EmptyHistogramError(
            f"The {q:.0%} quantile of no requests does not exist. Ask only where `total(bins)` is above 0."
        )
    rank = q * (requests - 1)
    lower = math.floor(rank)
    share = rank - lower
    below = _nth_ms(bins, lower)
    return below if share == 0 or below == math.inf else below * (1 - share) + _nth_ms(bins, lower + 1) * share


def _nth_ms(bins: Bins, index: int) -> float:
    """The time of the request at `index` (from 0) in ascending order."""
    passed = 0
    for number in sorted(number for number in bins if INVALID_BIN < number < TOP_BIN):
        passed += bins[number]
        if index < passed:
            return edge_ms(number) * math.exp(LOG_BIN / 2)
    return math.inf
