"""The latency part of the gate on releases whose truth is known: how often is the verdict the right one?

    python -m benchmarks.releases [--only NAME ...] [--runs 8] [--folder reports/benchmarks/releases] [--json FILE]

untouched           all stages; never HOLD or ROLLBACK, PROMOTE in all runs but one
p95-plus-30         one stage alone, and so are the others: one endpoint takes 1.3 times as long; never PROMOTE
p95-plus-120        one endpoint takes 2.2 times as long; ROLLBACK in all runs but one
slow-tail           6 % of one endpoint's requests take ten times as long; never PROMOTE
stall-both-arms     the whole process stands still now and then; never HOLD or ROLLBACK
global-lock         the candidate slows control beside it; never PROMOTE
fallback-slow       6 % of the candidate's requests fail slowly and legacy answers; never PROMOTE
untouched-alone     one stage alone, to see how much of its plan an unchanged release takes

Each run has a seed and a folder of its own, which is kept; a folder that holds a whole run already is judged again and
not measured again, so that a benchmark that was cut off goes on. Nothing else should run on the machine meanwhile.
Exit code 0 when every figure is met.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figure import Figure, write
from verification.catalog.load import load_catalog
from verification.core.model import Verdict
from verification.core.policy import DEFAULT_STAGES
from verification.core.records import RunEnd
from verification.drive.measure import measure_ramp, measure_stage
from verification.evidence import RUN_FILE, EvidenceWriter, read_run, start_run
from verification.manifest import new_manifest
from verification.run import conclude
from verification.settings import RunSettings, Settings, TargetSettings

FIRST_SEED = 1_000
STAGE_ALONE = 25
MOST_OF_CAP = 0.5
"""Share of a stage's plan that an unchanged release may take on average."""
MOST_SECONDS = {"untouched": 360.0, "untouched-alone": 240.0}
_ALARMS = (Verdict.HOLD, Verdict.ROLLBACK)
_PASSED = (Verdict.PROMOTE,)


@dataclass(frozen=True, slots=True)
class Release:
    """A release with a known truth, and what its verdicts may be over all runs."""

    name: str
    defect: str | None
    stages: tuple[int, ...]
    never: tuple[Verdict, ...] = ()
    mostly: Verdict | None = None
    """In all runs but at most one of eight."""


