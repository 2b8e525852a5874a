"""What a run would send, counted before it is sent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

FLAG, NO_ARM = "the flag", "no arm"
"""The arm of a request that is not forced, and of one where nothing routes such requests."""
BEFORE, CASES, DRAWN, RETRIES, CERTIFICATE, REPLAYS, RACES = (
    "before the first twin",
    "cases",
    "sequences drawn at random",
    "the same request twice",
    "rollback certificate",
    "counterexamples of earlier runs",
    "races",
)
EXPOSURE, FORCING, WITNESS, ROLLBACK, MONITORING, LOAD = (
    "exposure",
    "forcing an arm",
    "witnesses",
    "rollback drills",
    "monitoring",
    "load",
)
PARTS = (
    BEFORE,
    CASES,
    DRAWN,
    RETRIES,
    CERTIFICATE,
    REPLAYS,
    RACES,
    EXPOSURE,
    FORCING,
    WITNESS,
    ROLLBACK,
    MONITORING,
    LOAD,
)


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of request in one part of the run."""

    part: str
    method: str
    path: str
    arm: str
    writes: bool
    route: str
    """The path with its parameters named, as the endpoint has it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Row -> how often it is sent when all goes well, and at most. Rows of drawn requests have neither."""

    times: Counter[Row]
    most: Counter[Row]
    drawn: tuple[Row, ...]
    makes: Counter[str]
    """Resource -> how many are created at most; drawn sequences come on top."""
    stays: frozenset[str]
    """The resources that the target cannot delete."""
    notes: dict[str, tuple[str, ...]]
    """Part -> what no count says."""
