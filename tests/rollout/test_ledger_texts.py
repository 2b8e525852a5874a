"""What may stand in a ledger, and which files may be one: no secrets, nothing unreadable, nobody else's database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.core.release.builders import BEGAN, feedback, gate, look, rolled_back, started
from tests.rollout.ledgers import EVERY_KIND, filled, texts
from verification.core import redact
from verification.core.errors import EvidenceError
from verification.core.release.events import Told
from verification.rollout.ledger import Ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "release.sqlite"


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
