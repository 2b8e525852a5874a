"""What users feel at each stage, what they were to feel there, and what they will at the next ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from verification.core.forecast import ShiftInterval, felt, forecast
from verification.core.histogram import quantile_ms, total
from verification.core.judge.stage_load import StageLoad
from verification.core.judgement import ForecastRow, PopulationRow
from verification.core.model import Finding, Verdict
from verification.core.policy import DEFAULT_STAGES, LatencyPolicy
from verification.core.said import say


def judge_population(
    stages: Sequence[StageLoad], policy: LatencyPolicy, seed: int
) -> tuple[list[PopulationRow], list[ForecastRow], list[Finding]]:
    """Rows for the measured stages and for those of the plan that come after them, and what lies outside.

    A forecast judges nothing by itself: a stage that is worse than forecast holds only where it is also proven to be
    above the hold ratio; any other one outside its forecast is a note. `seed` makes the resampling repeatable.
    """
    measured = {row.stage_percent: row for row in (_felt(stage, seed) for stage in stages) if row is not None}
    real = [stage for stage in stages if stage.percent > 0]
    percents = sorted({stage.percent for stage in real} | {percent for percent in DEFAULT_STAGES if percent > 0})
    rows: list[ForecastRow] = []
    findings: list[Finding] = []
    pairs = {stage.percent: stage.per_block_pairs() for stage in real}
    for percent in percents:
        before = [stage for stage in real if stage.percent < percent]
        blocks = [pair for stage in before for pair in pairs[stage.percent]]
        found = forecast(blocks, percent / 100, np.random.default_rng((seed, percent)))
        if found is None:
            continue
        row = ForecastRow(
            tuple(stage.percent for stage in before), percent, found.change, found.low, found.high, outside=False
        )
        seen = _interval(measured.get(percent))
        if seen is not None and not seen.overlaps(found):
            row = replace(row, outside=True)
            findings.append(_outside(row, seen, policy))
        rows.append(row)
    return list(measured.values()), rows, findings


def _felt(stage: StageLoad, seed: int) -> PopulationRow | None:
    natural, alone = stage.pooled("natural", "natural"), stage.pooled("control", "control")
    if not (total(natural) and total(alone)):
        return None
    at, base = quantile_ms(natural, 0.95), quantile_ms(alone, 0.95)
    change = None if at == base == math.inf else at / base - 1
    rng = np.random.default_rng((seed, stage.percent, 1))
    found = felt(stage.per_block("natural", "natural"), stage.per_block("control", "control"), rng)
    ends = (found.low, found.high) if found is not None else (None, None)
    return PopulationRow(stage.percent, at, base, change, total(natural), *ends)


def _interval(row: PopulationRow | None) -> ShiftInterval | None:
    if row is None or row.change is None or row.low is None or row.high is None:
        return None
    return ShiftInterval(row.change, row.low, row.high)


def _outside(row: ForecastRow, seen: ShiftInterval, policy: LatencyPolicy) -> Finding:
    worse = seen.low > max(row.high, policy.hold_ratio - 1)
    stages = ", ".join(f"{percent} %" for percent in row.from_stages)
    reason = say(
        "users feel a P95 changed by {seen.change:+.1%} (95 % interval {seen.low:+.1%} to {seen.high:+.1%}); from "
        "{stages} it was forecast to change by {row.change:+.1%} ({row.low:+.1%} to {row.high:+.1%})",
        seen=seen,
        stages=stages,
        row=row,
    )
    numbers = {"change": seen.change, "low": seen.low, "high": seen.high, "forecast": row.change}
    title = say("Forecast for {percent} % missed", percent=row.stage_percent)
    verdict = Verdict.HOLD if worse else Verdict.PROMOTE
    return Finding("latency.forecast", verdict, title, reason, stage_percent=row.stage_percent, numbers=numbers)
