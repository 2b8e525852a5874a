"""What users and colleagues say of a release: typed in, or read from CSV or JSON; resolved only with a reason."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from verification.core.errors import UsageError
from verification.core.release.events import FeedbackAdded, FeedbackResolved, Severity
from verification.core.release.standing import Standing
from verification.rollout.clock import Clock
from verification.rollout.ledger import Ledger

_MOST_BYTES = 5_000_000


class Word(BaseModel):
    """One word of feedback as a person or another tool gives it."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    severity: Severity
    text: Annotated[str, Field(min_length=3, max_length=5000)]
    source: Annotated[str, Field(min_length=1, max_length=200)]
    endpoint: Annotated[str, Field(max_length=200)] | None = None
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] | None = None
    """Of the tool that it comes from; without one it is made from the words, so that the same is not taken in twice."""

    @property
    def event(self) -> FeedbackAdded:
        """As it is written down."""
        made = hashlib.sha256(f"{self.severity}|{self.source}|{self.endpoint}|{self.text}".encode()).hexdigest()[:8]
        return FeedbackAdded(self.id or made, self.severity, self.text, self.source, self.endpoint or None)


def add(ledger: Ledger, clock: Clock, words: Iterable[Word]) -> list[FeedbackAdded]:
    """Write down what is new; what is there already, word for word, is left out."""
    added = []
    for word in words:
        event = word.event
        if all(one.added != event for one in ledger.standing().feedback):
            ledger.append(event, clock.now(), unless=partial(_is_there, event))
            added.append(event)
    return added


def _is_there(event: FeedbackAdded, now: Standing) -> str | None:
    there = any(one.added == event for one in now.feedback)
    return f"feedback {event.id} is there already" if there else None


def resolve(ledger: Ledger, clock: Clock, feedback_id: str, *, reason: str, who: str) -> FeedbackResolved:
    """Say that a word of feedback stands in the way no more; UsageError where it is unknown, or no reason is given."""
    if len(reason.strip()) < 3:
        raise UsageError("--reason is empty: say why this stands in the way no more.")

    def refused(now: Standing) -> str | None:
        if any(one.added.id == feedback_id and one.is_open for one in now.feedback):
            return None
        known = ", ".join(one.added.id for one in now.open_feedback) or "none"
        return f"feedback {feedback_id} is not open; open are: {known}."

    event = FeedbackResolved(feedback_id, reason.strip(), who)
    ledger.append(event, clock.now(), unless=refused)
    return event


def read_words(path: Path) -> list[Word]:
    """Feedback from a file: CSV with a header line, or a JSON list of objects. UsageError names the place."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}.") from error
    if len(raw) > _MOST_BYTES:
        raise UsageError(f"{path}: has {len(raw)} bytes, at most {_MOST_BYTES} are read.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is no text in UTF-8.") from error
    rows = _from_json(path, text) if path.suffix.lower() == ".json" else _from_csv(path, text)
    return [_word(f"{path}, entry {number}", row) for number, row in rows]


def _from_json(path: Path, text: str) -> list[tuple[int, Any]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: is no JSON: {error}.") from error
    if not isinstance(document, list):
        raise UsageError(f"{path}: holds no list. A list of objects with severity, text, source is read.")
    return list(enumerate(document, start=1))


def _from_csv(path: Path, text: str) -> list[tuple[int, Any]]:
    try:
        # Empty cells are what was not said.
        rows = [(number, {k: v for k, v in row.items() if v}) for number, row in _numbered(text)]
    except csv.Error as error:
        raise UsageError(f"{path}: is no CSV: {error}.") from error
    return rows


def _numbered(text: str) -> Iterable[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    for row in reader:
        yield reader.line_num, row


def _word(place: str, row: Any) -> Word:
    try:
        return Word.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"]) or "the entry"
        raise UsageError(
            f"{place}: {where}: {first['msg']}. An entry has severity (serious or minor), text, source "
            "and, if known, endpoint and id."
        ) from error


def words_of(do: str, what: str, severity: str, source: str, endpoint: str | None) -> list[Word]:
    """What a file holds, for `import`, or the one word that was typed."""
    if do == "import":
        return read_words(Path(what))
    return [_word("what was typed", {"severity": severity, "text": what, "source": source, "endpoint": endpoint})]
