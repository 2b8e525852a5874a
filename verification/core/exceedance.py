"""Stratified exceedance test: does one arm exceed a shared threshold more often than the other, block by block?

Mantel-Haenszel over time blocks on shifted tails. A null ratio of s bins moves the candidate's histogram s bins down
the log axis; then both arms should exceed the pooled P95 equally often within every block, whatever the load did from
block to block. Each stratum (an endpoint at a stage) has its own threshold; strata measured in the same time block
share that block's noise, so their deviations are added up before they are squared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from verification.core.histogram import LOG_BIN, Bins, Histogram, Ints, axis_of, merge

Floats = NDArray[np.float64]

TAIL_SHARE = 0.05
"""Share of requests above the threshold: the P95."""
_NEWEY_WEST_LAGS = 3
_FIXED_B = (-0.5324, 0.4160, 2.9694, 1.9600)
"""Polynomial in the window's share of all blocks: the 97.5 % critical value with the Bartlett kernel."""
_LEAST_VARIANCE = 0.25
_COARSE = np.arange(-320, 321, 16, dtype=np.int64)
"""Shifts that bracket a crossing first; 320 bins are a ratio of 25."""


@dataclass(frozen=True)
class Stratum:
    """One endpoint at one stage: per time block the histograms of control and candidate, in order of time.

    Blocks with the same `group` (the stage) and index are the same time block, so an endpoint that was not asked in a
    block keeps its place with two empty histograms.
    """

    blocks: tuple[tuple[Bins, Bins], ...]
    group: str = ""

    @cached_property
    def arms(self) -> tuple[Histogram, Histogram]:
        """Control and candidate over all blocks."""
        return merge(*(control for control, _ in self.blocks)), merge(*(candidate for _, candidate in self.blocks))

    @property
    def turned(self) -> Stratum:
        """The same with the arms exchanged."""
        return Stratum(tuple((candidate, control) for control, candidate in self.blocks), self.group)

    def part(self, first: int, end: int) -> Stratum:
        """The blocks from the first, counted from 0, up to but without the end."""
        return Stratum(self.blocks[first:end], self.group)

    @cached_property
    def tails(self) -> Tails:
        """The blocks as arrays."""
        return Tails.of(self)


@dataclass(frozen=True)
class Tails:
    """Per block (row) the number of requests at or above a bin (column), for all bins that occur.

    Column i stands for bin `first + i`; the last column holds what is beyond every time: errors, time-outs and
    invalid times. They stay beyond whatever the shift.
    """

    first: int
    control: Floats
    candidate: Floats
    shared: NDArray[np.bool_]
    """Whether the block has requests of both arms."""
    known: dict[bytes, Exceedances] = field(default_factory=dict)

    @classmethod
    def of(cls, stratum: Stratum) -> Tails:
        """Count the tails of a stratum's blocks."""
        axis = axis_of(stratum.arms)
        counts = np.array([[Histogram.of(bins).on(axis) for bins in arms] for arms in stratum.blocks], np.float64)
        counts = counts.reshape(-1, 2, len(axis)).transpose(1, 0, 2)
        control, candidate = np.cumsum(counts[:, :, ::-1], axis=2)[:, :, ::-1]
        return cls(axis.start, control, candidate, (control[:, 0] > 0) & (candidate[:, 0] > 0))

    @cached_property
    def sums(self) -> tuple[Floats, Floats]:
        """Control and candidate over all blocks."""
        return self.control.sum(axis=0), self.candidate.sum(axis=0)

    def column(self, bins: Ints) -> Ints:
        """The column that holds the tail of each bin."""
        columns: Ints = np.minimum(np.maximum(bins - self.first, 0), self.control.shape[1] - 1)
        return columns

    def thresholds(self, shifts: Ints) -> Ints:
        """Per shift the lowest bin that at most 5 % of all requests reach, the candidate's shifted.

        Where more than 5 % are errors there is none; then the threshold lies beyond every time, and errors are what
        is compared.
        """
        control, candidate = self.sums
        most = TAIL_SHARE * (control[0] + candidate[0])
        width = self.control.shape[1] - 1
        too_low = self.first - np.maximum(shifts, 0) - 1
        enough: Ints = self.first + width - np.minimum(shifts, 0)
        for _ in range(int(np.max(enough - too_low)).bit_length()):
            middle = (too_low + enough) // 2
            reached = control[self.column(middle)] + candidate[self.column(middle + shifts)] <= most
            enough = np.where(reached, middle, enough)
            too_low = np.where(reached, too_low, middle)
        return enough

    def exceedances(self, shifts: Ints) -> Exceedances:
        """How often the candidate exceeded the threshold. Kept, for an endpoint stands in several scopes."""
        asked = shifts.tobytes()
        if asked not in self.known:
            self.known[asked] = self._exceedances(shifts)
        return self.known[asked]

    def _exceedances(self, shifts: Ints) -> Exceedances:
        threshold, rows = self.thresholds(shifts), np.flatnonzero(self.shared)
        above = self.candidate[rows][:, self.column(threshold + shifts)]
        both = self.control[rows][:, self.column(threshold)] + above
        requests = (self.control[rows, 0] + self.candidate[rows, 0])[:, None]
        share = self.candidate[rows, 0][:, None] / requests
        excess, weight = np.zeros((len(self.shared), len(shifts))), np.zeros((len(self.shared), 1))
        excess[rows] = above - both * share
        weight[rows] = requests * share * (1 - share)
        independent = (both * share * (1 - share) * (requests - both) / (requests - 1)).sum(axis=0)
        return Exceedances(excess, weight, independent, (both * share).sum(axis=0))


