"""Looks at the backend again and again while a stage runs; what was seen is on the disk before the next look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from verification.core.cases import Catalog
from verification.core.errors import EvidenceError, SettingsError, UsageError
from verification.core.model import Verdict
from verification.core.release.call import PLAIN, Call
from verification.core.release.events import Look
from verification.core.release.judgement import StageJudgement
from verification.core.release.looks import asked_in, slot_of, spaced
from verification.core.release.plan import PlannedStage, ReleasePlan
from verification.core.release.standing import Standing
from verification.rollout.call import call_of, next_lines
from verification.rollout.clock import Clock
from verification.rollout.ledger import Ledger, sole_observer
from verification.rollout.look import Due, take_look
from verification.rollout.verdict import judge_now
from verification.rollout.writes import require_writable
from verification.settings import Settings

Progress = Callable[[str], None]
_LONGEST_SLEEP_S = 600.0
"""The stage may be moved meanwhile, and a clock be set."""


class Observer:
    """Takes the looks that are due on one ledger, one process at a time.

    UsageError where they are to write, and may not or cannot.
    """

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        ledger: Ledger,
        clock: Clock,
        on_progress: Progress,
        every: timedelta | None = None,
    ) -> None:
        require_writable(settings, catalog)
        self._settings, self._catalog, self._ledger, self._clock = settings, catalog, ledger, clock
        self._tell, self._every = on_progress, every
        self._last: tuple[int, int, datetime, float] | None = None
        """Of the last look that this process has kept: the line with which its stage began, its slot, the wall clock
        and the one that nobody sets."""
        self._looked: tuple[int, float] | None = None
        """The line with which the stage of the last look began, and when that look was, on the clock nobody sets."""
        self._paced_line = 0
        """The line with which the stage began of which it was said what `every` comes to."""

    def once(self) -> Verdict:
        """Take the look that is due, if it was not taken yet; the verdict of the stage then."""
        with sole_observer(self._ledger.path):
            self._tell_pace()
            due = self._due()
            if due is None:
                self._tell("the look of this moment has been taken already; nothing to do")
                return self._judge().verdict
            return self._look(due)

    def run(self, longest: timedelta | None = None, until: Callable[[Verdict], bool] = lambda _: False) -> Verdict:
        """Look whenever one is due, and not more often than `every`, for as long as was said; the verdict of the last
        look."""
        with sole_observer(self._ledger.path):
            end = None if longest is None else self._clock.now() + longest
            verdict = Verdict.INCONCLUSIVE
            while True:
                self._tell_pace()
                due = None if self._rests_s() > 0 else self._due()
                if due is not None:
                    verdict = self._try(due, verdict)
                    if until(verdict):
                        return verdict
                wait_s = max(self._until_next_s(), self._rests_s())
                if end is not None:
                    wait_s = min(wait_s, (end - self._clock.now()).total_seconds())
                    if wait_s <= 0:
                        return verdict
                self._clock.sleep(min(wait_s, _LONGEST_SLEEP_S))

    def _try(self, due: Due, before: Verdict) -> Verdict:
        """A look that fails, for a full disk or a file that is away, is told; the next one may go well."""
        try:
            return self._look(due)
        except (EvidenceError, SettingsError) as error:
            self._tell(f"look {due.slot} at {due.percent} % failed: {error}")
            return before

    def _stage(self) -> tuple[Standing, PlannedStage, datetime]:
        standing = self._ledger.standing()
        stage = self._settings.release.stage(standing.percent)
        if stage is None or standing.began_at is None:
            # A rollback, for example, that the webhook did not take.
            self._judge()
            raise UsageError(
                f"{self._ledger.path}: no stage of the plan runs, so there is nothing to observe. "
                f"`{call_of(self._settings).suite('status')}` says what comes next."
            )
        return standing, stage, standing.began_at

    def _due(self) -> Due | None:
        """The look of this moment; None where it was taken."""
        standing, stage, began_at = self._stage()
        # The nearest: whoever calls this every hour does so a little before or after the full one.
        slot = slot_of(stage, began_at, self._clock.now() + stage.every / 2)
        if slot < 0:
            raise UsageError(
                f"{self._ledger.path}: the stage began at {began_at.isoformat()}, and that is yet to come: the clock "
                "was set back, or differs from that of the machine on which the stage was started."
            )
        if any(look.slot >= slot for look in standing.looks):
            return None
        return Due(standing.percent, slot, began_at + slot * stage.every)

    def _until_next_s(self) -> float:
        _, stage, began_at = self._stage()
        now = self._clock.now()
        following = began_at + (slot_of(stage, began_at, now) + 1) * stage.every
        return max(0.0, (following - now).total_seconds())

    def _tell_pace(self) -> None:
        """Once for each stage, for another one may be looked at otherwise."""
        standing, stage, _ = self._stage()
        if self._every is not None and standing.began_line != self._paced_line:
            self._paced_line = standing.began_line
            told, _ = pace(self._settings.release.plan, stage, self._every)
            if told is not None:
                self._tell(told)

    def _rests_s(self) -> float:
        """How long `every` still keeps this process from looking; the first look of a stage waits for nothing."""
        standing, stage, _ = self._stage()
        if self._every is None or self._every <= stage.every or self._looked is None:
            return 0.0
        line, at = self._looked
        return 0.0 if line != standing.began_line else at + self._every.total_seconds() - self._clock.elapsed()

    def _judge(self) -> StageJudgement:
        judgement, complaints = judge_now(self._settings, self._ledger, self._clock)
        for line in complaints:
            self._tell(line)
        return judgement

    def _look(self, due: Due) -> Verdict:
        before = self._ledger.standing()
        self._looked = before.began_line, self._clock.elapsed()
        log_from = next((one.log_bytes for one in reversed(before.looks) if one.log_bytes is not None), None)
        now, elapsed = self._clock.now(), self._clock.elapsed()
        step_s = self._clock_step_s(before, now, elapsed)
        look = take_look(self._settings, self._catalog, due, self._clock, log_from, step_s)
        try:
            self._ledger.append(look, self._clock.now(), unless=lambda now: _refused(now, before, look))
        except UsageError as error:
            self._tell(str(error))
            return self._judge().verdict
        self._last = before.began_line, look.slot, now, elapsed
        judgement, complaints = judge_now(self._settings, self._ledger, self._clock)
        for line in (*progress_lines(look, judgement, call_of(self._settings)), *complaints):
            self._tell(line)
        return judgement.verdict

    def _clock_step_s(self, standing: Standing, now: datetime, elapsed: float) -> float:
        """How far the wall clock moved since the look before beside a clock that nobody sets: within this process, else
        since the same start of the machine. 0 where neither is known, and before the first look of a stage."""
        before, uptime = standing.looks[-1] if standing.looks else None, self._clock.uptime()
        if before is None:
            return 0.0
        # A look of a former stage, one that could not be kept, or one before somebody else's would tell of other times.
        if self._last is not None and self._last[:2] == (standing.began_line, before.slot):
            return round((now - self._last[2]).total_seconds() - (elapsed - self._last[3]), 3)
        if before.boot_s is None or uptime is None or uptime.boot_id != before.boot_id:
            return 0.0
        return round((now - before.at).total_seconds() - (uptime.seconds - before.boot_s), 3)


def _refused(now: Standing, before: Standing, look: Look) -> str | None:
    """Why a look cannot be kept: the stage was moved while it was taken, or somebody else took the same."""
    if now.began_line != before.began_line:
        return f"the stage was left while look {look.slot} was taken, so it belongs to none; it is not kept"
    if any(one.slot == look.slot for one in now.looks):
        return f"look {look.slot} of this stage is there already"
    return None


def pace(plan: ReleasePlan, stage: PlannedStage, every: timedelta) -> tuple[str | None, bool]:
    """What looking every so often comes to in a stage, in words (None where that is what the plan says); and whether
    the stage can be passed so. Looks stay those of the plan: in between none is due, and one that is not taken is
    missing."""
    said, percent = f"--every {every / timedelta(hours=1):g} h", stage.percent
    if every == stage.every:
        return None, True
    if every < stage.every:
        own = f"every {stage.every_hours:g} h"
        return f"{said}: the plan looks {own} at {percent} %, and more often gains nothing; looks are taken {own}", True
    found = spaced(stage, every, plan.most_missed_share)
    missable = int(plan.most_missed_share * found.due)
    told = (
        f"{said}: at {percent} % that gives {found.looks} looks at most in the longest window, {stage.most_hours:g} h; "
        f"{stage.looks} are needed, {found.due} are due, and {missable} of them may be missing"
    )
    if found.is_enough:
        return told, True
    advice = "Leave --every out, or change every_hours of the stage in [[release.stages]]."
    return f"{told}, so the stage can never be passed. {advice}", False


def progress_lines(look: Look, judgement: StageJudgement, call: Call = PLAIN) -> list[str]:
    """What a person who waits wants to see of one look."""
    asked = asked_in(look)
    requests, errors = (sum(getattr(one, name) for one in asked) for name in ("requests", "errors"))
    served = look.natural_domain + look.natural_legacy
    share = f", {look.natural_domain} of {served} unforced by domain" if served else ""
    failure = f", {look.failure}" if look.failure else ""
    first = f"{look.due_at:%Y-%m-%d %H:%M} look {look.slot} at {look.percent} %: "
    lines = [f"{first}{requests} requests, {errors} errors{share}{failure} -> {judgement.verdict}"]
    lines += [f"  not compared: {name}: {reason}" for name, reason in look.written.unproven]
    lines += [f"  may still be on the target: {words}" for words in look.written.left]
    if judgement.verdict.rank >= Verdict.HOLD.rank:
        lines += [f"  {judgement.reasons[0]}", *(f"  {line}" for line in next_lines(judgement, call))]
    return lines
