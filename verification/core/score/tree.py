"""A JSON text as a tree that can be changed at one place, without touching how anything else is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from json.encoder import encode_basestring
from typing import Any

Node = Any
"""A `Members`, a list, a `Token`, a text, a boolean or None."""
Steps = tuple[int, ...]
"""The way to a node: a position in each container."""


class Token(str):
    """A number or constant as it stands in the text."""

    __slots__ = ()


class Members(list[tuple[str, Node]]):
    """The members of an object in their order, repeated keys included."""

    __slots__ = ()


def grown(text: str) -> Node:
    """The tree of a JSON text; ValueError or RecursionError where it is none."""
    return json.loads(text, object_pairs_hook=Members, parse_float=Token, parse_int=Token, parse_constant=Token)


def written(node: Node) -> str:
    """The JSON text of a tree."""
    if isinstance(node, Token):
        return str(node)
    if isinstance(node, Members):
        return "{" + ",".join(f"{_text(key)}:{written(member)}" for key, member in node) + "}"
    if isinstance(node, list):
        return "[" + ",".join(map(written, node)) + "]"
    return _text(node)


def _text(value: str | bool | None) -> str:
    # The encoder's own function for texts: `json.dumps` makes a new encoder for each.
    return encode_basestring(value) if isinstance(value, str) else json.dumps(value)


def children(node: Node) -> Iterator[tuple[str | int, Node]]:
    """What stands in a container, with its key or index; nothing in any other node."""
    if isinstance(node, Members):
        yield from node
    elif isinstance(node, list):
        yield from enumerate(node)


def node_at(tree: Node, steps: Steps) -> Node:
    """The node at the end of the way."""
    for step in steps:
        tree = tree[step][1] if isinstance(tree, Members) else tree[step]
    return tree


def changed_at(tree: Node, steps: Steps, change: Callable[[Node], Node]) -> Node:
    """The tree with `change` applied to one node; everything beside the way is shared."""
    if not steps:
        return change(tree)
    step, rest = steps[0], steps[1:]
    if isinstance(tree, Members):
        key, member = tree[step]
        return Members([*tree[:step], (key, changed_at(member, rest, change)), *tree[step + 1 :]])
    return [*tree[:step], changed_at(tree[step], rest, change), *tree[step + 1 :]]


def replaced(tree: Node, steps: Steps, instead: Node) -> Node:
    """The tree with another node at the end of the way."""
    return changed_at(tree, steps, lambda _: instead)
