"""Twins: resources made alike, one set for each probe, always through the control arm, and removed afterwards."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass

from verification.core.cases import Catalog, RequestSpec, ResourceSpec, Twin
from verification.core.errors import TargetError
from verification.core.model import Arm, Exchange, Json, Request
from verification.drive.caller import Caller, json_body


def fill(spec: RequestSpec, names: dict[str, str], extra: dict[str, Json] | None = None) -> Request:
    """The request with every `{token}` replaced by the actual id; `extra` fields are laid over an object body."""
    content_type = spec.content_type
    if spec.raw_body is not None:
        body: str | None = _fill_text(spec.raw_body, names)
    elif spec.has_body:
        value = _fill_value(spec.body, names)
        if extra and isinstance(value, dict):
            value = {**value, **_fill_value(extra, names)}
        body = json.dumps(value, ensure_ascii=False)
    else:
        body = None
    if body is not None and content_type is None:
        content_type = "application/json"
    query = tuple((name, _fill_text(value, names)) for name, value in spec.query)
    return Request(spec.method, _fill_text(spec.path, names), query, body, content_type)


def _fill_text(text: str, names: dict[str, str]) -> str:
    for token, actual in names.items():
        text = text.replace(f"{{{token}}}", actual)
    return text


def _fill_value(value: Json, names: dict[str, str]) -> Json:
    if isinstance(value, str):
        return _fill_text(value, names)
    if isinstance(value, dict):
        return {key: _fill_value(member, names) for key, member in value.items()}
    if isinstance(value, list):
        return [_fill_value(item, names) for item in value]
    return value


@dataclass(frozen=True, slots=True)
class LiveTwin:
    """A twin that exists on the target."""

    token: str
    actual: str
    resource: ResourceSpec


class Workshop:
    """Makes twins with run-specific names and remembers what could not be removed."""

    def __init__(self, caller: Caller, catalog: Catalog, run_tag: str) -> None:
        self._caller, self._catalog, self._run_tag = caller, catalog, run_tag
        self._serial = itertools.count()

    def new_name(self) -> str:
        """A name of fixed length, so that no name is the beginning of another."""
        return f"gate-{self._run_tag}-{next(self._serial):06d}"

    def make(self, given: tuple[Twin, ...]) -> list[LiveTwin]:
        """All twins of a case in their starting states. TargetError says which step failed; made ones are removed."""
        made: list[LiveTwin] = []
        try:
            for twin in given:
                made.append(self._create(twin, {live.token: live.actual for live in made}))
            for twin, live in zip(given, made, strict=True):
                for state in twin.states:
                    for step in live.resource.states[state]:
                        self._step(step, live, f"state {state!r} of {twin.token}")
        except TargetError:
            self.remove(made)
            raise
        return made

    def _create(self, twin: Twin, names: dict[str, str]) -> LiveTwin:
        resource = self._catalog.resources[twin.resource]
        name = self.new_name()
        request = fill(resource.create, {"self": name, **names}, twin.fields)
        exchange = self._caller.call(request, Arm.CONTROL)
        _require_success(exchange, f"twin {twin.token!r} ({twin.resource})")
        if resource.learned_id is None:
            return LiveTwin(twin.token, name, resource)
        body = json_body(exchange)
        learned = body.get(resource.learned_id) if isinstance(body, dict) else None
        if learned is None:
            raise TargetError(f"twin {twin.token!r}: the create answer has no {resource.learned_id!r}")
        return LiveTwin(twin.token, str(learned), resource)

    def _step(self, step: RequestSpec, live: LiveTwin, what: str) -> None:
        _require_success(self._caller.call(fill(step, {"self": live.actual}), Arm.CONTROL), what)

    def remove(self, twins: list[LiveTwin]) -> list[str]:
        """Remove or neutralise each twin; returns what is left on the target, with the reason where it failed."""
        left = []
        for live in reversed(twins):
            try:
                for step in (*live.resource.remove, *live.resource.neutralise):
                    self._step(step, live, f"clean-up of {live.token}")
                if not live.resource.remove:
                    left.append(f"{live.resource.name} {live.actual} (cannot be deleted; neutralised)")
            except TargetError as error:
                left.append(f"{live.resource.name} {live.actual} (clean-up failed: {error})")
        return left

    def adopt(self, token: str, resource: str, actual: str) -> LiveTwin:
        """Take responsibility for a resource that the request under test has created."""
        return LiveTwin(token, actual, self._catalog.resources[resource])


def _require_success(exchange: Exchange, what: str) -> None:
    if exchange.answer is None:
        raise TargetError(f"{what}: no answer: {exchange.failure}")
    if exchange.answer.status >= 300:
        raise TargetError(
            f"{what}: {exchange.request.method} {exchange.request.path} answered {exchange.answer.status}: "
            f"{exchange.answer.body[:200]}"
        )
