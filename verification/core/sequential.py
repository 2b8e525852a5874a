"""Change of the P95 judged block by block: it may be looked at after every block, and stops as early as is honest.

An e-process (test martingale): under random routing its chance of ever reaching 1 / alpha is at most alpha if the null
holds (Ville's inequality). Each block's threshold comes from the blocks before it, so that the block cannot choose it.
Noise of an arm's own makes the bound too good; the logarithm is divided by how much more the blocks vary than
independent requests would, which simulation supports and no theorem does (`benchmarks/calibration`).

Sources: Turner and Grünwald, Safe tests for 2x2 contingency tables (2023); Lindon, Sanden and Shirikian, Rapid
regression detection in software deployments through sequential testing (KDD 2022).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from verification.core.exceedance import TAIL_SHARE, Stratum, Tails
from verification.core.histogram import LOG_BIN
from verification.core.model import Verdict
from verification.core.policy import LatencyPolicy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BURN_IN_BLOCKS = 6
"""Blocks that only set the first threshold."""
_SLOWER = np.array([1.15, 1.3, 1.6, 2.0, 3.0, 5.0])
"""Odds of an exceedance that the mixture bets on against "at most this much slower"."""
_FASTER = np.array([0.87, 0.75, 0.6, 0.45, 0.3, 0.15])
"""The same against "at least this much slower"."""
_NEWEY_WEST_LAGS = 3


@dataclass(frozen=True, slots=True)
class SequentialDecision:
    """What the blocks say when they are looked at one after the other."""

    verdict: Verdict
    """INCONCLUSIVE while nothing is decided."""
    block: int | None
    """Number of the block, from 1, after which it was decided; None while it is not."""
    requests_candidate: int
    """Candidate requests up to that block, or so far."""
    e_rollback: float
    """Evidence against a ratio of at most the rollback ratio, at that block or the last one."""
    e_hold: float
    """Evidence against a ratio of at most the hold ratio."""
    e_promote: float
    """Evidence against a ratio of at least the hold ratio."""
    e_below_rollback: float
    """Evidence against a ratio of at least the rollback ratio."""


@dataclass(frozen=True, slots=True)
class _Counts:
    """Exceedances by block under one null ratio, strata added up where they are alike."""

    bets: tuple[tuple[slice, Floats, Floats, Floats], ...]
    """For each stratum its rows, and by block: candidate exceedances, all exceedances, share of candidate requests."""
    excess: Floats
    weight: Floats
    variance: Floats
    expected: Floats
    """Candidate exceedances to be expected if the null ratio were true."""


def decide(
    strata: Sequence[Stratum],
    policy: LatencyPolicy,
    *,
    alarm_alpha: float | None = None,
    at_horizon: bool = True,
    kept_alpha: float | None = None,
) -> SequentialDecision:
    """What the blocks allow to decide, strata taken together: endpoints of one stage side by side, stages in a row.

    ROLLBACK when a ratio of at most `rollback_ratio` is rejected, PROMOTE when one of at least `hold_ratio` is, HOLD
    when both "at most the hold ratio" and "at least the rollback ratio" are; at the horizon the first of these two is
    enough. ROLLBACK and HOLD are rejected at `alarm_alpha` (by default the policy's, like PROMOTE). Nothing is decided
    before `min_blocks` blocks with both arms and `min_exceedances` slow candidate requests to be expected.

    The first decision counts where looking ends with it. Where it goes on, `kept_alpha` is given: then an alarm that
    was ever reached counts, the worst first, and PROMOTE only where it is proven at `kept_alpha` at the last block,
    too. What was fast at the first stage and turned slow at the next has lost its proof.
    """
    shared = _shared(strata)
    hold, rollback = (_counts(strata, round(math.log(ratio) / LOG_BIN)) for ratio in _ratios(policy))
    evidence = (
        _log_e(rollback, _SLOWER),
        _log_e(hold, _SLOWER),
        _log_e(hold, _FASTER),
        _log_e(rollback, _FASTER),
    )
    proof = math.log(1 / policy.alpha)
    alarm = proof if alarm_alpha is None else math.log(1 / alarm_alpha)
    expected = np.minimum(hold.expected.cumsum(), rollback.expected.cumsum())
    may_decide = (np.cumsum(shared) >= policy.min_blocks) & (expected >= policy.min_exceedances)
    against_rollback, against_hold, against_promote, below_rollback = (
        may_decide & (e >= needed) for e, needed in zip(evidence, (alarm, alarm, proof, proof), strict=True)
    )
    is_kept = kept_alpha is None or (len(shared) > 0 and evidence[2][-1] >= math.log(1 / kept_alpha))
    reached = [
        (_first(against_rollback), Verdict.ROLLBACK),
        (_first(against_promote) if is_kept else None, Verdict.PROMOTE),
        (_first(against_hold & below_rollback), Verdict.HOLD),
    ]
    if at_horizon and len(against_hold) and against_hold[-1]:
        reached.append((len(against_hold) - 1, Verdict.HOLD))
    decided = [(block, verdict) for block, verdict in reached if block is not None]
    order = (lambda found: found[0]) if kept_alpha is None else (lambda found: (-found[1].rank, found[0]))
    block, verdict = min(decided, key=order, default=(None, Verdict.INCONCLUSIVE))
    at = len(shared) - 1 if block is None else block
    values = [math.exp(min(float(e[at]), 700.0)) if len(e) else 1.0 for e in evidence]
    return SequentialDecision(verdict, None if block is None else block + 1, _candidate_requests(strata, at), *values)


def _ratios(policy: LatencyPolicy) -> tuple[float, float]:
    return policy.hold_ratio, policy.rollback_ratio


def _first(reached: NDArray[np.bool_]) -> int | None:
    return int(np.argmax(reached)) if reached.any() else None


def _places(strata: Sequence[Stratum]) -> tuple[list[int], int]:
    """Row of each stratum's first block in the order of time, one group (stage) after the other; and all rows."""
    longest: dict[str, int] = {}
    for stratum in strata:
        longest[stratum.group] = max(longest.get(stratum.group, 0), len(stratum.blocks))
    begins = dict(zip(longest, accumulate(longest.values(), initial=0), strict=False))
    return [begins[stratum.group] for stratum in strata], sum(longest.values())


def _shared(strata: Sequence[Stratum]) -> NDArray[np.bool_]:
    """By block, whether any stratum has requests of both arms."""
    places, length = _places(strata)
    found = np.zeros(length, dtype=np.bool_)
    for begin, stratum in zip(places, strata, strict=True):
        found[begin : begin + len(stratum.blocks)] |= stratum.tails.shared
    return found


def _candidate_requests(strata: Sequence[Stratum], last: int) -> int:
    places, _ = _places(strata)
    upto = (max(last + 1 - begin, 0) for begin in places)
    return int(sum(s.tails.candidate[:rows, 0].sum() for rows, s in zip(upto, strata, strict=True)))


def _counts(strata: Sequence[Stratum], shift: int) -> _Counts:
    places, length = _places(strata)
    bets = []
    excess, weight, variance, expected = (np.zeros(length) for _ in range(4))
    for begin, stratum in zip(places, strata, strict=True):
        tails, own = stratum.tails, slice(begin, begin + len(stratum.blocks))
        rows = np.arange(len(stratum.blocks))
        threshold = _thresholds(tails, shift)
        counts = tails.shared & (rows >= BURN_IN_BLOCKS)
        above = np.where(counts, tails.candidate[rows, tails.column(threshold + shift)], 0.0)
        both = np.where(counts, tails.control[rows, tails.column(threshold)] + above, 0.0)
        requests = np.maximum(tails.control[:, 0] + tails.candidate[:, 0], 1.0)
        share = tails.candidate[:, 0] / requests
        bets.append((own, above, both, share))
        excess[own] += above - both * share
        weight[own] += np.where(counts, requests * share * (1 - share), 0.0)
        variance[own] += both * share * (1 - share)
        expected[own] += both * share
    return _Counts(tuple(bets), excess, weight, variance, expected)


def _thresholds(tails: Tails, shift: int) -> Ints:
    """By block the bin that at most 5 % of all requests of the blocks before it reach, the candidate's shifted."""
    width = tails.control.shape[1] - 1
    bins = tails.first + np.arange(-max(shift, 0), width + 1 + max(-shift, 0), dtype=np.int64)
    before = (tails.control[:, tails.column(bins)] + tails.candidate[:, tails.column(bins + shift)]).cumsum(axis=0)
    before = np.vstack([np.zeros((1, before.shape[1])), before[:-1]])
    total = (tails.control[:, 0] + tails.candidate[:, 0]).cumsum()
    most = TAIL_SHARE * np.concatenate([[0.0], total[:-1]])
    reached = before <= most[:, None]
    # Where more than 5 % are errors there is no such bin; then the threshold lies beyond every time.
    found = np.where(reached.any(axis=1), reached.argmax(axis=1), len(bins) - 1)
    return bins[found]


def _log_e(counts: _Counts, odds: Floats) -> Floats:
    """By block the logarithm of the evidence so far: the mean over the odds of the tempered likelihood ratios."""
    likelihood = np.zeros((len(counts.excess), len(odds)))
    for own, above, both, share in counts.bets:
        likelihood[own] += above[:, None] * np.log(odds) - both[:, None] * np.log1p(share[:, None] * (odds - 1))
    tempered = likelihood.cumsum(axis=0) / _overdispersion(counts)[:, None]
    top = tempered.max(axis=1, keepdims=True)
    mixed: Floats = top[:, 0] + np.log(np.exp(tempered - top).mean(axis=1))
    return mixed


def _overdispersion(counts: _Counts) -> Floats:
    """By block how many times more the excess of the blocks so far varies than that of independent ones; at least 1.

    Sums over the blocks so far of c_b c_(b-l), where c_b is the block's excess less its share of all, without going
    through the blocks again for each of them.
    """
    excess, weight = counts.excess, counts.weight
    slope = _divided(excess.cumsum(), weight.cumsum())
    blocks = (weight > 0).cumsum()

    def products(lag: int) -> Floats:
        late_e, late_w = excess[lag:], weight[lag:]
        early_e, early_w = excess[: len(excess) - lag], weight[: len(weight) - lag]
        crossed = late_e * early_w + late_w * early_e
        sums = [np.concatenate([np.zeros(lag), one.cumsum()]) for one in (late_e * early_e, crossed, late_w * early_w)]
        found: Floats = sums[0] - slope * sums[1] + slope**2 * sums[2]
        return found

    plain = products(0) * _divided(blocks, blocks - 1)
    lagged = plain.copy()
    for lag in range(1, min(_NEWEY_WEST_LAGS, len(excess) - 1) + 1):
        lagged += 2 * (1 - lag / (_NEWEY_WEST_LAGS + 1)) * products(lag)
    independent = counts.variance.cumsum()
    return np.maximum(1.0, _divided(np.maximum(plain, lagged), independent))


def _divided(above: NDArray[np.number], below: NDArray[np.number]) -> Floats:
    """The quotient, 0 where the divisor is none."""
    found: Floats = np.divide(above, below, out=np.zeros(len(above)), where=np.asarray(below) > 0)
    return found
