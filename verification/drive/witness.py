"""The second witness: what the backend counts by itself while a known number of requests is served."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Protocol

from prometheus_client.parser import text_string_to_metric_families

from verification.core.arms import implementation
from verification.core.cases import Endpoint
from verification.core.documents import member
from verification.core.model import Arm, Exchange, Implementation, Request
from verification.core.records import WitnessCheck
from verification.core.witness import SecondWitnessSettings, Witness
from verification.drive.caller import Caller, json_body
from verification.drive.probe import Prober

CONTROL_CALLS, CANDIDATE_CALLS = 2, 3
"""Different numbers, so that counters that are mixed up do not look right."""

_MOST_LINE, _MOST = 10_000, 2**53
"""Signs of a line of metrics, and events, beyond which they are not believed."""
_MOST_LOG_BYTES = 20_000_000
"""A log that grows faster between a few calls is not searched."""

Counts = tuple[int | None, int | None]
"""(legacy, domain); None where nothing is told."""


class SecondWitness(Protocol):
    """Anything that tells, after some calls, how many of them each implementation served."""

    name: str

    def begin(self) -> None:
        """Remember where it stands."""

    def moved(self, calls: list[Exchange], /) -> Counts:
        """How far it has moved since; `calls` are what was asked in between."""


class _Counters:
    """Counters in a JSON document: what they stand at now, less what they stood at before."""

    def __init__(self, settings: SecondWitnessSettings, caller: Caller) -> None:
        self.name = f"counters of {settings.counter}"
        self._settings, self._caller = settings, caller
        self._before: Counts = (None, None)

    def begin(self) -> None:
        self._before = self._read()

    def moved(self, _calls: list[Exchange], /) -> Counts:
        legacy, domain = (
            None if new is None or old is None else new - old
            for new, old in zip(self._read(), self._before, strict=True)
        )
        return legacy, domain

    def _read(self) -> Counts:
        body = json_body(self._caller.call(Request("GET", self._settings.counter), Arm.CONTROL, force=False))
        return _number(body, self._settings.legacy), _number(body, self._settings.domain)


class _Metrics(_Counters):
    """Counters in a document in Prometheus' text format."""

    def __init__(self, settings: SecondWitnessSettings, caller: Caller, path: str) -> None:
        super().__init__(settings, caller)
        self.name, self._path = f"metrics of {path}", path

    def _read(self) -> Counts:
        answer = self._caller.call(Request("GET", self._path), Arm.CONTROL, force=False).answer
        body = answer.body if answer is not None and answer.status == 200 and not answer.body_is_base64 else ""
        return counter_in(body, self._settings.legacy), counter_in(body, self._settings.domain)


class _InLog:
    """Lines that were written to a log since."""

    name = "log lines"

    def __init__(self, path: Path | None, legacy: str, domain: str) -> None:
        self._path, self._patterns = path, (legacy, domain)
        self._begun_at: int | None = None

    def begin(self) -> None:
        self._begun_at = None if self._path is None else _size(self._path)

    def moved(self, _calls: list[Exchange], /) -> Counts:
        lines = self._written_since()
        legacy, domain = (
            sum(re.search(pattern, line) is not None for line in lines) if pattern and lines is not None else None
            for pattern in self._patterns
        )
        return legacy, domain

    def _written_since(self) -> list[str] | None:
        """None where the log cannot be read, was begun anew, or grew by more than is read of it."""
        now = None if self._path is None else _size(self._path)
        if self._path is None or self._begun_at is None or now is None:
            return None
        if not 0 <= now - self._begun_at <= _MOST_LOG_BYTES:
            return None
        try:
            with self._path.open("rb") as file:
                file.seek(self._begun_at)
                return file.read(now - self._begun_at).decode(errors="replace").splitlines()
        except OSError:
            return None


class _InAnswers:
    """A second place of the answers themselves."""

    def __init__(self, witness: Witness) -> None:
        self.name, self._witness = witness.place, witness

    def begin(self) -> None:
        """Nothing to remember: each answer tells for itself."""

    def moved(self, calls: list[Exchange], /) -> Counts:
        told = Counter(implementation(self._witness.of(call.answer)) for call in calls if call.answer is not None)
        return told[Implementation.LEGACY], told[Implementation.DOMAIN]


def second_witness(settings: SecondWitnessSettings, caller: Caller, log_path: Path | None) -> SecondWitness | None:
    """The second witness that the settings declare; None where they say that there is none."""
    if settings.none:
        return None
    if settings.header is not None or settings.body is not None:
        return _InAnswers(Witness(settings.header, settings.body, settings.legacy, settings.domain))
    if settings.metrics is not None:
        return _Metrics(settings, caller, settings.metrics)
    if settings.log:
        return _InLog(log_path, settings.legacy, settings.domain)
    return _Counters(settings, caller)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def counter_in(text: str, selector: str) -> int | None:
    """The sum of the samples that a selector such as `requests_total{by="new"}` names, in Prometheus' text format.

    None where the text has no such metric, or is in another format. A metric that is there without these labels is 0:
    a series begins with its first event.
    """
    name = selector.partition("{")[0].strip()
    kept = [line for line in text.splitlines() if len(line) <= _MOST_LINE and _is_of(name, line)]
    try:
        asked = text_string_to_metric_families(f"{selector} 0\n")
        (wanted,) = (sample for family in asked for sample in family.samples)
        families = list(text_string_to_metric_families("\n".join(kept) + "\n"))
    except (ValueError, KeyError, IndexError, OverflowError):
        return None
    known = [family for family in families if wanted.name in (family.name, f"{family.name}_total")]
    found = [
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == wanted.name and wanted.labels.items() <= sample.labels.items()
    ]
    total = sum(found)
    return int(total) if (known or found) and abs(total) <= _MOST and total == int(total) else None


def _is_of(name: str, line: str) -> bool:
    """Whether a line is a sample of a metric or tells its type. Of others the parser makes much work."""
    words = line.split(maxsplit=3)
    is_type = words[:2] == ["#", "TYPE"] and len(words) == 4 and name in (words[2], f"{words[2]}_total")
    return is_type or re.match(rf"{re.escape(name)}[{{\s]", line) is not None


def _number(body: object, path: str) -> int | None:
    found = member(body, path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def check(prober: Prober, endpoint: Endpoint, stage_percent: int, second: SecondWitness | None) -> WitnessCheck:
    """Force a few calls of the endpoint on each arm, and count them by both witnesses."""
    if second is not None:
        second.begin()
    arms = (Arm.CONTROL,) * CONTROL_CALLS + (Arm.CANDIDATE,) * CANDIDATE_CALLS
    calls = [prober.call_once(endpoint, arm, force=True) for arm in arms]
    moved: Counts = (None, None) if second is None else second.moved(calls)
    answered = Counter(call.arm for call in calls if call.answer is not None)
    named = Counter(implementation(call.served_by) for call in calls)
    return WitnessCheck(
        endpoint.id,
        stage_percent,
        answered[Arm.CONTROL],
        answered[Arm.CANDIDATE],
        named[Implementation.LEGACY],
        named[Implementation.DOMAIN],
        None if second is None else second.name,
        *moved,
    )
