"""One stage of load against the run's target: a fresh embedded backend, or the named one as it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from verification.core.errors import GateError
from verification.core.histogram import merge
from verification.core.knee import RampStep, find_knee
from verification.core.records import LoadBlock, LoadCell, LoadEnd, LogTail, Mishap, Ramp, Record
from verification.drive.load import LoadPlan, run_stage
from verification.drive.named_target import NamedTarget
from verification.drive.target import EmbeddedTarget, Target
from verification.evidence import EVIDENCE_DIR, read_file
from verification.settings import Settings

# The short form keeps enough shared blocks for a verdict, in less time.
QUICK_BLOCKS, QUICK_BLOCK_S = 40, 1.0
# The embedded backend's knee lies above 600 requests per second on two cores; a stranger's is not known.
EMBEDDED_RATE_PER_S, NAMED_RATE_PER_S = 240.0, 100.0
# Of the planned rate. The first steps tell what is easy; the last lie just beyond where half of the knee is enough.
_RAMP_SHARES = (0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1, 2.4)
_RAMP_BLOCK_S = 1.0


def measure_stage(
    settings: Settings,
    run_dir: Path,
    percent: int,
    record: Callable[[Record], None],
    say: Callable[[str], None],
    endpoints: tuple[str, ...] = (),
    *,
    alone: bool = False,
    rate_per_s: float | None = None,
) -> None:
    """Run Locust against the target at this percent. Whatever goes wrong is a mishap in the evidence, then an error.

    `endpoints` limits the load to these; empty: all of the catalog. `alone` tells that no other stage adds to what is
    proven of each endpoint. `rate_per_s` is what the ramp allowed; None: as planned.
    """
    target = _target(settings, percent)
    try:
        target.set_percent(percent)
        say(f"latency at {percent} %: measuring")
        plan = replace(_plan(settings, target, percent, alone=alone), endpoints=endpoints)
        outcome = run_stage(replace(plan, rate_per_s=rate_per_s or plan.rate_per_s), run_dir, _progress(say))
        death = target.death()
        if death is not None:
            record(Mishap("backend-died", death, percent, "load"))
        elif outcome.failure is not None:
            record(Mishap("load-failed", outcome.failure, percent, "load"))
    except GateError as error:
        record(Mishap("backend-unready", str(error), percent, "load"))
        raise
    finally:
        lines = target.log_text().splitlines()
        if lines:
            words = settings.target.words_of_a_fallback
            record(LogTail(percent, sum(words in line for line in lines), tuple(lines[-20:])))
        target.close()


def measure_ramp(
    settings: Settings, run_dir: Path, record: Callable[[Record], None], say: Callable[[str], None]
) -> float | None:
    """Ask control at rates that rise to a little more than twice the planned one; returns the rate to measure at.

    The ramp's own evidence lies in a folder beside the run's; what it came to is recorded in the run. None where the
    ramp could not be asked or told nothing: then the planned rate stays, and the judge says so.
    """
    target = _target(settings, 0)
    try:
        target.set_percent(0)
        say("knee of the target: asking rates that rise")
        plan = _plan(settings, target, 0, alone=False)
        rates = ramp_rates(settings, plan.rate_per_s)
        ramp = replace(plan, ramp_rates=rates, blocks=len(rates), block_s=_RAMP_BLOCK_S, whole=True)
        folder = run_dir / "ramp"
        outcome = run_stage(ramp, folder, lambda _: None)
        found = read_file(folder / EVIDENCE_DIR / f"{ramp.evidence_name}.jsonl").records
        broken = outcome.failure or _broken(found)
        if broken is not None:
            record(Mishap("load-failed", f"the ramp: {broken}", 0, "load"))
        # Half a ramp asked lower rates than it says.
        steps = () if broken is not None else _steps(found, rates)
        record(Ramp(plan.rate_per_s, steps))
        knee = find_knee(steps)
        return None if knee is None else min(plan.rate_per_s, knee.usable_per_s)
    except GateError as error:
        record(Mishap("load-failed", f"the ramp: {error}", 0, "load"))
        return None
    finally:
        target.close()


def _broken(records: Iterable[Record]) -> str | None:
    """Why the rates of a ramp were not those that were set; None where they were."""
    end = next((found for found in records if isinstance(found, LoadEnd)), None)
    if end is None:
        return "it was cut off before its end"
    return end.aborted or (f"workers were lost: {', '.join(end.lost_workers)}" if end.lost_workers else None)


def _steps(records: Iterable[Record], rates: Sequence[float]) -> tuple[RampStep, ...]:
    """What all workers saw at each rate, added up; the rate is at most the one that really came about."""
    cells: dict[int, list[LoadCell]] = {}
    for found in records:
        if isinstance(found, LoadBlock):
            cells.setdefault(found.block, []).extend(found.cells)
    asked = {number: sum(cell.requests for cell in cells.get(number, ())) for number in range(len(rates))}
    return tuple(
        RampStep(
            min(rate, asked[number] / _RAMP_BLOCK_S),
            asked[number],
            sum(cell.errors for cell in cells.get(number, ())),
            merge(*(cell.intended for cell in cells.get(number, ()))),
        )
        for number, rate in enumerate(rates)
    )


def _progress(say: Callable[[str], None]) -> Callable[[str], None]:
    """Pass on how far the stage is; what Locust concludes of this stage alone is not this run's verdict."""

    def hear(line: str) -> None:
        if line.startswith("stage "):
            say(line)

    return hear


