"""Texts and numbers: every number has its unit."""

from __future__ import annotations

import math

import pytest

from verification.core.judgement import EndpointParity
from verification.core.model import Verdict
from verification.reporting import plain


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.123, "+12.3 %"), (-0.04, "-4.0 %"), (0, "+0.0 %"), (None, "not known"), (math.nan, "not known")],
)
def test_a_change_has_a_sign_and_a_unit(share: float | None, text: str) -> None:
    assert plain.change(share) == text


def test_a_change_without_limit_is_no_number() -> None:
    assert plain.change(math.inf) == "without limit"


@pytest.mark.parametrize(
    ("low", "high", "text", "short"),
    [
        (-0.032, 0.051, "-3.2 % to +5.1 %", "-3.2 … +5.1 %"),
        (-1.0, 0.051, "at most +5.1 %", "≤ +5.1 %"),
        (0.2, math.inf, "at least +20.0 %", "≥ +20.0 %"),
        (None, None, "no bounds", "no bounds"),
        (-1.0, math.inf, "no bounds", "no bounds"),
    ],
)
def test_an_interval_leaves_open_what_the_data_do_not_set(
    low: float | None, high: float | None, text: str, short: str
) -> None:
    assert plain.interval(low, high) == text
    assert plain.ends(low, high) == short


@pytest.mark.parametrize(
    ("value", "text"),
    [(4.561, "4.56 ms"), (45.61, "45.6 ms"), (456.1, "456 ms"), (math.inf, "among errors"), (None, "not known")],
)
def test_milliseconds_have_three_digits(value: float | None, text: str) -> None:
    assert plain.milliseconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(462.4, "7 min 42 s"), (59.6, "1 min 0 s"), (7.2, "7 s"), (3725.0, "1 h 2 min"), (None, "not known")],
)
def test_a_duration_has_the_units_that_a_person_counts_in(value: float | None, text: str) -> None:
    assert plain.duration(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.00009, "< 0.0001"), (0.000244, "0.00024"), (0.875, "0.88"), (1, "1")])
def test_a_p_value_keeps_two_digits_that_count(value: float, text: str) -> None:
    assert plain.p_value(value) == text


@pytest.mark.parametrize(
    ("pairs", "equal", "rate", "text"),
    [
        (300, 300, 0.00994, "with 300 equal pairs a difference rate above 1.00 % is excluded at 95 %"),
        (13, 13, 0.20583, "with 13 equal pairs a difference rate above 20.59 % is excluded at 95 %"),
        (14, 13, 0.20583, "with 13 of 14 equal pairs a difference rate above 20.59 % is excluded at 95 %"),
        (9, 8, None, "8 of 9 pairs are equal, which excludes no rate of differences"),
        (0, 0, None, "no pair was compared"),
    ],
)
def test_what_equal_pairs_exclude_is_said_in_words_and_never_too_much(
    pairs: int, equal: int, rate: float | None, text: str
) -> None:
    assert plain.excluded(EndpointParity("GET /x", 1, 1, 0, 0, 0, rate, pairs, equal)) == text


def test_moments_are_told_in_utc() -> None:
    assert plain.moment("2026-03-01T12:15:00+02:00") == "2026-03-01 10:15 UTC"
    assert plain.moment("yesterday\x1b") == "yesterday\\x1b"


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_a_meaning_and_a_next_step(verdict: Verdict) -> None:
    assert plain.MEANING[verdict.value].endswith(".")
    assert plain.NEXT_STEP[verdict.value].endswith(".")
