"""Mistakes in what the candidate does to the state, and in how it reads the state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from verification.core.model import Reading
from verification.core.said import say
from verification.core.score.edit import Edit, edits
from verification.core.score.masked import Allowance
from verification.core.score.mutant import Mutant, New, Situation, tree_of
from verification.core.score.place import Labels, Place, other_id, swapped_ids
from verification.core.score.tree import Members, Node, Token, changed_at, children, grown, replaced, written

_ALIKE = "both twins are in the same state, so that changing them for each other changes nothing"


def state_mutants(situation: Situation, new: New) -> Iterator[Mutant]:
    """Every mistake that the readings of the case can show."""
    for name in situation.endpoint.reads:
        trees = {
            moment: tree_of(reading.exchange.answer)
            for moment in ("before", "after", "cross")
            if (reading := situation.reading(name, moment)) is not None and reading.exchange.answer is not None
        }
        if trees.get("before") is not None and trees.get("after") is not None:
            yield from _Reading(situation, name, trees, new).mutants()


class _Reading:
    """One reading of one case at its moments."""

    def __init__(self, situation: Situation, name: str, trees: dict[str, Node], new: New) -> None:
        self.situation, self.name, self.trees, self.new = situation, name, trees, new
        self.labels: Labels = situation.reading_labels(name)
        self.left: list[str] = [moment for moment in ("after", "cross") if moment in trees]
        """Where a mistake in the state itself shows; one in reading it shows across the arms alone."""

    def mutants(self) -> Iterator[Mutant]:
        """All of them."""
        before = {place.label: place for place in self.labels.places(self.trees["before"])}
        across = {place.label: place for place in self.labels.places(self.trees.get("cross"))}
        for place in self.labels.places(self.trees["after"]):
            yield from self._at(place, across.get(place.label), before)
        yield from self._skipped(before)
        yield from self._added()
        yield from self._swapped()
        yield from self._witness()

    def _at(self, place: Place, across: Place | None, before: dict[tuple[str, ...], Place]) -> Iterator[Mutant]:
        """Every mistake at one place: in the state, and in reading it across the arms."""
        allowance = Allowance(self.labels.shape, self.situation.grouped, messages=False)
        was = before.get(place.label)
        changed = was is None or written(was.node) != written(place.node)
        masked = allowance.mask_at(place) is not None
        if not self.new(f"{self.name} {place.name} {place.kind} {changed} {masked}"):
            return
        tree, name = self.trees["after"], f"state {self.name} {place.name}".rstrip()
        same = across is not None and written(across.node) == written(place.node)
        also = list(self._edits(allowance, self.trees["cross"], across)) if across is not None and same else []
        for number, edit in enumerate(self._edits(allowance, tree, place)):
            reason = allowance.reason(place, edit)
            shown = {"after": edit.tree} | ({"cross": also[number].tree} if also else {})
            yield self._mutant(edit, name, shown, reason)
        if not self.new(f"{self.name} {place.name} {place.kind} across"):
            return
        for edit in also:
            reason = allowance.reason(place, edit) if edit.operator == "order" else None
            yield self._mutant(edit, f"{name} (read across)", {"cross": edit.tree}, reason)

    def _edits(self, allowance: Allowance, tree: Node, place: Place) -> Iterator[Edit]:
        yield from edits(tree, place.steps)
        yield from allowance.more_edits(tree, place)
        swapped = other_id(place.node, self.labels.twins)
        if swapped is not None:
            yield Edit("id swap", "the other twin's", replaced(tree, place.steps, swapped))

    def _mutant(self, edit: Edit, place: str, trees: dict[str, Node], reason: str | None = None) -> Mutant:
        probe = None if reason else self.situation.reading_instead(self.name, trees)
        return Mutant(edit.operator, place, edit.what, probe, reason)

    def _skipped(self, before: dict[tuple[str, ...], Place]) -> Iterator[Mutant]:
        """What control's request changes stays as it was: all of it, or one field."""
        if self.labels.leaves(self.trees["before"]) == self.labels.leaves(self.trees["after"]):
            return
        if self.new(f"{self.name} skipped"):
            trees: dict[str, Node] = dict.fromkeys(self.left, self.trees["before"])
            yield self._mutant(Edit("state skip", "all as before", None), f"state {self.name}", trees)
            if "cross" in self.trees:
                stale = Edit("cache", "all as before", None)
                yield self._mutant(stale, f"state {self.name} (read across)", {"cross": self.trees["before"]})
        for place in self.labels.places(self.trees["after"]):
            was = before.get(place.label)
            if was is None or written(was.node) == written(place.node) or not self._is_leaf(was, place):
                continue
            if self.new(f"{self.name} {place.name} skipped"):
                trees = self._everywhere(place, was.node)
                yield self._mutant(Edit("state skip", "as before", None), f"state {self.name} {place.name}", trees)

    def _is_leaf(self, was: Place, place: Place) -> bool:
        """False where the change lies deeper and is visited there."""
        return not (any(True for _ in children(was.node)) and any(True for _ in children(place.node)))

    def _everywhere(self, place: Place, instead: Node) -> dict[str, Node]:
        """The trees after the request with another node at the place."""
        trees: dict[str, Node] = {}
        for moment in self.left:
            there = next((one for one in self.labels.places(self.trees[moment]) if one.label == place.label), None)
            if there is not None:
                trees[moment] = replaced(self.trees[moment], there.steps, instead)
        return trees

    def _added(self) -> Iterator[Mutant]:
        """One item more, made like the first."""
        spec = self.situation.spec(self.name)
        path = tuple(spec.items.split(".")) if spec.items else ()
        trees: dict[str, Node] = {}
        for moment in self.left:
            tree = self.trees[moment]
            place = next((one for one in self.labels.every(tree) if one.path == path), None)
            if place is not None and len(place.node):
                trees[moment] = changed_at(tree, place.steps, lambda items: _with_another(items, spec.key))
        if trees and self.new(f"{self.name} added"):
            yield self._mutant(Edit("extra effect", "an item more", None), f"state {self.name}", trees)

    def _swapped(self) -> Iterator[Mutant]:
        """Two twins changed for each other in all that is read."""
        texts = {moment: written(self.trees[moment]) for moment in self.left}
        twins = self.labels.twins
        swapped = {moment: swapped_ids(text, twins) for moment, text in texts.items()}
        if swapped == texts or not self.new(f"{self.name} swapped"):
            return
        trees = {moment: grown(text) for moment, text in swapped.items()}
        alike = self.labels.leaves(trees["after"]) == self.labels.leaves(self.trees["after"])
        edit = Edit("id swap", "two twins for each other", None)
        yield self._mutant(edit, f"state {self.name}", trees, _ALIKE if alike else None)

    def _witness(self) -> Iterator[Mutant]:
        """Readings that the wrong implementation answered."""
        other = "legacy" if self.situation.catalog.separate_state else "domain"
        for moment, wrong in (("after", other), ("cross", "legacy"), ("cross", None)):
            reading = self.situation.reading(self.name, moment)
            if reading is not None and self.new(f"{self.name} {moment} witness {wrong}"):
                place = f"state {self.name} ({moment}) witness"
                what = say("{implementation} served", implementation=wrong) if wrong else "nobody served"
                candidate = self.situation.candidate
                readings = tuple(_served(one, wrong) if one is reading else one for one in candidate.readings)
                yield Mutant("fallback", place, what, replace(candidate, readings=readings))


def _served(reading: Reading, by: str | None) -> Reading:
    return replace(reading, exchange=replace(reading.exchange, served_by=by))


def _with_another(items: Node, key: str | None) -> Node:
    """The collection with a copy of its first item under a key of its own."""
    if isinstance(items, Members):
        return Members([*items, ("unforeseen", items[0][1])])
    if not isinstance(items[0], Members):
        return [*items, items[0]]
    copy = Members((name, _other_key(value) if name == key else value) for name, value in items[0])
    return [*items, copy]


def _other_key(value: Node) -> Node:
    return Token(f"99{value}") if isinstance(value, Token) else "unforeseen"
