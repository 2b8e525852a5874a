"""How often hourly looks stop a release that is as good as the old one, and how soon they stop one that is not.

    python -m benchmarks.release_days --plans 1000

goes through the whole usual plan with a look every hour: identical arms, 50 and 200 requests an hour on each, times
that drift together or each arm by itself too. After every look the stage is judged by the project's own `judge_stage`;
a plan counts as falsely stopped where any look of any stage ever said HOLD or ROLLBACK. Beside it stands the rule that
takes each hour by itself. Then faults that appear on day 2 of the 25 % stage, and how many looks it takes to call them.

Judging hundreds of looks one by one takes seconds a plan, so the parts of the judge that can alarm here are first asked
for all looks at once (`screened`), and `judge_stage` only where one of them alarms: `tests/test_release_days.py` holds
that this is the same. Exit code 0 when every figure is met.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.figure import Figure, write
from benchmarks.release_worlds import BEGAN, HEALTHY, WORLDS, Fault, SimulatedStage, simulated_stage
from verification.core.judge.release import judge_stage, latency_alarm_alpha, latency_scopes
from verification.core.judge.release_errors import errors_alarm_alpha
from verification.core.late_errors import late_alarms_by_block
from verification.core.model import Verdict
from verification.core.policy import Policy
from verification.core.rates import exposure_evalue
from verification.core.release.events import GateRun
from verification.core.release.looks import strata_of
from verification.core.release.plan import PlannedStage, ReleasePlan
from verification.core.release.standing import Standing
from verification.core.sequential import decided_by_block

Ranks = NDArray[np.int64]
"""Rank of a verdict by look."""

PLAN, POLICY = ReleasePlan(), Policy()
REQUESTS = (50, 200)
"""Requests an hour on each arm."""
SLOWER, FAILING = Fault("P95 +80 %", slower=1.8), Fault("8 % errors", error_rate=0.08)
FAULTY_PERCENT, FAULT_DAY = 25, 2
HOLD, ROLLBACK = Verdict.HOLD, Verdict.ROLLBACK
QUIET = Verdict.PROMOTE.rank


# --- the rules -------------------------------------------------------------------------------------------------------


def standing_of(stage: PlannedStage, simulated: SimulatedStage, looks: int) -> Standing:
    """The stage after its first looks; its run of the gate has promoted already."""
    gate = GateRun(stage.percent, "simulated", Verdict.PROMOTE, ())
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
        for verdict in (HOLD, ROLLBACK)
    }


def screened(stage: PlannedStage, simulated: SimulatedStage) -> Ranks:
    """By look the worst that the judge's findings can come to; where it is no alarm, `judge_stage` gives none."""
    return np.maximum.reduce([_by_latency(simulated), _by_errors(simulated), _by_exposure(stage, simulated)])


def _by_latency(simulated: SimulatedStage) -> Ranks:
    scopes = latency_scopes(strata_of(simulated.looks))
    latency = POLICY.latency
    alpha = latency_alarm_alpha(len(scopes), PLAN, latency)
    by_scope = [
        decided_by_block(of, latency, alarm_alpha=alpha, kept_alpha=latency.alpha, hours_apart=True) for _, of in scopes
    ]
    return np.array([max(verdict.rank for verdict in of) for of in zip(*by_scope, strict=True)])


def _by_errors(simulated: SimulatedStage) -> Ranks:
    errors = [(one, simulated.requests) for one in simulated.errors[:, 1].tolist()]
    alarms = late_alarms_by_block(errors, POLICY.rates, alarm_alpha=errors_alarm_alpha(PLAN, POLICY.rates))
    return np.array([verdict.rank for verdict in alarms])


def _by_exposure(stage: PlannedStage, simulated: SimulatedStage) -> Ranks:
    natural, users = simulated.domain.transpose()
    # What users did before the first look is known to nobody.
    sums = natural.cumsum(), np.concatenate([[0], users[1:].cumsum()])
    totals = (np.arange(len(natural)) + offset for offset in (1, 0))
    alarms = np.zeros(len(natural), np.bool_)
    for domain, times, each in zip(sums, totals, simulated.undirected, strict=True):
        values = [
            exposure_evalue(new, total, stage.percent / 100)
            for new, total in zip(domain.tolist(), (times * each).tolist(), strict=True)
        ]
        alarms |= np.array(values) >= POLICY.rates.exposure_alarm
    return np.where(alarms, HOLD.rank, QUIET)


