"""What the looks of a stage say when they are taken together.

Each look is a time block of its own, so a change of the P95 is tested as within a load (`core.sequential`), and may be
looked at after every look. Counters are taken as differences: they start at 0 with every restart of the backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from verification.core.exceedance import Stratum
from verification.core.histogram import Histogram
from verification.core.model import Arm
from verification.core.release.events import Counters, Look, Seen
from verification.core.release.plan import PlannedStage


@dataclass(frozen=True, slots=True)
class ArmTotal:
    """One arm over all looks and reads."""

    requests: int
    errors: int
    legacy: int
    domain: int
    unwitnessed: int


def total_of(looks: Sequence[Look], arm: Arm) -> ArmTotal:
    """Add up what the looks saw of an arm."""
    seen = [one for look in looks for one in look.seen if one.arm is arm]
    return ArmTotal(
        *(sum(getattr(one, name) for one in seen) for name in ("requests", "errors", "legacy", "domain", "unwitnessed"))
    )


def errors_of(looks: Sequence[Look], arm: Arm) -> list[tuple[int, int]]:
    """By look the errors and requests of an arm, all reads together."""
    return [
        (sum(one.errors for one in mine), sum(one.requests for one in mine))
        for mine in ([one for one in look.seen if one.arm is arm] for look in looks)
    ]


def strata_of(looks: Sequence[Look]) -> list[Stratum]:
    """Each read is a stratum, each look a time block."""
    reads = dict.fromkeys(one.read for look in looks for one in look.seen)
    by_look = [{(one.read, one.arm): one for one in look.seen} for look in looks]
    return [
        Stratum(tuple((_times(seen, read, Arm.CONTROL), _times(seen, read, Arm.CANDIDATE)) for seen in by_look))
        for read in reads
    ]


def _times(seen: dict[tuple[str, Arm], Seen], read: str, arm: Arm) -> Histogram:
    found = seen.get((read, arm))
    return Histogram.of({} if found is None else found.times)


@dataclass(frozen=True, slots=True)
class Moved:
    """How far the backend's counters moved over the looks, and how often its process began anew."""

    requests: int = 0
    server_errors: int = 0
    legacy: int = 0
    domain: int = 0
    restarts: int = 0
    is_stale: bool = False
    """Requests were sent between two looks, and the counters did not move."""


def moved(looks: Sequence[Look]) -> Moved:
    """Differences of the counters from look to look. After a restart what stands there is what was counted since; what
    was counted between the look before and the restart is lost."""
    sums, restarts, stale = [0, 0, 0, 0], 0, False
    told = [(look, look.counters) for look in looks if look.counters is not None]
    for (_, before), (_, after) in pairwise(told):
        then, now = _numbers(before), _numbers(after)
        began_anew = any(new < old for old, new in zip(then, now, strict=True))
        restarts += began_anew
        # A probe of each look at least lies in between.
        stale = stale or now == then
        sums = [kept + new - (0 if began_anew else old) for kept, old, new in zip(sums, then, now, strict=True)]
    requests, server_errors, legacy, domain = sums
    return Moved(requests, server_errors, legacy, domain, restarts, stale)


def _numbers(counters: Counters) -> list[int]:
    return [counters.requests, counters.server_errors, counters.legacy or 0, counters.domain or 0]


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
    slots = [-1, *sorted(look.slot for look in looks), slot_of(stage, began_at, now)]
    return [Gap(before + 1, after - 1) for before, after in pairwise(slots) if after - before > 1]
