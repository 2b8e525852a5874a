"""Readings as they are kept: what no reading of the probe shows as changed is counted, not repeated.

A run cannot delete the alert rules it makes, so every list of them grows, and evidence kept whole with its square.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from verification.core.cases import ReadingSpec
from verification.core.documents import Unparsable, canonical, parse
from verification.core.journal import is_readable, keys_shown
from verification.core.model import Exchange, Json, Reading


def trimmed(
    readings: Sequence[Reading], specs: Mapping[str, ReadingSpec], own_names: frozenset[str]
) -> tuple[Reading, ...]:
    """The readings without the items that all of them hold alike and that belong to no twin of the probe."""
    kept = []
    for name in dict.fromkeys(reading.name for reading in readings):
        kept += _trim([reading for reading in readings if reading.name == name], specs[name], own_names)
    return tuple(kept)


def keys_in(readings: Sequence[Reading], specs: Mapping[str, ReadingSpec]) -> frozenset[str]:
    """The keys of all items that these readings show."""
    shown = (keys_shown(specs[reading.name], _document(reading.exchange)) for reading in readings)
    return frozenset(key for keys in shown for key in keys)


def readable(readings: Sequence[Reading], specs: Mapping[str, ReadingSpec]) -> bool:
    """Whether all of these readings have the form that the catalog says."""
    return all(is_readable(specs[reading.name], _document(reading.exchange)) for reading in readings)


def _trim(readings: list[Reading], spec: ReadingSpec, own_names: frozenset[str]) -> list[Reading]:
    documents = [_document(reading.exchange) for reading in readings]
    collections = [_items(document, spec) for document in documents]
    if any(items is None for items in collections):
        # One of them could not be read: all are kept whole, so that a person sees what was there.
        return readings
    known = [items for items in collections if items is not None]
    alike = set.intersection(*({*items.items()} for items in known)) if known else set()
    # A number is a name only where an id stands; in a text it would be found everywhere.
    in_text = [name.encode() for name in own_names if not name.isdigit()]
    dull = {key for key, item in alike if key not in own_names and not any(name in item for name in in_text)}
    return [
        replace(reading, exchange=_without(reading.exchange, document, spec, dull), unchanged=len(dull))
        for reading, document in zip(readings, documents, strict=True)
    ]


def _document(exchange: Exchange) -> Json:
    if exchange.answer is None or exchange.answer.status != 200:
        return None
    try:
        return parse(exchange.answer)
    except Unparsable:
        return None


def _collection(document: Json, spec: ReadingSpec) -> Json:
    for step in spec.items.split(".") if spec.items else []:
        document = document.get(step) if isinstance(document, dict) else None
    return document


def _items(document: Json, spec: ReadingSpec) -> dict[str, bytes] | None:
    """Key -> canonical bytes of every item; None where there is no keyed collection."""
    found = _collection(document, spec)
    if spec.key is None:
        return {key: canonical(item) for key, item in found.items()} if isinstance(found, dict) else None
    if not isinstance(found, list) or not all(isinstance(item, dict) and spec.key in item for item in found):
        return None
    items = {str(item[spec.key]): canonical(item) for item in found}
    return items if len(items) == len(found) else None


def _without(exchange: Exchange, document: Json, spec: ReadingSpec, dull: set[str]) -> Exchange:
    if not dull or exchange.answer is None:
        return exchange
    found = _collection(document, spec)
    rest: Json
    if isinstance(found, dict):
        rest = {key: item for key, item in found.items() if key not in dull}
    else:
        rest = [item for item in found if str(item[spec.key]) not in dull]
    body = json.dumps(_with(document, spec.items.split(".") if spec.items else [], rest), ensure_ascii=False)
    return replace(exchange, answer=replace(exchange.answer, body=body))


def _with(document: Json, steps: list[str], rest: Json) -> Json:
    return rest if not steps else {**document, steps[0]: _with(document[steps[0]], steps[1:], rest)}