def by_hour(simulated: SimulatedStage) -> dict[Verdict, int | None]:
    """The same by the rule that takes each hour by itself and believes what it sees."""
    change = simulated.p95_ms[:, 1] / simulated.p95_ms[:, 0] - 1
    rate = simulated.errors[:, 1] / simulated.requests
    limits = POLICY.latency, POLICY.rates
    hold = (change > limits[0].hold_ratio - 1) | (rate > limits[1].hold_error_rate)
    rollback = (change > limits[0].rollback_ratio - 1) | (rate > limits[1].rollback_error_rate)
    return {
        verdict: int(np.argmax(flags)) if flags.any() else None
        for verdict, flags in ((HOLD, hold), (ROLLBACK, rollback))
    }


# --- the runs --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stopped:
    """Plans with identical arms of one world and rate; how many of them each rule stopped falsely."""

    world: str
    requests: int
    plans: int
    hold: int
    """HOLD or worse at any look up to the least window of each stage."""
    rollback: int
    hold_at_most: int
    """The same where each stage is kept to the end of its longest window."""
    rollback_at_most: int
    naive_hold: int
    naive_rollback: int
    """Up to the least windows."""
    in_time: int
    """Every stage said PROMOTE at the end of its least window."""


@dataclass(frozen=True, slots=True)
class Called:
    """Stages with a fault on their second day, and looks with the fault until it was called, one per stage called."""

    world: str
    requests: int
    fault: str
    stages: int
    early: int
    """Called before the fault was there."""
    hold: tuple[int, ...]
    """HOLD or worse; sorted."""
    rollback: tuple[int, ...]


def run_plans(job: tuple[str, int, range, int]) -> list[tuple[bool, ...]]:
    """Of each plan what `Stopped` counts. Each has its own seed: more plans do not change the first ones."""
    world, requests, plans, seed = job
    return [_one_plan(world, requests, np.random.default_rng((seed, WORLDS.index(world), requests, n))) for n in plans]


def _one_plan(world: str, requests: int, rng: np.random.Generator) -> tuple[bool, ...]:
    found = [_one_stage(world, requests, rng, stage) for stage in PLAN.stages]
    *alarms, in_time = zip(*found, strict=True)
    return (*map(any, alarms), all(in_time))


def _one_stage(world: str, requests: int, rng: np.random.Generator, stage: PlannedStage) -> tuple[bool, ...]:
    least, most = int(stage.least / stage.every), int(stage.most / stage.every)
    simulated = simulated_stage(rng, stage, looks=most, requests=requests, world=world)
    ours, naive = by_judge(stage, simulated), by_hour(simulated)

    def stops(at: int | None, looks: int) -> bool:
        return at is not None and at < looks

    end = judge_stage(standing_of(stage, simulated, least), PLAN, POLICY, BEGAN + stage.least)
    return (
        *(stops(ours[verdict], looks) for looks in (least, most) for verdict in (HOLD, ROLLBACK)),
        *(stops(naive[verdict], least) for verdict in (HOLD, ROLLBACK)),
        end.verdict is Verdict.PROMOTE,
    )


def run_faults(job: tuple[str, int, Fault, range, int]) -> list[dict[Verdict, int | None]]:
    """Of each stage the looks with the fault until it was called; 0 or less where that was before it."""
    world, requests, fault, stages, seed = job
    return [_one_fault(world, requests, fault, (seed, WORLDS.index(world), requests, n)) for n in stages]


def _one_fault(world: str, requests: int, fault: Fault, seed: tuple[int, ...]) -> dict[Verdict, int | None]:
    rng = np.random.default_rng((*seed, round(fault.slower * 100), round(fault.error_rate * 1000)))
    stage = next(one for one in PLAN.stages if one.percent == FAULTY_PERCENT)
    day = timedelta(days=1) // stage.every
    begins = (FAULT_DAY - 1) * day + int(rng.integers(day))
    own = Fault(fault.name, fault.slower, fault.error_rate, begins)
    simulated = simulated_stage(rng, stage, looks=stage.most // stage.every, requests=requests, world=world, fault=own)
    return {verdict: None if at is None else at - begins + 1 for verdict, at in by_judge(stage, simulated).items()}
