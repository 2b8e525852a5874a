"""A faithful refactor of the candidate, made on its evidence: everything that may change without a difference."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random

from verification.core.cases import Catalog, Shape
from verification.core.masks import matches, meets
from verification.core.model import Answer, Comparison, Exchange, Probe
from verification.core.score.masked import plain
from verification.core.score.place import Labels
from verification.core.score.tree import Members, Node, Token, children, grown, replaced, written
from verification.core.state import reading_shape

Change = Callable[[Catalog, Comparison], Probe]
_VOLATILE = (("date", "Tue, 24 Nov 2026 04:58:42 GMT"), ("server", "another"), ("x-request-id", "7f3a"))


def _candidate(comparison: Comparison) -> Probe:
    found = comparison.side("candidate")
    assert found is not None
    return found


def _with_bodies(catalog: Catalog, comparison: Comparison, change: Callable[[str, Labels], str]) -> Probe:
    """The candidate with every JSON body written in another way."""
    probe = _candidate(comparison)
    endpoint = catalog.endpoint(comparison.endpoint)

    def rewritten(exchange: Exchange, shape: Shape) -> Exchange:
        answer = exchange.answer
        if answer is None or answer.body_is_base64 or not answer.body:
            return exchange
        return replace(exchange, answer=replace(answer, body=change(answer.body, Labels(shape, probe.names))))

    assert probe.exchange is not None
    succeeded = probe.exchange.answer is not None and probe.exchange.answer.status < 400
    readings = tuple(
        replace(one, exchange=rewritten(one.exchange, reading_shape(catalog.readings[one.name])))
        for one in probe.readings
    )
    exchange = rewritten(probe.exchange, endpoint.shape if succeeded else endpoint.error_shape)
    return replace(probe, exchange=exchange, readings=readings)


def members_in_another_order(catalog: Catalog, comparison: Comparison) -> Probe:
    def turned(node: Node) -> Node:
        if isinstance(node, Members):
            return Members((key, turned(member)) for key, member in reversed(node))
        return [turned(item) for item in node] if isinstance(node, list) else node

    return _with_bodies(catalog, comparison, lambda body, _: written(turned(grown(body))))


def other_spaces(catalog: Catalog, comparison: Comparison) -> Probe:
    return _with_bodies(catalog, comparison, lambda body, _: f"\r\n{json.dumps(json.loads(body), indent=3)}\n\t")


def other_escapes(catalog: Catalog, comparison: Comparison) -> Probe:
    def escaped(text: str) -> str:
        return '"' + "".join("\\/" if sign == "/" else f"\\u{ord(sign):04x}" for sign in _units(text)) + '"'

    def spelt(node: Node) -> str:
        if isinstance(node, Members):
            return "{" + ",".join(f"{escaped(key)}:{spelt(member)}" for key, member in node) + "}"
        if isinstance(node, list):
            return "[" + ",".join(map(spelt, node)) + "]"
        return escaped(node) if isinstance(node, str) and not isinstance(node, Token) else written(node)

    return _with_bodies(catalog, comparison, lambda body, _: spelt(grown(body)))


def _units(text: str) -> list[str]:
    """The UTF-16 units of a text, as JSON escapes want them."""
    raw = text.encode("utf-16-be")
    return [chr(int.from_bytes(raw[at : at + 2])) for at in range(0, len(raw), 2)]


def items_in_another_order(catalog: Catalog, comparison: Comparison) -> Probe:
    """Only in lists whose order the catalog calls meaningless; each time they are read in another order."""
    chance = Random(comparison.case)

    def shuffled(body: str, labels: Labels) -> str:
        tree = grown(body)
        free = [keyed.path for keyed in labels.shape.keyed if not keyed.ordered] + list(labels.shape.multisets)
        for place in labels.places(tree):
            if isinstance(place.node, list) and any(matches(pattern, place.path) for pattern in free):
                tree = replaced(tree, place.steps, chance.sample(place.node, len(place.node)))
        return written(tree)

    return _with_bodies(catalog, comparison, shuffled)


def other_headers(_: Catalog, comparison: Comparison) -> Probe:
    """Headers in another order, and some that change with every answer."""

    def sent(exchange: Exchange) -> Exchange:
        answer = exchange.answer
        if answer is None:
            return exchange
        return replace(exchange, answer=replace(answer, headers=(*_VOLATILE, *reversed(answer.headers))))

    probe = _candidate(comparison)
    assert probe.exchange is not None
    readings = tuple(replace(one, exchange=sent(one.exchange)) for one in probe.readings)
    return replace(probe, exchange=sent(probe.exchange), readings=readings)


def other_ids(catalog: Catalog, comparison: Comparison) -> Probe:
    """Every id of the probe is another one, in all that it says and everywhere the same."""
    probe = _candidate(comparison)
    names = tuple((token, f"9{actual}" if actual.isdigit() else f"other-{token}-1") for token, actual in probe.names)
    texts = [(old, new) for (_, old), (_, new) in zip(probe.names, names, strict=True) if not old.isdigit()]
    numbers = {old: new for (_, old), (_, new) in zip(probe.names, names, strict=True) if old.isdigit()}

    def renamed(body: str, _: Labels) -> str:
        for old, new in sorted(texts, key=lambda pair: -len(pair[0])):
            body = body.replace(old, new)
        tree = grown(body)
        for place in Labels(Shape(), ()).every(tree):
            if place.path[-1:] == ("id",) and isinstance(place.node, Token) and place.node in numbers:
                tree = replaced(tree, place.steps, Token(numbers[place.node]))
        return written(tree)

    return replace(_with_bodies(catalog, comparison, renamed), names=names)


def masked_values_moved(catalog: Catalog, comparison: Comparison) -> Probe:
    """Every masked value is another one inside its mask; equal ones stay equal, different ones different."""

    def moved(body: str, labels: Labels) -> str:
        tree = grown(body)
        critical = labels.shape.critical
        for place in labels.every(tree):
            mask = next((mask for mask in labels.shape.masks if matches(mask.path, place.path)), None)
            free = mask is not None and not any(matches(pattern, place.path) for pattern in critical)
            if mask is not None and free and not any(True for _ in children(place.node)):
                tree = replaced(tree, place.steps, _moved(mask.predicate, place.node) if meets(mask, plain(place.node))
                                else place.node)  # fmt: skip
        return written(tree)

    return _with_bodies(catalog, comparison, moved)


def _moved(predicate: str, node: Node) -> Node:
    if predicate == "integer":
        return Token(int(node) + 100_000)
    assert predicate == "timestamp", f"say how a value inside a mask of kind {predicate} moves"
    return f"{node[:18]}{(int(node[18]) + 1) % 10}{node[19:]}"


def everything_at_once(catalog: Catalog, comparison: Comparison) -> Probe:
    for change in VARIATIONS[:-1]:
        changed = change(catalog, comparison)
        probes = tuple(changed if one.side == "candidate" else one for one in comparison.probes)
        comparison = replace(comparison, probes=probes)
    return _candidate(comparison)


VARIATIONS: tuple[Change, ...] = (
    members_in_another_order,
    items_in_another_order,
    other_headers,
    other_ids,
    masked_values_moved,
    other_spaces,
    other_escapes,
    everything_at_once,
)


def refactored(catalog: Catalog, comparison: Comparison, change: Change) -> Comparison:
    """The comparison with the candidate's evidence changed."""
    candidate = change(catalog, comparison)
    return replace(comparison, probes=tuple(candidate if one.side == "candidate" else one for one in comparison.probes))


def bodies(probe: Probe) -> list[str]:
    """All that the probe was told, as text."""
    exchanges = [probe.exchange, *(one.exchange for one in probe.readings)]
    answers: list[Answer] = [one.answer for one in exchanges if one is not None and one.answer is not None]
    return [f"{answer.headers} {answer.body}" for answer in answers]
