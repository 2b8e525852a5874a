"""Settings of a run: `rollout.toml`, overridden by the command line. Unknown keys and bad values are refused."""

from __future__ import annotations

import difflib
import ipaddress
import tomllib
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from verification.core.errors import PermissionNeeded, SettingsError, UsageError
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
from verification.core.redact import redact_text
from verification.core.witness import WitnessSettings

DEFAULT_FILE = Path("rollout.toml")

Percent = Annotated[int, Field(ge=0, le=100)]
Positive = Annotated[float, Field(gt=0)]


class TargetSettings(Frozen):
    """The backend under verification. Without a URL the embedded reference backend is started."""

    url: str | None = None
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    max_body_bytes: Annotated[int, Field(ge=1024)] = 5_000_000
    log_file: Path | None = None
    """Log of a named backend, where the suite may read it; it is searched for fallbacks."""
    restart_command: tuple[str, ...] = ()
    """How a named backend is restarted at another percent: an argument list, no shell; `{percent}` is filled in."""
    defects: tuple[str, ...] = ()
    """Seeded defects of the embedded backend."""

    @field_validator("url")
    @classmethod
    def url_is_http(cls, url: str | None) -> str | None:
        """Only http and https with a host make sense here."""
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            known = False
        if not known:
            raise ValueError("must be a URL such as http://127.0.0.1:8000")
        return url.rstrip("/")


class LoadSettings(Frozen):
    """The load of one stage. Keep the rate well below the target's knee."""

    rate_per_s: Annotated[float, Field(gt=0, le=5000)] | None = None
    """Requests per second; None: 180 for the embedded backend (far below its knee), 100 for a named one."""
    block_s: Annotated[float, Field(ge=0.5, le=60)] = 1.0
    blocks: Annotated[int, Field(ge=4, le=100_000)] = 92
    """Most time blocks of one stage among several; it ends earlier once everything is decided."""
    blocks_alone: Annotated[int, Field(ge=4, le=100_000)] = 160
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


class Settings(Frozen):
    """All settings of a run."""

    target: TargetSettings = TargetSettings()
    stages: tuple[Percent, ...] = DEFAULT_STAGES
    load: LoadSettings = LoadSettings()
    sequences: SequenceSettings = SequenceSettings()
    witness: WitnessSettings = WitnessSettings()
    run: RunSettings = RunSettings()
    latency: LatencyPolicy = LatencyPolicy()
    rates: RatePolicy = RatePolicy()
    differences: DifferencePolicy = DifferencePolicy()
    generator: LoadPolicy = LoadPolicy()
    accepted: tuple[AcceptedDifference, ...] = ()

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
        if self.witness.second.log and self.target.url is not None and self.target.log_file is None:
            raise ValueError("witness.second.log reads the backend's log: name it as target.log_file")
        return self

    @property
    def may_change_percent(self) -> bool:
        """True when a named backend may be restarted at another percent, and the settings say how."""
        run = self.run
        return run.allow_percent_change and run.allow_restart and bool(self.target.restart_command)

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


def load_settings(path: Path | None, overrides: dict[str, dict[str, Any] | Any]) -> Settings:
    """Read the file (a missing default file is fine, a missing named one is not) and lay the overrides over it."""
    document: dict[str, Any] = {}
    source = path or DEFAULT_FILE
    if path is not None or source.is_file():
        document = _read(source)
    for section, values in overrides.items():
        if isinstance(values, dict):
            there = document.get(section, {})
            # What is no table stays, and is refused below with its place.
            document[section] = {**there, **values} if isinstance(there, dict) else there
        else:
            document[section] = values
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        raise SettingsError(_explain(source, error)) from error


def is_loopback(url: str) -> bool:
    """True when the URL names this machine."""
    name = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def require_allowed_target(settings: Settings) -> None:
    """Refuse writes to a host that is not this machine unless they were allowed by name."""
    url = settings.target.url
    if url is not None and settings.run.allow_percent_change and not settings.may_change_percent:
        raise UsageError(
            "--allow-percent-change: the percent of a named backend changes by a restart, so --allow-restart and "
            'target.restart_command (for example ["./start_rollout.sh", "{percent}"]) are needed too.'
        )
    if url is None or settings.run.allow_writes:
        return
    host = urlsplit(url).hostname or ""
    if not is_loopback(url):
        raise PermissionNeeded(
            f"--target {host}: the gate creates, changes and deletes cameras and alert rules there, and {host} is not "
            "this machine. If that is what you want, add --allow-writes."
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not valid TOML: {error}.") from error


def _explain(source: Path, error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        place = ".".join(map(str, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            valid = _known_keys(problem["loc"])
            near = difflib.get_close_matches(str(problem["loc"][-1]), valid, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            lines.append(f"{place}: unknown key.{hint} Known here: {', '.join(valid)}.")
        else:
            # A URL may hold a password, and messages go to logs.
            given = "" if isinstance(problem["input"], dict) else f" (given: {redact_text(repr(problem['input']))})"
            lines.append(f"{place}: {problem['msg']}{given}.")
    return f"{source} with the command line: cannot be used.\n  " + "\n  ".join(lines)


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    model: Any = Settings
    for step in location[:-1]:
        if isinstance(step, int):
            continue
        annotation = model.model_fields[step].annotation
        inner = getattr(annotation, "__args__", (annotation,))[0]
        model = inner if hasattr(inner, "model_fields") else model
    return sorted(model.model_fields)
