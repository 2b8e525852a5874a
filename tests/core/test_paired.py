"""The paired test: exact, fair between the two sides, and Holm's adjustment over the fields."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.core.model import Difference
from verification.core.paired import (
    FieldTest,
    Pair,
    exact_p_value,
    field_of,
    fields_of,
    holm,
    paired_tests,
    pairs_needed,
)

FIELD = ("body", "fps")
NAMES = st.frozensets(st.sampled_from([("body", name) for name in "abcd"]))
PAIRS = st.lists(st.builds(Pair, NAMES, NAMES), max_size=30)
P_VALUES = st.lists(st.floats(0, 1), max_size=12)


def place(path: str, where: str = "body") -> Difference:
    return Difference(where, path, "value", "1", "2")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("items.3.fps", "items.*.fps"),
        ("items.12", "items.*"),
        ("«camera».v4.fps", "«camera».v4.fps"),
        ("fps", "fps"),
        ("", ""),
    ],
)
def test_positions_and_numeric_keys_are_one_field(path: str, field: str) -> None:
    assert field_of(place(path)) == ("body", field)


def test_the_same_path_in_the_answer_and_in_the_state_are_two_fields() -> None:
    assert len(fields_of([place("fps"), place("fps", "state cameras"), place("fps")])) == 2


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_p_value_is_the_exact_share_of_as_extreme_outcomes(only_candidate: int, only_noise: int) -> None:
    n = only_candidate + only_noise
    exact = sum(math.comb(n, k) for k in range(only_candidate, n + 1)) / 2**n
    assert exact_p_value(only_candidate, only_noise) == pytest.approx(exact, rel=1e-9)


def test_no_discordant_pair_speaks_for_nothing() -> None:
    assert exact_p_value(0, 0) == 1.0
    (test,) = paired_tests([Pair(frozenset({FIELD}), frozenset({FIELD}))] * 50)
    assert (test.candidate, test.noise, test.p_value, test.adjusted_p) == (50, 50, 1.0, 1.0)


@given(st.integers(0, 200), st.integers(0, 200))
def test_swapping_the_sides_swaps_the_tails(a: int, b: int) -> None:
    at_equal = math.comb(a + b, a) / 2 ** (a + b)
    assert exact_p_value(a, b) + exact_p_value(b, a) == pytest.approx(1 + at_equal)


@given(PAIRS)
def test_swapping_the_roles_swaps_the_counts(pairs: list[Pair]) -> None:
    swapped = {test.field: test for test in paired_tests([Pair(pair.noise, pair.candidate) for pair in pairs])}
    for test in paired_tests(pairs):
        other = swapped.pop(test.field)
        assert (test.candidate, test.only_candidate) == (other.noise, other.only_noise)
        assert (test.noise, test.only_noise) == (other.candidate, other.only_candidate)
    assert not swapped


@given(PAIRS)
def test_counts_add_up_and_the_order_of_the_pairs_does_not_matter(pairs: list[Pair]) -> None:
    tests = paired_tests(pairs)
    assert tests == paired_tests(pairs[::-1])
    assert {test.field for test in tests} == {field for pair in pairs for field in pair.candidate | pair.noise}
    for test in tests:
        both = test.candidate - test.only_candidate
        assert both == test.noise - test.only_noise >= 0
        assert 0 < both + test.only_candidate + test.only_noise <= test.pairs == len(pairs)


@given(P_VALUES)
def test_holm_is_never_smaller_than_p_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert len(adjusted) == len(p_values)
    for before, after in zip(p_values, adjusted, strict=True):
        assert before <= after <= min(1.0, len(p_values) * before)
    ordered = sorted(zip(p_values, adjusted, strict=True))
    assert [after for _, after in ordered] == sorted(adjusted)


def test_holm_gives_the_figures_of_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(P_VALUES, st.integers(0, 11))
def test_a_smaller_p_value_never_makes_another_field_look_worse(p_values: list[float], index: int) -> None:
    if index < len(p_values):
        better = [p / 2 if n == index else p for n, p in enumerate(p_values)]
        assert all(new <= old for new, old in zip(holm(better), holm(p_values), strict=True))


@pytest.mark.parametrize(("only_candidate", "only_noise"), [(1, 0), (3, 1), (6, 2), (9, 5)])
def test_the_pairs_said_to_be_needed_would_do_and_fewer_would_not(only_candidate: int, only_noise: int) -> None:
    test = FieldTest("body", "x", 20, only_candidate, only_noise, only_candidate, only_noise, 0.5, 0.5)
    times, rest = divmod(pairs_needed(test, 0.01), 20)
    assert rest == 0
    assert exact_p_value(times * only_candidate, times * only_noise) <= 0.01
    assert exact_p_value((times - 1) * only_candidate, (times - 1) * only_noise) > 0.01


@pytest.mark.parametrize(("only_candidate", "only_noise"), [(0, 0), (2, 2), (2, 5), (50_001, 50_000)])
def test_where_the_noise_is_as_large_no_number_of_pairs_is_promised(only_candidate: int, only_noise: int) -> None:
    test = FieldTest("body", "x", 100_001, only_candidate, only_noise, only_candidate, only_noise, 1.0, 1.0)
    assert pairs_needed(test, 0.01) == 0


def drawn(noise_rate: float, pairs: int, chance: random.Random, *, changed: bool = False) -> Iterator[Pair]:
    """Three answers of a field that shows a value of its own now and then, so that two of them differ at the rate."""
    odd = 1 - math.sqrt(1 - noise_rate)
    for _ in range(pairs):
        first, again, other = (chance.random() if chance.random() < odd else "usual" for _ in range(3))
        candidate = frozenset({FIELD} if changed or first != other else ())
        yield Pair(candidate, frozenset({FIELD} if first != again else ()))


def alarms(noise_rate: float, pairs: int, *, changed: bool = False, runs: int = 300, alpha: float = 0.01) -> float:
    chance = random.Random(f"{noise_rate}/{pairs}/{changed}")
    found = 0
    for _ in range(runs):
        tests = paired_tests(list(drawn(noise_rate, pairs, chance, changed=changed)))
        found += any(test.adjusted_p < alpha for test in tests)
    return found / runs


@pytest.mark.parametrize(("noise_rate", "pairs"), list(product((0.02, 0.3, 0.66, 0.9), (20, 100))))
def test_an_honest_candidate_alarms_no_more_often_than_alpha_allows(noise_rate: float, pairs: int) -> None:
    assert alarms(noise_rate, pairs) <= 0.025


@pytest.mark.parametrize(("noise_rate", "pairs"), [(0.02, 20), (0.3, 20), (2 / 3, 40), (0.9, 150)])
def test_a_change_that_is_always_there_is_found_on_a_flaky_field(noise_rate: float, pairs: int) -> None:
    assert alarms(noise_rate, pairs, changed=True) >= 0.95
