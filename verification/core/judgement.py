"""What the judge hands to the report writers: the verdict and every number that stands in a report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from verification.core.latency import P95Change
from verification.core.model import Exchange, Finding, MaskedDifference, Verdict
from verification.core.paired import FieldTest
from verification.core.rates import RateBound
from verification.core.records import Manifest, WitnessCheck
from verification.core.score.result import ComparatorScore
from verification.core.sequences import Sequence


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case of one endpoint after comparison: EQUAL, DIFFERENT or INCONCLUSIVE."""

    endpoint: str
    case: str
    result: str
    reason: str
    differences: int
    masked: int
    repetitions: int = 1
    """How often it was compared."""
    equal_repetitions: int = 0
    """Repetitions that were equal."""


@dataclass(frozen=True, slots=True)
class EndpointParity:
    """The cases of one endpoint, counted, and the bound that equal pairs give."""

    endpoint: str
    cases: int
    equal: int
    different: int
    inconclusive: int
    masked: int
    excluded_rate: float | None
    """Upper 95 % bound of the share of differing pairs when none differed; None when some did or nothing compared."""
    pairs: int = 0
    """Comparisons that count: cases times repetitions, without those that prove nothing."""
    equal_pairs: int = 0


@dataclass(frozen=True, slots=True)
class FieldParity:
    """One field of one endpoint that differed at all, with the paired test against control's own noise."""

    endpoint: str
    test: FieldTest
    decision: str
    """`difference` (control never disagrees with itself there), `above noise` or `within noise`."""


@dataclass(frozen=True, slots=True)
class MaskUse:
    """One mask, how often it fired, and one example."""

    endpoint: str
    path: str
    predicate: str
    reason: str
    owner: str
    fired: int
    example: MaskedDifference | None
    limits: str = ""
    """How narrow it is, in words; empty: any value of its predicate."""
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """The P95 change of one scope. endpoint None: all endpoints of the stage; stage None: all of its stages."""

    stage_percent: int | None
    endpoint: str | None
    change: P95Change
    """From the intended start: what a user feels."""
    sent: P95Change | None = None
    """From sending."""
    server: P95Change | None = None
    """By the server's own clock; None where it told none."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Both arms' latency in log bins, as shares of all requests, for drawing. `edges_ms` are the bins' lower edges."""

    stage_percent: int
    endpoint: str | None
    edges_ms: tuple[float, ...]
    control: tuple[float, ...]
    candidate: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class InterferenceRow:
    """Control beside the candidate over control alone, the P95 or, where that decided, the median."""

    stage_percent: int | None
    """None: all stages together."""
    ratio: float | None
    """None: too few blocks to tell."""
    low: float | None
    high: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class PopulationRow:
    """What users feel: P95 of natural traffic at N % against control alone, both in ms."""

    stage_percent: int
    natural_p95_ms: float
    control_p95_ms: float
    change: float | None
    """None where both lie among errors."""
    requests: int
    low: float | None = None
    """Lower end of the 95 % interval; None where too few time blocks were natural or of control alone."""
    high: float | None = None


@dataclass(frozen=True, slots=True)
class ForecastRow:
    """What users are to feel at a stage, from the arms at the stages before it, as a change of the P95."""

    from_stages: tuple[int, ...]
    stage_percent: int
    change: float
    low: float
    high: float
    outside: bool
    """Measured at that stage, and not where it was forecast: the intervals do not overlap."""


@dataclass(frozen=True, slots=True)
class RateRow:
    """Errors of one arm at one stage; endpoint None: all endpoints."""

    stage_percent: int
    endpoint: str | None
    stream: str
    bound: RateBound


@dataclass(frozen=True, slots=True)
class ExposureRow:
    """Measured share of the candidate against the percent that was set, with its exact 95 % interval."""

    stage_percent: int
    source: str
    """`flag` (a burst of single calls) or `load` (natural time blocks)."""
    domain: int
    total: int
    share: float
    low: float
    high: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class DrillRow:
    """One way of rolling back: whether every endpoint came back, and how long it took."""

    name: str
    stage_percent: int
    endpoints_back: int
    endpoints_asked: int
    seconds: float | None
    verdict: Verdict
    detail: str


