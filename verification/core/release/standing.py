"""Where a release stands: what its ledger says, folded into one picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from verification.core.model import Verdict
from verification.core.release.events import (
    Decided,
    Event,
    FeedbackAdded,
    FeedbackResolved,
    Found,
    GateRun,
    Judged,
    Look,
    RolledBack,
    Started,
)


@dataclass(frozen=True, slots=True)
class Feedback:
    """One word of feedback and what became of it."""

    added: FeedbackAdded
    at: datetime
    resolved: FeedbackResolved | None = None

    @property
    def is_open(self) -> bool:
        """Whether nobody has resolved it."""
        return self.resolved is None


@dataclass(frozen=True, slots=True)
class PassedStage:
    """A stage that was left."""

    percent: int
    began_at: datetime
    ended_at: datetime
    looks: int
    verdict: Verdict | None
    """The last one; None where none was ever given."""
    rolled_back: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """The release at one moment. `percent` is 0 before the first stage and after a rollback."""

    percent: int = 0
    began_at: datetime | None = None
    """When the present stage began; None at 0 %."""
    began_line: int = 0
    looks: tuple[Look, ...] = ()
    """Of the present stage, in order of their slots."""
    gate: GateRun | None = None
    """The newest run of the gate within the present stage, in whichever order they were told."""
    judged: Judged | None = None
    """The last verdict of the present stage."""
    found: tuple[Found, ...] = ()
    """Findings of the present stage."""
    feedback: tuple[Feedback, ...] = ()
    passed: tuple[PassedStage, ...] = ()
    rolled_back: RolledBack | None = None
    """The last rollback, where nothing was started since."""
    decided: Decided | None = None
    """What a person decided last of the present stage."""
    started: Started | None = None
    """The last try to start a stage, whether it came to something or not."""

    @property
    def open_feedback(self) -> tuple[Feedback, ...]:
        """What nobody has resolved."""
        return tuple(one for one in self.feedback if one.is_open)

    @property
    def verdict(self) -> Verdict | None:
        """The last one of the present stage; None while there is none."""
        return self.judged.verdict if self.judged else None


def standing(events: Iterable[tuple[int, datetime, Event]]) -> Standing:
    """Fold numbered events, oldest first, into where the release stands."""
    now = Standing()
    for number, at, event in events:
        now = _with(now, number, at, event)
    return now


def standing_at_end_of(events: Iterable[tuple[int, datetime, Event]], percent: int) -> Standing | None:
    """The release as it stood right before the last stage at this percent was left, or as it stands while that runs;
    None where no such stage ever began."""
    now, found = Standing(), None
    for number, at, event in events:
        before, now = now, _with(now, number, at, event)
        was_there = before.began_at is not None and before.percent == percent
        if was_there and now.began_line != before.began_line:
            found = before
    return now if now.began_at is not None and now.percent == percent else found


def _with(now: Standing, number: int, at: datetime, event: Event) -> Standing:
    if isinstance(event, Started):
        return (
            replace(_begun(now, number, at, event), started=event) if event.is_proven else replace(now, started=event)
        )
    if isinstance(event, RolledBack):
        # Where it could not be proven, the backend may stand anywhere; it is still no stage of the release any more.
        left = _left(now, at, rolled_back=True)
        return replace(left, percent=0, began_at=None, began_line=number, rolled_back=event, started=None)
    if isinstance(event, FeedbackAdded):
        return replace(now, feedback=_added(now.feedback, Feedback(event, at)))
    if isinstance(event, FeedbackResolved):
        return replace(now, feedback=_resolved(now.feedback, event))
    # What came in of another stage, for example from a run of yesterday, says nothing of this one.
    if getattr(event, "percent", None) != now.percent or now.began_at is None:
        return now
    if isinstance(event, Look):
        return replace(now, looks=_looked(now.looks, event))
    if isinstance(event, GateRun):
        return now if event.ran_at < now.began_at else replace(now, gate=_newest(now.gate, event))
    if isinstance(event, Judged):
        return replace(now, judged=event)
    if isinstance(event, Decided):
        return replace(now, decided=event)
    return replace(now, found=(*now.found, event)) if isinstance(event, Found) else now


def _added(known: tuple[Feedback, ...], new: Feedback) -> tuple[Feedback, ...]:
    """A file that is read in twice says nothing new; another text under the same id does."""
    return known if any(one.added == new.added for one in known) else (*known, new)


def _resolved(known: tuple[Feedback, ...], event: FeedbackResolved) -> tuple[Feedback, ...]:
    """One word is resolved, the oldest that is open: what shares its id by mistake must not vanish with it. Without a
    reason none is."""
    at = next((at for at, one in enumerate(known) if one.is_open and one.added.id == event.id), None)
    if at is None or not event.reason.strip():
        return known
    return (*known[:at], replace(known[at], resolved=event), *known[at + 1 :])


def _looked(known: tuple[Look, ...], new: Look) -> tuple[Look, ...]:
    """In order of their slots; of two that were taken for the same slot the earlier one, or it would count twice."""
    by_slot = {look.slot: look for look in known}
    kept = min(by_slot.get(new.slot, new), new, key=lambda look: look.at)
    return tuple(look for _, look in sorted({**by_slot, new.slot: kept}.items()))


def _newest(known: GateRun | None, new: GateRun) -> GateRun:
    """Who tells an older run once more does not undo what a newer one said."""
    return new if known is None or known.ran_at <= new.ran_at else known


def _begun(now: Standing, number: int, at: datetime, event: Started) -> Standing:
    """A stage that is started again at the same percent begins anew: who restarts it wants to see it anew."""
    left = _left(now, at, rolled_back=False)
    if event.percent == 0:
        return replace(left, percent=0, began_at=None, began_line=number, rolled_back=None)
    return replace(left, percent=event.percent, began_at=at, began_line=number, rolled_back=None)


def _left(now: Standing, at: datetime, *, rolled_back: bool) -> Standing:
    """Without the present stage, which is remembered among those that were passed."""
    passed = now.passed
    if now.began_at is not None:
        done = PassedStage(now.percent, now.began_at, at, len(now.looks), now.verdict, rolled_back)
        passed = (*passed, done)
    return replace(now, looks=(), gate=None, judged=None, found=(), decided=None, passed=passed)
