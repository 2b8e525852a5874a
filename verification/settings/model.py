"""All settings of a run, validated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from verification.core.arms import Routing
from verification.core.policy import (
    DEFAULT_STAGES,
    AcceptedDifference,
    DifferencePolicy,
    Frozen,
    LatencyPolicy,
    LoadPolicy,
    Policy,
    RatePolicy,
)
from verification.core.witness import Witness, WitnessSettings
from verification.settings.release import ReleaseSettings
from verification.settings.target import (
    ArmSettings,
    CatalogSettings,
    MonitoringSettings,
    PercentSettings,
    SecretSettings,
    TargetSettings,
)

Percent = Annotated[int, Field(ge=0, le=100)]
Positive = Annotated[float, Field(gt=0)]


class LoadSettings(Frozen):
    """The load of one stage. Keep the rate well below the target's knee."""

    rate_per_s: Annotated[float, Field(gt=0, le=5000)] | None = None
    """Requests per second; None: 240 for the embedded backend (far below its knee), 100 for a named one."""
    block_s: Annotated[float, Field(ge=0.5, le=60)] = 1.0
    blocks: Annotated[int, Field(ge=4, le=100_000)] = 92
    """Most time blocks of one stage among several; it ends earlier once it has said enough."""
    blocks_alone: Annotated[int, Field(ge=4, le=100_000)] = 180
    """Most time blocks of a stage that is verified alone and so has to prove every endpoint by itself."""
    baseline_blocks: Annotated[int, Field(ge=4, le=100_000)] = 30
    """Blocks of the 0 % stage (control against control)."""
    ramp: bool = True
    """Ask a short ramp before the 0 % stage, and measure below half of the knee that it shows."""
    drain_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    max_rules: Annotated[int, Field(ge=0)] = 100
    """Alert rules that a run may leave on a named target for each stage, because nobody can delete them."""


class SequenceSettings(Frozen):
    """The search for sequences of calls on which the release diverges."""

    examples: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    """Sequences with an arm drawn for each step, over the whole catalog; two fifths as many go all to candidate. One
    search gets four at least."""
    steps: Annotated[int, Field(ge=1, le=200)] = 60
    """Most calls of one sequence."""
    max_seconds: Annotated[float, Field(gt=0, le=86_400)] = 120.0
    """Longest time of one search; what was not tried then is told as missing."""
    shrink_seconds: Annotated[float, Field(gt=0, le=3600)] = 20.0
    """Longest time for making a sequence that was found shorter."""


class LimitSettings(Frozen):
    """Caps on whatever is sent to a named target, to both URLs together where it has two. None: no cap."""

    max_rate_per_s: Annotated[float, Field(gt=0, le=5000)] | None = None
    """Requests per second; of the load, whose arrivals are drawn, the mean."""
    max_in_flight: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Requests that wait for their answer at a time."""


class RunSettings(Frozen):
    """How a run is carried out and where its folder goes."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 20_261_123
    report_dir: Path = Path("reports")
    quick: bool = False
    repetitions: Annotated[int, Field(ge=1, le=1000)] = 1
    """How often every case is compared."""
    allow_writes: bool = False
    allow_percent_change: bool = False
    allow_restart: bool = False
    allow_destructive: bool = False
    """Ask what the catalog marks as destructive on a named target, too."""


