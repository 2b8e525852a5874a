"""The ledger on the disk: kills, several writers, forgery, files that are none, and secrets."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from tests.core.release.builders import BEGAN, look, started
from tests.rollout.ledgers import EVERY_KIND, WROTE, filled, texts
from verification.core.errors import EvidenceError, UsageError
from verification.core.release.chain import line
from verification.core.release.events import Event, Look, Told
from verification.core.release.standing import Standing, standing
from verification.rollout.ledger import Ledger

# Forked, so that fifty of them need not import everything fifty times.
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "release.sqlite"


def forged(path: Path, *statements: str) -> list[str]:
    """What is found after somebody has taken the triggers away and changed the file."""
    with closing(sqlite3.connect(path)) as file, file:
        for trigger in ("line_stays", "line_is_kept", "line_is_new"):
            file.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            assert file.execute(statement).rowcount
    with Ledger(path, create=False) as ledger:
        return ledger.broken()


def test_the_kinds_that_are_tried_here_are_all_there_are() -> None:
    assert {type(event) for event in EVERY_KIND} == set(get_args(Event))


def test_a_look_of_an_older_version_is_read_as_one_that_wrote_nothing(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.append(look(0, unasked=2, written=WROTE), BEGAN)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("DROP TRIGGER line_stays")
        file.execute("UPDATE line SET body = json_remove(body, '$.unasked', '$.written')")
    with Ledger(path, create=False) as ledger:
        assert [event for _, _, event in ledger.events()] == [look(0)]


def test_every_event_is_read_back_as_it_was_written(path: Path) -> None:
    with Ledger(path) as ledger:
        numbers = [ledger.append(event, BEGAN) for event in EVERY_KIND]
    with Ledger(path, create=False) as ledger:
        assert ledger.events() == [(number, BEGAN, event) for number, event in zip(numbers, EVERY_KIND, strict=True)]
        assert numbers == list(range(1, len(EVERY_KIND) + 1))
        assert ledger.broken() == []
        assert ledger.standing() == standing(ledger.events())


def test_an_export_is_one_json_text_for_each_line(path: Path) -> None:
    filled(path, 2)
    with Ledger(path, create=False) as ledger:
        first, second = map(json.loads, ledger.export())
    assert (first["number"], first["kind"], first["body"]) == (1, "Told", {"source": "test", "text": "text 0"})
    assert second["previous"] == first["hash"]
    assert datetime.fromisoformat(first["at"]) == BEGAN


# Kills and several writers


def _append_until_killed(path: Path, run: int, told: int) -> None:
    with Ledger(path) as ledger:
        for number in range(10_000):
            ledger.append(Told("child", f"{run}-{number}"), datetime.now(UTC))
            os.write(told, f"{run}-{number}\n".encode())


def test_fifty_kills_lose_nothing_that_was_reported_and_write_nothing_twice(path: Path) -> None:
    rng = random.Random(6)
    reported: list[str] = []
    for run in range(50):
        reading, writing = os.pipe()
        child = FORK.Process(target=_append_until_killed, args=(path, run, writing))
        child.start()
        os.close(writing)
        # Every other one is killed wherever it is by then, perhaps before it has opened the file.
        first = os.read(reading, 1) if run % 2 else b""
        time.sleep(rng.uniform(0.001, 0.05))
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        with os.fdopen(reading) as told:
            reported += (first.decode() + told.read()).split()
        with Ledger(path) as ledger:
            assert ledger.broken() == []
    there = texts(path)
    assert {int(text.split("-")[0]) for text in reported} >= set(range(1, 50, 2))
    assert len(there) == len(set(there))
    assert set(reported) <= set(there)
    # The last line of a child may have been written and not reported any more.
    assert len(set(there) - set(reported)) <= 50
    assert there == sorted(there, key=lambda text: [int(part) for part in text.split("-")])


def _append_some(path: Path, name: str, lines: int) -> None:
    with Ledger(path) as ledger:
        for number in range(lines):
            ledger.append(Told(name, f"{name}-{number}"), datetime.now(UTC))


def _slot_taken(slot: int) -> Callable[[Standing], str | None]:
    return lambda now: "is taken" if any(taken.slot == slot for taken in now.looks) else None


def _take_looks(path: Path, slots: int) -> None:
    with Ledger(path) as ledger:
        for slot in range(slots):
            try:
                ledger.append(look(slot), datetime.now(UTC), unless=_slot_taken(slot))
            except UsageError:
                continue


def _both_at_once(*children: multiprocessing.context.ForkProcess) -> None:
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0


def test_two_writers_at_once_take_turns_from_the_first_line_on(path: Path) -> None:
    _both_at_once(*(FORK.Process(target=_append_some, args=(path, name, 60)) for name in "ab"))
    there = texts(path)
    assert sorted(there) == sorted(f"{name}-{number}" for name in "ab" for number in range(60))
    for name in "ab":
        assert [text for text in there if text.startswith(name)] == [f"{name}-{number}" for number in range(60)]


def test_two_that_ask_before_they_write_write_each_slot_once(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.append(started(), BEGAN)
    _both_at_once(*(FORK.Process(target=_take_looks, args=(path, 12)) for _ in range(2)))
    with Ledger(path) as ledger:
        assert [event.slot for _, _, event in ledger.events() if isinstance(event, Look)] == list(range(12))


def test_what_is_refused_is_not_written_and_the_next_one_is(path: Path) -> None:
    with Ledger(path) as ledger:
        with pytest.raises(UsageError, match="not now"):
            ledger.append(started(), BEGAN, unless=lambda _: "not now")
        assert ledger.append(started(), BEGAN, unless=lambda _: None) == 1


def test_a_full_disk_is_told_and_the_ledger_goes_on_after_it(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.append(Told("test", "before"), BEGAN)
        (pages,) = ledger._file.execute("PRAGMA page_count").fetchone()
        ledger._file.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(EvidenceError, match="full"):
            ledger.append(Told("test", "x" * 100_000), BEGAN)
        ledger._file.execute(f"PRAGMA max_page_count = {pages + 1000}")
        assert ledger.append(Told("test", "after"), BEGAN) == 2
    assert texts(path) == ["before", "after"]


# Forgery


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE line SET body = '{}' WHERE number = 1",
        "DELETE FROM line WHERE number = 2",
        "DELETE FROM line",
        "INSERT OR REPLACE INTO line SELECT number, at, kind, '{}', previous, hash FROM line WHERE number = 2",
        "INSERT INTO line SELECT 9, at, kind, body, previous, hash || '0' FROM line WHERE number = 2",
        "INSERT INTO line SELECT 9, at, kind, body, previous || '0', hash FROM line WHERE number = 2",
    ],
)
def test_a_line_is_never_changed_removed_or_replaced(path: Path, statement: str) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as file, pytest.raises(sqlite3.IntegrityError, match="never"), file:
        file.execute(statement)
    assert texts(path) == [f"text {number}" for number in range(4)]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ('UPDATE line SET body = \'{"source":"test","text":"x"}\' WHERE number = 2', "line 2 was changed"),
        ("UPDATE line SET at = '2026-11-24T08:00:00+00:00' WHERE number = 2", "line 2 was changed"),
        ("UPDATE line SET kind = 'Judged' WHERE number = 4", "line 4 was changed"),
        ("UPDATE line SET hash = 'x' WHERE number = 4", "line 4 was changed"),
        ("DELETE FROM line WHERE number = 1", "line 2 follows line 0"),
        ("DELETE FROM line WHERE number = 3", "line 4 follows line 2"),
        ("DELETE FROM line WHERE number = 4", "lines 4 to 4 were taken off the end"),
        ("DELETE FROM line WHERE number > 1", "lines 2 to 4 were taken off the end"),
        ("DELETE FROM line", "lines 1 to 4 were taken off the end"),
    ],
)
def test_what_somebody_changed_behind_the_triggers_is_found(path: Path, statement: str, words: str) -> None:
    filled(path)
    assert words in "\n".join(forged(path, statement))


def test_a_line_with_a_time_that_is_none_is_told_by_its_number(path: Path) -> None:
    for text, words in (("yesterday", "Invalid isoformat"), ("2026-11-24T08:00:00", "line 2: .* no zone")):
        path.unlink(missing_ok=True)
        filled(path)
        with pytest.raises(EvidenceError, match=words):
            forged(path, f"UPDATE line SET at = '{text}' WHERE number = 2")


@pytest.mark.parametrize(
    ("kind", "body"), [("Nonsense", "{}"), ("Judged", "{}"), ("Told", "no json"), ("Told", '{"source": 1}')]
)
def test_an_event_of_another_version_is_told_with_file_and_line(path: Path, kind: str, body: str) -> None:
    filled(path, 1)
    with Ledger(path) as ledger:
        new = line(2, BEGAN, kind, body, ledger.lines()[-1].hash)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("INSERT INTO line VALUES (?, ?, ?, ?, ?, ?)",
                     (2, BEGAN.isoformat(), kind, body, new.previous, new.hash))  # fmt: skip
    with Ledger(path, create=False) as ledger:
        assert ledger.broken() == []
        with pytest.raises(EvidenceError) as caught:
            ledger.standing()
    assert f"{path}, line 2" in str(caught.value)
    assert ("this version knows no event 'Nonsense'; a newer one wrote it" in str(caught.value)) is (kind == "Nonsense")


def test_an_export_of_what_is_no_json_names_file_and_line(path: Path) -> None:
    filled(path)
    assert forged(path, "UPDATE line SET body = 'no json' WHERE number = 2")
    with Ledger(path, create=False) as ledger, pytest.raises(EvidenceError) as caught:
        list(ledger.export())
    assert f"{path}, line 2" in str(caught.value)
