"""Mergeable log-bin latency histograms.

Bin j holds times from 0.1 ms * 1.2^(j/18) up to the next edge: about 1 % wide, so +20 % is exactly 18 bins and +50 %
is 40 bins (1.4996) wherever on the axis it happens. A histogram is a sparse mapping bin -> count; histograms add, so
workers ship them block by block and their size does not grow with the number of requests. Compare HdrHistogram and
DDSketch (Masson et al., VLDB 2019), which bound the relative error of a quantile in the same way.
"""

from __future__ import annotations

import math
from collections.abc import ItemsView, Iterable, Iterator, Mapping
from typing import Annotated, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, PlainSerializer

from verification.core.errors import GateError

Bins: TypeAlias = Mapping[int, int]
"""Bin -> number of requests."""
Ints = NDArray[np.int64]

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
_MOST = 2**53
"""Beyond it, floats skip whole numbers."""
_POSSIBLE = f"bins can be {INVALID_BIN} to {TOP_BIN}, counts 0 to {_MOST}"


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


class Histogram(Mapping[int, int]):
    """Bins as two arrays: a tenth of a dictionary's memory, which is most of what a judge of a long run would hold."""

    __slots__ = ("counts", "numbers")

    def __init__(self, numbers: NDArray[np.int16], counts: Ints) -> None:
        self.numbers, self.counts = numbers, counts
        """The bins in ascending order, each once, and their requests."""

    @classmethod
    def of(cls, bins: Bins) -> Histogram:
        """The same bins as arrays; ValueError where one cannot be, or its count is negative or beyond 2^53."""
        if isinstance(bins, Histogram):
            return bins
        try:
            numbers = np.fromiter(bins.keys(), np.int64, len(bins))
            counts = np.fromiter(bins.values(), np.int64, len(bins))
        except OverflowError as error:
            raise ValueError(f"a bin or a count has more than 64 bits; {_POSSIBLE}") from error
        order = numbers.argsort()
        numbers, counts = numbers[order], counts[order]
        if len(bins) and (
            numbers[0] < INVALID_BIN or numbers[-1] > TOP_BIN or counts.min() < 0 or counts.max() > _MOST
        ):
            found = f"bins {numbers[0]} to {numbers[-1]}, counts {counts.min()} to {counts.max()}"
            raise ValueError(f"{found}; {_POSSIBLE}")
        return cls(numbers.astype(np.int16), counts)

    def __getitem__(self, number: int) -> int:
        at = int(np.searchsorted(self.numbers, number))
        if at == len(self.numbers) or self.numbers[at] != number:
            raise KeyError(number)
        return int(self.counts[at])

    def __iter__(self) -> Iterator[int]:
        return iter(self.numbers.tolist())

    def __len__(self) -> int:
        return len(self.numbers)

    def __repr__(self) -> str:
        return f"Histogram({dict(self.items())})"

    def items(self) -> ItemsView[int, int]:
        """Bins and counts, without looking each of them up."""
        return dict(zip(self.numbers.tolist(), self.counts.tolist(), strict=True)).items()

    def on(self, axis: range) -> Ints:
        """Requests per bin of `axis`, which must hold all proper bins and one place more, for what is beyond every
        time: errors, time-outs and times that are none."""
        found = np.zeros(len(axis), np.int64)
        proper = (self.numbers > INVALID_BIN) & (self.numbers < TOP_BIN)
        found[self.numbers[proper] - axis.start] = self.counts[proper]
        found[-1] += self.counts[~proper].sum()
        return found


Packed = Annotated[Bins, AfterValidator(Histogram.of), PlainSerializer(dict)]
"""A field of a record: arrays where it is read back, a mapping where it is written."""


def merge(*bins: Bins) -> Histogram:
    """The histogram of all requests of the given ones."""
    parts = [Histogram.of(one) for one in bins]
    if len(parts) < 2:
        return parts[0] if parts else Histogram.of({})
    places = np.concatenate([part.numbers for part in parts]).astype(np.int64) - INVALID_BIN
    sums = np.bincount(places, np.concatenate([part.counts for part in parts]))
    at = np.flatnonzero(np.bincount(places))
    return Histogram((at + INVALID_BIN).astype(np.int16), sums[at].astype(np.int64))


def axis_of(bins: Iterable[Bins]) -> range:
    """The proper bins from the lowest to the highest that occurs, and one more for what is beyond every time."""
    merged = merge(*bins).numbers
    proper = merged[(merged > INVALID_BIN) & (merged < TOP_BIN)]
    return range(int(proper[0]), int(proper[-1]) + 2) if len(proper) else range(2)


def total(bins: Bins) -> int:
    """The number of requests, those in the top bin and the invalid ones included."""
    return int(Histogram.of(bins).counts.sum())


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
    below, above = _nth_ms(Histogram.of(bins), lower, lower + 1)
    return below if share == 0 or below == math.inf else below * (1 - share) + above * share


def _nth_ms(bins: Histogram, *indexes: int) -> list[float]:
    """The times of the requests at these places (from 0) in ascending order."""
    proper = (bins.numbers > INVALID_BIN) & (bins.numbers < TOP_BIN)
    at = np.searchsorted(bins.counts[proper].cumsum(), indexes, side="right")
    numbers = bins.numbers[proper].tolist()
    return [edge_ms(numbers[i]) * math.exp(LOG_BIN / 2) if i < len(numbers) else math.inf for i in at.tolist()]
