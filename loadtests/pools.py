"""Twins for the load: made through the control arm before the timetable starts, removed after it, in any case.

Where each side has a state of its own they are made on both, under the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import orjson

from loadtests.reply import Reply
from loadtests.timetable import Source
from verification.catalog.requests import fill
from verification.core.cases import Catalog, Endpoint, PoolSpec, RequestSpec, ResourceSpec
from verification.core.documents import values_at
from verification.core.errors import TargetError
from verification.core.journal import Making, Thing, is_readable, keys_shown, may_be_ours
from verification.core.model import Arm, Json, Request
from verification.core.printable import visible
from verification.core.redact import redact_text

Ask = Callable[[Request, Arm], Reply]
"""Sends a request on an arm."""
Made = tuple[str, str, str]
"""(resource, id, arm) of a twin."""

GONE = 404


def _quoted(body: str) -> str:
    """The beginning of an answer as a message may hold it. Cut last: half a secret is not known for one."""
    return visible(redact_text(body)[:200])


def names_of(pool: PoolSpec, prefix: str, size_limit: int) -> tuple[str, ...]:
    """The names that a worker's twins of this pool get."""
    return tuple(f"{prefix}-{pool.name}-{number}" for number in range(max(1, min(pool.size, size_limit))))


def load_name(prefix: str) -> str:
    """What begins the name of whatever the load's own requests create; the number of the request follows."""
    return f"{prefix}-load"


def makings(catalog: Catalog, endpoints: Iterable[str], prefix: str, size_limit: int) -> Iterator[Making]:
    """What a worker that loads these endpoints is about to make, for the journal."""
    for endpoint in map(catalog.endpoint, endpoints):
        if endpoint.load.pool is not None:
            pool = catalog.pools[endpoint.load.pool]
            for home in catalog.homes:
                yield Making(pool.resource, names_of(pool, prefix, size_limit), home)
        if endpoint.load.creates is not None:
            for home in catalog.homes:
                yield Making(endpoint.load.creates, (f"{load_name(prefix)}-*",), home)


