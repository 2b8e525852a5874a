"""Sequences that follow from the catalog: steps to draw from, the same request twice, and the rollback certificate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from verification.catalog.placeholders import ABSENT, RUN, SELF, fill_text, fill_value, tokens_in
from verification.catalog.references import fits_route
from verification.core.cases import Case, Catalog, Endpoint, RequestSpec, ResourceSpec, Twin
from verification.core.expectation import (
    CREATE,
    REMOVE,
    RETRY_ROUTINGS,
    certificate_key,
    certified_operations,
    retry_key,
)
from verification.core.model import Arm
from verification.core.sequences import Sequence, Step, reads_of

_BOTH_WAYS = ((Arm.CONTROL, Arm.CANDIDATE), (Arm.CANDIDATE, Arm.CONTROL))
"""Who writes first, and who goes on with it."""
MADE = "made"
"""Begins the token of what a step itself creates; the number of the step follows."""


@dataclass(frozen=True, slots=True)
class Template:
    """A step that can be drawn: a case of an endpoint, with the kind of resource that each of its tokens names."""

    endpoint: Endpoint
    case: Case
    tokens: tuple[tuple[str, str], ...]
    """(token, resource)."""

    def step(self, bound: dict[str, str], number: int) -> Step:
        """The step with its tokens bound to others; what it creates is named after the step's number."""
        return _step(self.endpoint, self.case, bound, number)


def rebound(request: RequestSpec, tokens: dict[str, str]) -> RequestSpec:
    """The request with its tokens renamed; tokens that are not mentioned stay."""
    names = _Renaming(tokens)
    return replace(
        request,
        path=fill_text(request.path, names),
        query=tuple((key, fill_text(value, names)) for key, value in request.query),
        body=fill_value(request.body, names),
        raw_body=None if request.raw_body is None else fill_text(request.raw_body, names),
    )


class _Renaming(dict[str, str]):
    """Token -> placeholder of its new name."""

    def __getitem__(self, token: str) -> str:
        return f"{{{self.get(token, token)}}}"


def templates(endpoint: Endpoint) -> Iterator[Template]:
    """Every case written by hand, valid ones first, so that a search that shrinks ends at the plainest."""
    cases = [case for case in endpoint.cases if not case.derived]
    for case in sorted(cases, key=lambda case: (case.status or 0) >= 400):
        used = _tokens(case)
        tokens = tuple((twin.token, twin.resource) for twin in case.given if twin.token in used)
        yield Template(endpoint, case, tokens)


def _tokens(case: Case) -> set[str]:
    return tokens_in(case.request) - {ABSENT, RUN, SELF}


def _step(endpoint: Endpoint, case: Case, tokens: dict[str, str], number: int) -> Step:
    learns = tuple((path, f"{MADE}{number}") for path, _ in endpoint.shape.ids)
    creates = endpoint.load.creates if learns else None
    return Step(case.id, rebound(case.request, tokens), endpoint.id, learns, creates)


def retries(endpoint: Endpoint) -> Iterator[Sequence]:
    """The first successful request of a writing endpoint twice in a row: both on candidate, and once on each arm."""
    case = next(case for case in endpoint.cases if case.status is not None and case.status < 300)
    steps = tuple(_step(endpoint, case, {}, number) for number in (1, 2))
    for routing in RETRY_ROUTINGS:
        yield Sequence(retry_key(endpoint.id, routing), case.given, steps, routing, endpoint.reads)


def sequences_of(catalog: Catalog, kind: str, replays: tuple[Sequence, ...] = ()) -> Iterator[Sequence]:
    """All sequences of a kind: `retry`, `certificate`, or `replay`, which earlier runs have found."""
    if kind == "retry":
        for endpoint in catalog.endpoints:
            if endpoint.writes:
                yield from retries(endpoint)
    elif kind == "certificate":
        for resource in catalog.resources.values():
            yield from certificates(catalog, resource)
    else:
        yield from replays


def certificates(catalog: Catalog, resource: ResourceSpec) -> Iterator[Sequence]:
    """What one arm wrote, taken on by the other: created, brought into every state, and removed, both ways.

    The readings after each sequence are made through both arms, so that `create` alone shows whether what the new code
    wrote can be read by the old, and the other way round.
    """
    reads = reads_of(catalog, tuple(e for e in catalog.endpoints if resource.name in _resources(e)))
    for operation in certified_operations(resource):
        for first, second in _BOTH_WAYS:
            further = (_on_made(catalog, r, resource, operation) for r in _requests(resource, operation))
            steps = (_creation(catalog, resource), *further)
            routing = (first, *(second for _ in steps[1:]))
            yield Sequence(certificate_key(resource.name, operation, first), (), steps, routing, reads)


def _resources(endpoint: Endpoint) -> set[str]:
    given = {twin.resource for case in endpoint.cases for twin in case.given}
    return given | ({endpoint.load.creates} if endpoint.load.creates else set())


def _made(resource: ResourceSpec) -> str:
    """The token of what the first step creates: learned, or the passage's own name where the suite chooses the id."""
    return RUN if resource.learned_id is None else f"{MADE}1"


def _creation(catalog: Catalog, resource: ResourceSpec) -> Step:
    learns = () if resource.learned_id is None else ((resource.learned_id, _made(resource)),)
    request = rebound(resource.create, {SELF: RUN})
    return Step(f"create {resource.name}", request, _endpoint(catalog, request), learns, resource.name)


def _on_made(catalog: Catalog, request: RequestSpec, resource: ResourceSpec, operation: str) -> Step:
    removes = _made(resource) if operation == REMOVE else None
    request = rebound(request, {SELF: _made(resource)})
    return Step(operation, request, _endpoint(catalog, request), removes=removes)


def _endpoint(catalog: Catalog, request: RequestSpec) -> str | None:
    """The endpoint that the request calls, for its shape; None where it is none of the catalog's."""
    fitting = (e.id for e in catalog.endpoints if e.method == request.method and fits_route(e.path, request.path))
    return next(fitting, None)


def _requests(resource: ResourceSpec, operation: str) -> tuple[RequestSpec, ...]:
    if operation == CREATE:
        return ()
    # What comes before the last request of a removal only prepares it.
    return resource.remove[-1:] if operation == REMOVE else resource.states[operation]


def pool(endpoints: tuple[Endpoint, ...], size: int = 2) -> dict[str, tuple[str, ...]]:
    """Resource -> tokens of the twins that drawn steps choose from."""
    resources = {twin.resource for endpoint in endpoints for case in endpoint.cases for twin in case.given}
    return {name: tuple(f"{name}{number}" for number in range(1, size + 1)) for name in sorted(resources)}


def twins_of(steps: Iterable[Step], tokens: dict[str, tuple[str, ...]]) -> tuple[Twin, ...]:
    """The twins that these steps need: those they name, and the first one's neighbour, which must stay as it is."""
    named = {token for step in steps for token in tokens_in(step.request)}
    return tuple(Twin(token, resource) for resource, known in tokens.items() if named & set(known) for token in known)