RELEASES = (
    Release("untouched", None, DEFAULT_STAGES, _ALARMS, Verdict.PROMOTE),
    Release("p95-plus-30", "p95-plus-30", (STAGE_ALONE,), _PASSED),
    Release("p95-plus-120", "p95-plus-120", (STAGE_ALONE,), _PASSED, Verdict.ROLLBACK),
    Release("slow-tail", "slow-tail", (STAGE_ALONE,), _PASSED),
    Release("stall-both-arms", "stall-both-arms", (STAGE_ALONE,), _ALARMS),
    Release("global-lock", "global-lock", (STAGE_ALONE,), _PASSED),
    Release("fallback-slow", "fallback-slow", (STAGE_ALONE,), _PASSED),
    Release("untouched-alone", None, (STAGE_ALONE,), _ALARMS),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One run."""

    release: str
    seed: int
    verdict: str
    reason: str
    seconds: float
    blocks: tuple[int, ...]
    """Time blocks that each stage above 0 % took."""
    planned: tuple[int, ...]
    """The most that it could have taken."""
    rate_per_s: float
    commit: str | None
    """Of the code that measured it; a folder that was there already may be another's."""


def measure(release: Release, seed: int, run_dir: Path) -> Row:
    """One run of the latency part; a folder that holds a whole one is judged again only."""
    if not _is_whole(run_dir):
        _measure(release, seed, run_dir)
    judgement, evidence = conclude(run_dir), read_run(run_dir).evidence
    stopped = {end.stage_percent: end.stopped_after for end in evidence.load_ends}
    planned = {start.stage_percent: len(start.kinds) for start in evidence.load_starts if start.stage_percent > 0}
    return Row(
        release.name,
        seed,
        judgement.verdict.value,
        judgement.reasons[0] if judgement.reasons else "",
        judgement.duration_s or 0.0,
        tuple(stopped.get(percent) or most for percent, most in planned.items()),
        tuple(planned.values()),
        max((start.rate_per_s for start in evidence.load_starts if start.stage_percent > 0), default=0.0),
        evidence.manifest.commit,
    )


def _is_whole(run_dir: Path) -> bool:
    return (run_dir / RUN_FILE).exists() and bool(read_run(run_dir).evidence.run_ends)


def _measure(release: Release, seed: int, run_dir: Path) -> None:
    if run_dir.exists():
        # Half a run is evidence of its own; nothing is added to it.
        run_dir.rename(run_dir.with_name(f"{run_dir.name}-cut-off-{datetime.now(UTC):%H%M%S}"))
    target = TargetSettings(defects=() if release.defect is None else (release.defect,))
    settings = Settings(target=target, run=RunSettings(seed=seed))
    manifest = new_manifest(
        run_dir.name,
        seed=seed,
        target="embedded",
        owned=True,
        stages=release.stages,
        quick=False,
        expected=tuple(f"load:{percent}" for percent in release.stages),
        omitted=dict.fromkeys(("parity", "flag"), "the latency part alone is measured"),
    )
    start_run(run_dir, manifest, load_catalog(), settings.policy)
    alone, rate_per_s = len(release.stages) == 1, None
    with EvidenceWriter(run_dir, "main") as writer:
        for percent in release.stages:
            if percent == 0 and settings.load.ramp:
                rate_per_s = measure_ramp(settings, run_dir, writer.append, _say)
            measure_stage(settings, run_dir, percent, writer.append, _say, alone=alone, rate_per_s=rate_per_s)
        writer.append(RunEnd(datetime.now(UTC)))


def _say(text: str) -> None:
    print(f"    {text}", flush=True)


def figures(rows: Sequence[Row]) -> Iterator[Figure]:
    """What the runs of each release must show."""
    for release in RELEASES:
        mine = [row for row in rows if row.release == release.name]
        if not mine:
            continue
        ended = [row.verdict for row in mine]
        for verdict in release.never:
            yield Figure(verdict.value, ended.count(verdict.value) / len(mine), 0, 0, release.name, f"{len(mine)} runs")
        if release.mostly is not None:
            share = ended.count(release.mostly.value) / len(mine)
            yield Figure(release.mostly.value, share, 7 / 8, 1, release.name, f"{len(mine)} runs")
        if release.name in MOST_SECONDS:
            longest = max(row.seconds for row in mine)
            yield Figure(
                f"longest: {longest:.0f} s", longest / MOST_SECONDS[release.name], 0, 1, release.name, "latency part"
            )
            taken = sum(sum(row.blocks) for row in mine) / sum(sum(row.planned) for row in mine)
            yield Figure("time blocks, of the most", taken, 0, MOST_OF_CAP, release.name, "mean")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 0 when every figure is met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.releases", description=__doc__)
    parser.add_argument("--only", action="append", choices=[release.name for release in RELEASES])
    parser.add_argument("--runs", type=int, default=8, help="runs of each release (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=Path("reports/benchmarks/releases"), help="where runs are kept")
    parser.add_argument("--json", type=Path, default=Path("reports/benchmarks/releases.json"))
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    for release in RELEASES:
        if options.only and release.name not in options.only:
            continue
        for number in range(options.runs):
            run_dir = options.folder / f"{release.name}-{number}"
            rows.append(row := measure(release, FIRST_SEED + number, run_dir))
            took = f"{sum(row.blocks)} of {sum(row.planned)} blocks, {row.seconds:.0f} s, {row.rate_per_s:.0f}/s"
            print(
                f"{row.release:18}{row.seed:>6} {row.verdict:13}{took:36}{(row.commit or '')[:8]:9}{row.reason}",
                flush=True,
            )
    table = list(figures(rows))
    for figure in table:
        print(f"{figure.configuration:18}{figure.figure:28}{figure.scope:16}{figure.told}")
    return write(options.json, table, rows, runs=options.runs)


if __name__ == "__main__":
    sys.exit(main())
