"""Coordinates of the drawings: numbers in, positions out. The templates draw; nothing is decided here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LOWEST_CHANGE, HIGHEST_CHANGE = -0.4, 1.5
CURVE_WIDTH, CURVE_HEIGHT = 320.0, 110.0


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval with its point on an axis from 0 to 100; `None` where there is nothing to draw."""

    left: float
    right: float
    point: float | None


def axis(change: float) -> float:
    """Position of a change on the common axis, logarithmic in the ratio, so that twice and half are as far."""
    span = math.log1p(HIGHEST_CHANGE) - math.log1p(LOWEST_CHANGE)
    clipped = min(max(change, LOWEST_CHANGE), HIGHEST_CHANGE)
    return round(100 * (math.log1p(clipped) - math.log1p(LOWEST_CHANGE)) / span, 2)


def bar(change: float | None, low: float | None, high: float | None) -> Bar:
    """Where an interval begins and ends; an open end reaches the end of the axis."""
    left = 0.0 if low is None or low <= -1 or math.isnan(low) else axis(low)
    right = 100.0 if high is None or math.isnan(high) else axis(high)
    point = None if change is None or math.isnan(change) else axis(change)
    return Bar(left, max(right, left), point)


@dataclass(frozen=True, slots=True)
class Curves:
    """Two step lines over a logarithmic axis of milliseconds, as SVG path data, and the ticks of the axis."""

    control: str
    candidate: str
    ticks: tuple[tuple[float, str], ...]


def curves(edges_ms: Sequence[float], control: Sequence[float], candidate: Sequence[float]) -> Curves | None:
    """Both distributions, several log bins taken together so that the lines can be told apart; None without any."""
    if len(edges_ms) < 2:
        return None
    together = max(1, len(edges_ms) // 60)
    starts = range(0, len(edges_ms), together)
    arms = [[sum(arm[start : start + together]) for start in starts] for arm in (control, candidate)]
    top = max(max(arm) for arm in arms) or 1.0
    first, last = math.log(edges_ms[0]), math.log(edges_ms[-1])
    width = (last - first) or 1.0
    places = [CURVE_WIDTH * (math.log(edges_ms[start]) - first) / width for start in starts]
    paths = [_steps(places, [CURVE_HEIGHT * (1 - share / top) for share in arm]) for arm in arms]
    ticks = [
        (round(CURVE_WIDTH * (math.log(tick) - first) / width, 1), f"{tick:g}")
        for power in range(-1, 6)
        for tick in (10.0**power, 2 * 10.0**power, 5 * 10.0**power)
        if edges_ms[0] <= tick <= edges_ms[-1]
    ]
    return Curves(paths[0], paths[1], tuple(ticks))


def _steps(places: list[float], heights: list[float]) -> str:
    points = [f"M0 {CURVE_HEIGHT:g}"]
    for index, (place, height) in enumerate(zip(places, heights, strict=True)):
        end = places[index + 1] if index + 1 < len(places) else CURVE_WIDTH
        points.append(f"L{place:.1f} {height:.1f}L{end:.1f} {height:.1f}")
    return "".join(points)
