"""Ramp evidence -> the knee, and whether the stages were measured well below it."""

from __future__ import annotations

from collections.abc import Iterator

from verification.core.judgement import KneeRow
from verification.core.knee import BELOW_KNEE, find_knee
from verification.core.model import Finding, Verdict
from verification.core.records import Evidence
from verification.core.said import say

_ROUNDING = 1.01


def knee_row(evidence: Evidence) -> KneeRow | None:
    """What the ramp told; None where none was asked, or where it told nothing."""
    ramp = evidence.ramps[-1] if evidence.ramps else None
    knee = find_knee(ramp.steps) if ramp is not None else None
    if ramp is None or knee is None:
        return None
    used = max((start.rate_per_s for start in evidence.load_starts), default=0.0)
    return KneeRow(knee.rate_per_s, knee.highest_rate_per_s, ramp.planned_per_s, used)


def judge_knee(evidence: Evidence) -> Iterator[Finding]:
    """A rate above half of the knee measures the queue more than the code."""
    row = knee_row(evidence)
    title = "Rate of the load"
    if evidence.ramps and row is None:
        reason = "the ramp before the load answered too few requests to tell where latency climbs"
        yield Finding("load.knee", Verdict.INCONCLUSIVE, title, reason)
    if row is None:
        return
    top = row.highest_per_s if row.knee_per_s is None else row.knee_per_s
    allowed = BELOW_KNEE * top
    if row.used_per_s > _ROUNDING * allowed:
        rest = say(
            "{used:.0f} were used: more than half of that, so the queue may be measured; set load.rate_per_s to "
            "{allowed:.0f} or less",
            used=row.used_per_s,
            allowed=allowed,
        )
        reason = (
            say("latency was asked up to {top:.0f} requests per second, and {rest}", top=top, rest=rest)
            if row.knee_per_s is None
            else say("latency climbs from {top:.0f} requests per second, and {rest}", top=top, rest=rest)
        )
        yield Finding("load.knee", Verdict.INCONCLUSIVE, title, reason, numbers={"knee_per_s": row.knee_per_s})
    elif row.knee_per_s is not None and row.used_per_s < row.planned_per_s:
        reason = say(
            "latency climbs from {knee:.0f} requests per second, so {used:.0f} were used instead of the planned "
            "{planned:.0f}",
            knee=row.knee_per_s,
            used=row.used_per_s,
            planned=row.planned_per_s,
        )
        yield Finding("load.knee", Verdict.PROMOTE, title, reason, numbers={"knee_per_s": row.knee_per_s})
