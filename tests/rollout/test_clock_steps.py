"""A step of the clock is told once, of the stage in which it came, and of no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.core.release.builders import look, started
from tests.rollout.calendar import Calendar
from verification.catalog.load import load_catalog
from verification.core.errors import EvidenceError
from verification.core.release.events import Look
from verification.rollout.ledger import Ledger
from verification.rollout.look import Due
from verification.rollout.observe import Observer
from verification.settings import Settings

HOUR_S = 3600.0


class Watched:
    """A release with an observer whose looks ask nobody."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.ledger = Calendar(), Ledger(folder / "release.sqlite")
        settings = Settings.model_validate({"target": {"url": "http://127.0.0.1:9"}})
        self.observer = Observer(settings, load_catalog(), self.ledger, self.clock, lambda _: None)

        def taken(_: Settings, __: object, due: Due, clock: Calendar, ___: object, step_s: float) -> Look:
            made = replace(look(due.slot), percent=due.percent, due_at=due.at, at=clock.now(), clock_step_s=step_s)
            return replace(made, boot_id=clock.boot_id, boot_s=clock.uptime().seconds)

        monkeypatch.setattr("verification.rollout.observe.take_look", taken)

    def start(self, percent: int) -> None:
        self.ledger.append(started(percent), self.clock.now())

    def look(self) -> float:
        """The step that a look, an hour after the one before, tells."""
        self.clock.sleep(HOUR_S)
        self.observer.once()
        return self.ledger.standing().looks[-1].clock_step_s


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    release = Watched(tmp_path, monkeypatch)
    yield release
    release.ledger.close()


def test_a_step_before_a_stage_began_is_none_of_that_stage(watched: Watched) -> None:
    watched.start(10)
    assert watched.look() == pytest.approx(0, abs=1)
    watched.clock.stepped = timedelta(hours=2)
    watched.start(25)
    assert watched.look() == 0.0
    assert watched.look() == pytest.approx(0, abs=1)


def test_a_step_before_a_look_that_could_not_be_kept_is_told_by_the_next(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.start(10)
    watched.look()
    watched.clock.stepped = timedelta(hours=2)
    append: Callable[..., int] = watched.ledger.append

    def full(event: object, *rest: object, **more: object) -> int:
        if isinstance(event, Look):
            raise EvidenceError("the disk is full")
        return append(event, *rest, **more)

    with monkeypatch.context() as while_full:
        while_full.setattr(watched.ledger, "append", full)
        with pytest.raises(EvidenceError):
            watched.look()
    assert watched.look() == pytest.approx(2 * HOUR_S, abs=1)
    assert watched.look() == pytest.approx(0, abs=1)


def test_a_step_that_another_process_has_told_is_not_told_again(watched: Watched) -> None:
    watched.start(10)
    watched.look()
    watched.clock.stepped = timedelta(hours=2)
    mine, watched.observer = (
        watched.observer,
        Observer(watched.observer._settings, load_catalog(), watched.ledger, watched.clock, lambda _: None),
    )
    assert watched.look() == pytest.approx(2 * HOUR_S, abs=1)
    watched.observer = mine
    assert watched.look() == pytest.approx(0, abs=1)
