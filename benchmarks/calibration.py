"""How often the latency verdict is right, wrong or silent when the truth is known.

    python -m benchmarks.calibration --runs 400

simulates stages whose true P95 ratio is known, asks the project's own tests (the fixed one, the sequential one that
looks after every block, and both together as the gate asks them), prints the figures they must show with their limits,
and writes everything as JSON. Exit code 0 when every figure is met. An independent checker can be pointed at
`verdict_of_raw_blocks`, `decision_of_raw_blocks` and `interval_of_raw_blocks`.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.figure import Figure, write
from benchmarks.worlds import BEFORE_AFTER, STRESS, USUAL, WORLDS, Configuration, simulate
from verification.core.decision import decided_change
from verification.core.histogram import INVALID_BIN, LOG_BIN, TOP_BIN, edge_ms
from verification.core.latency import P95Change, Stratum, p95_change
from verification.core.model import Verdict
from verification.core.policy import LatencyPolicy
from verification.core.sequential import SequentialDecision, decide

RATIOS = (1.0, 1.1, 1.19, 1.3, 1.45, 1.6, 2.0)
CONFIGURATIONS = (
    Configuration("A", 2_000, 0.10, 60, 5.0),
    Configuration("B", 5_000, 0.25, 60, 5.0),
    Configuration("C", 1_500, 0.50, 30, 1.0),
)
LONG = Configuration("L", 12_000, 0.10, 360, 5.0)
"""Long enough for the sequential test to decide whenever it is ready."""
MEAN_REQUESTS = {1.0: 1_600, 1.6: 5_500, 2.0: 1_400}
"""True ratio -> most candidate requests that a decision may take on average, log-normal times at a share of 10 %."""
SEQUENTIAL, GATE = " sequential", " gate"


@dataclass(frozen=True, slots=True)
class Cell:
    """One configuration, scenario and true ratio, with what the verdicts were."""

    configuration: str
    scenario: str
    ratio: float
    runs: int
    verdicts: dict[str, int]
    covered: int
    """Runs whose 95 % interval holds the true ratio; the sequential test has none."""
    requests: int = 0
    """Candidate requests up to the decision, over all runs of the sequential test."""

    def share(self, *verdicts: Verdict) -> float:
        """Share of the runs that ended so."""
        return sum(self.verdicts.get(verdict.value, 0) for verdict in verdicts) / self.runs


# --- the verdict -----------------------------------------------------------------------------------------------------


def bins_of(times_ms: ArrayLike) -> dict[int, int]:
    """The histogram of many times at once, as `bin_of` counts them one by one."""
    times = np.asarray(times_ms, dtype=np.float64)
    valid = times > 0
    scaled = (np.log(np.where(valid, times, 1.0)) - math.log(edge_ms(0))) / LOG_BIN + 1e-9
    numbers = np.where(valid, np.clip(np.floor(scaled), 0, TOP_BIN), INVALID_BIN).astype(np.int64)
    found, counts = np.unique(numbers, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def change_of_raw_blocks(control: Sequence[ArrayLike], candidate: Sequence[ArrayLike]) -> P95Change:
    """The P95 change of raw times in ms; blocks with the same index were measured in the same seconds."""
    pairs = tuple((bins_of(one), bins_of(other)) for one, other in zip(control, candidate, strict=True))
    return p95_change([Stratum(pairs)], LatencyPolicy())


def verdict_of_raw_blocks(control: Sequence[ArrayLike], candidate: Sequence[ArrayLike]) -> str:
    """For a checker that wants the verdict's name."""
    return change_of_raw_blocks(control, candidate).verdict.value


def decision_of_raw_blocks(control: Sequence[ArrayLike], candidate: Sequence[ArrayLike]) -> SequentialDecision:
    """The same looked at after every block."""
    pairs = tuple((bins_of(one), bins_of(other)) for one, other in zip(control, candidate, strict=True))
    return decide([Stratum(pairs)], LatencyPolicy())


def gate_of_raw_blocks(control: Sequence[ArrayLike], candidate: Sequence[ArrayLike]) -> P95Change:
    """As the gate asks a stage that ran to the end of its plan: both tests, each with its share of alpha."""
    pairs = tuple((bins_of(one), bins_of(other)) for one, other in zip(control, candidate, strict=True))
    return decided_change([Stratum(pairs)], LatencyPolicy(), tests=1, whole=True)


