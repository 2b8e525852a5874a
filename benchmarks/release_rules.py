"""Two rules for the looks of a simulated stage: the project's own, after every look, and one that takes hours alone.

`by_judge` is `judge_stage`. Judging hundreds of looks one by one takes seconds a stage, so the parts of the judge that
can alarm in these worlds are first asked for all looks at once (`screened`), and the judge itself only where one does.
`tests/test_release_days.py` holds that this is the same as asking it after every look.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from benchmarks.release_worlds import BEGAN, NATURAL, USERS, SimulatedStage
from verification.core.judge.figures import latency_alarm_alpha, latency_scopes
from verification.core.judge.release import judge_stage
from verification.core.judge.release_errors import errors_alarm_alpha, single_reads
from verification.core.late_errors import late_alarms_by_block
from verification.core.model import Arm, Verdict
from verification.core.policy import Policy
from verification.core.rates import exposure_evalue, log_evidence_above
from verification.core.release.events import GateRun
from verification.core.release.looks import errors_of
from verification.core.release.plan import PlannedStage, ReleasePlan
from verification.core.release.standing import Standing
from verification.core.sequential import decided_by_block

Ranks = NDArray[np.int64]
"""Rank of a verdict by look."""

PLAN, POLICY = ReleasePlan(), Policy()
HOLD, ROLLBACK = Verdict.HOLD, Verdict.ROLLBACK
ALARMS = (HOLD, ROLLBACK)
_QUIET = Verdict.PROMOTE.rank


def standing_of(stage: PlannedStage, simulated: SimulatedStage, looks: int) -> Standing:
    """The stage after its first looks; its run of the gate has promoted already."""
    gate = GateRun(stage.percent, "simulated", BEGAN, Verdict.PROMOTE, ())
    return Standing(percent=stage.percent, began_at=BEGAN, looks=simulated.looks[:looks], gate=gate)


def judged(stage: PlannedStage, simulated: SimulatedStage, looks: int) -> Verdict:
    """What `judge_stage` says right after the last of so many looks."""
    standing = standing_of(stage, simulated, looks)
    return judge_stage(standing, PLAN, POLICY, standing.looks[-1].at).verdict


def by_judge(stage: PlannedStage, simulated: SimulatedStage) -> dict[Verdict, int | None]:
    """The number of the look, from 0, after which `judge_stage` first says HOLD or worse, and ROLLBACK."""
    suspected = screened(stage, simulated)
    return {
        verdict: next(
            (
                int(look)
                for look in np.flatnonzero(suspected >= verdict.rank)
                if judged(stage, simulated, int(look) + 1).rank >= verdict.rank
            ),
            None,
        )
        for verdict in ALARMS
    }


def screened(stage: PlannedStage, simulated: SimulatedStage) -> Ranks:
    """By look the worst that the judge's findings can come to; where it is no alarm, `judge_stage` gives none."""
    of_all = [each(simulated) for each in (_by_latency, _by_errors, _by_users_errors)]
    found: Ranks = np.maximum.reduce([*of_all, _by_exposure(stage, simulated)])
    return found


def _by_latency(simulated: SimulatedStage) -> Ranks:
    scopes = latency_scopes(simulated.looks)
    latency = POLICY.latency
    alpha = latency_alarm_alpha(len(scopes), PLAN, latency)
    by_scope = [
        decided_by_block(of, latency, alarm_alpha=alpha, kept_alpha=latency.alpha, hours_apart=True) for _, of in scopes
    ]
    return np.asarray([max(verdict.rank for verdict in of) for of in zip(*by_scope, strict=True)])


def _by_errors(simulated: SimulatedStage) -> Ranks:
    alpha = errors_alarm_alpha(simulated.looks, PLAN, POLICY.rates)
    by_read = [
        late_alarms_by_block(errors_of(simulated.looks, Arm.CANDIDATE, read), POLICY.rates, alarm_alpha=alpha)
        for read in (None, *single_reads(simulated.looks))
    ]
    return np.array([max(verdict.rank for verdict in of) for of in zip(*by_read, strict=True)])


def _by_users_errors(simulated: SimulatedStage) -> Ranks:
    """What users did before the first look is known to nobody."""
    errors = np.concatenate([[0], simulated.users_errors[1:].cumsum()])
    requests = USERS * np.arange(len(errors))
    needed = -math.log(errors_alarm_alpha(simulated.looks, PLAN, POLICY.rates))
    limits = POLICY.rates.hold_error_rate, POLICY.rates.rollback_error_rate
    hold, rollback = (log_evidence_above(errors, requests, limit) >= needed for limit in limits)
    return np.where(rollback, ROLLBACK.rank, np.where(hold, HOLD.rank, _QUIET))


def _by_exposure(stage: PlannedStage, simulated: SimulatedStage) -> Ranks:
    domain = simulated.natural_domain.cumsum().tolist()
    values = [
        exposure_evalue(served, look * NATURAL, stage.percent / 100) for look, served in enumerate(domain, start=1)
    ]
    return np.where(np.array(values) >= POLICY.rates.exposure_alarm, HOLD.rank, _QUIET)


def by_hour(simulated: SimulatedStage) -> dict[Verdict, int | None]:
    """The same by the rule that takes each hour by itself and believes what it sees."""
    change = simulated.p95_ms[:, 1] / simulated.p95_ms[:, 0] - 1
    rate = simulated.errors[:, 1] / simulated.requests
    limits = POLICY.latency, POLICY.rates
    hold = (change > limits[0].hold_ratio - 1) | (rate > limits[1].hold_error_rate)
    rollback = (change > limits[0].rollback_ratio - 1) | (rate > limits[1].rollback_error_rate)
    return {
        verdict: int(np.argmax(flags)) if flags.any() else None
        for verdict, flags in zip(ALARMS, (hold, rollback), strict=True)
    }
