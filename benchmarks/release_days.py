"""How often hourly looks stop a release that is as good as the old one, and how soon they stop one that is not.

    python -m benchmarks.release_days --plans 1000

goes through the whole usual plan with a look every hour: identical arms, 50 and 200 requests an hour on each, times
that drift together or each arm by itself too. After every look the stage is judged by the project's own `judge_stage`;
a plan counts as falsely stopped where any look of any stage ever said HOLD or ROLLBACK. Beside it stands the rule that
takes each hour by itself. Then faults that appear on day 2 of the 25 % stage, and how many looks it takes to call them.

Exit code 0 when every figure is met.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure, write
from benchmarks.release_rules import ALARMS, HOLD, PLAN, POLICY, ROLLBACK, by_hour, by_judge, standing_of
from benchmarks.release_worlds import BEGAN, WORLDS, Fault, simulated_stage
from verification.core.judge.release import judge_stage
from verification.core.model import Verdict
from verification.core.release.plan import PlannedStage

REQUESTS = (50, 200)
"""Requests an hour on each arm."""
FAULTS = (Fault("P95 +80 %", slower=1.8), Fault("8 % errors", error_rate=0.08))
FAULTY, FAULT_DAY = PLAN.stages[1], 2
_A_DAY = timedelta(days=1) // FAULTY.every
LONGEST = FAULTY.most // FAULTY.every - (FAULT_DAY - 1) * _A_DAY
"""Looks with the fault at most."""
MOST_FALSE = {ROLLBACK: 0.01, HOLD: 0.05}
MOST_LOOKS = {
    ("P95 +80 %", "HOLD"): 24,
    ("P95 +80 %", "ROLLBACK"): 48,
    ("8 % errors", "HOLD"): 12,
    ("8 % errors", "ROLLBACK"): 36,
}
"""On average, at any rate and in any world."""


# --- the runs --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plans:
    """Plans with identical arms in one world, and how many of them each rule stopped falsely at any of their looks."""

    world: str
    requests: int
    plans: int
    hold: int
    """HOLD or worse within the least windows."""
    rollback: int
    hold_longest: int
    """The same where each stage is looked at to the end of its longest window."""
    rollback_longest: int
    naive_hold: int
    """By the hour alone, within the least windows."""
    naive_rollback: int
    in_time: int
    """Every stage came to PROMOTE by the end of its least window."""
    passed: int
    """Every stage came to PROMOTE by the end of its longest window."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Stages with a fault on their second day, and how many looks with the fault it took to call it."""

    world: str
    requests: int
    fault: str
    verdict: str
    """That verdict or a worse one."""
    stages: int
    early: int
    """Called before the fault was there."""
    missed: int
    """Not called by the end of the longest window."""
    mean: float
    """Looks; a stage that missed it counts with the most that there can be."""
    most_of_ten: int
    """Within so many looks nine of ten stages called it."""


def run_plans(job: tuple[str, int, range, int]) -> list[tuple[bool, ...]]:
    """Of each plan what `Plans` counts. Each has its own seed: more plans do not change the first ones."""
    world, requests, plans, seed = job
    return [_one_plan(world, requests, np.random.default_rng((seed, WORLDS.index(world), requests, n))) for n in plans]


def _one_plan(world: str, requests: int, rng: np.random.Generator) -> tuple[bool, ...]:
    found = [_one_stage(world, requests, rng, stage) for stage in PLAN.stages]
    *alarms, in_time, passed = zip(*found, strict=True)
    return (*map(any, alarms), all(in_time), all(passed))


