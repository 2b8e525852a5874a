"""Calls sent at the same moment -> what came of them, and whether some order of the same calls gives that too.

The rule is that of serialisability (Papadimitriou 1979): an outcome is admissible when the calls, one after the other
in some order, have it as well. Which outcomes those are is learned on the control arm, not declared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations

from verification.core.cases import Catalog, Mask, RaceSpec, Shape
from verification.core.documents import ORDER_KEY, Names, Unparsable, canonical, change_at, normalise, parse
from verification.core.masks import meets
from verification.core.memory import Memory
from verification.core.model import Answer, Json, Probe
from verification.core.records import RaceRound
from verification.core.state import changes, reading_shape

_ALL_ORDERS_UP_TO = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a race: each call's answer and what changed, both as canonical bytes without volatile values."""

    answers: tuple[bytes, ...]
    state: bytes


def orders(calls: int) -> tuple[tuple[int, ...], ...]:
    """The orders that are tried one after the other: every one of few calls, forwards and backwards of many."""
    forwards = tuple(range(calls))
    return tuple(permutations(forwards)) if calls <= _ALL_ORDERS_UP_TO else (forwards, forwards[::-1])


def outcome(catalog: Catalog, spec: RaceSpec, found: RaceRound) -> Outcome:
    """The outcome of one round, all of whose calls were answered."""
    names, volatile = Names(found.names), _Volatile()
    answers = []
    for call, exchange in zip(spec.calls, found.exchanges, strict=True):
        endpoint = catalog.endpoint(call.endpoint)
        answer = exchange.answer
        if answer is None:
            raise ValueError(f"{call.endpoint} has no answer")
        shape = endpoint.shape if answer.status < 400 else endpoint.error_shape
        answers.append(_answer(answer, shape, names, volatile))
    probe = Probe(found.arm.value, found.names, None, found.readings)
    state = {
        name: volatile.out_of(_unordered(change), reading_shape(catalog.readings[name]))
        for name, change in changes(catalog.readings, probe, Memory()).items()
    }
    return Outcome(tuple(answers), canonical(state))


def _answer(answer: Answer, shape: Shape, names: Names, volatile: _Volatile) -> bytes:
    try:
        body = normalise(parse(answer), shape, names)
    except Unparsable:
        return canonical([answer.status, names.in_text(answer.body)])
    for path in shape.messages:
        body = change_at(body, path, lambda text: "«text»" if isinstance(text, str) and text.strip() else text)
    return canonical([answer.status, volatile.out_of(body, shape)])


def _unordered(change: Json) -> Json:
    """Without the order of the items: which of two changes came last is what a race leaves open."""
    if isinstance(change, dict):
        return {key: _unordered(member) for key, member in change.items() if key != ORDER_KEY}
    return change


class _Volatile:
    """Replaces what masks allow. Numbers of one group keep their pattern of equality over the whole round: which of
    two values came first is left open, that they are two is not."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, bytes], int] = {}

    def out_of(self, value: Json, shape: Shape) -> Json:
        """The document with a name in the place of every volatile value."""
        for mask in shape.masks:
            value = change_at(value, mask.path, partial(self._name, mask))
        return value

    def _name(self, mask: Mask, found: Json) -> Json:
        if not meets(mask, found):
            return found
        if mask.group is None or mask.predicate == "timestamp":
            return f"«{mask.predicate}»"
        key = (mask.group, canonical(found))
        return f"«{mask.group} {self._seen.setdefault(key, len(self._seen) + 1)}»"


def is_complete(spec: RaceSpec, found: RaceRound) -> bool:
    """True when every call of the round was answered and its readings are there."""
    there = {(reading.name, reading.moment) for reading in found.readings}
    read = all((name, moment) in there for name in spec.reads for moment in ("before", "after"))
    return read and len(found.exchanges) == len(spec.calls) and all(e.answer is not None for e in found.exchanges)


def lost(serial: Sequence[Outcome], seen: Outcome) -> bool:
    """True when the answers are those of some order and the state is not: what was answered is not what was done."""
    return any(known.answers == seen.answers for known in serial) and all(known.state != seen.state for known in serial)
