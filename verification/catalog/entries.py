"""The notation of catalog files, validated: what may stand in them, of which type, with what meaning."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from verification.catalog.spelling import CaseId, DottedPath, DottedPathOrRoot, Name, Reason, RoutePath, Text, Token
from verification.core.masks import PREDICATES
from verification.core.model import Json

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Place = Literal["body", "path", "query"]
FieldType = Literal["text", "integer", "number", "boolean", "list", "object"]
VariationName = Literal["absent", "null", "empty", "falsy", "wrong-type", "boundary", "very-long", "unicode"]

_RANGED = ("integer", "number")


class Entry(BaseModel):
    """Base of every entry: unknown keys are refused, a number is no text and a text no number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class MaskEntry(Entry):
    """A predicate that a volatile field must meet on both sides. It never removes the field from the comparison."""

    path: DottedPath
    predicate: Annotated[str, Field(json_schema_extra={"enum": sorted(PREDICATES)})]
    reason: Reason
    """Why the field may differ at all; shown in every report."""
    owner: Text
    """Who answers for this mask."""
    expires: Annotated[date | None, Field(strict=False)] = None
    """From this day on the mask fails the run."""
    group: Name | None = None
    """Masks of one group keep the pattern of equality: equal on control means equal on candidate."""
    minimum: float | None = None
    """Smallest value of an integer or number."""
    maximum: float | None = None
    """Largest value of an integer or number; for a timestamp the largest distance between the sides in seconds."""
    pattern: str | None = None
    """Regular expression that the whole text must match; needed by `pattern` and by nothing else."""
    resolution: Annotated[float | None, Field(gt=0)] = None
    """Step in seconds of a clock that shows more digits than it tells apart, as the times of a file system do (0.01).
    Two such timestamps may be equal by chance, so nothing follows from it."""

    @field_validator("pattern")
    @classmethod
    def pattern_compiles(cls, pattern: str | None) -> str | None:
        """A pattern that cannot be compiled would fail in the middle of a run."""
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"it is no regular expression: {error}") from error
        return pattern

    @model_validator(mode="after")
    def arguments_fit(self) -> MaskEntry:
        """Arguments that the predicate never looks at would promise a check that does not happen."""
        if (self.predicate == "pattern") != (self.pattern is not None):
            raise ValueError("`pattern` is needed by the predicate 'pattern', and by no other")
        if self.minimum is not None and self.predicate not in _RANGED:
            raise ValueError(f"`minimum` belongs to {' and '.join(_RANGED)} only")
        if self.maximum is not None and self.predicate not in (*_RANGED, "timestamp"):
            raise ValueError(f"`maximum` belongs to {', '.join(_RANGED)} and timestamp only")
        if self.resolution is not None and (self.predicate != "timestamp" or self.group is not None):
            raise ValueError("`resolution` belongs to a timestamp without a `group`, which says that equality counts")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} lies above maximum {self.maximum}")
        return self


class KeyedEntry(Entry):
    """A list whose items are found by a key instead of a position."""

    path: DottedPathOrRoot
    key: Text
    ordered: bool = False
    """Whether the order of the items counts too."""


class IdEntry(Entry):
    """Where the answer names the id of what was created."""

    path: DottedPath
    token: Token


class ShapeEntry(Entry):
    """How one kind of answer is compared. What is not mentioned must be equal, type and all."""

    masks: list[MaskEntry] = []
    keyed: list[KeyedEntry] = []
    multisets: list[DottedPathOrRoot] = []
    """Lists whose order carries no meaning."""
    messages: list[DottedPath] = []
    """Free text for people: another wording is a note only."""
    critical: list[DottedPath] = []
    """A difference here is a serious functional fault and rolls back."""
    ids: list[IdEntry] = []
    headers: list[Text] | None = None
    """Headers that are compared, in lower case; left out: content-type, location, cache-control, retry-after."""


class RequestEntry(Entry):
    """A request. `{token}` in path, query and body is the id of the twin of that name, `{absent}` nobody's id."""

    path: RoutePath | None = None
    query: str | None = None
    """As in an address, without the question mark: `lines=5`."""
    body: Json = None
    """A JSON value. `body: null` sends null; left out, nothing is sent."""
    raw_body: str | None = None
    """Sent as it stands, for bodies that are no JSON."""
    content_type: Text | None = None
    """Left out: application/json where there is a body."""

    @model_validator(mode="after")
    def one_body(self) -> RequestEntry:
        """Two bodies cannot both be sent."""
        if "body" in self.model_fields_set and self.raw_body is not None:
            raise ValueError("`body` and `raw_body` exclude each other")
        return self


class FullRequestEntry(RequestEntry):
    """A request that stands on its own, with its method and path."""

    method: Method
    path: RoutePath


class TwinEntry(Entry):
    """A resource that every probe gets one of."""

    resource: Name | None = None
    """Its kind; may be left out in a case where the endpoint's own `given` names it."""
    states: list[Name] = []
    """States it is brought into, in this order."""
    fields: dict[str, Json] = {}
    """Fields at creation beside or instead of the resource's own."""


