"""Mistakes in a catalog: where each one is, what is wrong, what would be valid. All are told at once."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from verification.core.errors import CatalogError
from verification.core.model import Json
from verification.core.redact import redact_text

_SHOWN_CHARACTERS = 80
_SHOWN_MISTAKES = 50


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake. `entry` names the endpoint, case, resource, reading or pool; `line` counts from 1."""

    file: Path
    line: int
    entry: str
    field: str
    problem: str

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.entry, self.field) if part)
        return (
            f"{self.file}:{self.line}: {place}: {self.problem}" if place else f"{self.file}:{self.line}: {self.problem}"
        )


@dataclass(slots=True)
class Mistakes:
    """Collects mistakes and raises them together."""

    found: list[Mistake] = field(default_factory=list)

    def raise_if_any(self) -> None:
        """Raise CatalogError with every mistake found so far, in the order of file and line."""
        if not self.found:
            return
        ordered = sorted(self.found, key=lambda mistake: (str(mistake.file), mistake.line))
        count = len(ordered)
        head = (
            "the catalog cannot be used: 1 mistake" if count == 1 else f"the catalog cannot be used: {count} mistakes"
        )
        lines = [head, *(f"  {mistake}" for mistake in ordered[:_SHOWN_MISTAKES])]
        if count > _SHOWN_MISTAKES:
            lines.append(f"  and {count - _SHOWN_MISTAKES} more; correct these first")
        raise CatalogError("\n".join(lines))


def shown(value: Json) -> str:
    """A value as JSON, short enough for one line of a message."""
    text = redact_text(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def unknown(kind: str, value: str, valid: Iterable[str]) -> str:
    """'x' is no such thing, what is, and the nearest of them."""
    names = sorted(set(valid))
    text = f"{shown(value)} is no {kind}; valid: {', '.join(names) if names else '(none is declared)'}"
    near = difflib.get_close_matches(value, names, n=1, cutoff=0.5)
    return f"{text}; did you mean {shown(near[0])}?" if near else text
