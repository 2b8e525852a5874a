"""What the people behind the webhook should know of a release and were not told yet: the newest, nothing older."""

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


def news_of(events: Iterable[tuple[int, datetime, Event]]) -> News | None:
    """The newest that was not told; None where there is nothing. A verdict that became again what was told is no news,
    and what was to be told before a stage began is none any more."""
    percent, told = 0, 0
    judged: list[tuple[int, datetime, Judged]] = []
    move: tuple[int, datetime, Started | RolledBack] | None = None
    for line, at, event in events:
        if isinstance(event, Notified):
            told = max(told, event.line)
        elif isinstance(event, Judged):
            # One of a stage that somebody else has just left says nothing of this one.
            judged += [(line, at, event)] if event.percent == percent else []
        elif isinstance(event, Started) and event.is_proven:
            percent, judged, move = event.percent, [], None
        elif isinstance(event, RolledBack):
            percent, judged, move = 0, [], (line, at, event)
        elif isinstance(event, Started):
            move = (line, at, event)
    former = next((one.verdict for line, _, one in reversed(judged) if line <= told), None)
    found: list[tuple[int, datetime, Judged | Started | RolledBack]] = []
    if judged and judged[-1][2].verdict is not former:
        found.append(judged[-1])
    if move is not None and move[0] > told:
        found.append(move)
    newest = max(found, key=lambda one: one[0], default=None)
    return None if newest is None else News(*newest, former)