class FieldEntry(Entry):
    """One field of the body or one parameter, from which variations are derived."""

    at: Place
    type: FieldType
    minimum: int | None = None
    """Smallest valid number; the values at and below it become variations."""
    maximum: int | None = None
    """Largest valid number; the values at and above it become variations."""
    max_length: Annotated[int | None, Field(ge=1, le=100_000)] = None
    """Longest valid text in characters; texts of that length and one more become variations."""
    variations: list[VariationName] | None = None
    """Only these kinds; left out: every kind that the place and the type have."""


class CaseEntry(Entry):
    """One concrete situation."""

    id: CaseId
    title: Reason
    """The situation in words; the report shows it."""
    given: dict[Token, TwinEntry] = {}
    """Twins beside those of the endpoint, or other states of those."""
    request: RequestEntry = RequestEntry()
    """What differs from the endpoint's request."""
    status: Annotated[int | None, Field(ge=200, le=599)] = None
    """What control answers; otherwise the situation was not brought about and proves nothing. Left out where nobody
    knows it: then both sides only have to answer alike, and not with 500 or above."""


class LoadEntry(Entry):
    """How the endpoint takes part in the load."""

    weight: Annotated[float, Field(gt=0, le=100)]
    """Its share of the arrivals, relative to the others."""
    requests: Annotated[list[RequestEntry], Field(min_length=1)]
    """Drawn with equal chance; what is left out is as in the endpoint's request."""
    pool: Name | None = None
    creates: Name | None = None
    """The resource that each success creates and that the run must count."""


class EndpointEntry(Entry):
    """One route with everything the suite asks of it."""

    id: Annotated[str, Field(pattern=r"^(GET|POST|PUT|PATCH|DELETE) /[!-~]*$")]
    """Method and route without the prefix."""
    path: RoutePath
    """The route with its prefix."""
    writes: bool
    """Whether success changes something, on the target or beside it."""
    disabled: Reason | None = None
    """Why nothing of this endpoint is asked; the report says so. Left out: it is asked."""
    destructive: bool = False
    """Whether it may harm more than the twins of the run; left out on a foreign target without --allow-destructive."""
    given: dict[Token, TwinEntry] = {}
    request: RequestEntry
    shape: ShapeEntry
    error_shape: ShapeEntry = ShapeEntry()
    """Used where control answers 400 or above. Left out: everything must be equal."""
    reads: list[Name] = []
    """Readings before and after each probe; an endpoint that writes needs one."""
    fields: dict[str, FieldEntry] = {}
    derive_from: CaseId | None = None
    """The case whose request the variations of `fields` start from."""
    cases: Annotated[list[CaseEntry], Field(min_length=1)]
    load: LoadEntry | None = None
    """Left out: weight 1, with the requests of the cases that succeed and need no twin."""

    @model_validator(mode="after")
    def a_write_says_where_it_shows(self) -> EndpointEntry:
        """State counts as much as the answer, and what a load writes must be known."""
        missing = [name for name, there in (("reads", self.reads), ("load", self.load)) if not there]
        if self.writes and missing and self.disabled is None:
            raise ValueError(
                f"an endpoint that writes needs `reads` and `load`, here is no {' and no '.join(missing)}; "
                "or say why it is not asked, with `disabled: REASON`"
            )
        return self


class ResourceEntry(Entry):
    """How twins of one kind are made. `{self}` is the twin's own id."""

    create: FullRequestEntry
    learned_id: DottedPath | None = None
    """Where the create answer names the id; left out, the suite chooses it."""
    states: dict[Name, list[FullRequestEntry]] = {}
    remove: list[FullRequestEntry] = []
    neutralise: list[FullRequestEntry] = []
    """What is done instead where nothing can be removed."""

    @model_validator(mode="after")
    def can_be_cleaned_up(self) -> ResourceEntry:
        """A resource that is neither removed nor neutralised would be left behind alive."""
        if not self.remove and not self.neutralise:
            raise ValueError("it needs `remove`, or `neutralise` where the backend cannot remove it")
        return self


class ReadingEntry(Entry):
    """A public read of state."""

    request: FullRequestEntry
    items: DottedPathOrRoot
    """Where the collection stands; empty: the answer itself."""
    key: Text | None
    """The field that identifies an item of a list; null where the collection is an object."""
    ordered: bool = False
    shape: ShapeEntry


class PoolEntry(Entry):
    """Twins that load requests draw from, so many for each worker."""

    resource: Name
    token: Token
    size: Annotated[int, Field(ge=1, le=100)]
    states: list[Name] = []


class RaceCallEntry(RequestEntry):
    """One of the calls of a race; what is left out is as in the endpoint's request."""

    endpoint: Text


class RaceEntry(Entry):
    """Calls that are sent at the same moment. What may come of them is learned by sending them one after the other."""

    title: Reason
    """What meets what; the report shows it."""
    given: dict[Token, TwinEntry]
    calls: Annotated[list[RaceCallEntry], Field(min_length=2, max_length=16)]
    reads: Annotated[list[Name], Field(min_length=1)]
    """Readings before and after each round."""
    rounds: Annotated[int, Field(ge=1, le=100)] = 4
    """Rounds on each arm; a lost lock shows in few of them."""


class CatalogFile(Entry):
    """One file of the catalog. Several files of a folder make one catalog."""

    resources: dict[Name, ResourceEntry] = {}
    readings: dict[Name, ReadingEntry] = {}
    pools: dict[Name, PoolEntry] = {}
    races: dict[Name, RaceEntry] = {}
    endpoints: list[EndpointEntry] = []
