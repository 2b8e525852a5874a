"""Whether the measuring of a stage can be believed: nothing lost on the way, and the generator not the bottleneck."""

from __future__ import annotations

from collections.abc import Iterator

from verification.core.histogram import edge_ms, merge, quantile_ms, total
from verification.core.judge.stage_load import StageLoad
from verification.core.policy import LoadPolicy
from verification.core.records import LoadEnd
from verification.core.said import Said, say

_FIRST_BLOCKS = 3
_LEAST_REQUESTS = 20
"""A block with fewer tells no share."""


def doubts(stage: StageLoad, policy: LoadPolicy) -> Iterator[tuple[str, Said]]:
    """Rule and reason of all that makes the numbers of a stage doubtful."""
    yield from _doubts_of_records(stage)
    if stage.end is not None:
        yield from (("load.workers", reason) for reason in _doubts_of_counts(stage, stage.end))
        yield from _doubts_of_time(stage, stage.end, policy)
        yield from (("load.generator", reason) for reason in _doubts_of_generator(stage, stage.end, policy))


def _doubts_of_records(stage: StageLoad) -> Iterator[tuple[str, Said]]:
    """What the stage should have left and did not."""
    start, end = stage.start, stage.end
    if end is None:
        yield "evidence.missing", say("the load of this stage was cut off before its end")
        return
    if end.aborted is not None:
        yield "load.generator", say("the load was aborted: {why}", why=end.aborted)
    if start is None:
        yield "evidence.missing", say("the opening record of this stage is missing, so what was planned is not known")
    elif len(stage.seen) < (owed := len(start.kinds) if end.stopped_after is None else end.stopped_after):
        yield "load.generator", say("only {came} of {owed} planned time blocks came", came=len(stage.seen), owed=owed)


def _doubts_of_counts(stage: StageLoad, end: LoadEnd) -> Iterator[Said]:
    """Workers that were lost, and what is counted twice and does not agree, whoever wrote it."""
    if end.lost_workers:
        names = ", ".join(end.lost_workers)
        yield say("workers were lost: {names}; their requests are not counted", names=names)
    if stage.misplaced:
        count, named = len(stage.misplaced), ", ".join(map(str, sorted(stage.misplaced)[:5]))
        yield say("{count} time blocks came as another kind than planned: {named}", count=count, named=named)
    start, workers = stage.start, {worker.worker for worker in end.workers} | set(end.lost_workers)
    if start is not None and len(workers) < start.workers:
        yield say(
            "{started} workers were set to work, the end of the stage tells of {told}",
            started=start.workers,
            told=len(workers),
        )
    for name in sorted(stage.by_worker.keys() - workers):
        yield say(
            "{requests} requests came from {worker}, which the end of the stage omits",
            requests=stage.by_worker[name],
            worker=name,
        )
    for worker in end.workers:
        arrived = stage.by_worker.get(worker.worker, 0)
        if arrived != worker.requests and worker.worker not in end.lost_workers:
            yield say(
                "worker {worker} sent {sent} requests, {arrived} arrived here",
                worker=worker.worker,
                sent=worker.requests,
                arrived=arrived,
            )
    if stage.unaccounted:
        yield say("of {count} answers nothing tells who served them, or that nobody does", count=stage.unaccounted)
    told = end.finished + end.dropped + sum(end.skipped.values())
    if end.aborted is None and not end.lost_workers and end.scheduled != told:
        yield say("{due} requests were due, and the end of the stage tells of {told}", due=end.scheduled, told=told)
    if stage.untimed:
        yield say("{count} requests are counted without a time, or timed without being counted", count=stage.untimed)


def _doubts_of_generator(stage: StageLoad, end: LoadEnd, policy: LoadPolicy) -> Iterator[Said]:
    """Scheduling lag, CPU and dropped arrivals: then the generator was the bottleneck, not the target."""
    lag, cpu = lag_and_cpu(end)
    control = stage.pooled("mixed", "control") or stage.pooled("control", "control")
    p95 = quantile_ms(control, 0.95) if total(control) else 0.0
    # Written so that a number that is none is a doubt, too.
    if not lag <= max(policy.lag_floor_ms, policy.max_lag_share * p95):
        yield (
            say(
                "scheduling lag P95 is {lag:.1f} ms, {share:.0%} of a control P95 of {p95:.1f} ms; lower the rate",
                lag=lag,
                share=lag / p95,
                p95=p95,
            )
            if p95
            else say(
                "scheduling lag P95 is {lag:.1f} ms, against a control P95 of {p95:.1f} ms; lower the rate",
                lag=lag,
                p95=p95,
            )
        )
    if not cpu <= policy.max_cpu_percent:
        yield say("a load worker used {cpu:.0f} % CPU; use more processes or a lower rate", cpu=cpu)
    if end.scheduled and end.dropped / end.scheduled > policy.max_dropped_share:
        yield say(
            "{dropped} of {scheduled} arrivals could not be sent; lower the rate",
            dropped=end.dropped,
            scheduled=end.scheduled,
        )


def _doubts_of_time(stage: StageLoad, end: LoadEnd, policy: LoadPolicy) -> Iterator[tuple[str, Said]]:
    """A clock that was set, a machine that slept, and a target that was still warming up when the blocks began."""
    for worker in end.workers:
        if not abs(worker.clock_step_s) <= policy.max_clock_step_s:
            reason = say(
                "the clock of worker {worker} moved by {step_s:+.1f} s beside the time that passed: it was set, or the "
                "machine slept; measure again",
                worker=worker.worker,
                step_s=worker.clock_step_s,
            )
            yield "load.clock", reason
    blocks = [block for block in stage.per_block("mixed", "control") if total(block) >= _LEAST_REQUESTS]
    first, rest = blocks[:_FIRST_BLOCKS], merge(*blocks[_FIRST_BLOCKS:])
    if len(blocks) < 2 * _FIRST_BLOCKS:
        return
    limit_ms = quantile_ms(rest, 0.95)
    shares = [sum(n for number, n in block.items() if edge_ms(number) > limit_ms) / total(block) for block in first]
    if min(shares) > policy.max_warm_up_ratio * 0.05:
        reason = say(
            "in each of the first {blocks} mixed blocks at least {share:.0%} of control's requests took longer than "
            "{limit_ms:.3g} ms, which 5 % of the later ones did: the target was still warming up; give it a longer "
            "warm-up",
            blocks=_FIRST_BLOCKS,
            share=min(shares),
            limit_ms=limit_ms,
        )
        yield "load.warm-up", reason


def lag_and_cpu(end: LoadEnd) -> tuple[float, float]:
    """Of the worker that was worst off."""
    return (
        max((worker.lag_p95_ms for worker in end.workers), default=0.0),
        max((worker.cpu_percent for worker in end.workers), default=0.0),
    )