def _one_stage(world: str, requests: int, rng: np.random.Generator, stage: PlannedStage) -> tuple[bool, ...]:
    least, most = stage.least // stage.every, stage.most // stage.every
    simulated = simulated_stage(rng, stage, looks=most, requests=requests, world=world)
    ours, naive = by_judge(stage, simulated), by_hour(simulated)

    def stops(at: int | None, looks: int) -> bool:
        return at is not None and at < looks

    def passes(looks: int) -> bool:
        now = BEGAN + looks * stage.every
        return judge_stage(standing_of(stage, simulated, looks), PLAN, POLICY, now).verdict is Verdict.PROMOTE

    in_time = passes(least)
    return (
        *(stops(ours[verdict], looks) for looks in (least, most) for verdict in ALARMS),
        *(stops(naive[verdict], least) for verdict in ALARMS),
        in_time,
        in_time or passes(most),
    )


def run_faults(job: tuple[str, int, Fault, range, int]) -> list[dict[Verdict, int | None]]:
    """Of each stage how many looks with the fault it took; 0 or less where it was called before. Seeds as above."""
    world, requests, fault, stages, seed = job
    place = (seed, WORLDS.index(world), requests, FAULTS.index(fault))
    return [_one_fault(world, requests, fault, np.random.default_rng((*place, n))) for n in stages]


def _one_fault(world: str, requests: int, fault: Fault, rng: np.random.Generator) -> dict[Verdict, int | None]:
    begins = (FAULT_DAY - 1) * _A_DAY + int(rng.integers(_A_DAY))
    looks = FAULTY.most // FAULTY.every
    late = replace(fault, from_look=begins)
    simulated = simulated_stage(rng, FAULTY, looks=looks, requests=requests, world=world, fault=late)
    return {verdict: None if at is None else at - begins + 1 for verdict, at in by_judge(FAULTY, simulated).items()}


def calls(world: str, requests: int, fault: str, verdict: Verdict, found: Sequence[dict[Verdict, int | None]]) -> Calls:
    """Sum up what `run_faults` found."""
    took = [of[verdict] for of in found]
    early = sum(looks is not None and looks <= 0 for looks in took)
    missed = sum(looks is None for looks in took)
    late = sorted(LONGEST if looks is None else looks for looks in took if looks is None or looks > 0)
    mean = sum(late) / len(late) if late else 0.0
    most = late[math.ceil(0.9 * len(late)) - 1] if late else 0
    return Calls(world, requests, fault, verdict.value, len(took), early, missed, mean, most)


# --- the figures -----------------------------------------------------------------------------------------------------


def figures(plans: Sequence[Plans], faults: Sequence[Calls]) -> list[Figure]:
    """What must hold: errors as shares of plans, delays as shares of the looks that are allowed on average."""
    found = []
    for cell in plans:
        name = f"{cell.requests} an hour"
        for figure, count, most in (
            ("false ROLLBACK", cell.rollback, MOST_FALSE[ROLLBACK]),
            ("false HOLD or worse", cell.hold, MOST_FALSE[HOLD]),
            ("false ROLLBACK, longest windows", cell.rollback_longest, MOST_FALSE[ROLLBACK]),
            ("false HOLD or worse, longest", cell.hold_longest, MOST_FALSE[HOLD]),
        ):
            found.append(Figure(figure, count / cell.plans, 0, most, name, cell.world))
        found.append(Figure("passes within longest windows", cell.passed / cell.plans, 0.95, 1, name, cell.world))
    for call in faults:
        allowed = MOST_LOOKS[call.fault, call.verdict]
        figure = f"{call.fault} {call.verdict}: {call.mean:.1f} of {allowed} looks"
        found.append(Figure(figure, call.mean / allowed, 0, 1, f"{call.requests} an hour", call.world))
        if call.verdict == HOLD.value:
            share = 1 - call.missed / call.stages
            found.append(Figure(f"{call.fault} called", share, 0.99, 1, f"{call.requests} an hour", call.world))
    return found


