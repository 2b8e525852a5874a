"""Rates: exact bounds on both sides of every boundary."""

from __future__ import annotations

import math
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from verification.core.model import Verdict
from verification.core.policy import RatePolicy
from verification.core.rates import (
    difference_rate_bound,
    dispersion_p_value,
    error_rate,
    exposure_evalue,
    exposure_interval,
    exposure_p_value,
    highest_rate,
    log_evidence_above,
    lowest_rate,
    switches_p_value,
)

POLICY = RatePolicy()
COUNTS = st.integers(0, 3_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(("requests", "verdict", "missing"), [(458, "INCONCLUSIVE", 1), (459, "PROMOTE", 0)])
def test_no_errors_prove_one_percent_from_459_requests_on(requests: int, verdict: str, missing: int) -> None:
    bound = error_rate(0, requests, POLICY, prove=True)
    assert (bound.verdict.value, bound.missing) == (verdict, missing)


def test_no_requests_are_never_good_enough() -> None:
    bound = error_rate(0, 0, POLICY, prove=True)
    assert (bound.verdict, bound.missing, bound.rate, bound.low, bound.high) == (Verdict.INCONCLUSIVE, 459, 0, 0, 1)


def test_no_errors_prove_five_percent_from_90_requests_on() -> None:
    policy = RatePolicy(hold_error_rate=0.05, rollback_error_rate=0.5)
    assert error_rate(0, 89, policy, prove=True).verdict is Verdict.INCONCLUSIVE
    assert error_rate(0, 90, policy, prove=True).verdict is Verdict.PROMOTE


@pytest.mark.parametrize(("percent", "quiet"), [(1, Verdict.PROMOTE), (5, Verdict.HOLD)])
def test_a_rate_of_exactly_the_limit_does_not_lie_above_it(percent: int, quiet: Verdict) -> None:
    requests = 100_000_000
    assert error_rate(percent * requests // 100, requests, POLICY, prove=False).verdict is quiet


@pytest.mark.parametrize(
    ("errors", "requests", "verdict"),
    [
        (100, 10_000, Verdict.PROMOTE),  # exactly 1 %
        (123, 10_000, Verdict.PROMOTE),  # above 1 %, not proven
        (125, 10_000, Verdict.HOLD),
        (500, 10_000, Verdict.HOLD),  # exactly 5 %
        (551, 10_000, Verdict.HOLD),  # above 5 %, not proven
        (554, 10_000, Verdict.ROLLBACK),
        (10_000, 10_000, Verdict.ROLLBACK),
        (1, 1, Verdict.PROMOTE),  # one error of one request is no proof at 1 %
        (2, 2, Verdict.ROLLBACK),  # but two of two are: 0.05^2 < 0.01
    ],
)
def test_a_rate_raises_an_alarm_where_it_is_proven(errors: int, requests: int, verdict: Verdict) -> None:
    assert error_rate(errors, requests, POLICY, prove=False).verdict is verdict


def test_many_tests_alarm_later_and_prove_alike() -> None:
    assert error_rate(125, 10_000, POLICY, prove=False, alarm_alpha=0.01).verdict is Verdict.HOLD
    assert error_rate(125, 10_000, POLICY, prove=False, alarm_alpha=0.0001).verdict is Verdict.PROMOTE
    assert error_rate(0, 459, POLICY, prove=True, alarm_alpha=0.0001).verdict is Verdict.PROMOTE


def test_an_alarm_goes_before_a_missing_proof() -> None:
    assert error_rate(60, 500, POLICY, prove=True).verdict is Verdict.ROLLBACK
    assert error_rate(20, 500, POLICY, prove=True).verdict is Verdict.HOLD


def test_missing_requests_are_enough_and_not_far_too_many() -> None:
    bound = error_rate(2, 500, POLICY, prove=True)
    requests = 500 + bound.missing
    assert error_rate(math.floor(0.004 * requests), requests, POLICY, prove=True).verdict is Verdict.PROMOTE
    fewer = 500 + bound.missing - 1
    assert error_rate(math.ceil(0.004 * fewer), fewer, POLICY, prove=True).verdict is Verdict.INCONCLUSIVE
    assert str(bound.missing) in bound.reason


def test_no_number_of_requests_is_named_where_none_would_do() -> None:
    bound = error_rate(5, 500, POLICY, prove=True)
    assert (bound.verdict, bound.missing) == (Verdict.INCONCLUSIVE, 0)
    assert "no number of requests" in bound.reason


@pytest.mark.parametrize(
    ("errors", "prove", "said"),
    [(0, True, "1.00% or less is proven"), (12, False, "more than 1.00% is not shown"), (40, True, "is proven")],
)
def test_a_reason_holds_the_numbers(errors: int, prove: bool, said: str) -> None:
    reason = error_rate(errors, 1_000, POLICY, prove=prove).reason
    assert f"{errors} errors in 1000 requests ({errors / 1000:.2%}" in reason
    assert said in reason


@given(COUNTS)
def test_bounds_enclose_the_rate(counts: tuple[int, int]) -> None:
    bound = error_rate(*counts, POLICY, prove=True)
    assert 0 <= bound.low <= bound.rate <= bound.high <= 1


def test_an_acceptable_rate_is_flagged_in_at_most_one_run_of_a_hundred() -> None:
    rng = np.random.default_rng(3)
    flagged = [error_rate(n, 2_000, POLICY, prove=False).verdict for n in rng.binomial(2_000, 0.01, 2_000).tolist()]
    assert sum(verdict is not Verdict.PROMOTE for verdict in flagged) <= 32  # 20 expected at most, 3 errors above


@pytest.mark.parametrize(("domain", "total", "share"), [(1, 10_000, 0.0), (9_999, 10_000, 1.0)])
def test_one_contrary_request_disproves_a_share_of_none_or_all(domain: int, total: int, share: float) -> None:
    assert exposure_evalue(domain, total, share) == math.inf


@pytest.mark.parametrize(("domain", "total", "share"), [(0, 10_000, 0.0), (10_000, 10_000, 1.0), (0, 0, 0.0)])
def test_a_share_of_none_or_all_that_is_kept_is_no_evidence(domain: int, total: int, share: float) -> None:
    assert exposure_evalue(domain, total, share) == 1.0


@pytest.mark.parametrize("share", [0.01, 0.1, 0.25, 0.5, 0.99])
def test_the_evidence_against_a_true_share_is_one_on_average(share: float) -> None:
    total = 300
    counts = np.arange(total + 1)
    logs = np.array([math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1) for k in counts.tolist()])
    chances = np.exp(logs + counts * math.log(share) + (total - counts) * math.log1p(-share))
    # Counts too improbable for a float would multiply 0 by an infinite e-value.
    possible = [(k, p) for k, p in zip(counts.tolist(), chances.tolist(), strict=True) if p > 0]
    mean = sum(p * exposure_evalue(k, total, share) for k, p in possible)
    assert mean == pytest.approx(1.0, rel=1e-6)


def test_a_wrong_share_is_found_and_the_right_one_is_not() -> None:
    assert exposure_evalue(100, 1_000, 0.1) < 1
    assert exposure_evalue(10, 1_000, 0.1) > POLICY.exposure_alarm
    assert exposure_evalue(0, 0, 0.1) == 1.0


def test_overwhelming_evidence_does_not_overflow() -> None:
    assert exposure_evalue(10**9, 10**9, 0.1) == math.inf
    assert 0 <= exposure_evalue(10**8, 10**9, 0.1) < 1


@pytest.mark.parametrize(
    ("domain", "total", "low", "high"),
    [(0, 10, 0.0, 0.30850), (10, 10, 0.69150, 1.0), (3, 10, 0.06674, 0.65245), (0, 0, 0.0, 1.0)],
)
def test_the_exposure_interval_is_the_exact_one(domain: int, total: int, low: float, high: float) -> None:
    assert exposure_interval(domain, total) == pytest.approx((low, high), abs=1e-5)


def test_equal_pairs_bound_the_share_of_differing_cases() -> None:
    assert difference_rate_bound(0) == 1.0
    assert difference_rate_bound(1) == pytest.approx(0.95)
    assert difference_rate_bound(59) == pytest.approx(1 - 0.05 ** (1 / 59))
    assert difference_rate_bound(59) < 0.05 < difference_rate_bound(58)


def test_the_exact_exposure_test_sees_a_large_deviation_in_few_requests() -> None:
    assert exposure_p_value(30, 300, 0.1) > 0.5
    assert exposure_p_value(3, 300, 0.1) < 1e-6
    assert exposure_p_value(0, 300, 0.0) == 1.0
    assert exposure_p_value(1, 300, 0.0) == 0.0


@pytest.mark.parametrize(("requests", "verdict"), [(523, Verdict.INCONCLUSIVE), (524, Verdict.PROMOTE)])
def test_looked_at_again_and_again_no_errors_prove_one_percent_from_524_requests_on(
    requests: int, verdict: Verdict
) -> None:
    assert error_rate(0, requests, POLICY, prove=True, repeatedly=True).verdict is verdict


def test_looked_at_again_and_again_no_errors_prove_five_percent_from_97_requests_on() -> None:
    assert highest_rate(0, 96, 0.01) > 0.05 >= highest_rate(0, 97, 0.01)


def test_looked_at_again_and_again_the_missing_number_is_what_then_proves_it() -> None:
    bound = error_rate(0, 400, POLICY, prove=True, repeatedly=True)
    assert bound.missing == 124


@given(COUNTS)
def test_bounds_for_many_looks_are_wider_and_hold_the_observed_rate(counts: tuple[int, int]) -> None:
    errors, requests = counts
    low, high = lowest_rate(errors, requests, 0.01), highest_rate(errors, requests, 0.01)
    once = error_rate(errors, requests, POLICY, prove=False)
    assert 0 <= low <= once.rate <= high <= 1
    if requests >= 20:
        assert low <= once.low + 1e-9
        assert high >= once.high - 1e-9


@pytest.mark.parametrize("rate", [0.01, 0.05])
def test_bounds_for_many_looks_are_hardly_ever_wrong_at_any_of_them(rate: float) -> None:
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(200):
        errors = np.cumsum(rng.random(1500) < rate)
        looks = range(50, 1501, 50)
        wrong += any(
            not lowest_rate(int(errors[n - 1]), n, 0.01) <= rate <= highest_rate(int(errors[n - 1]), n, 0.01)
            for n in looks
        )
    # Each side errs in at most 1 % of the runs.
    assert wrong <= 10


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 8))
def test_the_chance_of_few_switches_is_that_of_all_orders_counted(legacy: int, domain: int, switches: int) -> None:
    orders = set(permutations("l" * legacy + "d" * domain))
    few = sum(sum(a != b for a, b in pairwise(order)) <= switches for order in orders)
    assert switches_p_value(legacy, domain, switches) == pytest.approx(few / len(orders))


