"""Settings of a run: `rollout.toml`, overridden by the command line. Unknown keys and bad values are refused."""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from verification.core.arms import DEFAULT_WITNESS, Witness
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
    blocks: Annotated[int, Field(ge=4, le=100_000)] = 66
    baseline_blocks: Annotated[int, Field(ge=4, le=100_000)] = 40
    """Blocks of the 0 % stage (control against control)."""
    drain_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    max_rules: Annotated[int, Field(ge=0)] = 100
    """Alert rules that a run may leave on a named target for each stage, because nobody can delete them."""


class SequenceSettings(Frozen):
    """The search for sequences of calls on which the release diverges."""

    examples: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    """Sequences with an arm drawn for each step, over the whole catalog; two fifths as many go all to candidate."""
    steps: Annotated[int, Field(ge=1, le=200)] = 60
    """Most calls of one sequence."""
    max_seconds: Annotated[float, Field(gt=0, le=86_400)] = 120.0
    """Longest time of one search; what was not tried then is told as missing."""
    shrink_seconds: Annotated[float, Field(gt=0, le=3600)] = 20.0
    """Longest time for making a sequence that was found shorter."""


class SecondWitnessSettings(Frozen):
    """Something that the routing does not write and that knows who served, too. Without any, counters are read."""

    counter: str = "/api/v1/monitoring/metrics"
    """Path of a JSON document in which `legacy` and `domain` are dotted paths of counters; empty: not counted."""
    header: str | None = None
    """Another response header; `legacy` and `domain` are its values."""
    body: str | None = None
    """A dotted path in the JSON body; `legacy` and `domain` are its values."""
    log: bool = False
    """Lines of the log (`target.log_file` of a named backend) that the patterns `legacy` and `domain` match."""
    none: bool = False
    """There is no second witness."""
    legacy: Annotated[str, Field(max_length=200)] = "domain_service.old_count"
    domain: Annotated[str, Field(max_length=200)] = "domain_service.usage_count"

    @model_validator(mode="after")
    def one_kind(self) -> Self:
        """One kind only, with texts that fit it."""
        kinds = [name for name in ("counter", "header", "body", "log", "none") if name in self.model_fields_set]
        named = {name for name in ("legacy", "domain") if name in self.model_fields_set}
        if len(kinds) > 1:
            raise ValueError(f"{' and '.join(kinds)} exclude each other; keep one of counter, header, body, log, none")
        if kinds and kinds[0] in ("header", "body", "log") and named != {"legacy", "domain"}:
            raise ValueError(f"{kinds[0]} needs legacy and domain: the texts or patterns that stand for each")
        if self.log:
            _require_patterns(self.legacy, self.domain)
        if self.counter and not self.counter.startswith("/"):
            raise ValueError("counter must be a path on the target such as /api/v1/monitoring/metrics")
        return self


class WitnessSettings(Frozen):
    """Where an answer tells who made it."""

    header: str | None = None
    """A response header; without header and body it is X-Served-By."""
    body: str | None = None
    """A dotted path in the JSON body."""
    none: bool = False
    """Answers do not tell. Nothing can be compared then; the report says what the backend lacks."""
    legacy: Annotated[str, Field(min_length=1)] = "legacy"
    domain: Annotated[str, Field(min_length=1)] = "domain"
    second: SecondWitnessSettings = SecondWitnessSettings()

    @model_validator(mode="after")
    def one_place(self) -> Self:
        """One place only, and two texts that can be told apart."""
        if sum((self.header is not None, self.body is not None, self.none)) > 1:
            raise ValueError("header, body and none exclude each other; keep one")
        if self.legacy.strip().lower() == self.domain.strip().lower():
            raise ValueError("legacy and domain must be different texts, whatever the case of their letters")
        return self

    @property
    def first(self) -> Witness:
        """The witness in the answers."""
        elsewhere = self.body is not None or self.none
        return Witness(
            self.header or (None if elsewhere else DEFAULT_WITNESS.header), self.body, self.legacy, self.domain
        )


def _require_patterns(*patterns: str) -> None:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from error


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
