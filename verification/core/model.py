"""The nouns of a verification, frozen: what was asked, what came back, what was concluded."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = Any
"""A parsed JSON value."""


class Arm(StrEnum):
    """One side of a comparison: the trusted one (flag off) or the one on trial (flag on)."""

    CONTROL = "control"
    CANDIDATE = "candidate"


class Implementation(StrEnum):
    """What a witness names: the old code or the rewrite."""

    LEGACY = "legacy"
    DOMAIN = "domain"


EXPECTED_IMPLEMENTATION = {Arm.CONTROL: Implementation.LEGACY, Arm.CANDIDATE: Implementation.DOMAIN}


class Clock(StrEnum):
    """From when to when a latency is taken."""

    INTENDED = "intended"
    """From the moment at which the request was due: what a user feels, queueing included."""
    SENT = "sent"
    """From the moment at which it was sent."""
    SERVER = "server"
    """As the backend tells it of itself."""


class Verdict(StrEnum):
    """PROMOTE < INCONCLUSIVE < HOLD < ROLLBACK; the worst finding decides."""

    PROMOTE = "PROMOTE"
    INCONCLUSIVE = "INCONCLUSIVE"
    HOLD = "HOLD"
    ROLLBACK = "ROLLBACK"

    @property
    def rank(self) -> int:
        """Position in the order of severity, 0 for PROMOTE."""
        return list(Verdict).index(self)

    @property
    def exit_code(self) -> int:
        """Exit code of every way into the suite; 1 and 2 stay free for 'suite broken' and 'misused'."""
        return {Verdict.PROMOTE: 0, Verdict.HOLD: 10, Verdict.INCONCLUSIVE: 11, Verdict.ROLLBACK: 12}[self]


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The most severe of the verdicts; nothing at all is INCONCLUSIVE, never PROMOTE."""
    return max(verdicts, key=lambda verdict: verdict.rank, default=Verdict.INCONCLUSIVE)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request without its arm: path and query as the catalog wants them, body as the text that is sent."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` is the text when it is valid UTF-8, otherwise base64 of the bytes."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str
    body_is_base64: bool = False

    @property
    def raw(self) -> bytes:
        """The body's bytes. A trimmed reading may hold half a surrogate pair unescaped."""
        return base64.b64decode(self.body) if self.body_is_base64 else self.body.encode("utf-8", "surrogatepass")

    def header(self, name: str) -> str | None:
        """The first header of that name (lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came back on one arm. Exactly one of `answer` and `failure` is set."""

    arm: Arm
    request: Request
    answer: Answer | None
    failure: str | None
    elapsed_ms: float
    served_by: str | None
    """What the response's witness names, verbatim; None when it names nothing."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A public read of state. `moment` is before, after (both through control) or cross (through the other arm)."""

    name: str
    moment: str
    exchange: Exchange
    unchanged: int = 0
    """Items left out of the kept body because every reading of the probe holds them alike, byte for byte."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One run of a case on one side, from given to clean-up."""

    side: str
    """`control`, `control-again` (its noise) or `candidate`."""
    names: tuple[tuple[str, str], ...]
    """Token -> this probe's actual id, for example ("camera", "vr-1a2b-7-b")."""
    exchange: Exchange | None
    readings: tuple[Reading, ...]
    failure: str | None = None
    """Why the case could not be brought about (fixture lost)."""
    leftover: tuple[str, ...] = ()
    """What the clean-up could not remove."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The three probes of one case: control, control again, candidate, in the order they were sent."""

    endpoint: str
    case: str
    probes: tuple[Probe, ...]
    attempt: int = 1
    """A repetition is tried again where control disagrees with itself."""
    repetition: int = 1
    """Which of the run's repetitions of the case it belongs to; older evidence has one."""

    def side(self, name: str) -> Probe | None:
        """The probe of that side, or None when it is missing."""
        return next((probe for probe in self.probes if probe.side == name), None)


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two sides disagree after masks. Values are JSON texts, cut for display."""

    where: str
    """`status`, `header`, `raw`, `body`, `state` or `cross`."""
    path: str
    kind: str
    control: str
    candidate: str
    critical: bool = False


@dataclass(frozen=True, slots=True)
class MaskedDifference:
    """Seen, allowed by a mask, still counted."""

    where: str
    path: str
    mask: str
    control: str
    candidate: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One judged statement. `numbers` hold what the reason quotes, so that a machine need not parse the text."""

    rule: str
    verdict: Verdict
    title: str
    reason: str
    endpoint: str | None = None
    case: str | None = None
    stage_percent: int | None = None
    numbers: dict[str, Json] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    accepted: str | None = None
    """Who accepted it, why and until when; such a finding weighs nothing and stays on the first page."""
