"""What the looks say of the backend beside the four figures: health, data, restarts, silence; and of the looking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise, takewhile

from verification.core.model import Finding, Verdict
from verification.core.release.events import Look
from verification.core.release.looks import gaps, moved
from verification.core.release.plan import PlannedStage, ReleasePlan

_SILENT_LOOKS = 2
"""One look may fall into a restart."""
_MOST_STEP_S = 60.0
"""More than any steering of a clock moves it from one look to the next."""


def judge_backend(looks: Sequence[Look], percent: int) -> Iterator[Finding]:
    """Data that the arms or the backend itself call inconsistent, bad health, fallbacks, silence, restarts."""
    yield from _data(looks, percent)
    yield from _health(looks, percent)
    lines = sum(look.fallback_lines or 0 for look in looks)
    if lines:
        reason = f"{lines} lines of the backend's log speak of a fallback"
        yield Finding("log.fallback", Verdict.HOLD, "Fallbacks in the log", reason, stage_percent=percent)
    silent = list(takewhile(lambda look: not look.is_answered, reversed(looks)))
    if len(silent) >= _SILENT_LOOKS:
        said = silent[0].failure or "no answer of both arms"
        reason = f"at the last {len(silent)} looks it did not answer on both arms: {said}"
        yield Finding("target.silent", Verdict.HOLD, "The backend", reason, stage_percent=percent)
    counted = moved(looks)
    if counted.restarts:
        reason = f"its counters began anew {counted.restarts} times: it was restarted, or its process died"
        yield Finding("target.restarted", Verdict.PROMOTE, "The backend", reason, stage_percent=percent)
    if counted.is_stale:
        reason = "its counters stood still between two looks although requests were sent: they are stale"
        yield Finding("monitoring.stale", Verdict.INCONCLUSIVE, "Metrics", reason, stage_percent=percent)


def _data(looks: Sequence[Look], percent: int) -> Iterator[Finding]:
    title = "Consistency of the data"
    differing = sorted({read for look in looks for read in look.differing})
    if differing:
        times = sum(bool(look.differing) for look in looks)
        reason = (
            f"at {times} looks the arms answered differently, while control agreed with itself before and after: "
            f"{', '.join(differing)}"
        )
        yield Finding("state.cross", Verdict.ROLLBACK, title, reason, stage_percent=percent)
    told = [look for look in looks if look.consistent is not None]
    bad = [look for look in told if not look.consistent]
    if bad and told[0].consistent:
        reason = f"the backend calls its data inconsistent at {len(bad)} of {len(told)} looks; at the first it did not"
        yield Finding("monitoring.consistency", Verdict.ROLLBACK, title, reason, stage_percent=percent)
    elif bad:
        reason = "the backend called its data inconsistent when the stage began already: mend it, or nothing is seen"
        yield Finding("monitoring.consistency", Verdict.INCONCLUSIVE, title, reason, stage_percent=percent)


def _health(looks: Sequence[Look], percent: int) -> Iterator[Finding]:
    told = [look.health for look in looks if look.health is not None]
    if told and told[-1] != "healthy":
        better = told[0] == "healthy"
        verdict = Verdict.HOLD if better else Verdict.INCONCLUSIVE
        reason = f"health says {told[-1]!r} at the last look" + ("" if better else ", and did when the stage began")
        yield Finding("monitoring.health", verdict, "Health of the backend", reason, stage_percent=percent)


def judge_looks_taken(
    looks: Sequence[Look], stage: PlannedStage, plan: ReleasePlan, began_at: datetime, now: datetime
) -> Iterator[Finding]:
    """Looks that are missing, and clocks that were set."""
    missed = gaps(stage, began_at, looks, now)
    number = sum(gap.looks for gap in missed)
    due = number + len(looks)
    if number:
        named = ", ".join(f"{gap.first}" if gap.looks == 1 else f"{gap.first} to {gap.last}" for gap in missed[:5])
        too_many = number > plan.most_missed_share * due
        verdict = Verdict.INCONCLUSIVE if too_many else Verdict.PROMOTE
        reason = f"{number} of {due} looks were not taken: number {named}"
        yield Finding("release.gap", verdict, "Looks", reason, stage_percent=stage.percent)
    stepped = [look for look in looks if not abs(look.clock_step_s) <= _MOST_STEP_S]
    if stepped:
        step = max((look.clock_step_s for look in stepped), key=abs)
        reason = (
            f"before {len(stepped)} looks the clock was set, by up to {step:+.0f} s: the window is not what it seems"
        )
        yield Finding("release.clock", Verdict.INCONCLUSIVE, "Clock", reason, stage_percent=stage.percent)
    in_order = all(before.at <= after.at for before, after in pairwise(looks))
    if not in_order or any(look.at < began_at for look in looks):
        reason = "looks are older than those before them, or than the stage: the clock was set back"
        yield Finding("release.clock", Verdict.INCONCLUSIVE, "Clock", reason, stage_percent=stage.percent)
