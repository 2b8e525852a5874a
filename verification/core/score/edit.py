"""The operators: every mistake that can be made at one place of a JSON document."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from verification.core.score.tree import Members, Node, Steps, Token, changed_at, node_at, replaced


@dataclass(frozen=True, slots=True)
class Edit:
    """One mistake. `moved` is the new value where one scalar was replaced by another of its own type, None else."""

    operator: str
    what: str
    tree: Node
    moved: Node = None


def edits(tree: Node, steps: Steps) -> Iterator[Edit]:
    """Every mistake at the place, as whole trees."""
    node = node_at(tree, steps)
    if steps:
        yield from _edits_in_container(tree, steps)
    for operator, what, value in _replacements(node):
        moved = value if operator in ("value", "casing") else None
        yield Edit(operator, what, replaced(tree, steps, value), moved)
    if isinstance(node, list) and len(node) > 1 and node != node[::-1]:
        yield Edit("order", "reversed", changed_at(tree, steps, lambda found: type(found)(found[::-1])))
    if isinstance(node, Members):
        extra = ("unforeseen", True)
        yield Edit("extra effect", "another member", changed_at(tree, steps, lambda found: Members([*found, extra])))
    elif isinstance(node, list):
        yield Edit("extra effect", "another item", changed_at(tree, steps, lambda found: [*found, "unforeseen"]))


def _edits_in_container(tree: Node, steps: Steps) -> Iterator[Edit]:
    """What is done to a member or item as such."""
    way, at = steps[:-1], steps[-1]
    container = node_at(tree, way)

    def with_instead(*instead: Node) -> Node:
        return changed_at(tree, way, lambda found: type(found)([*found[:at], *instead, *found[at + 1 :]]))

    entry = container[at]
    yield Edit("drop", "absent", with_instead())
    yield Edit("duplicate", "twice", with_instead(entry, entry))
    if isinstance(container, Members):
        key, member = entry
        yield Edit("rename", "under another name", with_instead((f"{key}_", member)))
        if key.swapcase() != key:
            yield Edit("casing", "its name in the other case", with_instead((key.swapcase(), member)))


def _replacements(node: Node) -> Iterator[tuple[str, str, Node]]:
    """(operator, what, instead) for a node on its own."""
    if node is not None:
        yield "null", "null", None
    yield "type", "in a list", [node]
    if isinstance(node, Token):
        yield "type", "as text", str(node)
        yield from _other_numbers(node)
    elif isinstance(node, bool):
        yield "type", "as number", Token(int(node))
        yield "value", "the opposite", not node
    elif isinstance(node, str):
        yield "type", "as number", Token("0")
        yield from _other_texts(node)
    elif node is None:
        yield "type", "an empty text", ""
        yield "value", "a number", Token("0")
    elif not node:
        yield "type", "the other container", [] if isinstance(node, Members) else Members()


def _other_numbers(number: Token) -> Iterator[tuple[str, str, Node]]:
    try:
        whole = int(number)
    except ValueError:
        whole = None
    if whole is not None:
        yield "type", "with a fraction", Token(f"{number}.0")
        yield "value", "one more", Token(whole + 1)
        yield "value", "its negative", Token(-whole - 1)
    else:
        value = float(number)
        yield "value", "the next number", Token(repr(math.nextafter(value, math.inf) if math.isfinite(value) else 0.0))


def _other_texts(text: str) -> Iterator[tuple[str, str, Node]]:
    yield "value", "longer", f"{text}~"
    if text.strip():
        yield "value", "blank", " "
    if text.swapcase() != text:
        yield "casing", "in the other case", text.swapcase()
