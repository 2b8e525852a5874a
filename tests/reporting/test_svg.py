"""Coordinates stay inside their drawing and in the order of the numbers."""

from __future__ import annotations

import math
import re

import pytest

from verification.reporting import svg


@pytest.mark.parametrize("changes", [[], [0.02], [-0.9, 50.0], [math.inf, math.nan, None, -1.0]])
def test_an_axis_holds_the_limits_and_reaches_no_further_than_can_be_read(changes: list[float | None]) -> None:
    axis = svg.axis_for(changes)
    places = [axis.position(change) for change in (-0.99, axis.lowest, 0.0, 0.2, 0.5, axis.highest, 1e9)]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0, 100)
    assert -0.7 < axis.lowest < 0 < 0.5 < axis.highest < 4
    assert {0.0, 0.2, 0.5} <= set(axis.ticks)


def test_twice_and_half_as_slow_are_equally_far_from_no_change() -> None:
    axis = svg.axis_for([-0.55, 2.0])
    assert axis.position(1.0) - axis.position(0) == pytest.approx(axis.position(0) - axis.position(-0.5), abs=0.02)


def test_an_end_that_the_data_do_not_set_is_drawn_open() -> None:
    axis = svg.axis_for([0.1])
    bar = svg.bar(axis, math.inf, -1.0, math.inf)
    assert (bar.left, bar.right, bar.open_left, bar.open_right, bar.point) == (0, 100, True, True, 100)
    unknown = svg.bar(axis, None, None, None)
    assert (unknown.left, unknown.right, unknown.point) == (0, 100, None)
    closed = svg.bar(axis, 0.1, 0.0, 0.2)
    assert closed.left < (closed.point or 0) < closed.right
    assert not closed.open_left
    assert not closed.open_right


@pytest.mark.parametrize("count", [2, 3, 63, 64, 65, 250, 1500])
def test_curves_stay_inside_their_box(count: int) -> None:
    edges = [5 * 1.01**number for number in range(count)]
    shares = [1 / count] * count
    drawn = svg.curves(edges, shares, [0.0] * (count - 1) + [1.0])
    assert drawn is not None
    for path in (drawn.control, drawn.candidate):
        numbers = [float(number) for number in re.findall(r"[\d.]+", path)]
        assert all(0 <= number <= 100 for number in numbers)
        assert path.count("V") <= 70
    assert all(0 <= place <= 100 for place, _ in drawn.ticks)


def test_the_arm_with_more_in_one_place_is_drawn_higher() -> None:
    drawn = svg.curves([1.0, 2.0], [0.9, 0.1], [0.1, 0.9])
    assert drawn is not None
    assert drawn.control.startswith("M0 100H0V4H")
    assert not drawn.candidate.startswith("M0 100H0V4H")


@pytest.mark.parametrize(("edges", "shares"), [([], []), ([1.0], [1.0]), ([1.0, 2.0], [0.0, 0.0])])
def test_without_anything_to_draw_there_is_no_drawing(edges: list[float], shares: list[float]) -> None:
    assert svg.curves(edges, shares, shares) is None


def test_a_time_outside_the_drawing_has_no_place() -> None:
    drawn = svg.curves([1.0, 10.0, 100.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5])
    assert drawn is not None
    assert drawn.position(10.0) == pytest.approx(50.0)
    assert [drawn.position(ms) for ms in (None, math.inf, 0.5)] == [None, None, None]
