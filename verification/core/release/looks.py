"""What the looks of a stage say when they are taken together.

Each look is a time block of its own, so a change of the P95 is tested as within a load (`core.sequential`), and may be
looked at after every look. Counters are taken as differences: they start at 0 with every restart of the backend.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from verification.core.exceedance import Stratum
from verification.core.histogram import Histogram, merge
from verification.core.model import Arm
from verification.core.release.events import Counters, Look, Seen
from verification.core.release.plan import PlannedStage


@dataclass(frozen=True, slots=True)
class ArmTotal:
    """One arm over all looks, reads and writes."""

    requests: int
    errors: int
    legacy: int
    domain: int
    unwitnessed: int


def asked_in(look: Look) -> tuple[Seen, ...]:
    """All reads and writes that the look put on an arm."""
    return (*look.seen, *look.written.seen)


def total_of(looks: Sequence[Look], arm: Arm) -> ArmTotal:
    """Add up what the looks saw of an arm, over all reads and writes."""
    seen = [one for look in looks for one in asked_in(look) if one.arm is arm]
    return ArmTotal(
        *(sum(getattr(one, name) for one in seen) for name in ("requests", "errors", "legacy", "domain", "unwitnessed"))
    )


def reads_of(looks: Sequence[Look]) -> list[str]:
    """The reads that the looks sent, in the order of their first time."""
    return list(dict.fromkeys(one.read for look in looks for one in look.seen))


def errors_of(looks: Sequence[Look], arm: Arm, read: str | None = None) -> list[tuple[int, int]]:
    """By look the errors and requests of an arm, of one read or of all reads and writes."""
    asked = [asked_in(look) if read is None else look.seen for look in looks]
    return [_errors(one for one in of if one.arm is arm and read in (None, one.read)) for of in asked]


def write_errors_of(looks: Sequence[Look], arm: Arm) -> list[tuple[int, int]]:
    """By look the errors and requests of an arm, of all writes."""
    return [_errors(one for one in look.written.seen if one.arm is arm) for look in looks]


def _errors(of: Iterable[Seen]) -> tuple[int, int]:
    seen = tuple(of)
    return sum(one.errors for one in seen), sum(one.requests for one in seen)


def strata_of(looks: Sequence[Look]) -> list[Stratum]:
    """Each read is a stratum, in the order of `reads_of`; each look is a time block."""
    return [
        Stratum(tuple((_times(look, read, Arm.CONTROL), _times(look, read, Arm.CANDIDATE)) for look in looks))
        for read in reads_of(looks)
    ]


def _times(look: Look, read: str, arm: Arm) -> Histogram:
    return merge(*(one.times for one in look.seen if (one.read, one.arm) == (read, arm)))


@dataclass(frozen=True, slots=True)
class Moved:
    """How far the backend's counters moved over the looks, and how often its process began anew."""

    requests: int = 0
    server_errors: int = 0
    legacy: int = 0
    domain: int = 0
    restarts: int = 0
    is_stale: bool = False
    """Requests were answered between the last two looks that told them, and the counters did not move."""


def moved(looks: Sequence[Look]) -> Moved:
    """Differences of the counters from look to look. After a restart what stands there is what was counted since; what
    was counted between the look before and the restart is lost. What is not told, or is negative, is not known."""
    sums, restarts, is_stale = [0, 0, 0, 0], 0, False
    last: list[int | None] = [None] * len(sums)
    at = 0
    for number, look in enumerate(looks):
        told = _numbers(look.counters)
        if told[0] is None:
            continue
        pairs = [(old, new) for old, new in zip(last, told, strict=True) if old is not None and new is not None]
        began_anew = any(new < old for old, new in pairs)
        restarts += began_anew
        is_stale = bool(pairs) and all(new == old for old, new in pairs) and any(map(_was_answered, looks[at:number]))
        for place, (old, new) in enumerate(zip(last, told, strict=True)):
            if old is not None and new is not None:
                sums[place] += new if began_anew else new - old
            last[place] = (0 if began_anew else old) if new is None else new
        at = number
    requests, server_errors, legacy, domain = sums
    return Moved(requests, server_errors, legacy, domain, restarts, is_stale)


def _was_answered(look: Look) -> bool:
    return any(one.requests > one.errors for one in look.seen) or look.natural_legacy + look.natural_domain > 0


def _numbers(counters: Counters | None) -> list[int | None]:
    if counters is None:
        return [None] * 4
    told = (counters.requests, counters.server_errors, counters.legacy, counters.domain)
    return [None if number is None or number < 0 else number for number in told]


@dataclass(frozen=True, slots=True)
class Gap:
    """Looks that were due and not taken, from slot to slot."""

    first: int
    last: int

    @property
    def looks(self) -> int:
        """How many are missing."""
        return self.last - self.first + 1


def slot_of(stage: PlannedStage, began_at: datetime, now: datetime) -> int:
    """The look that is due at this moment: 0 as soon as the stage has begun. Negative before (a clock that was set)."""
    return (now - began_at) // stage.every


def gaps(stage: PlannedStage, began_at: datetime, looks: Sequence[Look], now: datetime) -> list[Gap]:
    """Looks that were due by now and are missing. The one that is due at this very moment is not missing yet."""
    # A clock that was set back gives slots before the first; between them and it nothing was due.
    slots = [-1, *sorted({look.slot for look in looks if look.slot >= 0}), slot_of(stage, began_at, now)]
    return [Gap(before + 1, after - 1) for before, after in pairwise(slots) if after - before > 1]


@dataclass(frozen=True, slots=True)
class Spaced:
    """What comes of looks that are taken further apart than the plan has it."""

    looks: int
    """At most so many are taken within the longest window."""
    due: int
    """So many are due by then."""
    is_enough: bool
    """Whether there is a moment at which the stage could be passed, as far as its looks go."""


def spaced(stage: PlannedStage, apart: timedelta, most_missed_share: float) -> Spaced:
    """Count the looks of one process that looks that far apart, further than the plan has it. In doubt it is enough."""
    looks = stage.most // apart + 1
    return Spaced(
        looks,
        stage.most // stage.every + 1,
        any(_may_pass(stage, apart, taken, most_missed_share) for taken in range(stage.looks, looks + 1)),
    )


def _may_pass(stage: PlannedStage, apart: timedelta, taken: int, most_missed_share: float) -> bool:
    """Whether so many looks suffice at the earliest moment at which there are so many, and the window is long enough:
    later, only more are missing."""
    at = (taken - 1) * apart
    moment = max(at, stage.least)
    # What is due at this very moment is not missing yet.
    present, last = moment // stage.every, (at + stage.every / 2) // stage.every
    missing = max(0, present - (taken if last < present else taken - 1))
    return moment < at + apart and missing <= most_missed_share * (missing + taken)
