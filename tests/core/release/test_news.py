"""What the webhook is told next: the newest that it does not know, once, and nothing that is over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.release.builders import BEGAN, feedback, look, rolled_back, started
from verification.core.model import Verdict
from verification.core.release.events import Event, Judged, Notified
from verification.core.release.news import News, news_of

HELD, WORSE, BETTER = (Judged(10, one, (), "") for one in (Verdict.HOLD, Verdict.ROLLBACK, Verdict.INCONCLUSIVE))
FAILED = started(25, former=10, is_proven=False)
BACK = rolled_back()


def news(*events: Event) -> News | None:
    return news_of((line, BEGAN, event) for line, event in enumerate(events, start=1))


@pytest.mark.parametrize(
    ("events", "line", "former"),
    [
        ((started(), HELD), 2, None),
        ((started(), look(0), HELD, feedback()), 3, None),
        ((started(), HELD, Notified(2), WORSE), 4, Verdict.HOLD),
        # The newest only, and what was told last is what it is held against.
        ((started(), BETTER, Notified(2), HELD, WORSE), 5, Verdict.INCONCLUSIVE),
        ((started(), HELD, replace(HELD, action="another")), 3, None),
        ((started(), HELD, Notified(2), FAILED), 4, Verdict.HOLD),
        ((started(), HELD, FAILED), 3, None),
        ((started(), HELD, Notified(2), FAILED, WORSE), 5, Verdict.HOLD),
        ((started(), HELD, Notified(2), FAILED, replace(HELD, action="another")), 4, Verdict.HOLD),
        ((started(), HELD, BACK), 3, None),
        ((started(), HELD, Notified(2), BACK), 4, None),
        ((started(), BACK, Notified(2), BACK), 4, None),
        ((FAILED,), 1, None),
        # A verdict of a new stage is one, whatever that of the former was.
        ((started(), HELD, Notified(2), started(25), replace(HELD, percent=25)), 5, None),
    ],
)
def test_the_newest_that_was_not_told_is_told(events: tuple[Event, ...], line: int, former: Verdict | None) -> None:
    found = news(*events)
    assert found is not None
    assert (found.line, found.at, found.event, found.former) == (line, BEGAN, events[line - 1], former)


@pytest.mark.parametrize(
    ("events", "before"),
    [
        ((started(), HELD, Notified(2), FAILED, WORSE), (FAILED,)),
        ((started(), HELD, FAILED, BACK), (FAILED,)),
        ((started(), BACK, FAILED), (BACK,)),
        ((started(), BACK, Notified(2), FAILED), ()),
        ((started(), BACK, started(25), FAILED), ()),
        ((started(), BACK, FAILED, FAILED), (BACK, FAILED)),
    ],
)
def test_a_move_that_nobody_was_told_of_is_told_with_what_came_after_it(
    events: tuple[Event, ...], before: tuple[Event, ...]
) -> None:
    found = news(*events)
    assert found is not None
    assert found.line == len(events)
    assert found.before == before


@pytest.mark.parametrize(
    "events",
    [
        (),
        (started(), look(0)),
        (started(), HELD, Notified(2)),
        (started(), HELD, Notified(2), replace(HELD, action="another")),
        (started(), FAILED, Notified(2)),
        (started(), BACK, Notified(2)),
        # It became what they know again.
        (started(), HELD, Notified(2), WORSE, HELD),
        # Told later than something newer was written: all before it is known.
        (started(), HELD, FAILED, Notified(3)),
        # Of a stage that was left.
        (started(), HELD, started(25)),
        (started(), FAILED, started(25)),
        (started(25), HELD),
        (started(), BACK, Notified(2), HELD),
    ],
)
def test_what_is_known_or_over_is_told_no_more(events: tuple[Event, ...]) -> None:
    assert news(*events) is None


def test_what_was_told_while_something_newer_was_written_does_not_hide_that() -> None:
    found = news(started(), HELD, WORSE, Notified(2))
    assert found == News(3, BEGAN, WORSE, Verdict.HOLD)