@dataclass(frozen=True, slots=True)
class RaceRow:
    """One race: how many rounds the candidate ran, how many outcomes are admissible, and how many others it had."""

    name: str
    title: str
    calls: int
    rounds: int
    admissible: int
    inadmissible: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """One operation of the rollback certificate. Per direction PROMOTE where it is equal to control alone, the
    finding's verdict where it is not, INCONCLUSIVE where it was not proven."""

    resource: str
    operation: str
    old_then_new: Verdict
    """Created by control, taken on and read by candidate."""
    new_then_old: Verdict
    """Created by candidate, taken on and read by control: is going back safe?"""


@dataclass(frozen=True, slots=True)
class SearchRow:
    """One search for a sequence that diverges."""

    key: str
    examples: int
    steps: int
    ended: str


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A sequence on which the release diverges, as short as it was found, with what is needed to send it again."""

    key: str
    verdict: Verdict
    reason: str
    sequence: Sequence
    exchanges: tuple[Exchange, ...]
    """The passage as it was routed."""


@dataclass(frozen=True, slots=True)
class WitnessRow:
    """What both witnesses say of one endpoint, and whether that can be believed."""

    check: WitnessCheck
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class KneeRow:
    """Where latency climbs, and at what rate was measured; all in requests per second."""

    knee_per_s: float | None
    """None: it did not climb up to the highest rate that was asked."""
    highest_per_s: float
    planned_per_s: float
    used_per_s: float
    """The highest rate of the stages."""


@dataclass(frozen=True, slots=True)
class LoadRow:
    """How the load of one stage went, so that its numbers can be believed."""

    stage_percent: int
    rate_per_s: float
    scheduled: int
    finished: int
    dropped: int
    blocks: int
    workers: int
    lag_p95_ms: float
    cpu_percent: float
    fallbacks: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict and everything that supports it."""

    verdict: Verdict
    reasons: tuple[str, ...]
    """The decisive findings, worst first, one sentence each; never empty."""
    findings: tuple[Finding, ...]
    """Worst first. Accepted ones are among them with `accepted` set; notes carry PROMOTE."""
    cases: tuple[CaseResult, ...]
    parity: tuple[EndpointParity, ...]
    masks: tuple[MaskUse, ...]
    latency: tuple[LatencyRow, ...]
    distributions: tuple[Distribution, ...]
    population: tuple[PopulationRow, ...]
    rates: tuple[RateRow, ...]
    exposures: tuple[ExposureRow, ...]
    drills: tuple[DrillRow, ...]
    load: tuple[LoadRow, ...]
    not_measured: tuple[tuple[str, str], ...]
    """(what, why) of everything this run decided or failed to measure."""
    leftovers: tuple[str, ...]
    """What the run created and could not remove."""
    thresholds: dict[str, float]
    """The policy figures that the verdict was held against, by name with unit."""
    manifest: Manifest
    fields: tuple[FieldParity, ...] = ()
    """Fields that differed at all, on the candidate or in control's own noise."""
    certificate: tuple[CertificateRow, ...] = ()
    searches: tuple[SearchRow, ...] = ()
    counterexamples: tuple[Counterexample, ...] = ()
    races: tuple[RaceRow, ...] = ()
    scores: tuple[ComparatorScore, ...] = ()
    """The comparator's own score, for every endpoint that was compared."""
    duration_s: float | None = None
    """From the start of the run to its end; None while it goes on, and where it was killed."""
    forecast: tuple[ForecastRow, ...] = ()
    interference: tuple[InterferenceRow, ...] = ()
    knee: KneeRow | None = None
    witnesses: tuple[WitnessRow, ...] = ()
    """Who answered, for every endpoint whose witnesses were held against each other."""
