"""Error rates of blocks over days, taken from several onsets on: errors that begin on the fourth day are not thinned
by the three good days before.

Each onset's rate has a bound of its own that holds at every look at once, at the onset's share of alpha (`core.onset`,
`core.rates`), so together they are wrong at most as often as alpha says (union bound).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from verification.core.model import Verdict
from verification.core.onset import onsets
from verification.core.policy import RatePolicy
from verification.core.rates import RateBound, error_rate, log_evidence_above

Errors = Sequence[tuple[int, int]]
"""By block of one arm: errors, requests."""
_SLACK = 1e-6
"""Of a logarithm: what bounds found by root search may differ by."""


@dataclass(frozen=True, slots=True)
class LateErrors:
    """Both arms since one onset."""

    since: int
    """The first block that counts, from 0."""
    candidate: RateBound
    control: RateBound

    @property
    def blames_candidate(self) -> bool:
        """Whether the control arm does not fail alike meanwhile."""
        is_alike = self.control.verdict in (Verdict.HOLD, Verdict.ROLLBACK)
        return not is_alike or self.candidate.low > self.control.high


def late_errors(candidate: Errors, control: Errors, policy: RatePolicy, *, alarm_alpha: float) -> list[LateErrors]:
    """The onsets since which the candidate is proven to fail too often, the gravest first.

    Over all onsets together this is wrong with probability `alarm_alpha` at most, however often it is asked.
    """
    sums = [_since_each_onset(arm) for arm in (candidate, control)]
    found = []
    for onset, mine, other in zip(onsets(len(candidate)), *sums, strict=True):
        alpha = alarm_alpha * onset.share
        # A bound takes a search for a root, and most onsets are far from any alarm.
        evidence = log_evidence_above(np.array(mine[0]), np.array(mine[1]), policy.hold_error_rate)
        if evidence >= -math.log(alpha) - _SLACK:
            bounds = (
                error_rate(errors, requests, policy, prove=False, alarm_alpha=alpha, repeatedly=True)
                for errors, requests in (mine, other)
            )
            found.append(LateErrors(onset.block, *bounds))
    alarming = [one for one in found if one.candidate.verdict is not Verdict.PROMOTE]
    return sorted(alarming, key=lambda one: (-one.candidate.verdict.rank, -one.candidate.low))


def _since_each_onset(arm: Errors) -> list[tuple[int, int]]:
    """Errors and requests from each onset on."""
    return [
        (sum(errors for errors, _ in arm[onset.block :]), sum(requests for _, requests in arm[onset.block :]))
        for onset in onsets(len(arm))
    ]


def late_alarms_by_block(candidate: Errors, policy: RatePolicy, *, alarm_alpha: float) -> list[Verdict]:
    """For each block the gravest that `late_errors` would say after it, in one pass; PROMOTE where it says nothing."""
    errors, requests = np.array(candidate, np.int64).reshape(-1, 2).transpose()
    found = np.zeros((2, len(errors)), np.bool_)
    for onset in onsets(len(errors)):
        since = slice(onset.block, None)
        needed = -math.log(alarm_alpha * onset.share)
        for row, limit in zip(found, (policy.hold_error_rate, policy.rollback_error_rate), strict=True):
            row[since] |= log_evidence_above(errors[since].cumsum(), requests[since].cumsum(), limit) >= needed
    return [Verdict.ROLLBACK if worst else Verdict.HOLD if bad else Verdict.PROMOTE for bad, worst in found.transpose()]
