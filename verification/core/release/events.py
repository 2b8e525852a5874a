"""What is written down of a release, one event at a time and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from verification.core.histogram import Packed
from verification.core.model import Arm, Verdict


@dataclass(frozen=True, slots=True)
class Started:
    """The backend was to be put at a percent. Where `is_proven` is False it was put back to the former one."""

    percent: int
    former: int
    who: str
    is_proven: bool
    detail: str
    """What showed it, or why not."""
    seconds: float
    override: str | None = None
    """Why the order of the plan, or a missing PROMOTE, was passed over."""
    is_back: bool = True
    """Where it is not proven: whether the backend is proven to be at the former percent again."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the probe of one look saw of one read on one arm."""

    read: str
    arm: Arm
    requests: int
    errors: int
    legacy: int
    domain: int
    unwitnessed: int
    times: Packed
    """Histogram of the time from sending to the answer; errors stand beyond every time."""


@dataclass(frozen=True, slots=True)
class Written:
    """What came of the writes of one look; nothing where it only read."""

    seen: tuple[Seen, ...] = ()
    """By endpoint and arm. Their times are kept and not judged: one write an hour knows no P95, and a test of it would
    take its share of alpha from the reads."""
    differing: tuple[str, ...] = ()
    """What did otherwise on candidate than on control at every repetition: endpoint and places."""
    worded: tuple[str, ...] = ()
    """What did the same and was answered otherwise at every repetition, where that is no serious fault."""
    unproven: tuple[tuple[str, str], ...] = ()
    """Endpoints of which neither can be said, and why."""
    left: tuple[str, ...] = ()
    """What may still be on the target, and why; also of looks before that were killed."""


@dataclass(frozen=True, slots=True)
class Counters:
    """The backend's own counters as they stood; all start at 0 with its process."""

    requests: int
    server_errors: int
    legacy: int | None
    domain: int | None


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the backend within a stage. What could not be had is None, and `failure` says why."""

    percent: int
    slot: int
    """Number of the look within its stage, by the time at which it was due; each is taken once at most."""
    due_at: datetime
    at: datetime
    took_s: float
    seen: tuple[Seen, ...] = ()
    natural_legacy: int = 0
    natural_domain: int = 0
    natural_unwitnessed: int = 0
    """Of requests on no arm: who served them."""
    compared_legacy: int = 0
    compared_domain: int = 0
    """Of requests that only compared reads across the arms, or stood around a write: who served them."""
    health: str | None = None
    counters: Counters | None = None
    consistent: bool | None = None
    """What the backend says of its data."""
    recent_p95_ms: float | None = None
    """As the backend tells it: of its last 1,000 requests, whenever those were. Shown, not judged."""
    differing: tuple[str, ...] = ()
    """Reads that the arms answered differently although control agreed with itself before and after."""
    uncompared: tuple[str, ...] = ()
    """Reads of which that cannot be said: an error came, or control disagreed with itself."""
    fallback_lines: int | None = None
    """Lines of the log since the look before that speak of a fallback."""
    log_bytes: int | None = None
    """How far the log has been read; the next look goes on there."""
    prometheus: tuple[tuple[str, float], ...] = ()
    """What the queries of the settings gave; what was empty or no number is not there."""
    clock_step_s: float = 0.0
    """How far the wall clock moved beside one that nobody sets since the look before, in the same process or since the
    same start of the machine."""
    boot_id: str | None = None
    """Which start of the machine `boot_s` counts from; None where the machine does not tell, as in older ledgers."""
    boot_s: float | None = None
    """Seconds since then, at `at`."""
    failure: str | None = None
    unasked: int = 0
    """Requests that were not sent because the time for the look was up, or nothing was answered for long."""
    written: Written = Written()

    @property
    def is_answered(self) -> bool:
        """Whether both arms answered at all."""
        return {one.arm for one in self.seen if one.requests > one.errors} == set(Arm)


@dataclass(frozen=True, slots=True)
class GateRun:
    """A run of the gate at the present percent, judged again from its folder."""

    percent: int
    run_id: str
    ran_at: datetime
    """When the run began. One from before the stage began, for example before a mended build, says nothing of it."""
    verdict: Verdict
    reasons: tuple[str, ...]
    p95_change: float | None = None
    p95_low: float | None = None
    p95_high: float | None = None
    """Over all endpoints at this percent, as a share; None where the run did not measure it."""


Severity = Literal["serious", "minor"]


@dataclass(frozen=True, slots=True)
class FeedbackAdded:
    """What a user or a colleague has said."""

    id: str
    severity: Severity
    text: str
    source: str
    endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class FeedbackResolved:
    """Somebody says that a word of feedback stands in the way no more, and why."""

    id: str
    reason: str
    who: str


@dataclass(frozen=True, slots=True)
class Found:
    """A finding that the stage did not have before."""

    percent: int
    rule: str
    verdict: Verdict
    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict of the stage became this."""

    percent: int
    verdict: Verdict
    reasons: tuple[str, ...]
    action: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person made of the verdict."""

    percent: int
    decision: Literal["promote", "hold", "again", "roll-back"]
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class RolledBack:
    """Everything goes to the old implementation again, and what shows it."""

    former: int
    who: str
    why: str
    is_proven: bool
    detail: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Told:
    """What another tool told of the release, word for word as far as it is kept."""

    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Notified:
    """The webhook took a notification."""

    line: int
    """Of the ledger; what stands there and before was told with it, and needs no telling any more."""


Event = (
    Started
    | Look
    | GateRun
    | FeedbackAdded
    | FeedbackResolved
    | Found
    | Judged
    | Decided
    | RolledBack
    | Told
    | Notified
)
"""Everything that may stand in a ledger."""
