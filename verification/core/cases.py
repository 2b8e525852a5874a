"""What the catalog says, frozen: endpoints, their cases, the twins they need and how their answers are compared.

Placeholders: in paths, queries and bodies `{token}` stands for the actual id of a twin of that name. `{absent}` is
always known and names an id that no twin has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from verification.core.model import Arm, Json


@dataclass(frozen=True, slots=True)
class Mask:
    """A predicate that a volatile field must meet on both sides. Never a deletion.

    `path` is dotted, `*` matches one key or index: `items.*.created_at`. `predicate` is one of `core.masks.PREDICATES`;
    `minimum`, `maximum` and `pattern` are its arguments. Masks of one `group` keep the pattern of equality: values that
    are equal on the control side must be equal on the candidate side, across the whole probe. `resolution` is the step
    in seconds of a clock that shows more digits than it tells apart; None: its digits are true.
    """

    path: str
    predicate: str
    reason: str
    owner: str
    expires: date | None = None
    group: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    resolution: float | None = None


@dataclass(frozen=True, slots=True)
class KeyedList:
    """A list whose items are found by a key instead of a position. With `ordered`, the order of the keys counts too."""

    path: str
    key: str
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """How one kind of document is compared."""

    masks: tuple[Mask, ...] = ()
    keyed: tuple[KeyedList, ...] = ()
    multisets: tuple[str, ...] = ()
    """Paths of lists whose order carries no meaning."""
    messages: tuple[str, ...] = ()
    """Paths of free text for people: another wording is a note, another type is a difference."""
    critical: tuple[str, ...] = ()
    """Paths whose difference is a serious functional fault (ROLLBACK)."""
    ids: tuple[tuple[str, str], ...] = ()
    """(path, token): the id found there names the twin `token` from then on."""
    headers: tuple[str, ...] = ("content-type", "location", "cache-control", "retry-after")


@dataclass(frozen=True, slots=True)
class RequestSpec:
    """A request with placeholders. `body` is a JSON value; `raw_body` is sent as it stands and wins over `body`."""

    method: str
    path: str
    # Not in its repr, which reporters write down as the parameter of a test: they may hold credentials.
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: Json = field(default=None, repr=False)
    has_body: bool = False
    raw_body: str | None = field(default=None, repr=False)
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class ReadingSpec:
    """A public read of state. `items` is the path of the keyed collection in the answer (empty: the answer itself);
    `key` the field that identifies an item of a list, None where the collection is an object."""

    name: str
    request: RequestSpec
    items: str
    key: str | None
    ordered: bool
    shape: Shape


@dataclass(frozen=True, slots=True)
class ResourceSpec:
    """How twins of one kind are made, brought into a state and removed, always through the control arm.

    In its requests `{self}` is the twin's own id. The id is chosen by the suite, or learned from the create answer at
    `learned_id`. What cannot be removed is neutralised and counted.
    """

    name: str
    create: RequestSpec
    learned_id: str | None
    states: dict[str, tuple[RequestSpec, ...]]
    remove: tuple[RequestSpec, ...]
    neutralise: tuple[RequestSpec, ...]


@dataclass(frozen=True, slots=True)
class Twin:
    """One twin a case needs: its token, its kind, the states it is brought into in order, extra fields at creation."""

    token: str
    resource: str
    states: tuple[str, ...] = ()
    fields: dict[str, Json] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Case:
    """One concrete situation for an endpoint. `status` is what the control arm must answer for the case to be that
    situation; None where the catalog does not know (derived variations)."""

    id: str
    title: str
    given: tuple[Twin, ...]
    request: RequestSpec
    status: int | None
    derived: bool = False


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """How an endpoint takes part in the load: its share of arrivals by weight, and requests drawn with equal chance.

    Tokens in the requests are drawn from the pool `pool` of twins, `pool_size` for each worker, in the states given.
    """

    weight: float
    requests: tuple[RequestSpec, ...]
    pool: str | None
    creates: str | None = None
    """Resource that each successful request creates and that the run must count, None otherwise."""


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """A pool of twins that load requests draw from."""

    name: str
    resource: str
    token: str
    size: int
    states: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RaceCall:
    """One of the calls that are sent at the same moment."""

    endpoint: str
    request: RequestSpec


@dataclass(frozen=True, slots=True)
class RaceSpec:
    """Calls that meet: sent at once on each arm, `rounds` times, and one after the other on control to know what may
    come of them."""

    name: str
    title: str
    given: tuple[Twin, ...]
    calls: tuple[RaceCall, ...]
    reads: tuple[str, ...]
    rounds: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route with everything the suite asks of it."""

    id: str
    method: str
    path: str
    writes: bool
    shape: Shape
    error_shape: Shape
    reads: tuple[str, ...]
    cases: tuple[Case, ...]
    load: LoadSpec
    destructive: bool = False
    """Left out on a target that the suite did not start, unless that was allowed."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything the suite asks, and how answers are compared."""

    endpoints: tuple[Endpoint, ...]
    resources: dict[str, ResourceSpec]
    readings: dict[str, ReadingSpec]
    pools: dict[str, PoolSpec]
    races: dict[str, RaceSpec] = field(default_factory=dict)
    separate_state: bool = False
    """Whether control and candidate each keep a state of their own: then neither can read what the other wrote."""
    disabled: dict[str, str] = field(default_factory=dict)
    """Endpoint -> why nothing of it is asked."""

    def home(self, arm: Arm) -> Arm:
        """The arm through which a side makes its twins and reads its state: control, or its own where states part."""
        return arm if self.separate_state else Arm.CONTROL

    @property
    def homes(self) -> tuple[Arm, ...]:
        """The arms through which twins are made: control, or both where states part."""
        return tuple(Arm) if self.separate_state else (Arm.CONTROL,)

    def endpoint(self, endpoint_id: str) -> Endpoint:
        """The endpoint of that id; KeyError names it where there is none."""
        for endpoint in self.endpoints:
            if endpoint.id == endpoint_id:
                return endpoint
        raise KeyError(endpoint_id)
