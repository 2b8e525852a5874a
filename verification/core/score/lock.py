"""Mistakes that only calls at the same moment show: what one of them changed is gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from verification.core.cases import Catalog, RaceSpec
from verification.core.model import Arm, Reading
from verification.core.records import RaceRound
from verification.core.score.mutant import tree_of, with_tree
from verification.core.score.place import Labels
from verification.core.score.tree import Node, children, replaced, written
from verification.core.state import reading_shape

_ADMISSIBLE = "one of the orders of the calls leaves this field as it was, too"


def lost_changes(
    catalog: Catalog, spec: RaceSpec, rounds: tuple[RaceRound, ...]
) -> Iterator[tuple[str, str | None, RaceRound]]:
    """(place, why it makes no difference, the candidate's round with one change less) for every changed field."""
    raced = next((one for one in rounds if one.arm is Arm.CANDIDATE and not one.order), None)
    serial = [one for one in rounds if one.order]
    if raced is None or not serial:
        return
    for name in spec.reads:
        kept = [_unchanged(catalog, name, one) for one in serial]
        before, after = (_reading(raced, name, moment) for moment in ("before", "after"))
        if before is None or after is None:
            continue
        labels = _labels(catalog, name, raced)
        was = {place.label: place.node for place in labels.places(_tree(before))}
        tree = _tree(after)
        for place in labels.places(tree):
            old = was.get(place.label, _NOWHERE)
            if old is _NOWHERE or any(True for _ in children(place.node)) or written(old) == written(place.node):
                continue
            instead = replace(
                raced,
                readings=tuple(
                    with_tree(one, replaced(tree, place.steps, old)) if one is after else one for one in raced.readings
                ),
            )
            excuse = _ADMISSIBLE if any(place.name in fields for fields in kept) else None
            yield f"race {spec.name}: {name} {place.name}", excuse, instead


_NOWHERE = object()


def _unchanged(catalog: Catalog, name: str, found: RaceRound) -> frozenset[str]:
    """The fields that stand after the calls as they stood before."""
    before, after = (_reading(found, name, moment) for moment in ("before", "after"))
    if before is None or after is None:
        return frozenset()
    labels = _labels(catalog, name, found)
    old, new = labels.leaves(_tree(before)), labels.leaves(_tree(after))
    return frozenset(field for field in old if old[field] == new.get(field))


def _labels(catalog: Catalog, name: str, found: RaceRound) -> Labels:
    return Labels(reading_shape(catalog.readings[name]), found.names)


def _reading(found: RaceRound, name: str, moment: str) -> Reading | None:
    return next((one for one in found.readings if (one.name, one.moment) == (name, moment)), None)


def _tree(reading: Reading) -> Node:
    return tree_of(reading.exchange.answer) if reading.exchange.answer else None
