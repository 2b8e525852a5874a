"""What a probe did to the state: after minus before, keyed by the tokens of its twins."""

from __future__ import annotations

from dataclasses import replace

from verification.core.cases import KeyedList, ReadingSpec, Shape
from verification.core.documents import (
    KEYED_KEY,
    MARKS,
    ORDER_KEY,
    Names,
    Unparsable,
    canonical,
    normalise,
    parse,
    values_at,
)
from verification.core.memory import Memory
from verification.core.model import Exchange, Json, Probe, Reading
from verification.core.said import say

UNREADABLE = "«unreadable»"
REMOVED = "«removed»"
_ABSENT = object()
_SAME = object()


def reading_shape(spec: ReadingSpec) -> Shape:
    """The shape of a reading with its collection declared as keyed."""
    if spec.key is None:
        return spec.shape
    return replace(spec.shape, keyed=(*spec.shape.keyed, KeyedList(spec.items, spec.key, spec.ordered)))


def document(spec: ReadingSpec, exchange: Exchange, names: Names) -> Json:
    """The normalised answer of a reading; a text that says why where it could not be read."""
    # Why is `Said` each time: two types of text would be another kind of difference than two texts.
    if exchange.answer is None:
        return {UNREADABLE: say("{why}", why=exchange.failure)}
    if exchange.answer.status != 200:
        return {UNREADABLE: say("status {status}", status=exchange.answer.status)}
    try:
        return normalise(parse(exchange.answer), reading_shape(spec), names)
    except Unparsable as error:
        return {UNREADABLE: say("{why}", why=error.args[0])}


def change(spec: ReadingSpec, before: Json, after: Json, tokens: frozenset[str]) -> Json:
    """After minus before: the items that were added, changed (only the fields that did) or removed.

    Items that stayed as they were do not appear, so an empty result means "nothing changed". Where the collection is
    ordered, the order of the probe's own twins is part of the result. What stands beside the collection counts as
    well, whole numbers by how far they moved: every probe finds another total. The result has the layout of the
    reading, so that the reading's masks apply.
    """
    old, new = _items(spec, before), _items(spec, after)
    if old is None or new is None:
        return {UNREADABLE: _reason(before) or _reason(after) or "the collection is not there"}
    items: dict[str, Json] = {}
    for key in sorted(set(old) | set(new)):
        if key in MARKS:
            continue
        difference = _item_change(old.get(key, _ABSENT), new.get(key, _ABSENT))
        if difference is not _SAME:
            items[key] = difference
    if (KEYED_KEY in old) != (KEYED_KEY in new):
        items[KEYED_KEY] = new.get(KEYED_KEY, REMOVED)
    if ORDER_KEY in new:
        order = [key for key in new[ORDER_KEY] if key in tokens]
        if items or order != [key for key in old.get(ORDER_KEY, ()) if key in tokens]:
            items[ORDER_KEY] = order
    return _with_rest(spec.items.split(".") if spec.items else [], before, after, items)


def _with_rest(steps: list[str], before: Json, after: Json, items: dict[str, Json]) -> dict[str, Json]:
    """The changed items at their place, and what changed beside the way to them."""
    if not steps:
        return items
    step, rest = steps[0], steps[1:]
    beside: dict[str, Json] = {}
    if isinstance(before, dict) and isinstance(after, dict):
        beside = {
            key: _moved(before.get(key, _ABSENT), after.get(key, _ABSENT))
            for key in sorted(set(before) | set(after))
            if key != step
        }
        before, after = before.get(step), after.get(step)
    inner = _with_rest(rest, before, after, items)
    found = {key: difference for key, difference in beside.items() if difference is not _SAME}
    return found | ({step: inner} if inner else {})


def _moved(old: Json, new: Json) -> Json:
    """How far a whole number moved; for anything else as for an item."""
    if all(isinstance(number, int) and not isinstance(number, bool) for number in (old, new)):
        return new - old if new != old else _SAME
    return _item_change(old, new)


def _reason(document_: Json) -> Json:
    return document_.get(UNREADABLE) if isinstance(document_, dict) else None


def _items(spec: ReadingSpec, document_: Json) -> dict[str, Json] | None:
    if _reason(document_) is not None:
        return None
    found = list(values_at(document_, spec.items).values()) if spec.items else [document_]
    return found[0] if len(found) == 1 and isinstance(found[0], dict) else None


def _item_change(old: Json, new: Json) -> Json:
    """`_SAME` when equal; the whole new item, a removal mark, or the fields that changed."""
    if new is _ABSENT:
        return REMOVED
    if old is _ABSENT:
        return new
    if canonical(old) == canonical(new):
        return _SAME
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {
        key: new.get(key, REMOVED)
        for key in sorted(set(old) | set(new))
        if key not in old or key not in new or canonical(old[key]) != canonical(new[key])
    }


def names_of(probe: Probe, memory: Memory) -> Names:
    """The names of the probe's twins."""
    return memory.once("names", (probe.names,), lambda: Names(probe.names))


def read(spec: ReadingSpec, probe: Probe, reading: Reading, memory: Memory) -> Json:
    """The document of one of the probe's readings."""
    names = names_of(probe, memory)
    return memory.once("document", (reading, names), lambda: document(spec, reading.exchange, names))


def unreadable(spec: ReadingSpec, found: Json) -> str | None:
    """Why the document of a reading shows no collection; None when it does."""
    if _items(spec, found) is not None:
        return None
    return say("{why}", why=_reason(found) or say("the collection is not there"))


def changes(specs: dict[str, ReadingSpec], probe: Probe, memory: Memory) -> dict[str, Json]:
    """Per reading, what changed between before and after, both read through control."""
    documents = {
        (reading.name, reading.moment): read(specs[reading.name], probe, reading, memory) for reading in probe.readings
    }
    tokens = names_of(probe, memory).tokens
    return {
        name: change(specs[name], documents[name, "before"], documents[name, "after"], tokens)
        for name in dict.fromkeys(reading.name for reading in probe.readings)
        if (name, "before") in documents and (name, "after") in documents
    }


def crossings(specs: dict[str, ReadingSpec], probe: Probe, memory: Memory) -> dict[str, tuple[Json, Json]]:
    """Per reading, the state after the probe as control reads it and as candidate reads it."""
    found = {
        (reading.name, reading.moment): read(specs[reading.name], probe, reading, memory)
        for reading in probe.readings
        if reading.moment in ("after", "cross")
    }
    return {
        name: (found[name, "after"], found[name, "cross"])
        for name, moment in found
        if moment == "cross" and (name, "after") in found
    }
