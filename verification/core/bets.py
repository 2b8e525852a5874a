"""What the blocks let one bet on under one null ratio, and what the bets come to: the evidence of `core.sequential`.

Each block has a threshold that its own times cannot have chosen in favour of an arm. Within a load it comes from the
blocks before it. Where blocks lie hours apart, and the load of one hour is not that of the next, it is the block's own
P95 over both arms, the candidate's times moved by the null ratio: then it is given which times lie above, and only not
whose they are. Of such a draw without replacement the binomial likelihood ratio says rather too little than too much
(Hoeffding, Probability inequalities for sums of bounded random variables, JASA 58, 1963, theorem 4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from verification.core.exceedance import TAIL_SHARE, Stratum, Tails
from verification.core.onset import BLOCKS_PER_ONSET, onsets

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

BURN_IN_BLOCKS = 6
"""Blocks that only set the first threshold, where it comes from the blocks before."""
_NEWEY_WEST_LAGS = 3
_BLOCKS_OF_A_FAULT = 2 * BLOCKS_PER_ONSET
"""So long before an onset a fault may have begun and not be known yet; what varied then is no sign of noise."""
_FEW_BLOCKS = 12
"""Say too little about noise."""
_WAITING_BLOCKS = 3
"""So long an onset may speak against an alarm but not for one: what two looks show may be one bad hour of an arm."""


@dataclass(frozen=True, slots=True)
class Bets:
    """Exceedances by block under one null ratio, strata added up where they are alike."""

    by_stratum: tuple[tuple[slice, Floats, Floats, Floats], ...]
    """For each stratum its rows, and by block: candidate exceedances, all exceedances, share of candidate requests."""
    excess: Floats
    weight: Floats
    variance: Floats
    expected: Floats
    """Candidate exceedances to be expected if the null ratio were true."""


def _places(strata: Sequence[Stratum]) -> tuple[list[int], int]:
    """Row of each stratum's first block in the order of time, one group (stage) after the other; and all rows."""
    longest: dict[str, int] = {}
    for stratum in strata:
        longest[stratum.group] = max(longest.get(stratum.group, 0), len(stratum.blocks))
    begins = dict(zip(longest, accumulate(longest.values(), initial=0), strict=False))
    return [begins[stratum.group] for stratum in strata], sum(longest.values())


def shared_blocks(strata: Sequence[Stratum]) -> Flags:
    """By block, whether any stratum has requests of both arms."""
    begins, length = _places(strata)
    found = np.zeros(length, dtype=np.bool_)
    for begin, stratum in zip(begins, strata, strict=True):
        found[begin : begin + len(stratum.blocks)] |= stratum.tails.shared
    return found


def candidate_requests(strata: Sequence[Stratum], last: int) -> int:
    """Candidate requests up to the block with this number, from 0."""
    begins, _ = _places(strata)
    upto = (max(last + 1 - begin, 0) for begin in begins)
    return int(sum(s.tails.candidate[:rows, 0].sum() for rows, s in zip(upto, strata, strict=True)))


def bets_of(strata: Sequence[Stratum], shift: int, *, hours_apart: bool) -> Bets:
    """The bets under the null ratio of `shift` bins. `hours_apart` tells that each block has a threshold of its own."""
    begins, length = _places(strata)
    by_stratum = []
    excess, weight, variance, expected = (np.zeros(length) for _ in range(4))
    for begin, stratum in zip(begins, strata, strict=True):
        tails, own = stratum.tails, slice(begin, begin + len(stratum.blocks))
        rows = np.arange(len(stratum.blocks))
        threshold = _thresholds(tails, shift, hours_apart=hours_apart)
        counts = tails.shared & (hours_apart | (rows >= BURN_IN_BLOCKS))
        above = np.where(counts, tails.candidate[rows, tails.column(threshold + shift)], 0.0)
        both = np.where(counts, tails.control[rows, tails.column(threshold)] + above, 0.0)
        requests = np.maximum(tails.control[:, 0] + tails.candidate[:, 0], 1.0)
        share = tails.candidate[:, 0] / requests
        by_stratum.append((own, above, both, share))
        excess[own] += above - both * share
        weight[own] += np.where(counts, requests * share * (1 - share), 0.0)
        variance[own] += both * share * (1 - share)
        expected[own] += both * share
    return Bets(tuple(by_stratum), excess, weight, variance, expected)