class Settings(Frozen):
    """All settings of a run."""

    target: TargetSettings = TargetSettings()
    arm: ArmSettings = ArmSettings()
    percent: PercentSettings = PercentSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    catalog: CatalogSettings = CatalogSettings()
    stages: tuple[Percent, ...] = DEFAULT_STAGES
    load: LoadSettings = LoadSettings()
    limits: LimitSettings = LimitSettings()
    sequences: SequenceSettings = SequenceSettings()
    witness: WitnessSettings = WitnessSettings()
    run: RunSettings = RunSettings()
    secrets: SecretSettings = SecretSettings()
    latency: LatencyPolicy = LatencyPolicy()
    rates: RatePolicy = RatePolicy()
    differences: DifferencePolicy = DifferencePolicy()
    generator: LoadPolicy = LoadPolicy()
    accepted: tuple[AcceptedDifference, ...] = ()
    release: ReleaseSettings = ReleaseSettings()
    _sources: dict[str, str] = PrivateAttr(default_factory=dict)
    _named_file: Path | None = PrivateAttr(default=None)

    @field_validator("stages")
    @classmethod
    def stages_ascend(cls, stages: tuple[int, ...]) -> tuple[int, ...]:
        """A release moves upwards, each percent once."""
        if not stages or list(stages) != sorted(set(stages)):
            raise ValueError("must be ascending percents, each once, for example [0, 10, 25, 50, 100]")
        return stages

    @model_validator(mode="after")
    def log_can_be_read(self) -> Self:
        """The log of a named backend is read only where the settings say where it is."""
        if self.witness.second.log and self.target.urls and self.target.log_file is None:
            raise ValueError("witness.second.log reads the backend's log: name it as target.log_file")
        return self

    @model_validator(mode="after")
    def load_keeps_the_caps(self) -> Self:
        """A load that may not be sent as it was asked for is refused at once, not half-way."""
        rate, limits = self.load.rate_per_s, self.limits
        if self.is_embedded:
            return self
        if rate is not None and limits.max_rate_per_s is not None and rate > limits.max_rate_per_s:
            raise ValueError(
                f"load.rate_per_s = {rate:g} is more than limits.max_rate_per_s = {limits.max_rate_per_s:g} allows for "
                "a named target; lower the one or raise the other"
            )
        if limits.max_in_flight is not None and self.load.processes > limits.max_in_flight:
            raise ValueError(
                f"load.processes = {self.load.processes} is more than limits.max_in_flight = {limits.max_in_flight}, "
                "and each process needs one request at least"
            )
        return self

    @property
    def sources(self) -> dict[str, str]:
        """Where each value that is no default comes from: dotted key -> command line, environment or the file."""
        return dict(self._sources)

    @property
    def named_file(self) -> Path | None:
        """The settings file that a person named; None where the default one was read, or none."""
        return self._named_file

    def remember(self, sources: dict[str, str], named_file: Path | None = None) -> None:
        """Keep where the values came from; once, by who read them."""
        self._sources.update(sources)
        self._named_file = named_file

    @property
    def is_embedded(self) -> bool:
        """True when the suite starts the reference backend itself."""
        return not self.target.urls

    @property
    def secret_names(self) -> tuple[str, ...]:
        """What is redacted by its name beside what is known for a secret: also what authenticates the requests."""
        own = self.target.authentication
        return (*self.secrets.names, *(() if own is None else (own.header,)))

    @property
    def has_two_urls(self) -> bool:
        """True when control and candidate are backends of their own."""
        return self.target.control_url is not None

    @property
    def routing(self) -> Routing:
        """How a request is put on an arm."""
        return self.arm.routing(self.target)

    @property
    def has_separate_state(self) -> bool:
        """Whether each side keeps a state of its own."""
        return self.has_two_urls if self.arm.shared_state is None else not self.arm.shared_state

    @property
    def has_monitoring(self) -> bool:
        """Whether there are the two monitoring endpoints."""
        return not (self.has_two_urls if self.monitoring.none is None else self.monitoring.none)

    @property
    def first_witness(self) -> Witness:
        """The witness of an answer. Two backends of their own need none beside the address that answered."""
        if self.has_two_urls and self.witness.is_undeclared:
            return Witness(header=None, address=True)
        return self.witness.first

    @property
    def may_change_percent(self) -> bool:
        """True when the percent of a named backend may be changed, and the settings say how."""
        run, percent = self.run, self.percent
        return run.allow_percent_change and percent.is_known and (run.allow_restart or not percent.command)

    @property
    def policy(self) -> Policy:
        """The part of the settings that the judge needs."""
        return Policy(
            latency=self.latency,
            rates=self.rates,
            load=self.generator,
            accepted=self.accepted,
            differences=self.differences,
        )
