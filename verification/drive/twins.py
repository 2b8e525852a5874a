"""Twins: resources made alike, one set for each probe, always through the control arm, and removed afterwards."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from verification.catalog.requests import fill
from verification.core.cases import Catalog, RequestSpec, ResourceSpec, Twin
from verification.core.errors import TargetError
from verification.core.model import Arm, Exchange
from verification.core.printable import visible
from verification.drive.caller import Caller, json_body


@dataclass(frozen=True, slots=True)
class LiveTwin:
    """A twin that exists on the target."""

    token: str
    actual: str
    resource: ResourceSpec
    home: Arm = Arm.CONTROL
    """The arm through which it was made and is removed."""


class Workshop:
    """Makes twins with run-specific names and remembers what could not be removed."""

    def __init__(self, caller: Caller, catalog: Catalog, run_tag: str) -> None:
        self._caller, self._catalog, self._run_tag = caller, catalog, run_tag
        self._serial = itertools.count()

    def new_name(self) -> str:
        """A name of fixed length, so that no name is the beginning of another."""
        return f"gate-{self._run_tag}-{next(self._serial):06d}"

    def make(self, given: tuple[Twin, ...], home: Arm = Arm.CONTROL) -> list[LiveTwin]:
        """All twins of a case in their starting states, made through `home`.

        TargetError says which step failed; made ones are removed.
        """
        made: list[LiveTwin] = []
        try:
            for twin in given:
                made.append(self._create(twin, {live.token: live.actual for live in made}, home))
            for twin, live in zip(given, made, strict=True):
                for state in twin.states:
                    for step in live.resource.states[state]:
                        self._step(step, live, f"state {state!r} of {twin.token}")
        except TargetError:
            self.remove(made)
            raise
        return made

    def _create(self, twin: Twin, names: dict[str, str], home: Arm) -> LiveTwin:
        resource = self._catalog.resources[twin.resource]
        name = self.new_name()
        request = fill(resource.create, {"self": name, **names}, twin.fields)
        exchange = self._caller.call(request, home)
        _require_success(exchange, f"twin {twin.token!r} ({twin.resource})")
        if resource.learned_id is None:
            return LiveTwin(twin.token, name, resource, home)
        body = json_body(exchange)
        learned = body.get(resource.learned_id) if isinstance(body, dict) else None
        if learned is None:
            raise TargetError(f"twin {twin.token!r}: the create answer has no {resource.learned_id!r}")
        return LiveTwin(twin.token, str(learned), resource, home)

    def _step(self, step: RequestSpec, live: LiveTwin, what: str) -> None:
        _require_success(self._caller.call(fill(step, {"self": live.actual}), live.home), what)

    def remove(self, twins: list[LiveTwin]) -> list[str]:
        """Remove or neutralise each twin; returns what is left on the target, with the reason where it failed."""
        left = []
        # The same request twice may name one resource twice, and what is gone cannot be removed again.
        for live in {(twin.resource.name, twin.actual, twin.home): twin for twin in reversed(twins)}.values():
            try:
                for step in (*live.resource.remove, *live.resource.neutralise):
                    self._step(step, live, f"clean-up of {live.token}")
                if not live.resource.remove:
                    left.append(f"{live.resource.name} {live.actual} (cannot be deleted; neutralised)")
            except TargetError as error:
                left.append(f"{live.resource.name} {live.actual} (clean-up failed: {error})")
        return left

    def adopt(self, token: str, resource: str, actual: str, home: Arm = Arm.CONTROL) -> LiveTwin:
        """Take responsibility for a resource that the request under test has created."""
        return LiveTwin(token, actual, self._catalog.resources[resource], home)


def _require_success(exchange: Exchange, what: str) -> None:
    if exchange.answer is None:
        raise TargetError(f"{what}: no answer: {exchange.failure}")
    if exchange.answer.status >= 300:
        raise TargetError(
            f"{what}: {exchange.request.method} {exchange.request.path} answered {exchange.answer.status}: "
            f"{visible(exchange.answer.body[:200])}"
        )
