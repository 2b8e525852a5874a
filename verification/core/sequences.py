"""Calls in a row: the steps, which arm takes each, and what walking through them brought."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from verification.core.cases import Catalog, Endpoint, RequestSpec, Twin
from verification.core.documents import canonical
from verification.core.model import Arm, Exchange, Reading

COUNTEREXAMPLE_SCHEMA = "release-gate-counterexample/1"
CONTROL_SIDE, AGAIN_SIDE, TRIAL_SIDE = "control", "control-again", "candidate"


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a sequence: its request with `{token}` placeholders, and the endpoint whose shape its answer has.

    `endpoint` is None for a call outside the catalog's endpoints (creating or deleting a resource): then everything
    but the wording of an error is compared. `learns` are (path, token): the id found there in a successful answer
    names the new resource from then on.
    """

    title: str
    request: RequestSpec
    endpoint: str | None = None
    learns: tuple[tuple[str, str], ...] = ()
    creates: str | None = None
    """The resource that a success creates and that must be removed, None otherwise. Without `learns` it bears the
    passage's own name."""
    removes: str | None = None
    """The token of what a success removes."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """Steps from one starting state, with the arm that takes each of them when the release is tried (`routing`).

    They are held against the same steps, all of them on the control arm.
    """

    key: str
    """`sequence:…`, `retry:…`, `certificate:…` or `replay:…`; what the run owes."""
    given: tuple[Twin, ...]
    steps: tuple[Step, ...]
    routing: tuple[Arm, ...]
    reads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """One way through a sequence from its starting state to the clean-up. `exchanges` are one for each step sent."""

    side: str
    """`control` (every step on control), `control-again` (the same once more: noise) or `candidate` (as routed)."""
    names: tuple[tuple[str, str], ...]
    exchanges: tuple[Exchange, ...]
    readings: tuple[Reading, ...]
    failure: str | None = None
    """Why the starting state could not be brought about."""
    leftover: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SequenceComparison:
    """One sequence and the passages through it. `control-again` is there when the first two differed."""

    sequence: Sequence
    passages: tuple[Passage, ...]

    def side(self, name: str) -> Passage | None:
        """The passage of that side, or None when it is missing."""
        return next((passage for passage in self.passages if passage.side == name), None)


@dataclass(frozen=True, slots=True)
class SequenceSearch:
    """A finished search for a sequence that diverges: what it was to try, what it tried, and how it ended."""

    key: str
    seed: int
    examples_asked: int
    examples_tried: int
    steps_sent: int
    seconds: float
    ended: str
    """`done`, `diverged` (then the search stopped and shrank), `unproven` (no witness) or `out of time`."""


def trial_arms(sequence: Sequence, side: str) -> tuple[Arm, ...]:
    """The arm of each step on this side."""
    return sequence.routing if side == TRIAL_SIDE else (Arm.CONTROL,) * len(sequence.steps)


def home_of(catalog: Catalog, sequence: Sequence, side: str) -> Arm:
    """The arm through which this side makes its twins and reads its state; where states part, its steps go there."""
    return catalog.home(trial_arms(sequence, side)[0])


def groups(catalog: Catalog) -> dict[str, tuple[Endpoint, ...]]:
    """Endpoints that share readings touch the same state, so their calls can meet; a group bears its first reading's
    name. The groups stand in the order of the catalog. What has no readings meets nothing and is in no group."""
    found: list[tuple[set[str], list[Endpoint]]] = []
    for endpoint in (one for one in catalog.endpoints if one.reads):
        touching = [group for group in found if group[0] & set(endpoint.reads)]
        reads, members = set(endpoint.reads), [endpoint]
        for group in reversed(touching):
            reads |= group[0]
            members = group[1] + members
            found.remove(group)
        found.append((reads, members))
    ranks = {endpoint.id: rank for rank, endpoint in enumerate(catalog.endpoints)}
    ordered = [sorted(members, key=lambda endpoint: ranks[endpoint.id]) for _, members in found]
    ordered.sort(key=lambda members: ranks[members[0].id])
    return {members[0].reads[0]: tuple(members) for members in ordered}


def reads_of(catalog: Catalog, endpoints: tuple[Endpoint, ...]) -> tuple[str, ...]:
    """Every reading that these endpoints name, in the order of the catalog."""
    wanted = {name for endpoint in endpoints for name in endpoint.reads}
    return tuple(name for name in catalog.readings if name in wanted)


def digest(sequence: Sequence) -> str:
    """Twelve hexadecimal digits that name what a sequence does, whichever run or search it came from."""
    content = {name: part for name, part in asdict(sequence).items() if name != "key"}
    return hashlib.blake2b(canonical(json.loads(json.dumps(content, default=str))), digest_size=6).hexdigest()


def redacted(sequence: Sequence, redact: Callable[[str], str]) -> Sequence:
    """The sequence as it may be kept: without what `redact` takes out of its requests and twins."""
    steps = tuple(replace(step, request=_redacted_request(step.request, redact)) for step in sequence.steps)
    given = tuple(replace(twin, fields=json.loads(redact(json.dumps(twin.fields)))) for twin in sequence.given)
    return replace(sequence, given=given, steps=steps)


def _redacted_request(request: RequestSpec, redact: Callable[[str], str]) -> RequestSpec:
    # As JSON, in which a value may hold anything; in an address it would end at the first space.
    query = tuple((name, str(json.loads(redact(json.dumps({name: value})))[name])) for name, value in request.query)
    return replace(
        request,
        path=redact(request.path),
        query=query,
        body=json.loads(redact(json.dumps(request.body))),
        raw_body=None if request.raw_body is None else redact(request.raw_body),
    )
