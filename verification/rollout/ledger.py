"""The ledger on the disk: one SQLite file, to which events are only added, each chained to the one before by its hash.

A line is on the disk before `append` returns, and a kill leaves the file as it was before or after it. Two writers take
turns, so that each adds to the last line; nobody changes or removes one: triggers refuse that, and the chain shows it.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_args

from pydantic import TypeAdapter, ValidationError

from verification.core.errors import EvidenceError, UsageError
from verification.core.redact import redact_text
from verification.core.release.chain import FIRST, Line, broken, line
from verification.core.release.events import Event
from verification.core.release.standing import Standing, standing

_ADAPTERS: dict[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in get_args(Event)}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS line (
    number INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
    previous TEXT NOT NULL UNIQUE, hash TEXT NOT NULL UNIQUE
) STRICT;
CREATE TRIGGER IF NOT EXISTS line_stays BEFORE UPDATE ON line
BEGIN SELECT RAISE(ABORT, 'a line of the ledger is never changed'); END;
CREATE TRIGGER IF NOT EXISTS line_is_kept BEFORE DELETE ON line
BEGIN SELECT RAISE(ABORT, 'a line of the ledger is never removed'); END;
"""
_WAIT_S = 30.0

Numbered = tuple[int, datetime, Event]


class Ledger:
    """An open ledger. Everything that can go wrong with the file is an EvidenceError that names it."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        self._known: list[Numbered] = []
        """What was read already: no line is ever changed."""
        if not create and not path.is_file():
            raise EvidenceError(
                f"{path}: there is no ledger. `python -m verification start PERCENT` begins one; "
                "[release] ledger in the settings says where it stands."
            )
        with self._told():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
            self._file.execute("PRAGMA synchronous = FULL")
            if create:
                self._file.executescript(_SCHEMA)

    def append(self, event: Event, at: datetime, *, unless: Callable[[Standing], str | None] | None = None) -> int:
        """Add an event; the number of its line.

        `unless` looks at the release as it stands at that very moment, while no other writer can add anything, and
        refuses with a reason (UsageError).
        """
        # A person or a backend may have put a secret into any of its texts.
        body = redact_text(_ADAPTERS[type(event).__name__].dump_json(event).decode())
        with self._told(), self._alone():
            if unless is not None and (refused := unless(self.standing())) is not None:
                raise UsageError(refused)
            number, previous = self._last()
            new = line(number + 1, at, type(event).__name__, body, previous)
            values = (new.number, new.at.isoformat(), new.kind, new.body, new.previous, new.hash)
            self._file.execute("INSERT INTO line VALUES (?, ?, ?, ?, ?, ?)", values)
        return new.number

    def lines(self, after: int = 0) -> list[Line]:
        """All lines, oldest first; or those after this number."""
        with self._told():
            asked = "SELECT number, at, kind, body, previous, hash FROM line WHERE number > ? ORDER BY number"
            rows = self._file.execute(asked, (after,)).fetchall()
            return [Line(row[0], datetime.fromisoformat(row[1]), *row[2:]) for row in rows]

    def events(self) -> list[Numbered]:
        """All events with the number and time of their lines, oldest first."""
        for one in self.lines(self._known[-1][0] if self._known else 0):
            try:
                self._known.append((one.number, one.at, _ADAPTERS[one.kind].validate_json(one.body)))
            except (KeyError, ValidationError) as error:
                raise EvidenceError(f"{self.path}, line {one.number}: is no event of this version: {error}") from error
        return list(self._known)

    def standing(self) -> Standing:
        """Where the release stands."""
        return standing(self.events())

    def broken(self) -> list[str]:
        """What is wrong with the chain; nothing where it is whole."""
        return list(broken(self.lines()))

    def export(self) -> Iterator[str]:
        """Each line as one JSON text, its event unpacked."""
        for one in self.lines():
            document = {**asdict(one), "at": one.at.isoformat(), "body": json.loads(one.body)}
            yield json.dumps(document, ensure_ascii=False)

    def _last(self) -> tuple[int, str]:
        row = self._file.execute("SELECT number, hash FROM line ORDER BY number DESC LIMIT 1").fetchone()
        return (0, FIRST) if row is None else (row[0], row[1])

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A transaction that no other writer's can come between."""
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            raise EvidenceError(f"{self.path}: the ledger cannot be used: {error}.") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def sole_observer(path: Path) -> AbstractContextManager[None]:
    """Hold the right to look for this ledger; UsageError where another process holds it."""
    return _held(path, "observed", "is being observed", "One is enough: end that one first, or leave it to it.")


def sole_mover(path: Path) -> AbstractContextManager[None]:
    """Hold the right to start and to roll back; UsageError where another process does either."""
    return _held(path, "moved", "is being moved", "Wait until that has ended.")


@contextmanager
def _held(path: Path, purpose: str, doing: str, advice: str) -> Iterator[None]:
    """A right that the system takes back when the process ends, however it ends."""
    place = path.with_name(f"{path.name}.{purpose}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise EvidenceError(f"{place}: cannot be written: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            by = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            raise UsageError(f"{path} {doing} by process {by or 'unknown'} already. {advice}") from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        with suppress(OSError):
            os.close(descriptor)
