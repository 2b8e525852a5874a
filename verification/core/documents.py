"""From a raw body to a value that can be compared: parsed without loss, ids replaced by tokens, keyed lists keyed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from functools import partial

import orjson

from verification.core.cases import KeyedList, Shape
from verification.core.masks import Path, matches
from verification.core.model import Answer, Json
from verification.core.said import say

ORDER_KEY, KEYED_KEY = "«order»", "«keyed by»"
MARKS = frozenset({ORDER_KEY, KEYED_KEY})
"""Members that keying adds: the order where it counts, and that this was a list and no object."""
REPEATED = "«repeated» "
"""Begins the member that holds all values of a key that stands more than once in one object."""
MAX_DEPTH = 64
"""Deeper documents are compared as texts, so that no recursion depends on how deep the caller's own stack is."""


class Verbatim(str):
    """A JSON number or constant that a parser would bend; kept as its own text behind a mark, so that it equals no
    number and no text that a backend would send."""

    __slots__ = ()


class Unparsable(ValueError):
    """The body is no JSON document; the text says why."""


def parse(answer: Answer) -> Json:
    """The body as a value, without loss: NaN, overlong numbers and repeated keys stay visible. Raises Unparsable."""
    if answer.body_is_base64:
        raise Unparsable("the body is not valid UTF-8")
    value = _plainly(answer.body)
    if value is None:
        value = _losslessly(answer.body)
    if _is_deeper_than(MAX_DEPTH, value):
        raise Unparsable(say("it is nested deeper than {levels} levels", levels=MAX_DEPTH))
    return value


def _plainly(body: str) -> Json:
    """The value of a body that a quick parser gives back letter by letter, so that nothing was bent; None otherwise."""
    try:
        text = body.encode()
        value = orjson.loads(text)
        return value if orjson.dumps(value) == text else None
    except (ValueError, TypeError):
        return None


def _losslessly(body: str) -> Json:
    try:
        return json.loads(
            body,
            parse_float=_number,
            parse_int=_integer,
            parse_constant=_verbatim,
            object_pairs_hook=_members,
        )
    except (ValueError, RecursionError) as error:
        raise Unparsable(str(error) or type(error).__name__) from error


def _is_deeper_than(levels: int, value: Json) -> bool:
    layer = [value]
    for _ in range(levels + 1):
        layer = [member for node in layer if isinstance(node, dict | list) for member in _members_of(node)]
        if not layer:
            return False
    return True


def _members_of(node: dict[str, Json] | list[Json]) -> Iterable[Json]:
    return node.values() if isinstance(node, dict) else node


def _verbatim(text: str) -> Verbatim:
    return Verbatim(f"«verbatim» {text}")


def _number(text: str) -> Json:
    number = float(text)
    try:
        exact = Decimal(text) == Decimal(repr(number))
    except InvalidOperation:
        exact = False
    return number if exact else _verbatim(text)


def _integer(text: str) -> Json:
    if len(text) > 1000 or text == "-0":
        return _verbatim(text)
    return int(text)


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        for key in {key for key, _ in pairs}:
            values = [value for name, value in pairs if name == key]
            if len(values) > 1:
                members[f"{REPEATED}{key}"] = values
    return members


