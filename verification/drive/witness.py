"""The second witness: what the backend counts by itself while a known number of requests is served."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from verification.core.arms import Witness, implementation
from verification.core.cases import Endpoint
from verification.core.model import Arm, Exchange, Implementation, Request
from verification.core.records import WitnessCheck
from verification.drive.caller import Caller, json_body
from verification.drive.probe import Prober
from verification.settings import SecondWitnessSettings

CONTROL_CALLS, CANDIDATE_CALLS = 2, 3
"""Different numbers, so that counters that are mixed up do not look right."""

Counts = tuple[int | None, int | None]
"""(legacy, domain); None where nothing is told."""


class SecondWitness(Protocol):
    """Anything that tells, after some calls, how many of them each implementation served."""

    name: str

    def begin(self) -> None:
        """Remember where it stands."""

    def moved(self, calls: list[Exchange], /) -> Counts:
        """How far it has moved since; `calls` are what was asked in between."""


class _Difference:
    """A witness that only ever counts on: what it stands at now, less what it stood at before."""

    def __init__(self, name: str, read: Callable[[], Counts]) -> None:
        self.name, self._read = name, read
        self._before: Counts = (None, None)

    def begin(self) -> None:
        self._before = self._read()

    def moved(self, _calls: list[Exchange], /) -> Counts:
        legacy, domain = (
            None if new is None or old is None else new - old
            for new, old in zip(self._read(), self._before, strict=True)
        )
        return legacy, domain


class _InAnswers:
    """A second place of the answers themselves."""

    def __init__(self, witness: Witness) -> None:
        self.name, self._witness = witness.place, witness

    def begin(self) -> None:
        """Nothing to remember: each answer tells for itself."""

    def moved(self, calls: list[Exchange], /) -> Counts:
        told = Counter(implementation(self._witness.of(call.answer)) for call in calls if call.answer is not None)
        return told[Implementation.LEGACY], told[Implementation.DOMAIN]


def second_witness(
    settings: SecondWitnessSettings, caller: Caller, log_text: Callable[[], str]
) -> SecondWitness | None:
    """The second witness that the settings declare; None where they say that there is none."""
    if settings.none:
        return None
    if settings.header is not None or settings.body is not None:
        return _InAnswers(Witness(settings.header, settings.body, settings.legacy, settings.domain))
    if settings.log:
        return _Difference("log lines", lambda: _lines(settings, log_text()))
    return _Difference(f"counters of {settings.counter}", lambda: _counters(settings, caller))


def _lines(settings: SecondWitnessSettings, text: str) -> Counts:
    legacy, domain = (
        sum(re.search(pattern, line) is not None for line in text.splitlines()) if pattern else None
        for pattern in (settings.legacy, settings.domain)
    )
    return legacy, domain


def _counters(settings: SecondWitnessSettings, caller: Caller) -> Counts:
    body = json_body(caller.call(Request("GET", settings.counter), Arm.CONTROL, force=False))
    return _number(body, settings.legacy), _number(body, settings.domain)


def _number(body: object, path: str) -> int | None:
    for step in path.split(".") if path else ():
        body = body.get(step) if isinstance(body, dict) else None
    return body if isinstance(body, int) and not isinstance(body, bool) else None


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
