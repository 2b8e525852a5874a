"""What the people behind the webhook should know and were not told yet: the newest, and the moves before it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from verification.core.model import Verdict
from verification.core.release.events import Event, Judged, Notified, RolledBack, Started


@dataclass(frozen=True, slots=True)
class News:
    """Another verdict of the present stage, a start that came to nothing, or a rollback."""

    line: int
    """Of the ledger."""
    at: datetime
    event: Judged | Started | RolledBack
    former: Verdict | None
    """The verdict of the present stage that was told last; None where none was."""
    before: tuple[Started | RolledBack, ...] = ()
    """Starts that came to nothing and a rollback that are older than it and that nobody was told of; no state that
    follows says that they were."""


def news_of(events: Iterable[tuple[int, datetime, Event]]) -> News | None:
    """The newest that was not told; None where there is nothing. A verdict that became again what was told is no news,
    and what was to be told before a stage began is none any more."""
    percent, told = 0, 0
    judged: list[tuple[int, datetime, Judged]] = []
    moves: list[tuple[int, datetime, Started | RolledBack]] = []
    for line, at, event in events:
        if isinstance(event, Notified):
            told = max(told, event.line)
        elif isinstance(event, Judged):
            # One of a stage that somebody else has just left says nothing of this one.
            judged += [(line, at, event)] if event.percent == percent else []
        elif isinstance(event, Started) and event.is_proven:
            percent, judged, moves = event.percent, [], []
        elif isinstance(event, RolledBack):
            percent, judged = 0, []
            moves.append((line, at, event))
        elif isinstance(event, Started):
            moves.append((line, at, event))
    former = next((one.verdict for line, _, one in reversed(judged) if line <= told), None)
    untold = [one for one in moves if one[0] > told]
    found: list[tuple[int, datetime, Judged | Started | RolledBack]] = [*untold]
    if judged and judged[-1][2].verdict is not former:
        found.append(judged[-1])
    newest = max(found, key=lambda one: one[0], default=None)
    if newest is None:
        return None
    return News(*newest, former, tuple(event for line, _, event in untold if line < newest[0]))
