"""Calls sent at the same moment on one arm, and one after the other on control to know what may come of them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from verification.catalog.placeholders import ABSENT, RUN
from verification.catalog.requests import fill
from verification.core.cases import Catalog, RaceSpec
from verification.core.errors import TargetError
from verification.core.model import Arm, Exchange, Reading, Request
from verification.core.race import orders
from verification.core.records import RaceRound
from verification.drive.caller import Caller
from verification.drive.state import keys_in, trimmed
from verification.drive.twins import Workshop

_LONGEST_WAIT_S = 30.0


class Racer:
    """Runs the rounds of a race on one target."""

    def __init__(self, caller: Caller, catalog: Catalog, workshop: Workshop) -> None:
        self._caller, self._catalog, self._workshop = caller, catalog, workshop

    def run(self, spec: RaceSpec) -> list[RaceRound]:
        """Every order on control, then the arms in turn, so that what changes over time meets both."""
        rounds = [self._round(spec, Arm.CONTROL, order) for order in orders(len(spec.calls))]
        for _ in range(spec.rounds):
            rounds += [self._round(spec, arm, ()) for arm in Arm]
        return rounds

    def _round(self, spec: RaceSpec, arm: Arm, order: tuple[int, ...]) -> RaceRound:
        home = self._catalog.home(arm)
        try:
            twins = self._workshop.make(spec.given, home)
        except TargetError as error:
            return RaceRound(spec.name, arm, order, (), (), (), failure=str(error))
        names = {ABSENT: self._workshop.new_name(), RUN: self._workshop.new_name()}
        names.update((twin.token, twin.actual) for twin in twins)
        for call in spec.calls:
            if (creates := self._catalog.endpoint(call.endpoint).load.creates) is not None:
                self._workshop.announce(creates, home, names[RUN])
        readings = self._read(spec, "before", home)
        before = keys_in(readings, self._catalog.readings)
        requests = [fill(call.request, names) for call in spec.calls]
        exchanges = self._in_order(requests, arm, order) if order else self._at_once(requests, arm)
        readings += self._read(spec, "after", home)
        for call, exchange in zip(spec.calls, exchanges, strict=True):
            twins += self._workshop.adopt_created(self._catalog.endpoint(call.endpoint), exchange, home, before)
        leftover = self._workshop.remove(twins)
        kept = trimmed(readings, self._catalog.readings, frozenset(names.values()))
        return RaceRound(spec.name, arm, order, tuple(names.items()), exchanges, kept, leftover=tuple(leftover))

    def _in_order(self, requests: Sequence[Request], arm: Arm, order: tuple[int, ...]) -> tuple[Exchange, ...]:
        found = {index: self._caller.call(requests[index], arm) for index in order}
        return tuple(found[index] for index in range(len(requests)))

    def _at_once(self, requests: Sequence[Request], arm: Arm) -> tuple[Exchange, ...]:
        """All requests in flight together: each thread waits at the barrier before it sends."""
        barrier = Barrier(len(requests), timeout=_LONGEST_WAIT_S)
        self._caller.reserve(len(requests))

        def send(request: Request) -> Exchange:
            barrier.wait()
            return self._caller.call(request, arm)

        with ThreadPoolExecutor(len(requests)) as threads:
            return tuple(threads.map(send, requests))

    def _read(self, spec: RaceSpec, moment: str, home: Arm) -> list[Reading]:
        return [
            Reading(name, moment, self._caller.call(fill(self._catalog.readings[name].request, {}), home))
            for name in spec.reads
        ]
