"""The lines of evidence beside comparisons: what was seen of the flag, the monitoring, the races and the load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from verification.core.arms import DEFAULT_ROUTING, Routing
from verification.core.histogram import Packed
from verification.core.journal import Cleanup
from verification.core.knee import RampStep
from verification.core.model import Arm, Comparison, Exchange, Json, Reading
from verification.core.sequences import SequenceComparison, SequenceSearch


@dataclass(frozen=True, slots=True)
class Exposure:
    """Unforced requests at one rollout percent, counted by the implementation that the witness named."""

    stage_percent: int
    legacy: int
    domain: int
    unknown: int
    switches: int | None = None
    """How often the next answer came from the other implementation; None where the order is not known."""


@dataclass(frozen=True, slots=True)
class ForcedCall:
    """One endpoint asked with a forced arm. `drill` tells why: `force`, `rollback-request` or `rollback-global`
    (then the request was not forced, the whole backend was)."""

    drill: str
    stage_percent: int
    endpoint: str
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class Drill:
    """A completed way of rolling back, or of refusing a broken percent, with its duration where it has one."""

    name: str
    """`rollback-request`, `rollback-global` or `refuse-percent`."""
    stage_percent: int
    ok: bool
    seconds: float | None
    detail: str


@dataclass(frozen=True, slots=True)
class Monitoring:
    """The two monitoring endpoints at one moment: `before`, `after` or `rolled-back`."""

    moment: str
    stage_percent: int
    health: Exchange
    metrics: Exchange


@dataclass(frozen=True, slots=True)
class Usage:
    """How far the backend's own counters moved while a known number of requests was served."""

    stage_percent: int
    kind: str
    """`forced` (the arm was forced) or `natural` (the flag drew)."""
    witnessed_domain: int
    witnessed_legacy: int
    counted_domain: int | None
    counted_legacy: int | None
    sent: int = 0
    """How many requests were sent, whoever is known to have served them."""


@dataclass(frozen=True, slots=True)
class WitnessCheck:
    """A known number of forced calls of one endpoint, counted by both witnesses."""

    endpoint: str
    stage_percent: int
    asked_legacy: int
    """Calls put on control that were answered."""
    asked_domain: int
    named_legacy: int
    """How many of all answers the first witness says legacy made."""
    named_domain: int
    second: str | None
    """What the second witness is, in words; None where none is declared."""
    counted_legacy: int | None
    """How far the second witness moved; None where it told nothing."""
    counted_domain: int | None


@dataclass(frozen=True, slots=True)
class RaceRound:
    """One round of a race: the exchanges in the order of the race's calls, and the state before and after.

    `order` is the order in which the calls were sent one after the other; empty where they were sent at once.
    """

    race: str
    arm: Arm
    order: tuple[int, ...]
    names: tuple[tuple[str, str], ...]
    exchanges: tuple[Exchange, ...]
    readings: tuple[Reading, ...]
    failure: str | None = None
    """Why the starting state could not be brought about."""
    leftover: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogTail:
    """The end of the backend's log, redacted, and how many of all its lines speak of a fallback."""

    stage_percent: int
    fallback_lines: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leftover:
    """What a step outside the comparisons created and could not remove."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mishap:
    """Something that kept evidence from being gathered: a dead backend, a lost worker, an interruption."""

    what: str
    """`backend-died`, `worker-lost`, `interrupted`, `load-failed`, `backend-unready` or `suite-error`."""
    detail: str
    stage_percent: int | None = None
    during: str | None = None
    """The arm, endpoint or step that was under way, where known."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """The run asks nothing any more; its absence means that the run was killed."""

    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Ramp:
    """The ramp that was asked before the first load, and the rate that was planned then."""

    planned_per_s: float
    steps: tuple[RampStep, ...]


@dataclass(frozen=True, slots=True)
class LoadCell:
    """One endpoint and stream within one time block, workers added up.

    `stream` is `control` or `candidate` (the assigned arm of forced requests; at 0 % both are control) or `natural`.
    Histograms map a log bin (see `core.histogram`) to a count; every request stands once in `intended` and `sent`,
    errors and timeouts in the top bin; `server` holds only requests whose answer told a server time.
    """

    endpoint: str
    stream: str
    requests: int
    errors: int
    timeouts: int
    legacy: int
    domain: int
    unwitnessed: int
    intended: Packed
    sent: Packed
    server: Packed


@dataclass(frozen=True, slots=True)
class LoadStart:
    """Written before the first request of a stage."""

    stage_percent: int
    seed: int
    rate_per_s: float
    block_s: float
    kinds: tuple[str, ...]
    """Kind of each block in order: `mixed`, `natural` or `control` (control only)."""
    endpoints: tuple[str, ...]
    workers: int
    locust_version: str
    capped: tuple[str, ...] = ()
    """Endpoints of which only so many arrivals are sent as may leave something behind that nobody can delete."""


@dataclass(frozen=True, slots=True)
class LoadBlock:
    """What one worker saw of one time block, written when its last request has finished."""

    stage_percent: int
    block: int
    kind: str
    worker: str
    cells: tuple[LoadCell, ...]


@dataclass(frozen=True, slots=True)
class LoadFavour:
    """From this time block on, these endpoints were asked more often: earlier blocks had decided the others."""

    stage_percent: int
    from_block: int
    endpoints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadWorker:
    """One worker's own totals, to be held against what arrived from it."""

    worker: str
    requests: int
    lag_p95_ms: float
    cpu_percent: float
    clock_step_s: float = 0.0
    """How far the wall clock moved more than the monotonic one during the stage: it was set, or the machine slept."""


