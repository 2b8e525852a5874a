"""Twins: resources made alike, one set for each probe, always through the control arm, and removed afterwards."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from verification.catalog.requests import fill
from verification.core.cases import Catalog, Endpoint, RequestSpec, ResourceSpec, Twin
from verification.core.documents import member
from verification.core.errors import TargetError
from verification.core.journal import Made, Making, Note, Thing, Unmade, forget, may_be_ours
from verification.core.model import Arm, Exchange, Reading
from verification.core.printable import visible
from verification.drive.caller import Caller, json_body
from verification.drive.state import keys_in, readable


@dataclass(frozen=True, slots=True)
class LiveTwin:
    """A twin that exists on the target."""

    token: str
    actual: str
    resource: ResourceSpec
    home: Arm = Arm.CONTROL
    """The arm through which it was made and is removed."""


class Workshop:
    """Makes twins with run-specific names, says so before it does, and remembers what could not be removed."""

    def __init__(self, caller: Caller, catalog: Catalog, run_tag: str, note: Note = forget) -> None:
        self._caller, self._catalog, self._run_tag, self._note = caller, catalog, run_tag, note
        self._serial = itertools.count()
        self._known: dict[Arm, set[str] | None] = {}
        """What was there on each side before anything was made, and what was made since; None: it cannot be read."""

    def new_name(self) -> str:
        """A name of fixed length, so that no name is the beginning of another."""
        return f"gate-{self._run_tag}-{next(self._serial):06d}"

    def make(self, given: tuple[Twin, ...], home: Arm = Arm.CONTROL) -> list[LiveTwin]:
        """All twins of a case in their starting states, made through `home`.

        TargetError says which step failed; made ones are removed.
        """
        made: list[LiveTwin] = []
        names = [self.new_name() for _ in given]
        for kind in dict.fromkeys(twin.resource for twin in given):
            self.announce(kind, home, *(name for twin, name in zip(given, names, strict=True) if twin.resource == kind))
        try:
            for twin, name in zip(given, names, strict=True):
                made.append(self._create(twin, name, {live.token: live.actual for live in made}, home))
            for twin, live in zip(given, made, strict=True):
                for state in twin.states:
                    for step in live.resource.states[state]:
                        self._step(step, live, f"state {state!r} of {twin.token}")
        except TargetError:
            self.remove(made)
            raise
        return made

    def announce(self, resource: str, home: Arm, *names: str) -> None:
        """Say on the disk that things of a kind are about to be created through `home` under these names."""
        told = any(kind.learned_id is not None for kind in self._catalog.resources.values())
        if told and home not in self._known and self._note is not forget:
            self._known[home] = self._shown(home)
        self._note(Making(resource, names, home))

    def is_new(self, told: str, home: Arm, before: frozenset[str] = frozenset()) -> bool:
        """Whether an id that the target tells can be that of something of ours: not one that was there `before`, or
        before the first twin. Where that could not be read, nothing is believed: it would be removed in the end.

        A backend that the suite started holds nothing of anybody else's.
        """
        known = self._known.get(home, set())
        return known is not None and may_be_ours(told, known | before)

    def _shown(self, home: Arm) -> set[str] | None:
        readings = [
            Reading(name, "before", self._caller.call(fill(spec.request, {}), home))
            for name, spec in self._catalog.readings.items()
        ]
        return set(keys_in(readings, self._catalog.readings)) if readable(readings, self._catalog.readings) else None

    def _create(self, twin: Twin, name: str, names: dict[str, str], home: Arm) -> LiveTwin:
        resource = self._catalog.resources[twin.resource]
        request = fill(resource.create, {"self": name, **names}, twin.fields)
        exchange = self._caller.call(request, home)
        _require_success(exchange, f"twin {twin.token!r} ({twin.resource})")
        if resource.learned_id is None:
            return LiveTwin(twin.token, name, resource, home)
        body = json_body(exchange)
        learned = body.get(resource.learned_id) if isinstance(body, dict) else None
        if isinstance(learned, bool) or not isinstance(learned, str | int) or not self.is_new(str(learned), home):
            raise TargetError(f"twin {twin.token!r}: the create answer has no new id at {resource.learned_id!r}")
        return self.adopt(twin.token, twin.resource, str(learned), home)

    def _step(self, step: RequestSpec, live: LiveTwin, what: str) -> None:
        _require_success(self._caller.call(fill(step, {"self": live.actual}), live.home), what)

    def remove(self, twins: list[LiveTwin]) -> list[str]:
        """Remove or neutralise each twin; returns what is left on the target, with the reason where it failed."""
        left = []
        # The same request twice may name one resource twice, and what is gone cannot be removed again.
        for live in {(twin.resource.name, twin.actual, twin.home): twin for twin in reversed(twins)}.values():
            words = str(Thing(live.resource.name, live.actual, live.home))
            try:
                for step in (*live.resource.remove, *live.resource.neutralise):
                    self._step(step, live, f"clean-up of {live.token}")
                self._note(Unmade(live.resource.name, live.actual, live.home))
                if live.resource.remove and (known := self._known.get(live.home)):
                    known.discard(live.actual)  # some services give an id again
                if not live.resource.remove:
                    left.append(f"{words} (cannot be deleted; neutralised)")
            except TargetError as error:
                left.append(f"{words} (clean-up failed: {error})")
        return left

    def adopt(self, token: str, resource: str, actual: str, home: Arm = Arm.CONTROL) -> LiveTwin:
        """Take responsibility for a resource that exists now, and whose id was told by the target."""
        self._note(Made(resource, actual, home))
        if (known := self._known.get(home)) is not None:
            known.add(actual)
        return LiveTwin(token, actual, self._catalog.resources[resource], home)

    def adopt_created(
        self, endpoint: Endpoint, exchange: Exchange, home: Arm, known: frozenset[str] = frozenset()
    ) -> list[LiveTwin]:
        """What a request itself created, found by the ids that the catalog says its answer names.

        An id that was `known` before the request names something of somebody else's, whatever the answer says of it.
        """
        if endpoint.load.creates is None or exchange.answer is None or exchange.answer.status >= 300:
            return []
        body = json_body(exchange)
        found: list[LiveTwin] = []
        for path, token in endpoint.shape.ids:
            value = member(body, path)
            if isinstance(value, int | str) and not isinstance(value, bool) and self.is_new(str(value), home, known):
                found.append(self.adopt(token, endpoint.load.creates, str(value), home))
        return found


def _require_success(exchange: Exchange, what: str) -> None:
    if exchange.answer is None:
        raise TargetError(f"{what}: no answer: {exchange.failure}")
    if exchange.answer.status >= 300:
        raise TargetError(
            f"{what}: {exchange.request.method} {exchange.request.path} answered {exchange.answer.status}: "
            f"{visible(exchange.answer.body[:200])}"
        )
