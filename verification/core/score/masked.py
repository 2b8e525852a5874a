"""What the catalog allows: values inside a mask, the wording of a message, an order without meaning."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from verification.core.cases import Mask, Shape
from verification.core.masks import matches, meets
from verification.core.model import Json
from verification.core.said import say
from verification.core.score.edit import Edit
from verification.core.score.place import Labels, Place
from verification.core.score.tree import Members, Node, Token, replaced, written

_SECOND, _YEAR, _TO_SECONDS = 18, 3, 19
"""Positions in `2026-11-24T04:58:42.231192+00:00`."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a shape allows at the places of a document. `grouped` are the values of each mask group in the probe."""

    shape: Shape
    grouped: dict[str, list[str]]
    messages: bool = True
    """False in the state, where wording is data."""

    def reason(self, place: Place, edit: Edit) -> str | None:
        """Why the edit makes no difference; None where it must be seen."""
        if edit.operator == "order":
            return self._order(place)
        mask = self.mask_at(place)
        if mask is None or edit.moved is None or not meets(mask, plain(edit.moved)):
            return None
        if self._breaks_pattern(mask, place.node, edit.moved):
            return None
        return say("inside the mask {path}: {reason}", path=mask.path, reason=mask.reason)

    def is_wording(self, place: Place, edit: Edit) -> bool:
        """True where only a text for people is worded in another way; it must be noted, and weighs nothing."""
        stated = self.messages and edit.operator != "id swap" and not self._is_critical(place)
        worded = all(isinstance(text, str) and text.strip() for text in (place.node, edit.moved))
        return stated and worded and any(matches(pattern, place.path) for pattern in self.shape.messages)

    def mask_at(self, place: Place) -> Mask | None:
        """The mask in force: what is critical has none, nor has a value that is not what the mask says."""
        if self._is_critical(place):
            return None
        mask = next((mask for mask in self.shape.masks if matches(mask.path, place.path)), None)
        return mask if mask is not None and meets(mask, plain(place.node)) else None

    def more_edits(self, tree: Node, place: Place) -> Iterator[Edit]:
        """Edits that only a masked place has: to the edge of its mask, beyond it, and to another's value."""
        mask = self.mask_at(place)
        if mask is None:
            return
        for what, value, allowed in _values(mask, place.node):
            yield Edit("value", what, replaced(tree, place.steps, value), value if allowed else None)
        others = [text for text in self.grouped.get(mask.group or "", ()) if text != written(place.node)]
        if others:
            value = Token(others[0])
            yield Edit("id swap", "another one's value", replaced(tree, place.steps, value), value)

    def _breaks_pattern(self, mask: Mask, old: Node, new: Node) -> bool:
        """True where the old value had an equal in the mask's group, or the new one has."""
        values = self.grouped.get(mask.group or "", [])
        return values.count(written(old)) > 1 or written(new) in values

    def _is_critical(self, place: Place) -> bool:
        patterns = self.shape.critical
        return any(matches(pattern, place.path[: len(pattern.split(".")) if pattern else 0]) for pattern in patterns)

    def _order(self, place: Place) -> str | None:
        if isinstance(place.node, Members):
            return "the members of an object have no order (RFC 8259, section 1)"
        if any(not keyed.ordered and matches(keyed.path, place.path) for keyed in self.shape.keyed):
            return "the catalog finds the items of this list by a key, and not by their order"
        if any(matches(pattern, place.path) for pattern in self.shape.multisets):
            return "the catalog says that the order of this list has no meaning"
        return None


def plain(node: Node) -> Json:
    """The value of a scalar; a container stays what it is, which no mask allows."""
    return json.loads(node) if isinstance(node, Token) else node


def group_values(documents: Sequence[tuple[Labels, Node]]) -> dict[str, list[str]]:
    """Per mask group, the values that its masks speak of, in all documents of a probe."""
    grouped: dict[str, list[str]] = {}
    for labels, tree in documents:
        for place in labels.every(tree):
            for mask in labels.shape.masks:
                if mask.group and matches(mask.path, place.path) and meets(mask, plain(place.node)):
                    grouped.setdefault(mask.group, []).append(written(place.node))
    return grouped


def _values(mask: Mask, node: Node) -> Iterator[tuple[str, Node, bool]]:
    """(what, value, whether the mask allows it) around a value that meets the mask."""
    if mask.predicate == "timestamp":
        yield "a few seconds away", _next_digit(node, _SECOND), True
        yield "in another form", node[:_TO_SECONDS] if len(node) > _TO_SECONDS else f"{node}.5", False
        if mask.maximum is not None:
            yield "years away", _next_digit(node, _YEAR), False
    elif mask.predicate == "integer":
        if mask.minimum is not None:
            yield "too small", Token(math.ceil(mask.minimum) - 1), False
        if mask.maximum is not None:
            yield "too large", Token(math.floor(mask.maximum) + 1), False


def _next_digit(text: str, at: int) -> str:
    return f"{text[:at]}{(int(text[at]) + 1) % 10}{text[at + 1 :]}"
