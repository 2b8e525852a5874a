"""One stage of load against the run's target: a fresh embedded backend, or the named one as it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from verification.core.errors import GateError
from verification.core.records import LogTail, Mishap, Record
from verification.drive.load import LoadPlan, run_stage
from verification.drive.named_target import NamedTarget
from verification.drive.target import FALLBACK_WORDS, EmbeddedTarget, Target
from verification.settings import Settings

# The short form keeps enough shared blocks for a verdict, in less time.
QUICK_BLOCKS, QUICK_BLOCK_S = 40, 1.0
# The embedded backend's knee lies above 600 requests per second on two cores; a stranger's is not known.
EMBEDDED_RATE_PER_S, NAMED_RATE_PER_S = 180.0, 100.0


def measure_stage(
    settings: Settings,
    run_dir: Path,
    percent: int,
    record: Callable[[Record], None],
    say: Callable[[str], None],
    endpoints: tuple[str, ...] = (),
) -> None:
    """Run Locust against the target at this percent. Whatever goes wrong is a mishap in the evidence, then an error.

    `endpoints` limits the load to these; empty: all of the catalog.
    """
    target = _target(settings, percent)
    try:
        target.set_percent(percent)
        say(f"latency at {percent} %: measuring")
        outcome = run_stage(replace(_plan(settings, target, percent), endpoints=endpoints), run_dir, _progress(say))
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
            record(LogTail(percent, sum(FALLBACK_WORDS in line for line in lines), tuple(lines[-20:])))
        target.close()


def _progress(say: Callable[[str], None]) -> Callable[[str], None]:
    """Pass on how far the stage is; what Locust concludes of this stage alone is not this run's verdict."""

    def hear(line: str) -> None:
        if line.startswith("stage "):
            say(line)

    return hear


def _target(settings: Settings, percent: int) -> Target:
    if settings.target.url is not None:
        return NamedTarget(settings, percent, knows_percent=False)
    return EmbeddedTarget(defects=settings.target.defects, seed=settings.run.seed)


def _plan(settings: Settings, target: Target, percent: int) -> LoadPlan:
    load = settings.load
    blocks = load.baseline_blocks if percent == 0 else load.blocks
    quick = settings.run.quick
    return LoadPlan(
        host=target.base_url,
        stage_percent=percent,
        rate_per_s=load.rate_per_s or (EMBEDDED_RATE_PER_S if target.owned else NAMED_RATE_PER_S),
        block_s=QUICK_BLOCK_S if quick else load.block_s,
        blocks=QUICK_BLOCKS if quick else blocks,
        seed=settings.run.seed + percent,
        processes=load.processes,
        disposable=target.owned,
        max_rules=load.max_rules,
        allow_writes=settings.run.allow_writes,
        drain_s=load.drain_s,
        witness=settings.witness.first,
    )
