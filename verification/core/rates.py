"""Rates with exact bounds: errors, exposure against the rollout percent, and what equal pairs exclude.

One-sided Clopper-Pearson bounds for a number of requests that was fixed beforehand; where the requests were looked at
again and again, and ended when they had said enough, mixtures of betas, which are e-values (Ville's inequality): for
error rates a confidence sequence (Howard, Ramdas, McAuliffe and Sekhon, Time-uniform, nonparametric, nonasymptotic
confidence sequences, Annals of Statistics 2021), for exposure the evidence against the set share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import bdtr, bdtrc, betaincinv, betaln, chdtrc, gammaln, logsumexp, xlog1py, xlogy

from verification.core.model import Verdict
from verification.core.policy import RatePolicy
from verification.core.said import say

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EXPOSURE_PRIOR_REQUESTS = 400
"""Weight of the mixture: how near to the set share a wrong share is expected to lie."""

_ERROR_PRIOR = ((0.8, 0.25, 100.0), (0.2, 0.5, 2.0))
"""Weight and the two shapes of each beta: most releases have hardly any errors, some have many."""

_PLANNING_LIMIT = 10**7


@dataclass(frozen=True, slots=True)
class RateBound:
    """Errors among requests as shares, and what they prove. `low` and `high` are each one-sided bounds."""

    errors: int
    requests: int
    rate: float
    """errors / requests; 0 where nothing was sent, which then is never PROMOTE."""
    low: float
    high: float
    verdict: Verdict
    reason: str
    missing: int
    """More requests needed at the present rate to prove the rate acceptable; 0 when it is, or when none would do."""


def error_rate(
    errors: int,
    requests: int,
    policy: RatePolicy,
    *,
    prove: bool,
    alarm_alpha: float | None = None,
    repeatedly: bool = False,
) -> RateBound:
    """Hold `errors` of `requests` against the policy's rates.

    HOLD and ROLLBACK when the rate is proven to lie above theirs (lower bound at `alarm_alpha`, by default the
    policy's). A rate of exactly 1 % or 5 % does not lie above it. `prove` asks for more: PROMOTE only when the upper
    bound at the policy's alpha is at most the hold rate (459 requests without error for 1 % at 0.01), otherwise
    INCONCLUSIVE with the number that is missing. Without `prove`, what raises no alarm is PROMOTE. `repeatedly` tells
    that the number of requests was not fixed beforehand; then 524 without error are needed for 1 % at 0.01.
    """
    lower, upper = (lowest_rate, highest_rate) if repeatedly else (_lower_bound, _upper_bound)
    low = lower(errors, requests, policy.alpha if alarm_alpha is None else alarm_alpha)
    high = upper(errors, requests, policy.alpha)
    rate = errors / requests if requests else 0.0
    counted = {"errors": errors, "requests": requests, "rate": rate}
    limit, missing = policy.hold_error_rate, 0
    if low > limit:
        verdict = Verdict.HOLD
        if low > policy.rollback_error_rate:
            verdict, limit = Verdict.ROLLBACK, policy.rollback_error_rate
        reason = say(
            "{errors} errors in {requests} requests ({rate:.2%}, at least {low:.2%}): more than {limit:.2%} is proven",
            **counted,
            low=low,
            limit=limit,
        )
        return RateBound(errors, requests, rate, low, high, verdict, reason, missing)
    seen = say("{errors} errors in {requests} requests ({rate:.2%}, at most {high:.2%})", **counted, high=high)
    if not prove or high <= limit:
        verdict = Verdict.PROMOTE
        reason = say("{seen}: {limit:.2%} or less is proven", seen=seen, limit=limit)
        if high > limit:
            reason = say("{seen}: more than {limit:.2%} is not shown", seen=seen, limit=limit)
    else:
        verdict = Verdict.INCONCLUSIVE
        missing = _missing(errors, requests, policy, upper)
        needed = say("{missing} more requests at this rate would do", missing=missing)
        if not missing:
            needed = say("at the measured rate no number of requests would do")
        reason = say("{seen}: {limit:.2%} or less is not proven; {needed}", seen=seen, limit=limit, needed=needed)
    return RateBound(errors, requests, rate, low, high, verdict, reason, missing)


def exposure_evalue(domain: int, total: int, share: float) -> float:
    """Evidence against 'each request goes to domain with probability `share`': a mixture of betas around it.

    B(400p + k, 400(1-p) + n - k) / B(400p, 400(1-p)) / (p^k (1-p)^(n-k)). Below 1000 with probability 0.999 however
    often it is looked at while the share is right. A share of 0 or 1 is sharp: a single contrary request is infinite.
    """
    if share in (0.0, 1.0):
        return 1.0 if domain == total * share else math.inf
    a, b = EXPOSURE_PRIOR_REQUESTS * share, EXPOSURE_PRIOR_REQUESTS * (1 - share)
    other = total - domain
    log_e = betaln(a + domain, b + other) - betaln(a, b) - xlogy(domain, share) - xlog1py(other, -share)
    try:
        return math.exp(log_e)
    except OverflowError:
        return math.inf


def exposure_p_value(domain: int, total: int, share: float) -> float:
    """Exact two-sided binomial p-value of `domain` among `total` requests where `share` is set; for a single look."""
    if share in (0.0, 1.0):
        return 1.0 if domain == total * share else 0.0
    seen = _log_binomial(domain, total, share)
    # As probable as what was seen, or less, counts as at least as far off; rounding must not part equals.
    limit = seen + 1e-7

    def is_as_far(other: int) -> bool:
        return _log_binomial(other, total, share) <= limit

    expected = total * share
    if domain < expected:
        opposite = _first_from(math.ceil(expected), total, is_as_far)
        tails = _at_most(domain, total, share), _at_least(opposite, total, share)
    else:
        opposite = total - _first_from(total - math.floor(expected), total, lambda other: is_as_far(total - other))
        tails = _at_most(opposite, total, share), _at_least(domain, total, share)
    return min(1.0, sum(tails))


def _at_most(events: int, trials: int, share: float) -> float:
    return float(bdtr(events, trials, share)) if events >= 0 else 0.0


def _at_least(events: int, trials: int, share: float) -> float:
    return float(bdtrc(events - 1, trials, share)) if events > 0 else 1.0


def _first_from(first: int, last: int, holds: Callable[[int], bool]) -> int:
    """The smallest number from `first` on for which a condition holds that stays true; `last` + 1 where none does."""
    low, high = first, last + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _log_binomial(events: int, trials: int, share: float) -> float:
    return _log_choose(trials, events) + float(xlogy(events, share) + xlog1py(trials - events, -share))


def switches_p_value(legacy: int, domain: int, switches: int) -> float:
    """Probability of so few changes or fewer between neighbours if each request was routed by itself.

    Given how many went each way, every order is as probable as every other: exact distribution of the number of runs
    (A. Wald and J. Wolfowitz, On a test whether two samples are from the same population, Annals of Mathematical
    Statistics 11, 1940). 1 where all went one way: then the order tells nothing.
    """
    if not (legacy and domain):
        return 1.0
    ways = [_orders(legacy, domain, runs) for runs in range(2, switches + 2)]
    orders = gammaln(legacy + domain + 1) - gammaln(legacy + 1) - gammaln(domain + 1)
    return float(min(1.0, math.exp(logsumexp(ways) - orders))) if ways else 0.0


def dispersion_p_value(shares: Sequence[tuple[int, int]]) -> float:
    """How likely the share of one kind differs so much from group to group by chance; (one kind, the other) each.

    Pearson's chi-squared test of homogeneity; 1 where fewer than three groups or only one kind tell anything. Groups
    in which fewer than five of either are to be expected are left out: the approximation does not hold there.
    """
    one, other = sum(a for a, _ in shares), sum(b for _, b in shares)
    if not (one and other):
        return 1.0
    share = other / (one + other)
    kept = [(a, b) for a, b in shares if (a + b) * min(share, 1 - share) >= _LEAST_EXPECTED]
    if len(kept) < 3:
        return 1.0
    share = sum(b for _, b in kept) / sum(a + b for a, b in kept)
    if not 0 < share < 1:
        return 1.0
    statistic = sum((b - (a + b) * share) ** 2 / ((a + b) * share * (1 - share)) for a, b in kept)
    return float(chdtrc(len(kept) - 1, statistic))


_LEAST_EXPECTED = 5.0


def _orders(legacy: int, domain: int, runs: int) -> float:
    """Logarithm of the number of orders with that many runs."""
    half, odd = divmod(runs, 2)
    if odd:
        both = (
            _log_choose(legacy - 1, half) + _log_choose(domain - 1, half - 1),
            _log_choose(legacy - 1, half - 1) + _log_choose(domain - 1, half),
        )
        return float(logsumexp(both))
    return math.log(2) + _log_choose(legacy - 1, half - 1) + _log_choose(domain - 1, half - 1)


def _log_choose(of: int, chosen: int) -> float:
    if not 0 <= chosen <= of:
        return -math.inf
    return float(gammaln(of + 1) - gammaln(chosen + 1) - gammaln(of - chosen + 1))


def exposure_interval(domain: int, total: int) -> tuple[float, float]:
    """Exact (Clopper-Pearson) two-sided 95 % interval of the domain share; 0 to 1 when nothing was sent."""
    return _lower_bound(domain, total, 0.025), _upper_bound(domain, total, 0.025)


def difference_rate_bound(pairs: int) -> float:
    """Upper 95 % bound of the share of differing cases when `pairs` random ones were all equal: 1 - 0.05^(1/n)."""
    return -math.expm1(math.log(0.05) / pairs) if pairs > 0 else 1.0


def lowest_rate(errors: int, requests: int, alpha: float) -> float:
    """Lower bound of an error rate that holds at every look at once, except with probability alpha."""
    return _edge_of_evidence(errors, requests, alpha, 0.0) if errors else 0.0


def highest_rate(errors: int, requests: int, alpha: float) -> float:
    """Upper bound of an error rate that holds at every look at once, except with probability alpha."""
    return _edge_of_evidence(errors, requests, alpha, 1.0) if errors < requests else 1.0


def _edge_of_evidence(errors: int, requests: int, alpha: float, end: float) -> float:
    """The rate between the observed one and `end` (0 or 1) from which on the evidence against a rate is 1 / alpha."""
    others = requests - errors
    mixed = float(_log_mixed(errors, others))

    def lacking(rate: float) -> float:
        return float(mixed - xlogy(errors, rate) - xlog1py(others, -rate) + math.log(alpha))

    # At the ends themselves the evidence is infinite.
    beyond = 1e-300 if end == 0.0 else 1 - 1e-16
    return float(brentq(lacking, beyond, errors / requests)) if lacking(beyond) > 0 else end


def log_evidence_above(errors: Ints, requests: Ints, rate: float) -> Floats:
    """Logarithm of the evidence that the rate lies above this one, elementwise; minus infinity where it is not seen to.

    `lowest_rate` is the rate at which this is ln(1 / alpha).
    """
    others = requests - errors
    log_e = _log_mixed(errors, others) - xlogy(errors, rate) - xlog1py(others, -rate)
    found: Floats = np.where(errors > rate * requests, log_e, -np.inf)
    return found


def _log_mixed(errors: ArrayLike, others: ArrayLike) -> Floats:
    """Logarithm of the probability of one order of so many errors and others, mixed over the prior."""
    errors, others = np.asarray(errors, np.float64), np.asarray(others, np.float64)
    parts = [math.log(weight) + betaln(a + errors, b + others) - betaln(a, b) for weight, a, b in _ERROR_PRIOR]
    found: Floats = logsumexp(parts, axis=0)
    return found


def _lower_bound(events: int, trials: int, alpha: float) -> float:
    return float(betaincinv(events, trials - events + 1, alpha)) if events > 0 else 0.0


def _upper_bound(events: float, trials: int, alpha: float) -> float:
    return float(betaincinv(events + 1, trials - events, 1 - alpha)) if events < trials else 1.0


def _missing(errors: int, requests: int, policy: RatePolicy, upper: Callable[[int, int, float], float]) -> int:
    """The smallest number of further requests that proves the hold rate when errors go on at the present rate.

    0 when not even ten million would. Errors are not rounded to whole ones, so that the bound falls steadily.
    """
    rate = errors / requests if requests else 0.0

    def is_proven(more: int) -> bool:
        return upper(math.ceil(rate * (requests + more)), requests + more, policy.alpha) <= policy.hold_error_rate

    enough = 1
    while not is_proven(enough):
        if enough >= _PLANNING_LIMIT:
            return 0
        enough *= 2
    lacking = enough // 2
    while enough - lacking > 1:
        middle = (enough + lacking) // 2
        if is_proven(middle):
            enough = middle
        else:
            lacking = middle
    return enough