@dataclass(frozen=True)
class Exceedances:
    """Of one stratum, one column per shift; the first two by block."""

    excess: Floats
    """Candidate exceedances beyond those expected if the null ratio were true."""
    weight: Floats
    independent: Floats
    """Variance of the excess if all requests were independent."""
    expected: Floats


@dataclass(frozen=True)
class Exceedance:
    """The test of several null ratios at once, one element per shift. z > 0: the candidate is slower than the null."""

    z: Floats
    expected: Floats
    """Expected candidate exceedances if the null ratio were true."""
    inflation: Floats
    """Variance used over that of independent requests."""
    blocks: int
    """Time blocks in which at least one stratum has requests of both arms."""


class _Block:
    """Sums over the strata of one group, per time block."""

    def __init__(self, blocks: int, shifts: int) -> None:
        self.excess = np.zeros((blocks, shifts))
        self.weight = np.zeros((blocks, 1))


def exceedance(strata: Sequence[Stratum], shifts: Ints) -> Exceedance:
    """Test each null ratio of `shifts` bins (candidate over control) over all strata together."""
    groups: dict[str, _Block] = {}
    independent, expected = np.zeros(len(shifts)), np.zeros(len(shifts))
    longest: dict[str, int] = {}
    for stratum in strata:
        longest[stratum.group] = max(longest.get(stratum.group, 0), len(stratum.blocks))
    for stratum in strata:
        own, rows = stratum.tails.exceedances(shifts), slice(len(stratum.blocks))
        sums = groups.setdefault(stratum.group, _Block(longest[stratum.group], len(shifts)))
        sums.excess[rows] += own.excess
        sums.weight[rows] += own.weight
        independent += own.independent
        expected += own.expected
    excess = sum((sums.excess.sum(axis=0) for sums in groups.values()), np.zeros(len(shifts)))
    weight = sum(float(sums.weight.sum()) for sums in groups.values())
    blocks = sum(int((sums.weight > 0).sum()) for sums in groups.values())
    between = _between_blocks(list(groups.values()), excess, weight, blocks)
    variance = np.maximum.reduce([independent, between, np.full(len(shifts), _LEAST_VARIANCE)])
    return Exceedance(excess / np.sqrt(variance), expected, variance / np.maximum(independent, _LEAST_VARIANCE), blocks)


def _between_blocks(groups: list[_Block], excess: Floats, weight: float, blocks: int) -> Floats:
    """Variance of the excess as the blocks show it, with and without the correlation of neighbouring blocks.

    Few blocks make the second (Newey and West) too small on average and uncertain; it is widened by the fixed-b
    critical value of its kernel over the normal one (Kiefer and Vogelsang, Econometric Theory 21, 2005).
    """
    plain, lagged = np.zeros_like(excess), np.zeros_like(excess)
    if blocks < 2:
        return plain
    for sums in groups:
        deviation = sums.excess - excess * sums.weight / weight
        plain += (deviation**2).sum(axis=0)
        for lag in range(1, _NEWEY_WEST_LAGS + 1):
            share = 2 * (1 - lag / (_NEWEY_WEST_LAGS + 1))
            lagged += share * (deviation[lag:] * deviation[:-lag]).sum(axis=0)
    plain *= blocks / (blocks - 1)
    window = (_NEWEY_WEST_LAGS + 1) / blocks
    widening = float(np.polyval(_FIXED_B, min(window, 1.0))) / _FIXED_B[-1]
    return np.maximum(plain, (plain + lagged) * widening**2)


@dataclass(frozen=True)
class RatioInterval:
    """Null ratios that the test does not reject, and the one in the middle. From 0 to infinity: nothing is known."""

    low: float
    estimate: float
    high: float


def ratio_interval(strata: Sequence[Stratum], critical: float) -> RatioInterval:
    """Invert the test: the ratios with |z| <= `critical`, interpolated between whole shifts on the log axis."""
    levels = (critical, 0.0, -critical)
    coarse = exceedance(strata, _COARSE).z
    brackets = [_bracket(coarse, level) for level in levels]
    inside = [_COARSE[at - 1] + np.arange(17) for at in brackets if 0 < at < len(_COARSE)]
    fine = np.unique(np.concatenate([np.empty(0, np.int64), *inside]))
    z = exceedance(strata, fine).z if len(fine) else np.empty(0)
    ratios = [
        _ratio(fine, z, level, _COARSE[at - 1]) if 0 < at < len(_COARSE) else (0.0 if at == 0 else math.inf)
        for at, level in zip(brackets, levels, strict=True)
    ]
    return RatioInterval(*ratios)


def _bracket(z: Floats, level: float) -> int:
    """Index of the first shift behind which z stays at or below `level`; 0 or the length when there is no crossing."""
    above = np.flatnonzero(z > level)
    return int(above[-1]) + 1 if len(above) else 0


def _ratio(shifts: Ints, z: Floats, level: float, start: int) -> float:
    """The ratio at which z falls to `level` within the 16 shifts after `start`, where it is above."""
    begin = int(np.searchsorted(shifts, start))
    at = begin + _bracket(z[begin : begin + 16], level)
    before, behind = z[at - 1], z[at]
    shift = shifts[at - 1] + (before - level) / (before - behind)
    return math.exp(float(shift) * LOG_BIN)
