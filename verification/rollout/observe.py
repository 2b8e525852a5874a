"""Looks at the backend again and again while a stage runs; what was seen is on the disk before the next look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from verification.core.cases import Catalog
from verification.core.errors import EvidenceError, SettingsError, UsageError
from verification.core.model import Verdict
from verification.core.release.events import Look
from verification.core.release.judgement import StageJudgement
from verification.core.release.looks import asked_in, slot_of
from verification.core.release.plan import PlannedStage
from verification.core.release.standing import Standing
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
        self, settings: Settings, catalog: Catalog, ledger: Ledger, clock: Clock, on_progress: Progress
    ) -> None:
        require_writable(settings, catalog)
        self._settings, self._catalog, self._ledger, self._clock = settings, catalog, ledger, clock
        self._tell = on_progress
        self._last: tuple[datetime, float] | None = None
        """The wall clock and the one that nobody sets, at the look before."""

    def once(self) -> Verdict:
        """Take the look that is due, if it was not taken yet; the verdict of the stage then."""
        with sole_observer(self._ledger.path):
            due = self._due()
            if due is None:
                self._tell("the look of this moment has been taken already; nothing to do")
                return judge_now(self._settings, self._ledger, self._clock)[0].verdict
            return self._look(due)

    def run(self, longest: timedelta | None = None, until: Callable[[Verdict], bool] = lambda _: False) -> Verdict:
        """Look whenever one is due, for as long as was said; the verdict of the last look."""
        with sole_observer(self._ledger.path):
            end = None if longest is None else self._clock.now() + longest
            verdict = Verdict.INCONCLUSIVE
            while True:
                due = self._due()
                if due is not None:
                    verdict = self._try(due, verdict)
                    if until(verdict):
                        return verdict
                wait_s = self._until_next_s()
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
            raise UsageError(
                f"{self._ledger.path}: no stage of the plan runs, so there is nothing to observe. "
                "`python -m verification status` says what comes next."
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

    def _look(self, due: Due) -> Verdict:
        before = self._ledger.standing()
        log_from = next((one.log_bytes for one in reversed(before.looks) if one.log_bytes is not None), None)
        step_s = self._clock_step_s()
        look = take_look(self._settings, self._catalog, due, self._clock, log_from, step_s)
        try:
            self._ledger.append(look, self._clock.now(), unless=lambda now: _refused(now, before, look))
        except UsageError as error:
            self._tell(str(error))
            return judge_now(self._settings, self._ledger, self._clock)[0].verdict
        judgement, complaints = judge_now(self._settings, self._ledger, self._clock)
        for line in (*progress_lines(look, judgement), *complaints):
            self._tell(line)
        return judgement.verdict

    def _clock_step_s(self) -> float:
        """How far the wall clock moved beside the other one since the look before in this process."""
        now, elapsed = self._clock.now(), self._clock.elapsed()
        before, self._last = self._last, (now, elapsed)
        if before is None:
            return 0.0
        return round((now - before[0]).total_seconds() - (elapsed - before[1]), 3)


def _refused(now: Standing, before: Standing, look: Look) -> str | None:
    """Why a look cannot be kept: the stage was moved while it was taken, or somebody else took the same."""
    if now.began_line != before.began_line:
        return f"the stage was left while look {look.slot} was taken, so it belongs to none; it is not kept"
    if any(one.slot == look.slot for one in now.looks):
        return f"look {look.slot} of this stage is there already"
    return None


def progress_lines(look: Look, judgement: StageJudgement) -> list[str]:
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
        lines += [f"  {judgement.reasons[0]}", f"  next: {judgement.action.command}"]
    return lines
