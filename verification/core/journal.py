"""What a run makes on a target that is not its own, said before it is made; and what of it is there to be undone.

Pure: the journal's lines and the target's readings in, things to undo out. A thing is this run's only where the journal
knows it: by the name that it was to get, which carries the run's tag, or by the id that the target gave it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from verification.core.cases import Catalog, ReadingSpec, ResourceSpec
from verification.core.documents import values_at
from verification.core.model import Arm, Json

_PLACEHOLDERS = ("{self}", "{run}")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_NUMBER = re.compile(r"(?<=-)[0-9]+$")


@dataclass(frozen=True, slots=True)
class Making:
    """Written before things of a kind are created: the names that they will bear; `…-*` stands for any number."""

    resource: str
    names: tuple[str, ...]
    home: Arm = Arm.CONTROL
    """The arm through which they are created, and can be undone."""


@dataclass(frozen=True, slots=True)
class Made:
    """The target has told the id of a thing whose id the suite does not choose."""

    resource: str
    actual: str
    home: Arm = Arm.CONTROL


@dataclass(frozen=True, slots=True)
class Unmade:
    """A thing was removed, neutralised or found to be gone; nothing is to be done about it any more."""

    resource: str
    actual: str
    home: Arm = Arm.CONTROL


Entry = Making | Made | Unmade
"""Everything that may stand in a journal."""
Note = Callable[[Entry], None]
"""Puts an entry on the disk."""


def forget(_entry: Entry) -> None:
    """The note-taking for a target that is thrown away afterwards."""


@dataclass(frozen=True, slots=True)
class Cleanup:
    """Evidence of a clean-up after the run: what it removed, neutralised and had to leave, in words."""

    ended_at: datetime
    removed: tuple[str, ...]
    neutralised: tuple[str, ...]
    left: tuple[str, ...]


def still_left(told: Iterable[str], cleanups: Iterable[Cleanup]) -> list[str]:
    """What a run left behind, in the words of its steps, once the clean-ups after it are counted in."""
    left = dict.fromkeys(told)
    for cleanup in cleanups:
        dealt_with = {*cleanup.removed, *cleanup.neutralised}
        left = {words: None for words in left if words.split(" (", 1)[0] not in dealt_with}
        left |= dict.fromkeys(f"{name} (cannot be deleted; neutralised)" for name in cleanup.neutralised)
        left |= dict.fromkeys(cleanup.left)
    return list(left)


def side(home: Arm) -> str:
    """Words after what is on the candidate's side, where each side keeps a state of its own; one id may be on both."""
    return " on candidate" if home is Arm.CANDIDATE else ""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something of this run that may be on the target, on the side of its home."""

    resource: str
    actual: str
    home: Arm = Arm.CONTROL

    def __str__(self) -> str:
        return f"{self.resource} {self.actual}{side(self.home)}"


@dataclass(frozen=True, slots=True)
class Survey:
    """What of a run is on its target: to undo, neutral already, gone, and whatever only looks like it."""

    to_undo: tuple[Thing, ...]
    neutral: tuple[Thing, ...]
    gone: tuple[Thing, ...]
    unknown: tuple[str, ...]
    """Items that bear the run's prefix and that its journal does not know: nobody may touch them."""


def is_readable(spec: ReadingSpec, body: Json) -> bool:
    """True where a reading has the form that the catalog says."""
    return _items(spec, body) is not None


def keys_shown(spec: ReadingSpec, body: Json) -> frozenset[str]:
    """The ids of the items that a reading shows; none where it has another form than the catalog says."""
    return frozenset(key for key, _ in _items(spec, body) or ())


def may_be_ours(told: str, known: Collection[str]) -> bool:
    """Whether an id that an answer tells can be that of something new: a step of a path, and not there before."""
    return told not in ("", ".", "..") and told not in known


def survey(
    catalog: Catalog, entries: Iterable[Entry], readings: Mapping[str, Json], prefix: str, home: Arm = Arm.CONTROL
) -> Survey:
    """Hold a run's journal against the readings of one home (name -> parsed body; left out where it could not be read).

    What was made through another home is another state's, whatever its id.
    """
    known = _Known.of(catalog, entries, home)
    shown: dict[Thing, bool] = {}
    unknown: dict[str, None] = {}
    for name, body in readings.items():
        spec = catalog.readings[name]
        for key, item in _items(spec, body) or ():
            seen = known.things(spec, key, item)
            for thing in seen:
                shown[thing] = shown.get(thing, False) or known.is_settled(thing, item)
            if not seen and any(text.startswith(prefix) for text in (key, *known.texts(item))):
                unknown[f"{key} in reading {name!r}{side(home)}"] = None
    listed = _listed(catalog, readings)
    hidden = [thing for thing in known.open if thing not in shown]
    return Survey(
        (*(t for t in hidden if t.resource not in listed), *(t for t, settled in shown.items() if not settled)),
        tuple(thing for thing, settled in shown.items() if settled),
        tuple(thing for thing in hidden if thing.resource in listed),
        tuple(unknown),
    )


