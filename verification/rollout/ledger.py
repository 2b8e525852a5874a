"""The ledger on the disk: one SQLite file, to which events are only added, each chained to the one before by its hash.

A line is on the disk before `append` returns, and a kill leaves the file as it was before or after it. Two writers take
turns, so that each adds to the last line; nobody changes or removes one: triggers refuse that, and the chain shows it.
"""

from __future__ import annotations

import fcntl
import json
import math
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
# AUTOINCREMENT: SQLite remembers the greatest number, so that lines taken off the end are missed.
_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS line (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
    previous TEXT NOT NULL UNIQUE, hash TEXT NOT NULL UNIQUE
) STRICT;
CREATE TRIGGER IF NOT EXISTS line_stays BEFORE UPDATE ON line
BEGIN SELECT RAISE(ABORT, 'a line of the ledger is never changed'); END;
CREATE TRIGGER IF NOT EXISTS line_is_kept BEFORE DELETE ON line
BEGIN SELECT RAISE(ABORT, 'a line of the ledger is never removed'); END;
CREATE TRIGGER IF NOT EXISTS line_is_new BEFORE INSERT ON line
WHEN EXISTS (SELECT 1 FROM line WHERE number = NEW.number OR previous = NEW.previous OR hash = NEW.hash)
BEGIN SELECT RAISE(ABORT, 'a line of the ledger is never replaced'); END;
COMMIT;
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
            # Absolute, for ":memory:" and the like are no files to SQLite.
            self._file = sqlite3.connect(path.absolute(), timeout=_WAIT_S, isolation_level=None)
            try:
                self._open(create=create)
            except BaseException:
                self._file.close()
                raise

    def _open(self, *, create: bool) -> None:
        self._file.execute("PRAGMA synchronous = FULL")
        tables = {name for (name,) in self._file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "line" not in tables:
            if tables:
                raise ValueError("it is a database of something else; name another file as [release] ledger")
            if not create:
                raise ValueError("it is empty; `python -m verification start PERCENT` begins one")
        if create:
            self._file.executescript(_SCHEMA)

    def append(self, event: Event, at: datetime, *, unless: Callable[[Standing], str | None] | None = None) -> int:
        """Add an event; the number of its line.

        `unless` looks at the release as it stands at that very moment, while no other writer can add anything, and
        refuses with a reason (UsageError).
        """
        body = self._body(event)
        with self._told(), self._alone():
            if unless is not None and (refused := unless(self.standing())) is not None:
                raise UsageError(refused)
            number, previous = self._last()
            new = line(number + 1, at, type(event).__name__, body, previous)
            values = (new.number, new.at.isoformat(), new.kind, new.body, new.previous, new.hash)
            self._file.execute("INSERT INTO line VALUES (?, ?, ?, ?, ?, ?)", values)
        return new.number

    def _body(self, event: Event) -> str:
        """The event as JSON text, without secrets; EvidenceError where it could not be read back, which would make the
        whole ledger unreadable for good."""
        kind = type(event).__name__
        body = json.dumps(_kept(_ADAPTERS[kind].dump_python(event, mode="json")), ensure_ascii=False)
        try:
            _ADAPTERS[kind].validate_json(body)
        except ValidationError as error:
            raise EvidenceError(f"{self.path}: this {kind} cannot be kept, nothing was written: {error}") from error
        return body

    def lines(self, after: int = 0) -> list[Line]:
        """All lines, oldest first; or those after this number."""
        with self._told():
            asked = "SELECT number, at, kind, body, previous, hash FROM line WHERE number > ? ORDER BY number"
            rows = self._file.execute(asked, (after,)).fetchall()
            return [Line(row[0], _time(row[0], row[1]), *row[2:]) for row in rows]

    def events(self) -> list[Numbered]:
        """All events with the number and time of their lines, oldest first."""
        for one in self.lines(self._known[-1][0] if self._known else 0):
            try:
                self._known.append((one.number, one.at, _ADAPTERS[one.kind].validate_json(one.body)))
            except KeyError as error:
                raise EvidenceError(
                    f"{self.path}, line {one.number}: this version knows no event {one.kind!r}; a newer one wrote it. "
                    "Use that version for this ledger."
                ) from error
            except ValidationError as error:
                raise EvidenceError(f"{self.path}, line {one.number}: is no event of this version: {error}") from error
        return list(self._known)

    def standing(self) -> Standing:
        """Where the release stands."""
        return standing(self.events())

    def broken(self) -> list[str]:
        """What is wrong with the chain; nothing where it is whole."""
        with self._told():
            # Before the lines, for another process may add some meanwhile.
            found = self._file.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'line'").fetchone()
        lines = self.lines()
        last, ever = (lines[-1].number if lines else 0), found[0] or 0
        taken = [f"lines {last + 1} to {ever} were taken off the end"] if ever > last else []
        return [*broken(lines), *taken]

    def export(self) -> Iterator[str]:
        """Each line as one JSON text, its event unpacked."""
        for one in self.lines():
            try:
                body = json.loads(one.body)
            except ValueError as error:
                raise EvidenceError(f"{self.path}, line {one.number}: its event is no JSON: {error}.") from error
            yield json.dumps({**asdict(one), "at": one.at.isoformat(), "body": body}, ensure_ascii=False)

    def _last(self) -> tuple[int, str]:
        row = self._file.execute("SELECT number, hash FROM line ORDER BY number DESC LIMIT 1").fetchone()
        return (0, FIRST) if row is None else (row[0], row[1])

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A transaction that no other writer's can come between."""
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._file.execute("COMMIT")
        except BaseException:
            # A full disk, for example, has ended it already.
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")
            raise

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


def _kept(value: Any) -> Any:
    """Texts without secrets, for a person or a backend may have put one into any of them; text by text, or the name of
    a member could be taken for that of a secret. What no file can hold, a broken sign or an endless number, goes."""
    if isinstance(value, str):
        return redact_text(value.encode(errors="replace").decode())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _kept(part) for name, part in value.items()}
    return [_kept(part) for part in value] if isinstance(value, list) else value


def _time(number: int, text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"line {number}: the time {text!r} has no zone")
    return at


def sole_observer(path: Path) -> AbstractContextManager[None]:
    """Hold the right to look for this ledger; UsageError where another process holds it."""
    return _held(path, "observed", "is being observed", "One is enough: end that one first, or leave it to it.")


def sole_mover(path: Path) -> AbstractContextManager[None]:
    """Hold the right to start and to roll back; UsageError where another process does either."""
    return _held(path, "moved", "is being moved", "Wait until that has ended.")


def sole_teller(path: Path) -> AbstractContextManager[None]:
    """Hold the right to tell the webhook what is new; UsageError where another process does that."""
    return _held(path, "told", "is being told to the webhook", "Wait until that has ended.")


@contextmanager
def _held(path: Path, purpose: str, doing: str, advice: str) -> Iterator[None]:
    """A right that the system takes back when the process ends, however it ends."""
    # The same file by another name is the same ledger.
    path = path.resolve()
    place = path.with_name(f"{path.name}.{purpose}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise EvidenceError(f"{place}: cannot be written: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            by = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            raise UsageError(f"{path} {doing} by process {by or 'unknown'} already. {advice}") from error
        except OSError as error:
            raise EvidenceError(f"{place}: cannot be locked: {error.strerror}.") from error
        # Who holds it is told for people; on a full disk it is held all the same.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        with suppress(OSError):
            os.close(descriptor)
