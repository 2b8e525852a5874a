"""What the entries say of each other: every name must lead somewhere, every placeholder must get an id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from verification.catalog.entries import EndpointEntry, PoolEntry, ReadingEntry, ResourceEntry, ShapeEntry, TwinEntry
from verification.catalog.mistakes import Mistake, Mistakes, shown, unknown
from verification.catalog.placeholders import ABSENT, FILL_IN, RUN, SELF, tokens_in
from verification.catalog.source import Location, Source
from verification.core.cases import RequestSpec
from verification.core.masks import PREDICATES


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands, to be named in a mistake."""

    source: Source
    location: Location
    entry: str

    def mistake(self, field: Sequence[str | int], problem: str) -> Mistake:
        """A mistake in a field of this entry."""
        line = self.source.line((*self.location, *field))
        return Mistake(self.source.file, line, self.entry, ".".join(map(str, field)), problem)

    def inside(self, *steps: str | int, entry: str | None = None) -> Place:
        """A part of this entry; `entry` when it has a name of its own."""
        return Place(self.source, (*self.location, *steps), entry or self.entry)


@dataclass(frozen=True, slots=True)
class References:
    """Everything that can be referred to, and the mistakes found so far."""

    resources: dict[str, ResourceEntry]
    readings: dict[str, ReadingEntry]
    pools: dict[str, PoolEntry]
    mistakes: Mistakes

    def note(self, place: Place, field: Sequence[str | int], problem: str) -> None:
        """Remember one mistake."""
        self.mistakes.found.append(place.mistake(field, problem))

    def known(self, place: Place, field: Sequence[str | int], kind: str, value: str, valid: Iterable[str]) -> bool:
        """True when the value is among the valid ones; otherwise the mistake is noted."""
        names = list(valid)
        if value in names:
            return True
        self.note(place, field, unknown(kind, value, names))
        return False

    def states(self, place: Place, resource: str, states: Sequence[str]) -> None:
        """Each state must be one of the resource's."""
        for index, state in enumerate(states):
            valid = self.resources[resource].states
            self.known(place, ("states", index), f"state of resource {shown(resource)}", state, valid)

    def twin(self, place: Place, twin: TwinEntry, earlier: Iterable[str]) -> None:
        """The twin's resource, states and the placeholders in its own fields."""
        if twin.resource is None:
            self.note(place, ("resource",), f"it names no resource; valid: {', '.join(sorted(self.resources))}")
            return
        if self.known(place, ("resource",), "resource", twin.resource, self.resources):
            self.states(place, twin.resource, twin.states)
        carrier = RequestSpec("GET", "/", body=twin.fields, has_body=True)
        self.tokens(place, ("fields",), carrier, {SELF, *earlier})

    def tokens(self, place: Place, field: Sequence[str | int], request: RequestSpec, valid: set[str]) -> None:
        """Each placeholder of the request must be known where it is sent."""
        for token in sorted(tokens_in(request) - valid):
            if token.startswith(FILL_IN):
                self.note(place, field, unfilled(token))
            else:
                self.known(place, field, "token here", token, valid)

    def shape(self, place: Place, shape: ShapeEntry) -> None:
        """Predicates exist, no path is masked twice, and no mask or message hides a critical path."""
        seen: set[str] = set()
        for index, mask in enumerate(shape.masks):
            here = ("masks", index)
            self.known(place, (*here, "predicate"), "predicate", mask.predicate, PREDICATES)
            if mask.path in seen:
                self.note(place, (*here, "path"), f"{shown(mask.path)} is masked twice")
            seen.add(mask.path)
            self._not_critical(place, (*here, "path"), "mask", mask.path, shape)
        for index, path in enumerate(shape.messages):
            self._not_critical(place, ("messages", index), "message", path, shape)

    def _not_critical(self, place: Place, field: Sequence[str | int], kind: str, path: str, shape: ShapeEntry) -> None:
        for critical in shape.critical:
            if _overlap(path, critical):
                problem = (
                    f"the {kind} {shown(path)} would hide the critical path {shown(critical)}; drop one of the two"
                )
                self.note(place, field, problem)

    def route(self, place: Place, field: Sequence[str | int], entry: EndpointEntry, path: str) -> None:
        """A case must call the endpoint that it stands under."""
        if not fits_route(entry.path, path):
            self.note(place, field, f"{shown(path)} is no call of this endpoint; valid: paths like {entry.path}")


_PARAMETER = re.compile(r"\{\w+\}")
ALWAYS_KNOWN = frozenset({ABSENT, RUN})


def fits_route(route: str, path: str) -> bool:
    """True when the path is the route with something in place of each `{parameter}`."""
    steps, actual = route.split("/"), path.split("/")
    return len(steps) == len(actual) and all(map(_fits_step, steps, actual))


def _fits_step(step: str, found: str) -> bool:
    """Without a regular expression: one with several parameters takes a time that a foreign path could drive up."""
    first, *others = _PARAMETER.split(step)
    if not others:
        return step == found
    if not found.startswith(first):
        return False
    at = len(first)
    for literal in others[:-1]:
        at = found.find(literal, at + 1) + len(literal)
        if at < len(literal):
            return False
    return len(found) - len(others[-1]) > at and found.endswith(others[-1])


def unfilled(token: str) -> str:
    """What to do about a placeholder that nobody has filled in yet."""
    name = token.removeprefix(FILL_IN)
    return (
        f"{{{token}}} stands for a value that only you know; write one for {name!r} that control and candidate both "
        "have, or {token} of a twin under `given`"
    )


def _overlap(path: str, critical: str) -> bool:
    """True when some place lies on `path` and on or below `critical`."""
    steps, outer = path.split("."), critical.split(".")
    return len(steps) >= len(outer) and all(
        "*" in (step, other) or step == other for step, other in zip(steps, outer, strict=False)
    )
