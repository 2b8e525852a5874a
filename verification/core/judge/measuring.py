"""Whether the measuring of a stage can be believed: nothing lost on the way, and the generator not the bottleneck."""

from __future__ import annotations

from collections.abc import Iterator

from verification.core.histogram import edge_ms, merge, quantile_ms, total
from verification.core.judge.stage_load import StageLoad
from verification.core.policy import LoadPolicy
from verification.core.records import LoadEnd

_FIRST_BLOCKS = 3
_LEAST_REQUESTS = 20
"""A block with fewer tells no share."""


def doubts(stage: StageLoad, policy: LoadPolicy) -> Iterator[tuple[str, str]]:
    """Rule and reason of all that makes the numbers of a stage doubtful."""
    yield from _doubts_of_records(stage)
    if stage.end is not None:
        yield from _doubts_of_generator(stage, stage.end, policy)


def _doubts_of_records(stage: StageLoad) -> Iterator[tuple[str, str]]:
    """What the stage should have left and did not."""
    start, end = stage.start, stage.end
    if end is None:
        yield "evidence.missing", "the load of this stage was cut off before its end"
        return
    if end.aborted is not None:
        yield "load.generator", f"the load was aborted: {end.aborted}"
    if start is None:
        yield "evidence.missing", "the opening record of this stage is missing, so what was planned is not known"
    elif len(stage.seen) < (owed := len(start.kinds) if end.stopped_after is None else end.stopped_after):
        yield "load.generator", f"only {len(stage.seen)} of {owed} planned time blocks came"
    if end.lost_workers:
        yield "load.workers", f"workers were lost: {', '.join(end.lost_workers)}; their requests are not counted"
    if stage.misplaced:
        named = ", ".join(map(str, sorted(stage.misplaced)[:5]))
        yield "load.workers", f"{len(stage.misplaced)} time blocks came as another kind than planned: {named}"
    yield from _doubts_of_counts(stage, end)


def _doubts_of_counts(stage: StageLoad, end: LoadEnd) -> Iterator[tuple[str, str]]:
    """What is counted twice must agree, whoever wrote it."""
    start, workers = stage.start, {worker.worker for worker in end.workers} | set(end.lost_workers)
    if start is not None and len(workers) < start.workers:
        yield "load.workers", f"{start.workers} workers were set to work, the end of the stage tells of {len(workers)}"
    for name in sorted(stage.by_worker.keys() - workers):
        yield "load.workers", f"{stage.by_worker[name]} requests came from {name}, which the end of the stage omits"
    for worker in end.workers:
        arrived = stage.by_worker.get(worker.worker, 0)
        if arrived != worker.requests and worker.worker not in end.lost_workers:
            yield "load.workers", f"worker {worker.worker} sent {worker.requests} requests, {arrived} arrived here"
    if stage.unaccounted:
        yield "load.workers", f"of {stage.unaccounted} answers nothing tells who served them, or that nobody does"
    told = end.finished + end.dropped + sum(end.skipped.values())
    if end.aborted is None and not end.lost_workers and end.scheduled != told:
        yield "load.workers", f"{end.scheduled} requests were due, and the end of the stage tells of {told}"
    if stage.untimed:
        yield "load.workers", f"{stage.untimed} requests are counted without a time, or timed without being counted"


def _doubts_of_generator(stage: StageLoad, end: LoadEnd, policy: LoadPolicy) -> Iterator[tuple[str, str]]:
    """Dropped arrivals, scheduling lag and CPU: then the generator was the bottleneck, not the target."""
    yield from _doubts_of_time(stage, end, policy)
    lag, cpu = lag_and_cpu(end)
    control = stage.pooled("mixed", "control") or stage.pooled("control", "control")
    p95 = quantile_ms(control, 0.95) if total(control) else 0.0
    # Written so that a number that is none is a doubt, too.
    if not lag <= max(policy.lag_floor_ms, policy.max_lag_share * p95):
        share = f"{lag / p95:.0%} of" if p95 else "against"
        reason = f"scheduling lag P95 is {lag:.1f} ms, {share} a control P95 of {p95:.1f} ms; lower the rate"
        yield "load.generator", reason
    if not cpu <= policy.max_cpu_percent:
        yield "load.generator", f"a load worker used {cpu:.0f} % CPU; use more processes or a lower rate"
    if end.scheduled and end.dropped / end.scheduled > policy.max_dropped_share:
        yield "load.generator", f"{end.dropped} of {end.scheduled} arrivals could not be sent; lower the rate"


def _doubts_of_time(stage: StageLoad, end: LoadEnd, policy: LoadPolicy) -> Iterator[tuple[str, str]]:
    """A clock that was set, a machine that slept, and a target that was still warming up when the blocks began."""
    for worker in end.workers:
        if not abs(worker.clock_step_s) <= policy.max_clock_step_s:
            reason = (
                f"the clock of worker {worker.worker} moved by {worker.clock_step_s:+.1f} s beside the time that passed"
                ": it was set, or the machine slept; measure again"
            )
            yield "load.clock", reason
    blocks = [block for block in stage.per_block("mixed", "control") if total(block) >= _LEAST_REQUESTS]
    first, rest = blocks[:_FIRST_BLOCKS], merge(*blocks[_FIRST_BLOCKS:])
    if len(blocks) < 2 * _FIRST_BLOCKS:
        return
    limit_ms = quantile_ms(rest, 0.95)
    shares = [sum(n for number, n in block.items() if edge_ms(number) > limit_ms) / total(block) for block in first]
    if min(shares) > policy.max_warm_up_ratio * 0.05:
        reason = (
            f"in each of the first {_FIRST_BLOCKS} mixed blocks at least {min(shares):.0%} of control's requests took "
            f"longer than {limit_ms:.3g} ms, which 5 % of the later ones did: the target was still warming up; "
            "give it a longer warm-up"
        )
        yield "load.warm-up", reason


def lag_and_cpu(end: LoadEnd) -> tuple[float, float]:
    """Of the worker that was worst off."""
    return (
        max((worker.lag_p95_ms for worker in end.workers), default=0.0),
        max((worker.cpu_percent for worker in end.workers), default=0.0),
    )
