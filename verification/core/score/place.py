"""The places of a document under names that are the same in every case: ids as tokens, equal things as `*`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from verification.core.cases import Shape
from verification.core.score.tree import Members, Node, Steps, Token, children, written

_NO_TWINS = frozenset({"absent", "run"})


@dataclass(frozen=True, slots=True)
class Place:
    """One node. `path` holds the actual keys, for the catalog's patterns; `label` names the place in every case."""

    steps: Steps
    path: tuple[str, ...]
    label: tuple[str, ...]
    node: Node

    @property
    def name(self) -> str:
        """The label as one text; empty for the whole document."""
        return ".".join(self.label)

    @property
    def kind(self) -> str:
        """The JSON type."""
        return type(self.node).__name__


@dataclass(frozen=True, slots=True)
class Labels:
    """How the places of one kind of document are named for one probe."""

    shape: Shape
    names: tuple[tuple[str, str], ...]

    @property
    def twins(self) -> list[str]:
        """The actual ids of the probe's twins."""
        return [actual for token, actual in self.names if token not in _NO_TWINS]

    def places(self, tree: Node) -> list[Place]:
        """Every place of the document, of places with one name the first."""
        found: dict[tuple[str, ...], Place] = {}
        for place in self.every(tree):
            found.setdefault(place.label, place)
        return list(found.values())

    def every(self, tree: Node) -> Iterator[Place]:
        """Every place of the document, containers before what is in them."""
        return self._walk(Place((), (), (), tree))

    def leaves(self, tree: Node) -> dict[str, str]:
        """What stands at every place that contains nothing, as text; of places with one name all of them."""
        found: dict[str, str] = {}
        for place in self.every(tree):
            if not any(True for _ in children(place.node)):
                found[place.name] = found.get(place.name, "") + written(place.node)
        return found

    def _walk(self, place: Place) -> Iterator[Place]:
        yield place
        for position, (key, node) in enumerate(children(place.node)):
            path = (*place.path, str(key))
            label = (*place.label, self._step(place, key, node))
            yield from self._walk(Place((*place.steps, position), path, label, node))

    def _step(self, container: Place, key: str | int, node: Node) -> str:
        if isinstance(key, int):
            return self._token(self._key_of(container, node)) or "*"
        return self._token(key) or ("*" if self._is_anything(container.path) else key)

    def _key_of(self, container: Place, item: Node) -> str | None:
        """What identifies the item where the catalog says that the list is keyed."""
        for keyed in self.shape.keyed:
            if keyed.path == ".".join(container.path) and isinstance(item, Members):
                return next((str(value) for key, value in item if key == keyed.key), None)
        return None

    def _token(self, key: str | None) -> str | None:
        return next((f"«{token}»" for token, actual in self.names if actual == key), None)

    def _is_anything(self, path: tuple[str, ...]) -> bool:
        """True where the catalog says `*` of the members of this object."""
        shape = self.shape
        declared = [mask.path for mask in shape.masks] + [keyed.path for keyed in shape.keyed]
        declared += [*shape.critical, *shape.messages, *shape.multisets, *(pattern for pattern, _ in shape.ids)]
        steps = [pattern.split(".") for pattern in declared]
        return any(
            len(pattern) > len(path)
            and pattern[len(path)] == "*"
            and all(one in ("*", step) for one, step in zip(pattern, path, strict=False))
            for pattern in steps
        )


def swapped_ids(text: str, twins: list[str]) -> str:
    """The text with the ids of the first two twins changed for each other; the same text where there is no pair."""
    if len(twins) < 2 or twins[0].isdigit() or twins[1].isdigit():
        return text
    first, second = twins[:2]
    return second.join(part.replace(second, first) for part in text.split(first))


def other_id(node: Node, twins: list[str]) -> Node:
    """The node with one twin's id put in place of another's; None where it holds none or there is no other."""
    if len(twins) < 2 or not isinstance(node, str):
        return None
    if isinstance(node, Token):
        return next((Token(twins[at - 1]) for at, twin in enumerate(twins) if twin == node), None)
    here = next((at for at, twin in enumerate(twins) if not twin.isdigit() and twin in node), None)
    return None if here is None else node.replace(twins[here], twins[here - 1])
