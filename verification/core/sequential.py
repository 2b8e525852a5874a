"""Change of the P95 judged block by block: it may be looked at after every block, and stops as early as is honest.

An e-process (test martingale): under random routing its chance of ever reaching 1 / alpha is at most alpha if the null
holds (Ville's inequality). `core.bets` tells what is counted.
Noise of an arm's own makes the bound too good; the logarithm is divided by how much more the blocks vary than
independent requests would, which simulation supports and no theorem does (`benchmarks/calibration`).

Sources: Turner and Grünwald, Safe tests for 2x2 contingency tables (2023); Lindon, Sanden and Shirikian, Rapid
regression detection in software deployments through sequential testing (KDD 2022).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from verification.core.bets import (
    BURN_IN_BLOCKS,
    Flags,
    Floats,
    Ints,
    bets_of,
    candidate_requests,
    log_evidence,
    log_evidence_since,
    shared_blocks,
)
from verification.core.exceedance import Stratum
from verification.core.histogram import LOG_BIN
from verification.core.model import Verdict
from verification.core.policy import LatencyPolicy

__all__ = ["BURN_IN_BLOCKS", "SequentialDecision", "decide", "decided_by_block"]

_SLOWER = np.array([1.15, 1.3, 1.6, 2.0, 3.0, 5.0])
"""Odds of an exceedance that the mixture bets on against "at most this much slower"."""
_FASTER = np.array([0.87, 0.75, 0.6, 0.45, 0.3, 0.15])
"""The same against "at least this much slower"."""


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
    since: int = 0
    """The block, from 0, since which an alarm is most plainly so; always 0 unless the blocks lie hours apart."""


def decide(
    strata: Sequence[Stratum],
    policy: LatencyPolicy,
    *,
    alarm_alpha: float | None = None,
    at_horizon: bool = True,
    kept_alpha: float | None = None,
    hours_apart: bool = False,
) -> SequentialDecision:
    """What the blocks allow to decide, strata taken together: endpoints of one stage side by side, stages in a row.

    ROLLBACK when a ratio of at most `rollback_ratio` is rejected, PROMOTE when one of at least `hold_ratio` is, HOLD
    when both "at most the hold ratio" and "at least the rollback ratio" are; at the horizon the first of these two is
    enough. ROLLBACK and HOLD are rejected at `alarm_alpha` (by default the policy's, like PROMOTE). Nothing is decided
    before `min_blocks` blocks with both arms and `min_exceedances` slow candidate requests to be expected.

    The first decision counts where looking ends with it. Where it goes on, `kept_alpha` is given: then an alarm that
    was ever reached counts, the worst first, and PROMOTE only where it is proven at `kept_alpha` at the last block,
    too. What was fast at the first stage and turned slow at the next has lost its proof.

    `hours_apart` is for blocks over days: each has a threshold of its own (`core.bets`), and ROLLBACK and HOLD are
    proven from some block on (`core.onset`), so that a fault of the fourth day need not outweigh the days before it.
    PROMOTE is always proven of all blocks.
    """
    course = _course(strata, policy, hours_apart=hours_apart)
    against = _against(course, policy, alarm_alpha)
    is_kept = kept_alpha is None or (len(course.promote) > 0 and course.promote[-1] >= math.log(1 / kept_alpha))
    reached = [
        (_first(against.rollback), Verdict.ROLLBACK),
        (_first(against.promote) if is_kept else None, Verdict.PROMOTE),
        (_first(against.hold & against.below_rollback), Verdict.HOLD),
    ]
    if at_horizon and len(against.hold) and against.hold[-1]:
        reached.append((len(against.hold) - 1, Verdict.HOLD))
    decided = [(block, verdict) for block, verdict in reached if block is not None]
    order = (lambda found: found[0]) if kept_alpha is None else (lambda found: (-found[1].rank, found[0]))
    block, verdict = min(decided, key=order, default=(None, Verdict.INCONCLUSIVE))
    at = len(course.promote) - 1 if block is None else block
    evidence = (course.rollback, course.hold, course.promote, course.below_rollback)
    against_each = (math.exp(min(float(e[at]), 700.0)) if len(e) else 1.0 for e in evidence)
    e_rollback, e_hold, e_promote, e_below = against_each
    since = int(course.since[verdict][at]) if verdict in course.since else 0
    decided_at = None if block is None else block + 1
    requests = candidate_requests(strata, at)
    return SequentialDecision(verdict, decided_at, requests, e_rollback, e_hold, e_promote, e_below, since)


def decided_by_block(
    strata: Sequence[Stratum],
    policy: LatencyPolicy,
    *,
    alarm_alpha: float,
    kept_alpha: float,
    hours_apart: bool = False,
) -> list[Verdict]:
    """For each block the verdict of `decide` if it had been asked after that block, in one pass through them all."""
    course = _course(strata, policy, hours_apart=hours_apart)
    against = _against(course, policy, alarm_alpha)
    ever = np.logical_or.accumulate
    rollback = ever(against.rollback)
    hold = ever(against.hold & against.below_rollback) | against.hold
    promote = ever(against.promote) & (course.promote >= math.log(1 / kept_alpha))
    return [
        Verdict.ROLLBACK if worst else Verdict.HOLD if bad else Verdict.PROMOTE if good else Verdict.INCONCLUSIVE
        for worst, bad, good in zip(rollback.tolist(), hold.tolist(), promote.tolist(), strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Course:
    """How the evidence went, block by block: logarithms of what stands against each of the four ratios."""

    may_decide: Flags
    rollback: Floats
    hold: Floats
    promote: Floats
    below_rollback: Floats
    since: dict[Verdict, Ints]


@dataclass(frozen=True, slots=True)
class _Against:
    """By block, whether the evidence suffices against the four ratios."""

    rollback: Flags
    hold: Flags
    promote: Flags
    below_rollback: Flags


def _course(strata: Sequence[Stratum], policy: LatencyPolicy, *, hours_apart: bool) -> _Course:
    shared = shared_blocks(strata)
    hold, rollback = (
        bets_of(strata, round(math.log(ratio) / LOG_BIN), hours_apart=hours_apart)
        for ratio in (policy.hold_ratio, policy.rollback_ratio)
    )
    expected = np.minimum(hold.expected.cumsum(), rollback.expected.cumsum())
    may_decide = (np.cumsum(shared) >= policy.min_blocks) & (expected >= policy.min_exceedances)
    from_the_first = np.zeros(len(shared), np.int64)
    (for_rollback, since_rollback), (for_hold, since_hold) = (
        log_evidence_since(bets, _SLOWER) if hours_apart else (log_evidence(bets, _SLOWER), from_the_first)
        for bets in (rollback, hold)
    )
    since = {Verdict.ROLLBACK: since_rollback, Verdict.HOLD: since_hold}
    proofs = log_evidence(hold, _FASTER), log_evidence(rollback, _FASTER)
    return _Course(may_decide, for_rollback, for_hold, *proofs, since)


def _against(course: _Course, policy: LatencyPolicy, alarm_alpha: float | None) -> _Against:
    proof = math.log(1 / policy.alpha)
    alarm = proof if alarm_alpha is None else math.log(1 / alarm_alpha)
    return _Against(
        course.may_decide & (course.rollback >= alarm),
        course.may_decide & (course.hold >= alarm),
        course.may_decide & (course.promote >= proof),
        course.may_decide & (course.below_rollback >= proof),
    )


def _first(reached: Flags) -> int | None:
    return int(np.argmax(reached)) if reached.any() else None
