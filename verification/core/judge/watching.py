"""What the looks say of the backend beside the four figures: health, data, restarts, silence; and of the looking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import dropwhile, pairwise, takewhile

from verification.core.model import Arm, Finding, Verdict
from verification.core.release.events import Look
from verification.core.release.looks import gaps, moved, slot_of
from verification.core.release.plan import PlannedStage, ReleasePlan
from verification.core.said import joined, say

_SILENT_LOOKS = 2
"""One look may fall into a restart."""
_MOST_STEP_S = 60.0
"""More than any steering of a clock moves it from one look to the next, or parts the clocks of two machines."""
_TOLD = {
    "health": say("the health"),
    "consistent": say("the consistency of the data"),
    "counters": say("the counters"),
    "fallback_lines": say("the log"),
}
"""What a look may tell beside its answers, in words."""


def judge_backend(looks: Sequence[Look], percent: int, *, is_gated: bool) -> Iterator[Finding]:
    """Data that the arms or the backend itself call inconsistent, bad health, fallbacks, silence, restarts.

    `is_gated` tells that a run of the gate promotes the stage: it has read across the arms as well.
    """
    yield from _data(looks, percent)
    yield from _uncompared(looks, percent, is_gated=is_gated)
    yield from _written(looks, percent, is_gated=is_gated)
    yield from _health(looks, percent)
    lines = sum(look.fallback_lines or 0 for look in looks)
    if lines:
        reason = say("{lines} lines of the backend's log speak of a fallback", lines=lines)
        yield Finding("log.fallback", Verdict.HOLD, "Fallbacks in the log", reason, stage_percent=percent)
    yield from _silence(looks, percent)
    counted = moved(looks)
    if counted.restarts:
        times = counted.restarts
        reason = say("its counters began anew {times} times: it was restarted, or its process died", times=times)
        yield Finding("target.restarted", Verdict.PROMOTE, "The backend", reason, stage_percent=percent)
    if counted.is_stale:
        reason = say(
            "its counters stood still between the last two looks although requests were answered: they are stale"
        )
        yield Finding("monitoring.stale", Verdict.INCONCLUSIVE, "Metrics", reason, stage_percent=percent)


def _silence(looks: Sequence[Look], percent: int) -> Iterator[Finding]:
    """What the last look did not get. A look before it that got less is made good by this one."""
    silent = list(takewhile(lambda look: not look.is_answered, reversed(looks)))
    if silent:
        verdict = Verdict.HOLD if len(silent) >= _SILENT_LOOKS else Verdict.INCONCLUSIVE
        reason = say(
            "at the last look it did not answer on both arms: {failure}"
            if len(silent) == 1
            else "at the last {looks} looks it did not answer on both arms: {failure}",
            looks=len(silent),
            failure=silent[0].failure or say("no answer"),
        )
        yield Finding("target.silent", verdict, "The backend", reason, stage_percent=percent)
    elif looks:
        last = looks[-1]
        gone = [
            words
            for name, words in _TOLD.items()
            if getattr(last, name) is None and any(getattr(look, name) is not None for look in looks)
        ]
        if gone or last.failure is not None:
            reason = say(
                "at the last look {gone} cannot be had any more: {failure}"
                if gone
                else "at the last look not all of it could be had: {failure}",
                gone=joined(", ", gone),
                failure=last.failure or say("no reason is known"),
            )
            yield Finding("monitoring.missing", Verdict.INCONCLUSIVE, "Monitoring", reason, stage_percent=percent)


def _data(looks: Sequence[Look], percent: int) -> Iterator[Finding]:
    title = "Consistency of the data"
    differing = sorted({read for look in looks for read in look.differing})
    if differing:
        times = sum(bool(look.differing) for look in looks)
        reason = say(
            "at {times} looks the arms answered differently, while control agreed with itself before and after: "
            "{reads}",
            times=times,
            reads=", ".join(differing),
        )
        yield Finding("state.cross", Verdict.ROLLBACK, title, reason, stage_percent=percent)
    told = [look.consistent for look in looks if look.consistent is not None]
    bad_since_good = list(dropwhile(lambda is_good: not is_good, told)).count(False)
    if bad_since_good:
        reason = say(
            "the backend calls its data inconsistent at {bad} of {looks} looks, and did not before",
            bad=bad_since_good,
            looks=len(told),
        )
        yield Finding("monitoring.consistency", Verdict.ROLLBACK, title, reason, stage_percent=percent)
    elif told and not told[-1]:
        reason = say(
            "the backend called its data inconsistent when the stage began already: mend it, or nothing is seen"
        )
        yield Finding("monitoring.consistency", Verdict.INCONCLUSIVE, title, reason, stage_percent=percent)


def _uncompared(looks: Sequence[Look], percent: int, *, is_gated: bool) -> Iterator[Finding]:
    """Reads that could be compared across the arms at no look: an equal answer was never seen."""
    never = sorted(set.intersection(*(set(look.uncompared) for look in looks))) if looks else []
    if never:
        reason = say(
            "at none of {looks} looks the arms could be compared (an error came, or control disagreed with itself): "
            "{reads}",
            looks=len(looks),
            reads=", ".join(never),
        )
        verdict = Verdict.PROMOTE if is_gated else Verdict.INCONCLUSIVE
        yield Finding("state.uncompared", verdict, "Reads across the arms", reason, stage_percent=percent)


def _written(looks: Sequence[Look], percent: int, *, is_gated: bool) -> Iterator[Finding]:
    """What looks that write have seen, beside their errors."""
    title = "Writes on both arms"
    differing = sorted({words for look in looks for words in look.written.differing})
    if differing:
        reason = say(
            "a write did something else on candidate than on control, again and again: {places}",
            places="; ".join(differing),
        )
        yield Finding("state.cross", Verdict.ROLLBACK, title, reason, stage_percent=percent)
    worded = sorted({words for look in looks for words in look.written.worded})
    if worded:
        reason = say(
            "a write was answered otherwise on candidate than on control, again and again: {places}",
            places="; ".join(worded),
        )
        yield Finding("write.answer", Verdict.HOLD, title, reason, stage_percent=percent)
    unproven = {name: reason for look in looks for name, reason in look.written.unproven}
    compared = {one.read for look in looks for one in look.written.seen if one.read not in dict(look.written.unproven)}
    never = [f"{name} ({reason})" for name, reason in sorted(unproven.items()) if name not in compared]
    if never:
        # The gate may have run before what now fails each time.
        is_known = is_gated and not any(_fails(looks, name) for name in unproven if name not in compared)
        verdict = Verdict.PROMOTE if is_known else Verdict.INCONCLUSIVE
        reason = say("at no look that tried it could be seen what a write does: {writes}", writes="; ".join(never))
        yield Finding("state.uncompared", verdict, title, reason, stage_percent=percent)
    left = looks[-1].written.left if looks else ()
    if left:
        reason = say("what looks have made may still be on the target: {names}", names="; ".join(left))
        yield Finding("write.leftover", Verdict.PROMOTE, title, reason, stage_percent=percent)


def _fails(looks: Sequence[Look], write: str) -> bool:
    """Whether candidate answered a write at no look but with errors, while control answered it."""
    seen = [one for look in looks for one in look.written.seen if one.read == write and one.requests]
    failed, answered = (
        {one.errors == one.requests for one in seen if one.arm is arm} for arm in (Arm.CANDIDATE, Arm.CONTROL)
    )
    return failed == {True} and False in answered


def _health(looks: Sequence[Look], percent: int) -> Iterator[Finding]:
    told = [look.health for look in looks if look.health is not None]
    if told and told[-1] != "healthy":
        was_better = "healthy" in told
        verdict = Verdict.HOLD if was_better else Verdict.INCONCLUSIVE
        reason = say(
            "health says {health!r} at the last look"
            if was_better
            else "health says {health!r} at the last look, and did since the stage began",
            health=told[-1],
        )
        yield Finding("monitoring.health", verdict, "Health of the backend", reason, stage_percent=percent)


def forward_steps(looks: Sequence[Look]) -> timedelta:
    """How far the clock was moved forward over the looks: time that passed on the clock, and in which nothing was seen.

    A machine that slept looks the same.
    """
    return timedelta(seconds=sum(look.clock_step_s for look in looks if look.clock_step_s > _MOST_STEP_S))


def judge_looks_taken(
    looks: Sequence[Look], stage: PlannedStage, plan: ReleasePlan, began_at: datetime, now: datetime
) -> Iterator[Finding]:
    """Looks that are missing, found nothing or are long ago, and clocks that were set."""
    percent = stage.percent
    missed = gaps(stage, began_at, looks, now)
    number, empty = sum(gap.looks for gap in missed), sum(not look.is_answered for look in looks)
    due = number + len(looks)
    if number or empty:
        named = [
            f"{gap.first}" if gap.looks == 1 else say("{first} to {last}", first=gap.first, last=gap.last)
            for gap in missed[:5]
        ]
        not_taken = say(
            "{number} of {due} looks were not taken: number {named} and more"
            if len(missed) > 5
            else "{number} of {due} looks were not taken: number {named}",
            number=number,
            due=due,
            named=joined(", ", named),
        )
        no_answer = say("{empty} of {due} looks found no answer on both arms", empty=empty, due=due)
        said = [one for one, times in ((not_taken, number), (no_answer, empty)) if times]
        too_many = number + empty > plan.most_missed_share * due
        verdict = Verdict.INCONCLUSIVE if too_many else Verdict.PROMOTE
        yield Finding("release.gap", verdict, "Looks", joined("; ", said), stage_percent=percent)
    since = slot_of(stage, began_at, now) - max((look.slot for look in looks), default=-1) - 1
    if since >= _SILENT_LOOKS:
        reason = say("the last {since} looks that were due were not taken: how it stands now is not known", since=since)
        yield Finding("release.stale", Verdict.INCONCLUSIVE, "Looks", reason, stage_percent=percent)
    yield from _clock(looks, percent, began_at, now)


def _clock(looks: Sequence[Look], percent: int, began_at: datetime, now: datetime) -> Iterator[Finding]:
    stepped = [look.clock_step_s for look in looks if abs(look.clock_step_s) > _MOST_STEP_S]
    if stepped:
        step = max(stepped, key=abs)
        reason = say(
            "before {looks} looks the clock was set or the machine slept, by up to {step:+.0f} s; what it moved "
            "forward is left out of the window",
            looks=len(stepped),
            step=step,
        )
        yield Finding("release.clock", Verdict.PROMOTE, "Clock", reason, stage_percent=percent)
    times = [began_at, *(look.at for look in looks), now]
    if any(after - before < -timedelta(seconds=_MOST_STEP_S) for before, after in pairwise(times)):
        reason = say(
            "looks are older than those before them, older than the stage, or still to come: the clock was set back. "
            "If it stays so, start the stage again"
        )
        yield Finding("release.clock", Verdict.INCONCLUSIVE, "Clock", reason, stage_percent=percent)
