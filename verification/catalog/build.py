"""Entries -> the frozen dataclasses that everybody else works with, each checked against what it refers to."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl

from verification.catalog.derive import derived_cases
from verification.catalog.entries import (
    CaseEntry,
    CatalogFile,
    EndpointEntry,
    FullRequestEntry,
    PoolEntry,
    RaceEntry,
    ReadingEntry,
    RequestEntry,
    ResourceEntry,
    ShapeEntry,
    TwinEntry,
)
from verification.catalog.mistakes import shown, unknown
from verification.catalog.placeholders import SELF
from verification.catalog.references import ALWAYS_KNOWN, Place, References
from verification.catalog.source import Source
from verification.core.cases import (
    Case,
    Endpoint,
    KeyedList,
    LoadSpec,
    Mask,
    PoolSpec,
    RaceCall,
    RaceSpec,
    ReadingSpec,
    RequestSpec,
    ResourceSpec,
    Shape,
    Twin,
)


def shape(entry: ShapeEntry) -> Shape:
    """A shape; headers that are not named are the usual ones."""
    plain = Shape(
        masks=tuple(Mask(**mask.model_dump()) for mask in entry.masks),
        keyed=tuple(KeyedList(keyed.path, keyed.key, keyed.ordered) for keyed in entry.keyed),
        multisets=tuple(entry.multisets),
        messages=tuple(entry.messages),
        critical=tuple(entry.critical),
        ids=tuple((named.path, named.token) for named in entry.ids),
    )
    if entry.headers is None:
        return plain
    headers = tuple(header.lower() for header in entry.headers)
    return Shape(plain.masks, plain.keyed, plain.multisets, plain.messages, plain.critical, plain.ids, headers)


def request(method: str, entry: RequestEntry, base: RequestEntry | None = None) -> RequestSpec:
    """A request; what the entry leaves out is taken from the base. A body of one kind replaces one of the other."""
    given = {name: getattr(part, name) for part in (base, entry) if part is not None for name in _set_fields(part)}
    if "raw_body" in entry.model_fields_set:
        given.pop("body", None)
    elif "body" in entry.model_fields_set:
        given.pop("raw_body", None)
    return RequestSpec(
        method,
        given["path"],
        tuple(parse_qsl(given.get("query") or "", keep_blank_values=True)),
        body=given.get("body"),
        has_body="body" in given,
        raw_body=given.get("raw_body"),
        content_type=given.get("content_type"),
    )


def _set_fields(entry: RequestEntry) -> list[str]:
    return sorted(entry.model_fields_set - {"method", "endpoint"})


def _full(entry: FullRequestEntry) -> RequestSpec:
    return request(entry.method, entry)


def resource(name: str, entry: ResourceEntry) -> ResourceSpec:
    """How twins of one kind are made and removed."""
    return ResourceSpec(
        name,
        _full(entry.create),
        entry.learned_id,
        {state: tuple(map(_full, steps)) for state, steps in entry.states.items()},
        tuple(map(_full, entry.remove)),
        tuple(map(_full, entry.neutralise)),
    )


def reading(name: str, entry: ReadingEntry) -> ReadingSpec:
    """A public read of state."""
    return ReadingSpec(name, _full(entry.request), entry.items, entry.key, entry.ordered, shape(entry.shape))


def pool(name: str, entry: PoolEntry) -> PoolSpec:
    """A pool of twins for the load."""
    return PoolSpec(name, entry.resource, entry.token, entry.size, tuple(entry.states))


def races(files: Sequence[tuple[Source, CatalogFile]], references: References) -> dict[str, RaceSpec]:
    """All races. Mistakes are noted in `references`."""
    entries = {entry.id: entry for _, file in files for entry in file.endpoints if entry.disabled is None}
    built: dict[str, RaceSpec] = {}
    for source, file in files:
        for name, entry in file.races.items():
            place = Place(source, ("races", name), f"race {shown(name)}")
            if name in built:
                references.note(place, (), "another file declares this name already")
            built[name] = _race(name, entry, place, entries, references)
    return built


def _race(
    name: str, entry: RaceEntry, place: Place, entries: dict[str, EndpointEntry], references: References
) -> RaceSpec:
    given: list[Twin] = []
    for token, twin in entry.given.items():
        references.twin(place.inside("given", token), twin, (earlier.token for earlier in given))
        given.append(Twin(token, twin.resource or "", tuple(twin.states), dict(twin.fields)))
    for index, reading_name in enumerate(entry.reads):
        references.known(place, ("reads", index), "reading", reading_name, references.readings)
    known = {*entry.given, *ALWAYS_KNOWN}
    calls = []
    for index, call in enumerate(entry.calls):
        if references.known(place, ("calls", index, "endpoint"), "endpoint", call.endpoint, entries):
            endpoint = entries[call.endpoint]
            method = call.endpoint.split(" ", 1)[0]
            spec = _checked_request(method, endpoint, call, place.inside("calls", index), known, references)
            calls.append(RaceCall(call.endpoint, spec))
    return RaceSpec(name, entry.title, tuple(given), tuple(calls), tuple(entry.reads), entry.rounds)


def check_named(source: Source, file: CatalogFile, references: References) -> None:
    """Resources, readings and pools of one file against everything that is declared."""
    for name, entry in file.resources.items():
        place = Place(source, ("resources", name), f"resource {shown(name)}")
        steps: list[tuple[tuple[str | int, ...], FullRequestEntry]] = [(("create",), entry.create)]
        steps += [(("states", state, i), step) for state, found in entry.states.items() for i, step in enumerate(found)]
        steps += [(("remove", i), step) for i, step in enumerate(entry.remove)]
        steps += [(("neutralise", i), step) for i, step in enumerate(entry.neutralise)]
        for field, step in steps:
            references.tokens(place, field, _full(step), {SELF})
    for name, reading_entry in file.readings.items():
        place = Place(source, ("readings", name), f"reading {shown(name)}")
        references.tokens(place, ("request",), _full(reading_entry.request), set())
        references.shape(place.inside("shape"), reading_entry.shape)
    for name, pool_entry in file.pools.items():
        place = Place(source, ("pools", name), f"pool {shown(name)}")
        if references.known(place, ("resource",), "resource", pool_entry.resource, references.resources):
            references.states(place, pool_entry.resource, pool_entry.states)


def endpoints(files: Sequence[tuple[Source, CatalogFile]], references: References) -> tuple[Endpoint, ...]:
    """All endpoints, files in order of their names. Mistakes are noted in `references`."""
    built: dict[str, Endpoint] = {}
    declared: set[str] = set()
    for source, file in files:
        for index, entry in enumerate(file.endpoints):
            place = Place(source, ("endpoints", index), f"endpoint {shown(entry.id)}")
            if entry.id in declared:
                references.note(place, ("id",), "this endpoint is declared twice; put its cases under the first")
            declared.add(entry.id)
            # What is not asked may be unfinished: it is checked once somebody enables it.
            if entry.disabled is None:
                built[entry.id] = _endpoint(entry, place, references)
    return tuple(built.values())


def _endpoint(entry: EndpointEntry, place: Place, references: References) -> Endpoint:
    method, route = entry.id.split(" ", 1)
    if not entry.path.endswith(route):
        references.note(place, ("path",), f"{shown(entry.path)} must end with the endpoint's own route {shown(route)}")
    for index, name in enumerate(entry.reads):
        references.known(place, ("reads", index), "reading", name, references.readings)
    references.shape(place.inside("shape"), entry.shape)
    references.shape(place.inside("error_shape"), entry.error_shape)
    for index, named in enumerate(entry.shape.ids):
        if entry.load is None or entry.load.creates is None:
            references.note(
                place, ("shape", "ids", index), "`load.creates` must name the resource that this is the id of"
            )
        if named.token in entry.given:
            references.note(place, ("shape", "ids", index, "token"), f"{shown(named.token)} is a twin already")
    cases: dict[str, Case] = {}
    for index, case_entry in enumerate(entry.cases):
        case_place = place.inside("cases", index, entry=f"{place.entry}, case {shown(case_entry.id)}")
        case = _case(method, entry, case_entry, case_place, references)
        if case.id in cases:
            references.note(case_place, ("id",), f"the id {shown(case.id)} stands twice under this endpoint")
        cases[case.id] = case
    written = tuple(cases.values())
    if not any(is_success(case) for case in written):
        references.note(place, ("cases",), "none of them says with `status` 200 to 299 that control takes it; add one")
    derived = _derived(entry, cases, place, references)
    clash = next((case for case in derived if case.id in cases), None)
    if clash is not None:
        references.note(place, ("cases",), f"the id {shown(clash.id)} belongs to a derived variation; choose another")
    return Endpoint(
        entry.id, method, entry.path, entry.writes, shape(entry.shape), shape(entry.error_shape),
        tuple(entry.reads), written + derived, _load(method, entry, written, place.inside("load"), references),
        entry.destructive,
    )  # fmt: skip


def is_success(case: Case) -> bool:
    """True when control is known to take the request."""
    return case.status is not None and case.status < 300


def _case(method: str, entry: EndpointEntry, case: CaseEntry, place: Place, references: References) -> Case:
    given: list[Twin] = []
    merged = {token: _laid_over(entry.given.get(token), case.given.get(token)) for token in (*entry.given, *case.given)}
    for token, twin in merged.items():
        references.twin(place.inside("given", token), twin, (earlier.token for earlier in given))
        given.append(Twin(token, twin.resource or "", tuple(twin.states), dict(twin.fields)))
    spec = _checked_request(method, entry, case.request, place.inside("request"), {*merged, *ALWAYS_KNOWN}, references)
    return Case(case.id, case.title, tuple(given), spec, case.status)


def _laid_over(base: TwinEntry | None, own: TwinEntry | None) -> TwinEntry:
    """The case's word on a twin over the endpoint's."""
    if base is None or own is None:
        return own or base or TwinEntry()
    return base.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})


def _checked_request(
    method: str, entry: EndpointEntry, own: RequestEntry, place: Place, known: set[str], references: References
) -> RequestSpec:
    if own.path is None and entry.request.path is None:
        references.note(place, ("path",), f"neither the case nor the endpoint's request names a path like {entry.path}")
        own = own.model_copy(update={"path": entry.path})
    spec = request(method, own, entry.request)
    references.route(place, ("path",), entry, spec.path)
    references.tokens(place, (), spec, known)
    return spec


def _derived(entry: EndpointEntry, cases: dict[str, Case], place: Place, references: References) -> tuple[Case, ...]:
    if not entry.fields:
        return ()
    base = cases.get(entry.derive_from or "")
    if base is None:
        problem = "`fields` needs the case to start from" if entry.derive_from is None else ""
        references.note(
            place, ("derive_from",), problem or unknown("case of this endpoint", str(entry.derive_from), cases)
        )
        return ()
    usable = True
    for name, field in entry.fields.items():
        if field.at == "path" and f"{{{name}}}" not in entry.path:
            references.note(place, ("fields", name), f"{shown(name)} is no parameter of {entry.path}")
            usable = False
        if field.at == "body" and not isinstance(base.request.body, dict):
            references.note(
                place, ("fields", name), f"the case {shown(base.id)} sends no object that this could be a field of"
            )
            usable = False
    return derived_cases(base, entry.path, entry.fields, cases.values()) if usable else ()


def _load(method: str, entry: EndpointEntry, cases: Sequence[Case], place: Place, references: References) -> LoadSpec:
    if entry.load is None:
        requests = tuple(case.request for case in cases if is_success(case) and not case.given)
        if not requests:
            references.note(
                place, (), "every case that succeeds needs twins; say with `pool` which ones the load takes"
            )
        return LoadSpec(1.0, requests, None)
    known = set(ALWAYS_KNOWN)
    if entry.load.pool is not None and references.known(place, ("pool",), "pool", entry.load.pool, references.pools):
        known.add(references.pools[entry.load.pool].token)
    if entry.load.creates is not None:
        references.known(place, ("creates",), "resource", entry.load.creates, references.resources)
    requests = tuple(
        _checked_request(method, entry, own, place.inside("requests", index), known, references)
        for index, own in enumerate(entry.load.requests)
    )
    return LoadSpec(float(entry.load.weight), requests, entry.load.pool, entry.load.creates)