def _target(settings: Settings, percent: int) -> Target:
    if not settings.is_embedded:
        return NamedTarget(settings, percent, knows_percent=False)
    target = settings.target
    return EmbeddedTarget(
        defects=target.defects,
        seed=settings.run.seed,
        shape=target.shape,
        database_environment=target.database_environment,
    )


def measured_s(settings: Settings, percent: int, *, alone: bool) -> float:
    """The longest that a stage is measured, in seconds."""
    block_s, blocks = _blocks(settings, percent, alone=alone)
    return block_s * blocks


def _blocks(settings: Settings, percent: int, *, alone: bool) -> tuple[float, int]:
    """Length and most of the time blocks of a stage."""
    load = settings.load
    if settings.run.quick:
        return QUICK_BLOCK_S, QUICK_BLOCKS
    most = load.blocks_alone if alone else load.blocks
    return load.block_s, load.baseline_blocks if percent == 0 else most


def _plan(settings: Settings, target: Target, percent: int, *, alone: bool) -> LoadPlan:
    load = settings.load
    block_s, blocks = _blocks(settings, percent, alone=alone)
    return LoadPlan(
        host=target.base_url,
        stage_percent=percent,
        rate_per_s=planned_rate(settings),
        block_s=block_s,
        blocks=blocks,
        seed=settings.run.seed + percent,
        processes=load.processes,
        disposable=target.owned,
        max_rules=load.max_rules,
        allow_writes=settings.run.allow_writes,
        allow_destructive=settings.run.allow_destructive,
        drain_s=load.drain_s,
        witness=settings.first_witness,
        error_status_from=settings.rates.error_status_from,
        settings=settings.model_dump_json(exclude_unset=True),
    )


def planned_rate(settings: Settings) -> float:
    """Requests per second that a stage is measured at, unless the ramp shows that it must be fewer."""
    if settings.load.rate_per_s is not None:
        return settings.load.rate_per_s
    if settings.is_embedded:
        return EMBEDDED_RATE_PER_S
    return min(NAMED_RATE_PER_S, settings.limits.max_rate_per_s or NAMED_RATE_PER_S)


def ramp_rates(settings: Settings, planned_per_s: float) -> tuple[float, ...]:
    """The rates of the ramp, rising; none above the cap of a named target."""
    cap = settings.limits.max_rate_per_s if not settings.is_embedded else None
    rates = (planned_per_s * share for share in _RAMP_SHARES)
    return tuple(dict.fromkeys(rate if cap is None else min(rate, cap) for rate in rates))
