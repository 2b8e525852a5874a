"""The ledger on the disk: kills, several writers, forgery, files that are none, and secrets."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from tests.core.release.builders import BEGAN, feedback, gate, look, rolled_back, started
from verification.core import redact
from verification.core.errors import EvidenceError, UsageError
from verification.core.model import Verdict
from verification.core.release.chain import line
from verification.core.release.events import Decided, Event, FeedbackResolved, Found, Judged, Look, Told
from verification.core.release.standing import Standing, standing
from verification.rollout.ledger import Ledger, sole_observer

# Forked, so that fifty of them need not import everything fifty times.
FORK = multiprocessing.get_context("fork")
EVERY_KIND: list[Event] = [
    started(),
    look(0),
    gate(p95_change=0.1, p95_low=-0.1),
    feedback(),
    FeedbackResolved("f1", "mended", "otto"),
    Found(10, "rates.errors", Verdict.HOLD, "Errors", "many"),
    Judged(10, Verdict.HOLD, ("Errors: many",), "wait"),
    Decided(10, "hold", "maria", "wait for the night"),
    rolled_back(detail=("nothing by domain",)),
    Told("flagger", "Synced"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "release.sqlite"


def filled(path: Path, lines: int = 4) -> None:
    with Ledger(path) as ledger:
        for number in range(lines):
            ledger.append(Told("test", f"text {number}"), BEGAN)


def forged(path: Path, *statements: str) -> list[str]:
    """What is found after somebody has taken the triggers away and changed the file."""
    with closing(sqlite3.connect(path)) as file, file:
        for trigger in ("line_stays", "line_is_kept", "line_is_new"):
            file.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            assert file.execute(statement).rowcount
    with Ledger(path, create=False) as ledger:
        return ledger.broken()


def texts(path: Path) -> list[str]:
    with Ledger(path, create=False) as ledger:
        assert ledger.broken() == []
        return [event.text for _, _, event in ledger.events() if isinstance(event, Told)]


def test_the_kinds_that_are_tried_here_are_all_there_are() -> None:
    assert {type(event) for event in EVERY_KIND} == set(get_args(Event))


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


def test_an_export_of_what_is_no_json_names_file_and_line(path: Path) -> None:
    filled(path)
    assert forged(path, "UPDATE line SET body = 'no json' WHERE number = 2")
    with Ledger(path, create=False) as ledger, pytest.raises(EvidenceError) as caught:
        list(ledger.export())
    assert f"{path}, line 2" in str(caught.value)


# Files that are none


def _must_name(path: Path, *, create: bool) -> str:
    with pytest.raises(EvidenceError) as caught, Ledger(path, create=create) as ledger:
        ledger.append(started(), BEGAN)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("create", [True, False])
def test_a_file_that_is_no_database_is_named(path: Path, *, create: bool) -> None:
    path.write_text("stages = [10]\n" * 100)
    assert "not a database" in _must_name(path, create=create)
    assert path.read_text().startswith("stages")


@pytest.mark.parametrize("create", [True, False])
def test_a_database_of_something_else_is_left_alone(path: Path, *, create: bool) -> None:
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE users (name TEXT)")
    before = path.read_bytes()
    assert "database of something else" in _must_name(path, create=create)
    assert path.read_bytes() == before


def test_an_empty_file_is_a_ledger_only_where_one_may_begin(path: Path) -> None:
    path.touch()
    assert "it is empty" in _must_name(path, create=False)
    filled(path)
    assert len(texts(path)) == 4


def test_a_ledger_that_is_not_there_is_not_made_by_who_reads(path: Path) -> None:
    assert "there is no ledger" in _must_name(path, create=False)
    assert not path.exists()


def test_a_folder_is_made_for_a_ledger(tmp_path: Path) -> None:
    filled(tmp_path / "a" / "b" / "release.sqlite")
    assert len(texts(tmp_path / "a" / "b" / "release.sqlite")) == 4


def test_a_folder_in_which_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    # Nobody, not even root, makes a file there.
    for path in (Path("/proc/self/release.sqlite"), tmp_path / "file" / "release.sqlite", tmp_path):
        _must_name(path, create=True)


def test_a_ledger_may_have_the_name_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    filled(Path(":memory:"))
    assert len(texts(tmp_path / ":memory:")) == 4


# What cannot be kept


def test_an_event_that_could_not_be_read_back_is_refused_and_ruins_nothing(path: Path) -> None:
    with Ledger(path) as ledger:
        for value in (float("inf"), float("nan")):
            with pytest.raises(EvidenceError, match="this Look cannot be kept, nothing was written"):
                ledger.append(look(0, prometheus=(("up", value),)), BEGAN)
        assert ledger.lines() == []
        assert ledger.append(look(0), BEGAN) == 1


def test_a_bound_without_an_end_is_a_bound_that_is_not_known(path: Path) -> None:
    endless = gate(p95_change=0.1, p95_low=-1.0, p95_high=float("inf"))
    with Ledger(path) as ledger:
        ledger.append(endless, BEGAN)
        assert [event for _, _, event in ledger.events()] == [replace(endless, p95_high=None)]


def test_a_broken_sign_in_a_text_does_not_keep_an_event_from_being_written(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.append(Told("test", "a\udc80b\x00c"), BEGAN)
    assert texts(path) == ["a?b\x00c"]


# Secrets

SECRETS = ("hunter2secret", "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0LXBheWxvYWQ", "s3cr3tToken99", "opensesame77")
LEAKY = (
    "rtsp://admin:hunter2secret@10.0.0.4/stream answers 401",
    "sent Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.c2VjcmV0LXBheWxvYWQ.x1",
    "GET /x?api_key=s3cr3tToken99&a=1 gave 500",
    'body was {"user": "a", "password": "opensesame77"}',
)


def test_secrets_in_texts_are_not_in_the_bytes_of_the_file(path: Path) -> None:
    with Ledger(path) as ledger:
        for text in LEAKY:
            ledger.append(feedback(text=text), BEGAN)
            ledger.append(replace(look(0), failure=text), BEGAN)
            ledger.append(rolled_back(detail=(text, text)), BEGAN)
            ledger.append(gate(reasons=(text,)), BEGAN)
            ledger.append(Told("argo", text), BEGAN)
    found = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"10.0.0.4/stream answers 401" in found
    assert [secret for secret in SECRETS if secret.encode() in found] == []


def test_a_name_that_a_person_calls_secret_does_not_ruin_the_events_own_members(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redact, "_also_secret", ("percent", "id", "requests", "x-pin"))
    with Ledger(path) as ledger:
        for event in EVERY_KIND:
            ledger.append(event, BEGAN)
        ledger.append(Told("test", 'sent {"x-pin": "4711abc"}'), BEGAN)
        assert [event for _, _, event in ledger.events()][:-1] == EVERY_KIND
    assert b"4711abc" not in path.read_bytes()


# One observer


def _hold(path: Path, told: int) -> None:
    with sole_observer(path):
        os.write(told, b"held")
        signal.pause()


def test_a_second_observer_is_refused_and_the_right_is_free_after_a_kill(path: Path) -> None:
    reading, writing = os.pipe()
    child = FORK.Process(target=_hold, args=(path, writing))
    child.start()
    assert child.pid is not None
    assert os.read(reading, 4) == b"held"
    with pytest.raises(UsageError, match=f"observed by process {child.pid} already"), sole_observer(path):
        pass
    other_name = path.with_name("other.sqlite")
    other_name.symlink_to(path)
    with pytest.raises(UsageError, match="already"), sole_observer(other_name):
        pass
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    os.close(reading)
    os.close(writing)
    with sole_observer(path):
        assert path.with_name("release.sqlite.observed").read_text() == str(os.getpid())


def test_a_backend_that_an_observer_started_does_not_keep_the_right(path: Path) -> None:
    with sole_observer(path):
        backend = subprocess.Popen(["sleep", "60"])
    try:
        with sole_observer(path):
            assert backend.poll() is None
    finally:
        backend.kill()
        backend.wait()


def test_the_right_is_free_after_an_error_and_the_error_is_not_hidden(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), sole_observer(path):
        raise ZeroDivisionError
    with sole_observer(path):
        assert path.with_name("release.sqlite.observed").exists()


def test_observers_of_two_ledgers_do_not_stand_in_each_others_way(path: Path) -> None:
    with sole_observer(path), sole_observer(path.with_name("other.sqlite")):
        assert path.with_name("other.sqlite.observed").exists()


def test_a_right_that_cannot_be_written_down_is_named() -> None:
    with (
        pytest.raises(EvidenceError, match=r"/proc/.*release\.sqlite\.observed"),
        sole_observer(Path("/proc/self/release.sqlite")),
    ):
        pass


def test_a_lock_that_the_file_system_refuses_is_no_other_observer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with pytest.raises(EvidenceError, match="cannot be locked: No locks available"), sole_observer(path):
        pass