def canonical(value: Json) -> bytes:
    """Bytes that are equal exactly when two values are: keys sorted, 1, 1.0 and true kept apart."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return json.dumps(value, sort_keys=True).encode()


class Names:
    """The actual ids of one probe's twins, to be replaced by their tokens so that twins look alike.

    A numeric id has two tokens: 17 is «rule» and "17" is «rule as text», so that the type of an id still counts.
    """

    def __init__(self, names: tuple[tuple[str, str], ...]) -> None:
        self._tokens = {actual: f"«{token}»" for token, actual in names if actual}
        self._numeric = {actual: f"«{token} as text»" for token, actual in names if actual.isdigit()}
        self.tokens = frozenset(self._tokens.values()) | frozenset(self._numeric.values())
        self._in_text = sorted(self._tokens.keys() - self._numeric.keys(), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_whole, self._in_text))) if self._in_text else None

    def in_text(self, text: str) -> str:
        """The text with every name that is no mere number replaced by its token."""
        if self._pattern is None or not any(actual in text for actual in self._in_text):
            return text
        return self._pattern.sub(lambda match: self._tokens[match.group()], text)

    def in_address(self, text: str) -> str:
        """An address with its names replaced; a mere number is a name where it is a whole step or value of it."""
        for number in self._numeric:
            text = re.sub(rf"(?<=[/=]){number}(?=$|[/?&#])", self._tokens[number], text)
        return self.in_text(text)

    def in_json_text(self, text: str) -> str | None:
        """A whole JSON text with its names replaced, where that says all that replacing them in the parsed value would.

        None where it might not: a backslash may hide a name, and a number is a name only where an id stands.
        """
        if "\\" in text or any(number in text for number in self._numeric):
            return None
        return self.in_text(text)

    def of_id(self, value: Json) -> Json:
        """The token for a value that stands where an id stands; numbers are replaced only here."""
        if isinstance(value, bool) or not isinstance(value, int | str):
            return value
        if isinstance(value, int):
            return self._tokens.get(str(value), value)
        return self._numeric.get(value) or self.in_text(value)

    def in_value(self, value: Json) -> Json:
        """The value with the names in all its texts and keys replaced."""
        if isinstance(value, str):
            return value if isinstance(value, Verbatim) else self.in_text(value)
        if isinstance(value, dict):
            return {self.in_text(key): self.in_value(member) for key, member in value.items()}
        if isinstance(value, list):
            return [self.in_value(item) for item in value]
        return value


def _whole(actual: str) -> str:
    """A pattern for the id that does not match the beginning or end of a longer number, nor of a longer word."""
    before = r"(?<!\d)" if actual[0].isdigit() else ""
    after = r"(?!\d)" if actual[-1].isdigit() else r"(?![A-Za-z])" if actual[-1].isalpha() else ""
    return before + re.escape(actual) + after


def normalise(value: Json, shape: Shape, names: Names) -> Json:
    """Ids as tokens, declared lists keyed or sorted, so that position and id no longer make a difference."""
    value = names.in_value(value)
    for path, _ in shape.ids:
        value = change_at(value, path, names.of_id)
    for keyed in shape.keyed:
        value = change_at(value, keyed.path, partial(_by_key, rule=keyed, names=names))
    for path in shape.multisets:
        value = change_at(value, path, _sorted_items)
    return value


def _by_key(items: Json, rule: KeyedList, names: Names) -> Json:
    """A list of objects as an object by key; anything else, or a repeated key, stays as it is and so comparable."""
    if not isinstance(items, list) or not all(isinstance(item, dict) and rule.key in item for item in items):
        return items
    renamed = [{**item, rule.key: names.of_id(item[rule.key])} for item in items]
    keys = [_key_text(item[rule.key]) for item in renamed]
    if len(set(keys)) != len(keys):
        return renamed
    by_key: dict[str, Json] = {KEYED_KEY: rule.key, **dict(zip(keys, renamed, strict=True))}
    return by_key | ({ORDER_KEY: keys} if rule.ordered else {})


def _key_text(key: Json) -> str:
    return key if isinstance(key, str) else canonical(key).decode()


def _sorted_items(items: Json) -> Json:
    return sorted(items, key=canonical) if isinstance(items, list) else items


def change_at(value: Json, pattern: str, change: Callable[[Json], Json]) -> Json:
    """The value with `change` applied at every place that the dotted pattern names; other places are shared."""
    steps = pattern.split(".") if pattern else []
    return _change(value, steps, change)


def _change(value: Json, steps: list[str], change: Callable[[Json], Json]) -> Json:
    if not steps:
        return change(value)
    step, rest = steps[0], steps[1:]
    if isinstance(value, dict):
        return {key: _change(member, rest, change) if step in ("*", key) else member for key, member in value.items()}
    if isinstance(value, list):
        return [_change(item, rest, change) if step in ("*", str(index)) else item for index, item in enumerate(value)]
    return value


def member(value: Json, path: str) -> Json:
    """What stands at a dotted path of names in nested objects; None where nothing does."""
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def values_at(value: Json, pattern: str) -> dict[Path, Json]:
    """Every place that the dotted pattern names, with the value there."""
    found: dict[Path, Json] = {}

    def walk(node: Json, path: Path, depth: int) -> None:
        if depth == 0:
            if matches(pattern, path):
                found[path] = node
            return
        steps: Iterable[tuple[str | int, Json]] = ()
        if isinstance(node, dict):
            steps = node.items()
        elif isinstance(node, list):
            steps = enumerate(node)
        for step, member in steps:
            walk(member, (*path, step), depth - 1)

    walk(value, (), len(pattern.split(".")) if pattern else 0)
    return found