def interval_of_raw_blocks(control: Sequence[ArrayLike], candidate: Sequence[ArrayLike]) -> tuple[float, float]:
    """For a checker that wants the 95 % interval of the ratio; everything where nothing was measured."""
    change = change_of_raw_blocks(control, candidate)
    return (0.0, math.inf) if change.low is None or change.high is None else (1 + change.low, 1 + change.high)


# --- the runs --------------------------------------------------------------------------------------------------------


def run_cell(job: tuple[Configuration, str, float, int, int]) -> tuple[Cell, Cell, Cell]:
    """All runs of one cell, by each test and by both.

    Each run has its own seed: more runs do not change the first ones.
    """
    configuration, scenario, ratio, runs, seed = job
    fixed: Counter[str] = Counter()
    sequential: Counter[str] = Counter()
    gate: Counter[str] = Counter()
    covered = requests = 0
    place = (ord(configuration.name), list(WORLDS).index(scenario), round(ratio * 100))
    for run in range(runs):
        arms = simulate(np.random.default_rng((seed, *place, run)), configuration, scenario, ratio)
        decision = decision_of_raw_blocks(*arms)
        sequential[decision.verdict.value] += 1
        requests += decision.requests_candidate
        if configuration is not LONG:
            change = change_of_raw_blocks(*arms)
            fixed[change.verdict.value] += 1
            gate[gate_of_raw_blocks(*arms).verdict.value] += 1
            covered += change.low is not None and change.high is not None and change.low <= ratio - 1 <= change.high
    name = configuration.name
    return (
        Cell(name, scenario, ratio, runs, dict(fixed), covered),
        Cell(f"{name}{SEQUENTIAL}", scenario, ratio, runs, dict(sequential), 0, requests),
        Cell(f"{name}{GATE}", scenario, ratio, runs, dict(gate), 0),
    )


# --- the figures -----------------------------------------------------------------------------------------------------


Table = dict[tuple[str, str, float], Cell]


def figures(cells: Iterable[Cell]) -> list[Figure]:
    """The table that the verdict must show, per configuration."""
    table = {(cell.configuration, cell.scenario, cell.ratio): cell for cell in cells}
    result: list[Figure] = []
    for name in sorted({cell[0] for cell in table}):
        if name.startswith(LONG.name):
            continue
        result += _errors(name, table)
        if name.endswith(SEQUENTIAL):
            continue
        if name.endswith(GATE):
            continue
        result += _power(name, table)
        for scenario in (*USUAL, *STRESS):
            mine = [table[name, scenario, ratio] for ratio in RATIOS]
            share = sum(cell.covered for cell in mine) / sum(cell.runs for cell in mine)
            least = 0.93 if scenario in USUAL else 0.91
            result.append(Figure("95 % interval holds the truth", share, least, 0.99, name, scenario))
    return [*result, *_speed(table)]


def _speed(table: Table) -> Iterable[Figure]:
    """Mean candidate requests to a sequential decision, as a share of what is allowed."""
    for ratio, most in MEAN_REQUESTS.items():
        cell = table.get((f"{LONG.name}{SEQUENTIAL}", "lognormal", ratio))
        if cell is not None:
            mean = cell.requests / cell.runs
            yield Figure(
                f"{ratio:g}: {mean:,.0f} requests of {most:,}", mean / most, 0, 1, cell.configuration, "lognormal"
            )