def render(plans: Sequence[Plans], faults: Sequence[Calls], table: Sequence[Figure]) -> str:
    """All three tables as text."""
    heads = ("HOLD", "ROLLBACK", "HOLD", "ROLLBACK", "HOLD", "ROLLBACK", "in time", "passed")
    lines = [
        "Share of plans with identical arms that are ever called so",
        f"{'':28}{'ours, least windows':>22}{'ours, longest':>22}{'each hour by itself':>22}",
        f"{'world':16}{'an hour':>8}{'':4}" + "".join(f"{head:>11}" for head in heads),
    ]
    for cell in plans:
        counts = [cell.hold, cell.rollback, cell.hold_longest, cell.rollback_longest]
        counts += (cell.naive_hold, cell.naive_rollback, cell.in_time, cell.passed)
        shares = "".join(f"{count / cell.plans:>11.3f}" for count in counts)
        lines.append(f"{cell.world:16}{cell.requests:>8}{'':4}{shares}")
    lines += [
        "",
        "Looks with the fault until it is called so, or worse",
        f"{'world':16}{'an hour':>8}    {'fault':14}{'verdict':10}{'mean':>8}{'9 of 10':>9}{'missed':>8}{'early':>8}",
    ]
    for call in faults:
        numbers = f"{call.mean:>8.1f}{call.most_of_ten:>9}"
        shares = f"{call.missed / call.stages:>8.3f}{call.early / call.stages:>8.3f}"
        lines.append(f"{call.world:16}{call.requests:>8}    {call.fault:14}{call.verdict:10}{numbers}{shares}")
    lines += ["", f"{'':14}{'figure':40}{'world':14}{'measured':>9}{'limit':>18}"]
    lines += [f"{row.configuration:14}{row.figure:40}{row.scope:14}{row.told}" for row in table]
    missed = sum(not row.met for row in table)
    return "\n".join([*lines, f"{len(table) - missed} of {len(table)} figures met"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, write; 0 when every figure is met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.release_days", description=__doc__)
    parser.add_argument("--plans", type=int, default=1000, help="of each world and rate (default: %(default)s)")
    parser.add_argument("--faults", type=int, default=250, help="stages of each world, rate and fault (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, default=Path("reports/benchmarks/release_days.json"))
    options = parser.parse_args(arguments)
    began = time.monotonic()
    with ProcessPoolExecutor(options.processes) as pool:
        plans, faults = _cells(pool, options.plans, options.faults, options.seed)
    table = figures(plans, faults)
    print(render(plans, faults, table))
    print(f"{options.plans} plans a cell, seed {options.seed}, {time.monotonic() - began:.0f} s")
    cells = [*plans, *faults]
    facts = {"plans": options.plans, "faults": options.faults, "seed": options.seed}
    return write(options.json, table, cells, **facts, plan=PLAN.model_dump(), policy=POLICY.model_dump(mode="json"))


def _cells(pool: Executor, plans: int, stages: int, seed: int) -> tuple[list[Plans], list[Calls]]:
    kinds = [(world, requests) for world in WORLDS for requests in REQUESTS]
    # In small portions, so that no process waits long for another at the end.
    running = {kind: [pool.submit(run_plans, (*kind, part, seed)) for part in _portions(plans)] for kind in kinds}
    faulty = {
        (*kind, fault): [pool.submit(run_faults, (*kind, fault, part, seed)) for part in _portions(stages)]
        for kind in kinds
        for fault in FAULTS
    }
    by_plan = {kind: [one for part in parts for one in part.result()] for kind, parts in running.items()}
    found = {kind: [one for part in parts for one in part.result()] for kind, parts in faulty.items()}
    return (
        [Plans(*kind, plans, *np.sum(of, axis=0).tolist()) for kind, of in by_plan.items()],
        [
            calls(world, requests, fault.name, verdict, of)
            for (world, requests, fault), of in found.items()
            for verdict in ALARMS
        ],
    )


def _portions(total: int) -> list[range]:
    return [range(first, min(first + 20, total)) for first in range(0, total, 20)]


if __name__ == "__main__":
    sys.exit(main())