@dataclass(frozen=True, slots=True)
class _Known:
    """The journal, read: who may bear which name, what is open, and what is settled."""

    catalog: Catalog
    home: Arm
    marks: dict[str, tuple[str, ...]]
    bearers: dict[str, set[str]]
    open: dict[Thing, None]
    settled: set[Thing]

    @staticmethod
    def of(catalog: Catalog, entries: Iterable[Entry], home: Arm) -> _Known:
        """What these lines say, whichever file they stand in; kinds that the catalog does not know are nobody's."""
        known = _Known(catalog, home, {name: marks(catalog, name) for name in catalog.resources}, {}, {}, set())
        for entry in (entry for entry in entries if entry.home is home):
            resource = catalog.resources.get(entry.resource)
            if isinstance(entry, Making):
                for name in entry.names if resource is not None else ():
                    known.bearers.setdefault(name, set()).add(entry.resource)
                    if resource is not None and resource.learned_id is None:
                        known.open[Thing(entry.resource, name, home)] = None
            elif isinstance(entry, Made):
                known.open[Thing(entry.resource, entry.actual, home)] = None
            else:
                known.settled.add(Thing(entry.resource, entry.actual, home))
        for thing in known.settled:
            known.open.pop(thing, None)
        return known

    def things(self, spec: ReadingSpec, key: str, item: Json) -> list[Thing]:
        """What of this run an item is; more than one where two kinds share a name."""
        kinds = self.catalog.resources.items()
        return [Thing(name, key, self.home) for name, kind in kinds if self._is(kind, spec, key, item)]

    def _is(self, resource: ResourceSpec, spec: ReadingSpec, key: str, item: Json) -> bool:
        if resource.learned_id is None:
            return resource.name in self.bearers.get(key, ())
        if spec.key is None:
            return False
        if any(self._bears(resource, text) for text in _texts(item, self.marks[resource.name])):
            return True
        # Renamed since: an open id is ours, for nobody has touched it; a settled one only where it is as we left it.
        thing, body = Thing(resource.name, key, self.home), _neutral_body(resource)
        settled = thing in self.settled and body is not None and _holds(item, body)
        return _lists(spec, resource) and (thing in self.open or settled)

    def _bears(self, resource: ResourceSpec, text: str) -> bool:
        name = _name(text)
        return any(resource.name in self.bearers.get(known, ()) for known in (name, _NUMBER.sub("*", name)))

    def is_settled(self, thing: Thing, item: Json) -> bool:
        """True where nothing is to be done: the item shows it, or cannot show it and was neutralised before."""
        resource = self.catalog.resources[thing.resource]
        if resource.remove:
            return False
        body = _neutral_body(resource)
        return thing in self.settled if body is None else _holds(item, body)

    def texts(self, item: Json) -> list[str]:
        """What stands in the places that may bear a run's name."""
        return [text for paths in self.marks.values() for text in _texts(item, paths)]


def marks(catalog: Catalog, resource: str) -> tuple[str, ...]:
    """Dotted paths at which a resource bears the name that the run gave it, however it was created."""
    requests = [catalog.resources[resource].create]
    for endpoint in catalog.endpoints:
        if endpoint.load.creates == resource:
            requests += [*(case.request for case in endpoint.cases), *endpoint.load.requests]
    return tuple(dict.fromkeys(path for request in requests for path in _marked(request.body, "")))


def _marked(value: Json, path: str) -> list[str]:
    if isinstance(value, str):
        return [path] if path and value.startswith(_PLACEHOLDERS) else []
    if not isinstance(value, dict):
        return []
    return [found for key, member in value.items() for found in _marked(member, f"{path}.{key}" if path else key)]


def _texts(item: Json, paths: Iterable[str]) -> list[str]:
    return [text for path in paths for text in values_at(item, path).values() if isinstance(text, str)]


def _name(text: str) -> str:
    """The text up to where a name must end: a longer word is another's name."""
    found = _NAME.match(text)
    return found.group() if found else ""


def _items(spec: ReadingSpec, body: Json) -> list[tuple[str, Json]] | None:
    """The items of a reading with their ids; None where it has another form than the catalog says."""
    collection = next(iter(values_at(body, spec.items).values()), None) if spec.items else body
    if spec.key is None:
        return list(collection.items()) if isinstance(collection, dict) else None
    if not isinstance(collection, list):
        return None
    return [(str(item[spec.key]), item) for item in collection if isinstance(item, dict) and spec.key in item]


def _lists(spec: ReadingSpec, resource: ResourceSpec) -> bool:
    """True where a reading lists the collection that the resource is created in: what it does not list is not there."""
    return spec.key is not None and spec.request.path == resource.create.path


def _listed(catalog: Catalog, readings: Mapping[str, Json]) -> frozenset[str]:
    """The resources of which a reading that could be read lists all."""
    read = [(catalog.readings[name], body) for name, body in readings.items()]
    whole = [spec for spec, body in read if is_readable(spec, body)]
    return frozenset(name for name, kind in catalog.resources.items() if any(_lists(spec, kind) for spec in whole))


def _neutral_body(resource: ResourceSpec) -> dict[str, Json] | None:
    """What an item holds once it is neutralised; None where the requests do not tell."""
    told: dict[str, Json] = {}
    for step in resource.neutralise:
        if step.raw_body is not None or not isinstance(step.body, dict):
            return None
        told |= step.body
    return told or None


def _holds(item: Json, body: Mapping[str, Json]) -> bool:
    return isinstance(item, dict) and all(
        key in item and type(item[key]) is type(value) and item[key] == value for key, value in body.items()
    )