def _errors(name: str, table: Table) -> Iterable[Figure]:
    for verdict, ratios in ((Verdict.ROLLBACK, (1.0, 1.1)), (Verdict.PROMOTE, (1.6, 2.0))):
        for ratio in ratios:
            worst = max(table[name, scenario, ratio].share(verdict) for scenario in (*USUAL, *STRESS))
            yield Figure(f"{ratio:g} -> {verdict.value}", worst, 0, 0, name, "worst scenario")
    for verdict, ratio in (
        (Verdict.HOLD, 1.0),
        (Verdict.HOLD, 1.19),
        (Verdict.ROLLBACK, 1.45),
        (Verdict.PROMOTE, 1.3),
    ):
        shares = {scenario: table[name, scenario, ratio].share(verdict) for scenario in (*USUAL, *STRESS)}
        pooled = sum(shares[scenario] for scenario in USUAL) / len(USUAL)
        yield Figure(f"{ratio:g} -> {verdict.value}", pooled, 0, 0.01, name, "pooled")
        yield from (
            Figure(f"{ratio:g} -> {verdict.value}", shares[scenario], 0, 0.03, name, scenario) for scenario in STRESS
        )
    refused = min(table[name, BEFORE_AFTER, ratio].share(Verdict.INCONCLUSIVE) for ratio in RATIOS)
    yield Figure("before/after refused", refused, 0.99, 1, name, "worst ratio")


def _power(name: str, table: Table) -> Iterable[Figure]:
    flags = (Verdict.HOLD, Verdict.ROLLBACK)
    if name in ("A", "B"):
        worst = min(table[name, scenario, 1.6].share(*flags) for scenario in USUAL)
        yield Figure("1.6 flagged", worst, {"A": 0.97, "B": 0.99}[name], 1, name, "worst usual scenario")
    if name == "A":
        worst = min(table[name, scenario, 2.0].share(Verdict.ROLLBACK) for scenario in USUAL)
        yield Figure("2 -> ROLLBACK", worst, 0.97, 1, name, "worst usual scenario")
        floors = {"lognormal": 0.98, "AR(1)": 0.98, "slow mode": 0.80, "Pareto": 0.45, "burst": 0.45}
        for scenario, least in floors.items():
            yield Figure("1 -> PROMOTE", table[name, scenario, 1.0].share(Verdict.PROMOTE), least, 1, name, scenario)


def render(cells: Sequence[Cell], table: Sequence[Figure]) -> str:
    """Both tables as text."""
    lines = [
        f"{'':14}{'scenario':14}{'ratio':>6}{'PROMOTE':>10}{'HOLD':>8}{'ROLLBACK':>10}{'INCONCL.':>10}{'covered':>9}"
    ]
    for cell in cells:
        shares = [cell.share(verdict) for verdict in (Verdict.PROMOTE, Verdict.HOLD, Verdict.ROLLBACK)]
        numbers = "".join(f"{share:>{width}.3f}" for share, width in zip(shares, (10, 8, 10), strict=True))
        silent, covered = cell.share(Verdict.INCONCLUSIVE), cell.covered / cell.runs
        lines.append(
            f"{cell.configuration:14}{cell.scenario:14}{cell.ratio:>6.2f}{numbers}{silent:>10.3f}{covered:>9.3f}"
        )
    lines += ["", f"{'':14}{'figure':32}{'scope':24}{'measured':>9}{'limit':>18}"]
    for row in table:
        lines.append(f"{row.configuration:14}{row.figure:32}{row.scope:24}{row.told}")
    missed = sum(not row.met for row in table)
    return "\n".join([*lines, f"{len(table) - missed} of {len(table)} figures met"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, write; 0 when every figure is met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("--runs", type=int, default=400, help="runs per cell (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--only", choices=[each.name for each in (*CONFIGURATIONS, LONG)], help="one configuration only"
    )
    parser.add_argument("--json", type=Path, default=Path("reports/benchmarks/calibration.json"))
    options = parser.parse_args(arguments)
    began = time.monotonic()
    jobs = [
        (configuration, scenario, ratio, options.runs, options.seed)
        for configuration in CONFIGURATIONS
        if options.only in (None, configuration.name)
        for scenario in WORLDS
        for ratio in RATIOS
    ]
    if options.only in (None, LONG.name):
        jobs += [(LONG, "lognormal", ratio, options.runs, options.seed) for ratio in MEAN_REQUESTS]
    with ProcessPoolExecutor(options.processes) as pool:
        cells = [cell for found in pool.map(run_cell, jobs) for cell in found if cell.verdicts]
    table = figures(cells)
    print(render(cells, table))
    print(f"{options.runs} runs per cell, seed {options.seed}, {time.monotonic() - began:.0f} s")
    return write(options.json, table, cells, runs=options.runs, seed=options.seed, policy=LatencyPolicy().model_dump())


if __name__ == "__main__":
    sys.exit(main())
