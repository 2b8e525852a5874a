"""Runs one case on every side: twins, readings before, the request, readings after, reads across arms, clean-up."""

from __future__ import annotations

import random
from collections.abc import Sequence

from verification.catalog.requests import fill
from verification.core.cases import Case, Catalog, Endpoint
from verification.core.errors import TargetError
from verification.core.journal import Note, forget
from verification.core.model import Arm, Comparison, Exchange, Probe, Reading
from verification.core.outcome import CaseOutcome
from verification.core.parity import SIDES, judge_comparison
from verification.drive.caller import Caller
from verification.drive.state import keys_in, trimmed
from verification.drive.twins import LiveTwin, Workshop

MAX_ATTEMPTS = 3
ARMS = {"control": Arm.CONTROL, "control-again": Arm.CONTROL, "candidate": Arm.CANDIDATE}


class Prober:
    """Brings cases about on a target. One prober works on one case at a time."""

    def __init__(self, caller: Caller, catalog: Catalog, run_tag: str, seed: int, note: Note = forget) -> None:
        self._caller, self._catalog, self._seed = caller, catalog, seed
        self.workshop = Workshop(caller, catalog, run_tag, note)
        self.leftover: list[str] = []

    def compare(self, endpoint: Endpoint, case: Case, repetition: int = 1) -> list[tuple[Comparison, CaseOutcome]]:
        """All attempts at a case: it is tried again only where control disagrees with itself, never otherwise.

        The sides are sent in an order shuffled by the seed, each from the same starting state. The paired test of
        `core.paired` rests on that order being drawn anew for each repetition.
        """
        attempts: list[tuple[Comparison, CaseOutcome]] = []
        for attempt in range(1, MAX_ATTEMPTS + 1):
            order = list(SIDES)
            drawn = f"{self._seed}/{endpoint.id}/{case.id}/{repetition}/{attempt}"
            random.Random(drawn).shuffle(order)  # noqa: S311  # reproducible, not secret
            probes = tuple(self.probe(endpoint, case, side) for side in order)
            comparison = Comparison(endpoint.id, case.id, probes, attempt, repetition)
            outcome = judge_comparison(self._catalog, comparison)
            attempts.append((comparison, outcome))
            if not outcome.noise:
                break
        return attempts

    def probe(self, endpoint: Endpoint, case: Case, side: str) -> Probe:
        """One side of a case, from given to clean-up."""
        home = self.home(side)
        try:
            twins = self.workshop.make(case.given, home)
        except TargetError as error:
            return Probe(side, (), None, (), failure=str(error))
        names = self._names(endpoint, twins, home)
        readings = self._read(endpoint.reads, "before", home)
        exchange = self._caller.call(fill(case.request, names), ARMS[side])
        created = self.workshop.adopt_created(endpoint, exchange, home, keys_in(readings, self._catalog.readings))
        for twin in created:
            names[twin.token] = twin.actual
        readings += self._read(endpoint.reads, "after", home)
        if endpoint.writes and not self._catalog.separate_state:
            readings += self._read(endpoint.reads, "cross", Arm.CANDIDATE)
        leftover = self.workshop.remove([*twins, *created])
        kept = trimmed(readings, self._catalog.readings, frozenset(names.values()))
        return Probe(side, tuple(names.items()), exchange, kept, leftover=tuple(leftover))

    def home(self, side: str) -> Arm:
        """The arm through which the twins of a side are made."""
        return self._catalog.home(ARMS[side])

    def call_once(self, endpoint: Endpoint, arm: Arm, *, force: bool) -> Exchange:
        """The endpoint's first successful case, sent once on an arm (or drawn by the flag) with its twins around it."""
        case = next(case for case in endpoint.cases if case.status is not None and case.status < 300)
        home = self._catalog.home(arm)
        twins = self.workshop.make(case.given, home)
        exchange = self._caller.call(fill(case.request, self._names(endpoint, twins, home)), arm, force=force)
        self.leftover += self.workshop.remove([*twins, *self.workshop.adopt_created(endpoint, exchange, home)])
        return exchange

    def _names(self, endpoint: Endpoint, twins: Sequence[LiveTwin], home: Arm) -> dict[str, str]:
        """Token -> actual id, with the two that are always known: an id of nobody, and a name of this probe's own."""
        always = {"absent": self.workshop.new_name(), "run": self.workshop.new_name()}
        if endpoint.load.creates is not None:
            self.workshop.announce(endpoint.load.creates, home, always["run"])
        return {**always, **{twin.token: twin.actual for twin in twins}}

    def _read(self, names: Sequence[str], moment: str, arm: Arm) -> list[Reading]:
        return [
            Reading(name, moment, self._caller.call(fill(self._catalog.readings[name].request, {}), arm))
            for name in names
        ]
