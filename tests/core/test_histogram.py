"""Log bins: exact at their edges, mergeable in any order, near to the raw samples' quantiles."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from verification.core.histogram import (
    BINS_PER_20_PERCENT,
    INVALID_BIN,
    TOP_BIN,
    Bins,
    EmptyHistogramError,
    Histogram,
    axis_of,
    bin_of,
    edge_ms,
    merge,
    quantile_ms,
    total,
)

HISTOGRAMS = st.dictionaries(st.integers(INVALID_BIN, TOP_BIN), st.integers(0, 10**9), max_size=30)
TIMES = st.floats(0.2, 60_000)


@pytest.mark.parametrize("number", range(TOP_BIN + 1))
def test_a_time_on_an_edge_belongs_to_the_bin_above_it(number: int) -> None:
    assert bin_of(edge_ms(number)) == number
    assert bin_of(0.1 * 1.2 ** (number / 18)) == number


@given(TIMES)
def test_a_time_lies_within_the_edges_of_its_bin(ms: float) -> None:
    number = bin_of(ms)
    assert edge_ms(number) * (1 - 1e-9) <= ms < edge_ms(number + 1)


@given(TIMES)
def test_twenty_percent_slower_is_eighteen_bins_up(ms: float) -> None:
    assert bin_of(ms * 1.2) - bin_of(ms) == BINS_PER_20_PERCENT


@pytest.mark.parametrize("ms", [math.nan, 0.0, -0.0, -1.0, -math.inf])
def test_what_is_no_positive_number_is_counted_as_invalid(ms: float) -> None:
    assert bin_of(ms) == INVALID_BIN


@pytest.mark.parametrize("ms", [5e-324, 1e-6, 0.05, 0.0999])
def test_times_below_the_first_edge_go_into_the_first_bin(ms: float) -> None:
    assert bin_of(ms) == 0


@pytest.mark.parametrize("ms", [edge_ms(TOP_BIN), 1e9, 1e308, math.inf])
def test_times_beyond_every_wait_go_into_the_top_bin(ms: float) -> None:
    assert bin_of(ms) == TOP_BIN
    assert edge_ms(TOP_BIN) >= 10 * 60 * 1000


def test_the_invalid_bin_has_no_width() -> None:
    assert edge_ms(INVALID_BIN) == 0.0


@given(HISTOGRAMS, HISTOGRAMS, HISTOGRAMS)
def test_merging_is_associative_and_commutative_and_loses_nothing(one: Bins, two: Bins, three: Bins) -> None:
    assert merge(merge(one, two), three) == merge(one, merge(two, three)) == merge(one, two, three)
    assert merge(one, two) == merge(two, one)
    assert total(merge(one, two, three)) == total(one) + total(two) + total(three)


@given(HISTOGRAMS)
def test_merging_with_nothing_changes_nothing_and_leaves_its_input_alone(bins: dict[int, int]) -> None:
    before = dict(bins)
    merged = merge(bins, {})
    assert merged == bins
    assert merge() == {}
    assert bins == before
    assert merge(bins) == before


@given(HISTOGRAMS)
def test_bins_kept_as_arrays_read_like_the_mapping_they_were_made_of(bins: dict[int, int]) -> None:
    packed = Histogram.of(bins)
    assert Histogram.of(packed) is packed
    assert packed == bins
    assert dict(packed.items()) == bins
    assert list(packed) == sorted(bins)
    assert all(packed[number] == count for number, count in bins.items())
    assert {number for number in range(INVALID_BIN, TOP_BIN + 1) if number in packed} == bins.keys()
    assert repr(packed) == f"Histogram({dict(sorted(bins.items()))})"


@given(HISTOGRAMS)
def test_on_an_axis_every_request_stands_once_and_what_is_no_time_stands_last(bins: dict[int, int]) -> None:
    axis = axis_of([bins])
    counts = Histogram.of(bins).on(axis)
    proper = {number: count for number, count in bins.items() if INVALID_BIN < number < TOP_BIN}
    assert [proper.get(number, 0) for number in axis[:-1]] == counts[:-1].tolist()
    assert counts[-1] == bins.get(INVALID_BIN, 0) + bins.get(TOP_BIN, 0)
    assert counts.sum() == total(bins)


@pytest.mark.parametrize(
    "bins", [{-2: 1}, {TOP_BIN + 1: 1}, {5: -1}, {5: 2**53 + 1}, {5: 2**70}, {2**70: 1}, {-(2**70): 1}]
)
def test_what_cannot_be_a_histogram_is_refused_with_what_can(bins: Bins) -> None:
    with pytest.raises(ValueError, match="bins can be -1 to 1600, counts 0 to"):
        Histogram.of(bins)


@given(st.lists(TIMES, min_size=1), st.lists(TIMES, min_size=1), st.floats(0, 1))
def test_a_quantile_of_merged_workers_is_that_of_all_requests(one: list[float], two: list[float], q: float) -> None:
    merged = merge(Counter(map(bin_of, one)), Counter(map(bin_of, two)))
    assert quantile_ms(merged, q) == quantile_ms(Counter(map(bin_of, one + two)), q)


@given(st.lists(TIMES, min_size=1, max_size=60), st.floats(0, 1))
def test_a_quantile_is_within_six_tenths_of_a_percent_of_the_samples_for_any_samples(
    times: list[float], q: float
) -> None:
    assert quantile_ms(Counter(map(bin_of, times)), q) == pytest.approx(float(np.quantile(times, q)), rel=0.006)


LAWS: dict[str, Callable[[np.random.Generator, int], NDArray[np.float64]]] = {
    "log-normal": lambda rng, n: np.exp(0.5 * rng.standard_normal(n)),
    "uniform": lambda rng, n: 0.5 + rng.random(n),
    "Pareto": lambda rng, n: 0.5 + rng.pareto(1.8, n),
    "two modes": lambda rng, n: np.where(rng.random(n) < 0.06, 6.0, 1.0) + 0.1 * rng.random(n),
    "constant": lambda _, n: np.full(n, 1.0),
}


@pytest.mark.parametrize("scale_ms", [1.0, 8.0, 60.0, 400.0, 2_000.0])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("requests", [30, 3_000])
def test_the_p95_of_a_law_is_within_six_tenths_of_a_percent(law: str, scale_ms: float, requests: int) -> None:
    times = scale_ms * LAWS[law](np.random.default_rng(7), requests)
    bins = Counter(map(bin_of, times.tolist()))
    for q in (0.5, 0.95, 0.99):
        assert quantile_ms(bins, q) == pytest.approx(float(np.quantile(times, q)), rel=0.006)


def test_a_quantile_among_errors_is_infinite() -> None:
    bins = {bin_of(10.0): 90, TOP_BIN: 10}
    assert quantile_ms(bins, 0.95) == math.inf
    assert quantile_ms(bins, 0.5) == pytest.approx(10.0, rel=0.006)
    # Rank 89.1 of 100 lies between the last answer and the first error.
    assert quantile_ms(bins, 0.9) == math.inf


def test_an_invalid_time_never_makes_a_service_look_fast() -> None:
    assert quantile_ms({INVALID_BIN: 10, bin_of(10.0): 90}, 0.95) == math.inf


@pytest.mark.parametrize("bins", [{}, {5: 0}])
def test_a_quantile_of_nothing_is_an_error_that_says_what_to_do(bins: Bins) -> None:
    with pytest.raises(EmptyHistogramError, match=r"95% quantile of no requests.*total\(bins\)"):
        quantile_ms(bins, 0.95)
