"""The ledger's hash chain: every line carries the hash of the one before, so that none can be changed or taken out.

Whoever can write the whole file can write a whole new chain; the hash of the last line, noted elsewhere, shows that.
Compare Haber and Stornetta, How to time-stamp a digital document (Journal of Cryptology 3, 1991).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from verification.core.said import say

FIRST = "0" * 64
"""What stands before the first line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One event as it is kept: its number from 1, when it was written, its kind, and itself as JSON text."""

    number: int
    at: datetime
    kind: str
    body: str
    previous: str
    hash: str


def line(number: int, at: datetime, kind: str, body: str, previous: str) -> Line:
    """The next line after the one whose hash is `previous`."""
    return Line(number, at, kind, body, previous, _hash(number, at, kind, body, previous))


def _hash(number: int, at: datetime, kind: str, body: str, previous: str) -> str:
    # Each part with its length, so that nothing can be moved from one to the next.
    parts = (str(number), at.isoformat(), kind, body, previous)
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "surrogatepass")).hexdigest()


def broken(lines: Iterable[Line]) -> Iterator[str]:
    """What is wrong with a chain, line by line; nothing where it is whole."""
    previous, expected = FIRST, 1
    for one in lines:
        if one.number != expected:
            yield say(
                "line {number} follows line {former}: lines are missing or were put in",
                number=one.number,
                former=expected - 1,
            )
        if one.previous != previous:
            yield say(
                "line {number} does not follow the line before it: that one was changed or taken out", number=one.number
            )
        if one.hash != _hash(one.number, one.at, one.kind, one.body, one.previous):
            yield say("line {number} was changed after it had been written", number=one.number)
        previous, expected = one.hash, one.number + 1