@dataclass(frozen=True, slots=True)
class LoadEnd:
    """Written after the last request of a stage; its absence means that the stage was cut off."""

    stage_percent: int
    scheduled: int
    finished: int
    dropped: int
    workers: tuple[LoadWorker, ...]
    lost_workers: tuple[str, ...]
    leftover: tuple[str, ...]
    """Names of what the load created and could not remove."""
    aborted: str | None
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Endpoint -> arrivals not sent because of a cap that protects the target."""
    stopped_after: int | None = None
    """Time blocks after which the timetable ended because they had said enough; None: it was kept to its end."""


_Compared = Comparison | RaceRound | SequenceComparison | SequenceSearch
_OfTheFlag = Exposure | ForcedCall | Drill | Monitoring | Usage | WitnessCheck
_OfTheRun = LogTail | Leftover | Cleanup | Mishap | RunEnd
_OfTheLoad = Ramp | LoadStart | LoadBlock | LoadFavour | LoadEnd
Record = _Compared | _OfTheFlag | _OfTheRun | _OfTheLoad
"""Everything that may stand in an evidence file."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Written first: what this run is and what evidence it owes."""

    schema: str
    run_id: str
    started_at: str
    seed: int
    target: str
    """URL, or `embedded`; redacted."""
    owned: bool
    """True when the suite started the backend itself."""
    stages: tuple[int, ...]
    quick: bool
    expected: tuple[str, ...]
    """Keys of the evidence that the verdict needs, for example `load:25` or `parity:POST /alerts/rules:minimal`."""
    omitted: Mapping[str, str]
    """Key -> reason, for what this run does not measure by decision."""
    versions: Mapping[str, str]
    host: Mapping[str, Json]
    commit: str | None
    command: tuple[str, ...] = ()
    repetitions: int = 1
    """How often every case is compared; all of them are owed."""
    routing: Routing = DEFAULT_ROUTING
    """How a request was put on an arm; base URLs are redacted."""
    tag: str = ""
    """Part of every name that the run makes on its target; older runs have none."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the judge may look at."""

    manifest: Manifest
    comparisons: tuple[Comparison, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    forced: tuple[ForcedCall, ...] = ()
    drills: tuple[Drill, ...] = ()
    monitoring: tuple[Monitoring, ...] = ()
    usage: tuple[Usage, ...] = ()
    witness_checks: tuple[WitnessCheck, ...] = ()
    races: tuple[RaceRound, ...] = ()
    sequences: tuple[SequenceComparison, ...] = ()
    searches: tuple[SequenceSearch, ...] = ()
    logs: tuple[LogTail, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    cleanups: tuple[Cleanup, ...] = ()
    mishaps: tuple[Mishap, ...] = ()
    run_ends: tuple[RunEnd, ...] = ()
    ramps: tuple[Ramp, ...] = ()
    load_starts: tuple[LoadStart, ...] = ()
    load_blocks: tuple[LoadBlock, ...] = ()
    load_favours: tuple[LoadFavour, ...] = ()
    load_ends: tuple[LoadEnd, ...] = ()
    torn_files: tuple[str, ...] = ()
    """Evidence files whose last line was cut off by a kill."""
