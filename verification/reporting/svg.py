"""Coordinates of the drawings: numbers in, positions out. The templates draw; nothing is decided here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_WIDEST = (-0.6, 3.0)
"""No axis reaches further than these changes; what lies beyond is drawn at the edge with an arrow."""
_NARROWEST = (-0.3, 0.7)
_TICKS = (-0.5, -0.3, -0.1, 0.0, 0.2, 0.5, 1.0, 2.0)
_COLUMNS = 64


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale of changes, logarithmic in the ratio, so that twice and half as slow are equally far from no change."""

    lowest: float
    highest: float

    def position(self, change: float) -> float:
        """Where a change lies, from 0 (left) to 100 (right); outside the axis it is at its edge."""
        clipped = min(max(change, self.lowest), self.highest)
        span = math.log1p(self.highest) - math.log1p(self.lowest)
        return round(100 * (math.log1p(clipped) - math.log1p(self.lowest)) / span, 2)

    @property
    def ticks(self) -> tuple[float, ...]:
        """The changes worth a label."""
        return tuple(tick for tick in _TICKS if self.lowest < tick < self.highest)


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval with its point, from 0 to 100. `open_left` and `open_right` tell that it goes on beyond the axis."""

    left: float
    right: float
    point: float | None
    open_left: bool
    open_right: bool


def axis_for(changes: Sequence[float | None]) -> Axis:
    """An axis that holds all finite changes as far as it may reach, with a little room beside them."""
    known = [change for change in changes if change is not None and math.isfinite(change) and change > -1]
    lowest = max(_WIDEST[0], min([_NARROWEST[0], *(change - 0.05 for change in known)]))
    highest = min(_WIDEST[1], max([_NARROWEST[1], *(change + 0.1 for change in known)]))
    return Axis(lowest, highest)


def bar(axis: Axis, change: float | None, low: float | None, high: float | None) -> Bar:
    """Where an interval begins and ends; an end that the data do not set is open."""
    open_left = low is None or math.isnan(low) or low < axis.lowest
    open_right = high is None or math.isnan(high) or high > axis.highest
    left = 0.0 if low is None or open_left else axis.position(low)
    right = 100.0 if high is None or open_right else axis.position(high)
    point = None if change is None or math.isnan(change) else axis.position(change)
    return Bar(left, max(right, left), point, open_left, open_right)


@dataclass(frozen=True, slots=True)
class Curves:
    """Two step lines over a logarithmic axis of milliseconds, as path data in a box of 100 by 100, and its ticks."""

    control: str
    candidate: str
    ticks: tuple[tuple[float, str], ...]
    first_ms: float
    last_ms: float

    def position(self, ms: float | None) -> float | None:
        """Where a time lies, from 0 to 100; None when it is unknown or outside the drawing."""
        if ms is None or not self.first_ms <= ms <= self.last_ms:
            return None
        return _place(ms, self.first_ms, self.last_ms)


def curves(edges_ms: Sequence[float], control: Sequence[float], candidate: Sequence[float]) -> Curves | None:
    """Both distributions, several log bins taken together so that the lines can be told apart; None without any."""
    if len(edges_ms) < 2 or not any([*control, *candidate]):
        return None
    together = max(1, math.ceil(len(edges_ms) / _COLUMNS))
    starts = range(0, len(edges_ms), together)
    arms = [[sum(arm[start : start + together]) for start in starts] for arm in (control, candidate)]
    top = max(max(arm) for arm in arms)
    first, last = edges_ms[0], edges_ms[-1]
    places = [*(_place(edges_ms[start], first, last) for start in starts), 100.0]
    paths = [_steps(places, [round(96 * (1 - share / top) + 4, 1) for share in arm]) for arm in arms]
    return Curves(paths[0], paths[1], _ticks_ms(first, last), first, last)


def _ticks_ms(first: float, last: float) -> tuple[tuple[float, str], ...]:
    steps = (1, 2, 5) if last / first < 300 else (1,)
    ticks = [step * 10.0**power for power in range(-1, 7) for step in steps]
    places = [(_place(tick, first, last), f"{tick:g}") for tick in ticks if first <= tick <= last]
    return tuple((place, text) for place, text in places if 3 <= place <= 96)


def _place(ms: float, first: float, last: float) -> float:
    return round(100 * math.log(ms / first) / (math.log(last / first) or 1.0), 2)


def _steps(places: Sequence[float], heights: Sequence[float]) -> str:
    """Steps from left to right, closed along the ground so that the same path can be filled."""
    moves = [f"H{left:g}V{height:g}" for left, height in zip(places, heights, strict=False)]
    return f"M0 100{''.join(moves)}H100V100Z"
