"""A document that somebody else wrote, JSON or YAML, as plain JSON values: bounded in size, depth and expansion."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import NoReturn

import yaml

from verification.catalog.source import PLAIN_SCALARS
from verification.core.errors import UsageError
from verification.core.model import Json

MOST_BYTES = 50_000_000
MOST_YAML_BYTES = 10_000_000
MOST_DEPTH = 150
"""Documents that people write stay far below it, and whatever walks through the value may call itself."""
MOST_VALUES = 2_000_000
"""Values in the document once every alias of YAML is written out."""

_Parser = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = "<<"


def parse(content: bytes, origin: str) -> Json:
    """The value of a JSON or YAML text; `origin` names it in messages.

    Raises UsageError where it is neither, too large, nested too deeply, or expands to too much.
    """
    if len(content) > MOST_BYTES:
        raise UsageError(
            f"{origin}: is larger than {MOST_BYTES // 1_000_000} MB; cut it down to what is to be verified"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{origin}: is no text in UTF-8 ({error.reason} at byte {error.start})") from error
    if text.lstrip()[:1] in ("{", "["):
        try:
            return _bounded(json.loads(text, parse_constant=_no_number, parse_float=_finite), origin)
        except RecursionError as error:
            raise _too_deep(origin) from error
        except ValueError as error:
            # What begins like JSON may still be YAML; its own message is then the better one.
            if isinstance(error, json.JSONDecodeError) and _may_be_yaml(text):
                return _yaml(text, origin)
            raise UsageError(f"{origin}: is no JSON: {error}") from error
    return _yaml(text, origin)


def _may_be_yaml(text: str) -> bool:
    return '"' not in text[:200]


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is larger than a number may be")
    return number


def _too_deep(origin: str) -> UsageError:
    return UsageError(f"{origin}: is nested more than {MOST_DEPTH} levels deep, which no description of a service is")


def _bounded(value: Json, origin: str) -> Json:
    """The value, once it is known to be neither too deep nor too large. Walks by levels: nothing calls itself."""
    level, depth, seen = [value], 0, 0
    while level:
        seen += len(level)
        if depth > MOST_DEPTH:
            raise _too_deep(origin)
        if seen > MOST_VALUES:
            raise _too_many(origin)
        level = [member for one in level for member in _members(one)]
        depth += 1
    return value


def _members(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _too_many(origin: str) -> UsageError:
    return UsageError(
        f"{origin}: holds more than {MOST_VALUES:,} values once its aliases are written out; cut it down to what is to "
        "be verified"
    )


def _yaml(text: str, origin: str) -> Json:
    if len(text) > MOST_YAML_BYTES:
        raise UsageError(
            f"{origin}: is larger than {MOST_YAML_BYTES // 1_000_000} MB of YAML; give it as JSON, which is read faster"
        )
    try:
        return _Builder(origin).value(yaml.parse(text, Loader=_Parser))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise UsageError(f"{origin}: is neither JSON nor YAML{line}: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"{origin}: is neither JSON nor YAML: {str(error) or 'it is nested too deeply'}") from error


class _Builder:
    """Builds the value from YAML's events, with a stack of its own. An alias counts as much as what it stands for."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._anchors: dict[str, tuple[Json, int, int]] = {}
        """Name -> value, how many values it holds, and how deep it is."""
        self._open: list[_Node] = []
        self._values = 0

    def value(self, events: Iterator[yaml.Event]) -> Json:
        """The value of the first document among the events."""
        for event in events:
            if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self._open.append(_Node({} if isinstance(event, yaml.MappingStartEvent) else [], event.anchor))
                self._check(len(self._open), 1)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                node = self._open.pop()
                if self._add(node.value, node.anchor, node.size, node.depth):
                    return node.value
            elif isinstance(event, yaml.ScalarEvent):
                found = _scalar(event)
                if self._add(found, event.anchor, 1, 0):
                    return found
            elif isinstance(event, yaml.AliasEvent):
                value, size, depth = self._anchor(event)
                self._check(len(self._open) + depth, size)
                self._add(value, None, size, depth)
        return None

    def _anchor(self, event: yaml.AliasEvent) -> tuple[Json, int, int]:
        if event.anchor not in self._anchors:
            raise UsageError(f"{self._origin}: no finished value bears the name of the alias *{event.anchor}")
        return self._anchors[event.anchor]

    def _check(self, depth: int, size: int) -> None:
        self._values += size
        if depth > MOST_DEPTH:
            raise _too_deep(self._origin)
        if self._values > MOST_VALUES:
            raise _too_many(self._origin)

    def _add(self, value: Json, anchor: str | None, size: int, depth: int) -> bool:
        """Put a finished value where it belongs; True when it is the whole document."""
        if anchor is not None:
            self._anchors[anchor] = (value, size, depth)
        if not self._open:
            return True
        self._open[-1].add(value, size, depth)
        return False


class _Node:
    """A mapping or a list that is still being read."""

    def __init__(self, value: Json, anchor: str | None) -> None:
        self.value, self.anchor = value, anchor
        self.size, self.depth = 1, 0
        self._key: str | None = None

    def add(self, value: Json, size: int, depth: int) -> None:
        self.size += size
        self.depth = max(self.depth, depth + 1)
        if isinstance(self.value, list):
            self.value.append(value)
        elif self._key is None:
            # YAML's keys may be numbers (`200:` in a list of answers); JSON's are texts.
            self._key = value if isinstance(value, str) else json.dumps(value, default=str)
        else:
            merged = value if self._key == _MERGE and isinstance(value, dict) else {self._key: value}
            self.value.update({key: one for key, one in merged.items() if key not in self.value})
            self._key = None


def _scalar(event: yaml.ScalarEvent) -> Json:
    """As JSON would read it; `yes` and dates stay texts, and so does whatever bears a tag."""
    text = str(event.value)
    if not event.implicit[0]:
        return text
    kind = next((name for name, pattern, _ in PLAIN_SCALARS if re.fullmatch(pattern, text, re.ASCII)), "str")
    readings: dict[str, Json] = {"null": None, "bool": text == "true", "str": text}
    if kind in readings:
        return readings[kind]
    return int(text) if kind == "int" else _finite(text)