def _thresholds(tails: Tails, shift: int, *, hours_apart: bool) -> Ints:
    """By block the bin that at most 5 % of all requests reach, the candidate's shifted: of those of the blocks before
    it or, hours apart, of its own, where one is enough however few there are."""
    width = tails.control.shape[1] - 1
    bins = tails.first + np.arange(-max(shift, 0), width + 1 + max(-shift, 0), dtype=np.int64)
    reaching = tails.control[:, tails.column(bins)] + tails.candidate[:, tails.column(bins + shift)]
    requests = tails.control[:, 0] + tails.candidate[:, 0]
    if hours_apart:
        most = np.maximum(TAIL_SHARE * requests, 1.0)
    else:
        reaching = np.vstack([np.zeros((1, len(bins))), reaching.cumsum(axis=0)[:-1]])
        most = TAIL_SHARE * np.concatenate([[0.0], requests.cumsum()[:-1]])
    reached = reaching <= most[:, None]
    # Where more than 5 % are errors there is no such bin; then the threshold lies beyond every time.
    found = np.where(reached.any(axis=1), reached.argmax(axis=1), len(bins) - 1)
    return bins[found]


def log_evidence(bets: Bets, odds: Floats) -> Floats:
    """By block the logarithm of the evidence so far: the mean over the odds of the tempered likelihood ratios."""
    return _mixed(_gains(bets, odds).cumsum(axis=0), _overdispersion(bets.excess, bets.weight, bets.variance))


def log_evidence_since(bets: Bets, odds: Floats) -> tuple[Floats, Ints]:
    """The same as a mixture over the onsets (`core.onset`), and by block the onset that says most.

    How much more the blocks vary than independent requests is seen in the blocks since an onset and in those long
    before it. Taken across the beginning of a fault, the fault itself would pass for noise. What is seen of noise
    since a new onset is little, so it is taken to be more: without that and without the waiting, plans of identical
    arms that each have noise of their own were stopped in 5 of 130; with both in 9 of 1,000
    (`benchmarks.release_days`).
    """
    gains = _gains(bets, odds)
    before = _overdispersion(bets.excess, bets.weight, bets.variance)
    begins = onsets(len(gains))
    by_onset = np.zeros((len(begins), len(gains)))
    for row, onset in enumerate(begins):
        since = slice(onset.block, None)
        noise = _overdispersion(bets.excess[since], bets.weight[since], bets.variance[since])
        if onset.block:
            known = onset.block - _BLOCKS_OF_A_FAULT
            noise = np.maximum(noise, before[(known if known >= _FEW_BLOCKS else onset.block) - 1])
        age = np.arange(1, len(noise) + 1)
        noise = 1 + (noise - 1) * (1 + BLOCKS_PER_ONSET / age)
        own = _mixed(gains[since].cumsum(axis=0), noise)
        by_onset[row, since] = np.where(age > _WAITING_BLOCKS, own, np.minimum(own, 0.0))
        by_onset[row] += math.log(onset.share)
    # What has not begun yet is worth its stake.
    waiting = math.log(1 - sum(onset.share for onset in begins))
    together: Floats = np.logaddexp(np.logaddexp.reduce(by_onset, axis=0), waiting)
    blocks = np.array([onset.block for onset in begins], np.int64)
    return together, blocks[by_onset.argmax(axis=0)]


def _gains(bets: Bets, odds: Floats) -> Floats:
    """By block and odds the logarithm of the likelihood ratio that it adds."""
    gains = np.zeros((len(bets.excess), len(odds)))
    for own, above, both, share in bets.by_stratum:
        gains[own] += above[:, None] * np.log(odds) - both[:, None] * np.log1p(share[:, None] * (odds - 1))
    return gains


def _mixed(likelihood: Floats, overdispersion: Floats) -> Floats:
    tempered = likelihood / overdispersion[:, None]
    top = tempered.max(axis=1, keepdims=True)
    mixed: Floats = top[:, 0] + np.log(np.exp(tempered - top).mean(axis=1))
    return mixed


def _overdispersion(excess: Floats, weight: Floats, variance: Floats) -> Floats:
    """By block how many times more the excess of the blocks so far varies than that of independent ones; at least 1.

    Sums over the blocks so far of c_b c_(b-l), where c_b is the block's excess less its share of all, without going
    through the blocks again for each of them.
    """
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
    independent = variance.cumsum()
    return np.maximum(1.0, _divided(np.maximum(plain, lagged), independent))


def _divided(above: NDArray[np.number], below: NDArray[np.number]) -> Floats:
    """The quotient, 0 where the divisor is none."""
    found: Floats = np.divide(above, below, out=np.zeros(len(above)), where=np.asarray(below) > 0)
    return found
