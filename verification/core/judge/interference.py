"""Load evidence -> whether the candidate slows control beside it, for each stage and over all of them."""

from __future__ import annotations

from collections.abc import Sequence

from verification.core.histogram import Bins, total
from verification.core.interference import LEAST_REQUESTS, Interference, interference
from verification.core.judge.stage_load import StageLoad
from verification.core.judgement import InterferenceRow
from verification.core.model import Finding, Verdict
from verification.core.policy import LatencyPolicy
from verification.core.said import say


def judge_interference(
    stages: Sequence[StageLoad], policy: LatencyPolicy
) -> tuple[list[InterferenceRow], list[Finding]]:
    """A candidate that slows control beside it shrinks the ratio of the arms, so it has to be excluded.

    Every stage and all together may alarm, at the policy's alpha over their number; excluded it must be over all stages
    together only, for control-only blocks are few.
    """
    real = [stage for stage in stages if stage.percent > 0]
    if not real:
        return [], []
    scopes = [(stage.percent, [stage]) for stage in real] if len(real) > 1 else []
    asked: list[tuple[int | None, list[StageLoad]]] = [*scopes, (None if scopes else real[0].percent, real)]
    rows, findings = [], []
    for percent, scope in asked:
        found = interference([blocks_of(stage) for stage in scope], policy, alarm_alpha=policy.alpha / len(asked))
        rows.append(InterferenceRow(percent, found.ratio, found.low, found.high, found.verdict))
        is_whole = scope is real
        if found.verdict is Verdict.HOLD or (is_whole and found.verdict is Verdict.INCONCLUSIVE):
            findings.append(_finding(percent, found))
    return rows, findings


def blocks_of(stage: StageLoad) -> tuple[list[Bins], list[Bins]]:
    """Control's blocks beside the candidate in the usual mix, and those of control alone; too small ones are empty."""
    enough = [total(bins) >= LEAST_REQUESTS for bins in stage.per_block("mixed", "control")]
    beside = stage.in_usual_mix("control")
    kept: list[Bins] = [bins if is_enough else {} for bins, is_enough in zip(beside, enough, strict=True)]
    return kept, stage.per_block("control", "control")


def _finding(percent: int | None, found: Interference) -> Finding:
    numbers = {"ratio": found.ratio, "low": found.low, "high": found.high}
    title = say("Control beside the candidate over all stages")
    if percent is not None:
        title = say("Control beside the candidate at {percent} %", percent=percent)
    return Finding("latency.interference", found.verdict, title, found.reason, stage_percent=percent, numbers=numbers)