def test_where_all_went_one_way_the_order_tells_nothing() -> None:
    assert switches_p_value(0, 300, 0) == switches_p_value(300, 0, 0) == 1.0


@given(COUNTS, st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]))
def test_the_exact_test_of_a_share_is_the_textbooks(counts: tuple[int, int], share: float) -> None:
    domain, total = counts
    if total:
        expected = stats.binomtest(domain, total, share).pvalue
        assert exposure_p_value(domain, total, share) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_a_share_that_is_the_same_everywhere_is_no_dispersion() -> None:
    """Uniform under chance: a small p-value is as rare as it says."""
    rng = np.random.default_rng(3)
    seen = []
    for _ in range(400):
        domain = rng.binomial(60, 0.25, size=10).tolist()
        seen.append(dispersion_p_value([(60 - one, one) for one in domain]))
    assert 0.02 < np.mean(np.array(seen) < 0.05) < 0.09
    assert dispersion_p_value([(60, 0), (0, 60)] * 5) < 1e-12


@pytest.mark.parametrize(
    "shares",
    [[], [(0, 0)] * 4, [(50, 0)] * 6, [(0, 50)] * 6, [(40, 10), (0, 50)], [(2, 1), (1, 2)] * 4,
     [(2000, 0)] * 4 + [(0, 40)]],
)  # fmt: skip
def test_what_tells_too_little_of_dispersion_tells_nothing(shares: list[tuple[int, int]]) -> None:
    assert dispersion_p_value(shares) == 1.0


@given(COUNTS, st.sampled_from([0.01, 0.05]), st.sampled_from([0.01, 0.0005]))
def test_evidence_above_a_rate_and_the_lowest_rate_are_one_thing(
    counts: tuple[int, int], rate: float, alpha: float
) -> None:
    evidence = float(log_evidence_above(np.array(counts[0]), np.array(counts[1]), rate))
    lowest = lowest_rate(*counts, alpha)
    if abs(lowest - rate) > 1e-9:
        assert (evidence >= -math.log(alpha)) == (lowest > rate)
    if counts[0] <= rate * counts[1]:
        assert evidence == -math.inf