class Pools:
    """The twins of one worker. Only what stands in here is ever started, stopped or changed by the load.

    With `remembers`, what the load's own requests create is neutralised in the end, by the ids that the answers tell.
    An answer that tells the id of something that was there before is not believed: it may be anybody's.
    """

    def __init__(self, catalog: Catalog, ask: Ask, prefix: str, size_limit: int, *, remembers: bool) -> None:
        self._catalog = catalog
        self._ask = ask
        self._prefix = prefix
        self._size_limit = size_limit
        self._remembers = remembers
        self._known: dict[Arm, set[str]] = {}
        """What the readings of each home showed before the load, and what was made since."""
        self._twins: dict[tuple[str, Arm], list[str]] = {}
        self._made: list[tuple[ResourceSpec, str, Arm]] = []
        self._created: dict[tuple[str, Arm], list[str]] = {}
        self._uncounted: dict[str, int] = {}
        self._silent = False

    def fill(self, endpoints: Iterable[Endpoint]) -> tuple[Source, ...]:
        """Make the pools that these endpoints draw from. TargetError says which step the target did not take."""
        asked, sources = tuple(endpoints), []
        if self._remembers and any(self._learns_ids(endpoint) for endpoint in asked):
            self._known = {home: self._shown(home) for home in self._catalog.homes}
        for endpoint in asked:
            load = endpoint.load
            pool = self._catalog.pools[load.pool] if load.pool is not None else None
            for home in self._catalog.homes if pool is not None else ():
                if pool is not None and (pool.name, home) not in self._twins:
                    self._twins[pool.name, home] = self._make_pool(pool, home)
            known = {arm: tuple(self._twins.get((pool.name, arm), ())) if pool else () for arm in Arm}
            sources.append(
                Source(
                    endpoint.id,
                    load.weight,
                    load.requests,
                    pool.token if pool else None,
                    known[Arm.CONTROL],
                    known[Arm.CANDIDATE],
                    load.creates,
                )
            )
        return tuple(sources)

    @property
    def made(self) -> tuple[Made, ...]:
        """Every twin that exists and is this worker's to remove."""
        return tuple((resource.name, twin, home.value) for resource, twin, home in self._made)

    def adopt(self, twins: Iterable[Made]) -> None:
        """Take over twins of a worker that was lost, to remove them."""
        self._made += [(self._catalog.resources[resource], twin, Arm(home)) for resource, twin, home in twins]

    def created(self, resource: str, body: str, arm: Arm) -> None:
        """A load request has created something that cannot be deleted. One that is not remembered is only counted."""
        home = self._catalog.home(arm)
        learned = self._learned_id(self._catalog.resources[resource], body, home) if self._remembers else None
        if learned is None:
            self._uncounted[resource] = self._uncounted.get(resource, 0) + 1
        else:
            self._created.setdefault((resource, home), []).append(learned)

    def remove(self) -> tuple[str, ...]:
        """Remove every twin, neutralise what cannot be removed, and name what is left. A second call does nothing."""
        made, self._made = self._made, []
        left = [
            f"{Thing(resource.name, twin, home)}{note}"
            for resource, twin, home in reversed(made)
            if (note := self._undo(resource, twin, home))
        ]
        created, self._created = self._created, {}
        for (name, home), ids in created.items():
            disabled = sum(self._neutralise(self._catalog.resources[name], one, home) for one in ids)
            left.append(f"{len(ids)} x {name} named {self._prefix}-*, {disabled} of them neutralised")
        uncounted, self._uncounted = self._uncounted, {}
        left += [f"{count} x {name} named {self._prefix}-*, not neutralised" for name, count in uncounted.items()]
        return tuple(left)

    def _make_pool(self, pool: PoolSpec, home: Arm) -> list[str]:
        resource = self._catalog.resources[pool.resource]
        names = names_of(pool, self._prefix, self._size_limit)
        return [self._make_twin(pool, resource, name, home) for name in names]

    def _make_twin(self, pool: PoolSpec, resource: ResourceSpec, name: str, home: Arm) -> str:
        reply = self._demand(resource.create, name, f"create {resource.name} {name}", home)
        twin = name
        if resource.learned_id is not None:
            learned = self._learned_id(resource, reply.body, home)
            if learned is None:
                raise TargetError(
                    f"The target created {resource.name} {name} and told no new id at {resource.learned_id!r}: "
                    f"{_quoted(reply.body)}"
                )
            twin = learned
        self._made.append((resource, twin, home))
        for state in pool.states:
            for step in resource.states[state]:
                self._demand(step, twin, f"bring {resource.name} {twin} into the state {state!r}", home)
        return twin

    def _demand(self, spec: RequestSpec, twin: str, what: str, home: Arm) -> Reply:
        reply = self._ask(fill(spec, {"self": twin}), home)
        if not reply.ok:
            answer = reply.failure or f"status {reply.status}: {_quoted(reply.body)}"
            raise TargetError(
                f"The load could not {what}: {spec.method} {spec.path} gave {answer}. "
                f"The set-up runs through the {home.value} arm; check that the target is healthy and accepts writes."
            )
        return reply

    def _undo(self, resource: ResourceSpec, twin: str, home: Arm) -> str:
        """Nothing when the twin is gone, otherwise what became of it."""
        if resource.remove:
            replies = [self._try(step, twin, home) for step in resource.remove]
            last = replies[-1]
            return "" if last is not None and (last.ok or last.status == GONE) else " (could not be removed)"
        return " (neutralised)" if self._neutralise(resource, twin, home) else " (could not be neutralised)"

    def _neutralise(self, resource: ResourceSpec, twin: str, home: Arm) -> bool:
        replies = [self._try(step, twin, home) for step in resource.neutralise]
        return all(reply is not None and reply.ok for reply in replies)

    def _try(self, step: RequestSpec, twin: str, home: Arm) -> Reply | None:
        """The answer to one step of the clean-up; None once the target is silent: waiting again would help nobody."""
        if self._silent:
            return None
        reply = self._ask(fill(step, {"self": twin}), home)
        self._silent = reply.status == 0
        return reply

    def _learns_ids(self, endpoint: Endpoint) -> bool:
        pool = self._catalog.pools[endpoint.load.pool] if endpoint.load.pool is not None else None
        made = [endpoint.load.creates, pool.resource if pool is not None else None]
        return any(self._catalog.resources[name].learned_id is not None for name in made if name is not None)

    def _shown(self, home: Arm) -> set[str]:
        shown: set[str] = set()
        for name, spec in self._catalog.readings.items():
            reply = self._demand(spec.request, "", f"read {name!r} before the load", home)
            body = _parsed(reply.body)
            if not is_readable(spec, body):
                raise TargetError(
                    f"The target's state cannot be read before the load: {spec.request.path} answered in another form "
                    f"than the catalog's reading {name!r} says: {_quoted(reply.body)}"
                )
            shown |= keys_shown(spec, body)
        return shown

    def _learned_id(self, resource: ResourceSpec, body: str, home: Arm) -> str | None:
        if resource.learned_id is None:
            return None
        found = list(values_at(_parsed(body), resource.learned_id).values())
        first = found[0] if found and not isinstance(found[0], bool) else None
        told = str(first) if isinstance(first, str | int) else ""
        known = self._known.setdefault(home, set())
        if not may_be_ours(told, known):
            return None
        known.add(told)  # one id cannot be that of two things
        return told


def _parsed(body: str) -> Json:
    """The document; None for what is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
