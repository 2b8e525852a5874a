"""A YAML file as plain JSON values that know their lines. Only what JSON can say is read: no dates, no `yes`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from verification.catalog.mistakes import Mistake, shown
from verification.core.errors import CatalogError
from verification.core.model import Json

Location = tuple[str | int, ...]

MOST_VALUES = 200_000
"""Aliases of aliases can make a few lines swell without end."""
_PREFIX = "tag:yaml.org,2002:"


PLAIN_SCALARS: tuple[tuple[str, str, list[str]], ...] = (
    ("null", r"null|~|", ["n", "~", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"-?(?:0|[1-9]\d*)", list("-0123456789")),
    ("float", r"-?(?:0|[1-9]\d*)(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)", list("-0123456789")),
)
"""(type, regular expression, first characters) of what is no text although it stands without quotes."""


class _JsonLoader(yaml.SafeLoader):
    """SafeLoader whose plain scalars are JSON's: `yes` and `2026-01-01` stay text, `0x10` and `12:30` too."""


_JsonLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in PLAIN_SCALARS:
    _JsonLoader.add_implicit_resolver(_PREFIX + _tag, re.compile(rf"^(?:{_pattern})$", re.ASCII), _first)


class JsonDumper(yaml.SafeDumper):
    """Writes what this room reads back as the same JSON: a text that would read as a number is put in quotes."""

    yaml_implicit_resolvers = _JsonLoader.yaml_implicit_resolvers

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        """Never an alias: a person edits one place without changing another."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        """Lists stand deeper than the key above them, as in the catalogs that people write."""
        super().increase_indent(flow, False)


def _written(dumper: JsonDumper, text: str) -> yaml.ScalarNode:
    """Whatever does not print is escaped: YAML folds line breaks, of which it knows more than one."""
    return dumper.represent_scalar(f"{_PREFIX}str", text, style=None if text.isprintable() else '"')


JsonDumper.add_representer(str, _written)


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its value, and the line (from 1) of each place in it."""

    file: Path
    value: Json
    lines: dict[Location, int]

    def line(self, location: Sequence[str | int]) -> int:
        """The line of that place, or of the nearest place around it."""
        place = tuple(location)
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def at(self, location: Sequence[str | int]) -> Json:
        """The value at that place, None where there is none."""
        value = self.value
        for step in location:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value


def read(file: Path) -> tuple[Source, list[Mistake]]:
    """The file's value and the mistakes of its notation: syntax, repeated keys, keys that are no text, tags.

    Raises CatalogError where the file cannot be read at all.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{file}: the catalog file cannot be read: {error}") from error
    try:
        node = yaml.compose(text, Loader=_JsonLoader)
    except RecursionError as error:
        raise CatalogError(f"{file}: is nested too deeply to be a catalog") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        return Source(file, None, {}), [
            Mistake(file, line, "", "", f"this is not YAML: {error.problem or error.context}")
        ]
    except yaml.YAMLError as error:
        return Source(file, None, {}), [Mistake(file, 1, "", "", f"this is not YAML: {error}")]
    reader = _Reader(file)
    value = reader.value(node, ()) if node is not None else None
    return Source(file, value, reader.lines), reader.mistakes


class _Reader:
    """Turns nodes into values, remembers lines and collects mistakes."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lines: dict[Location, int] = {}
        self.mistakes: list[Mistake] = []
        self._open: set[int] = set()
        self._left = MOST_VALUES

    def value(self, node: yaml.Node, location: Location) -> Json:
        self.lines.setdefault(location, node.start_mark.line + 1)
        self._left -= 1
        if self._left < 0:
            raise CatalogError(f"{self.file}: holds more than {MOST_VALUES:,} values once its aliases are written out")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, location)
        if id(node) in self._open:
            self._note(node, location, "an alias may not contain itself")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item, (*location, index)) for index, item in enumerate(node.value)]
            return self._mapping(node, location)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.Node, location: Location) -> Json:
        members: dict[str, Json] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != f"{_PREFIX}str":
                self._note(key_node, location, f"a key must be text; put it in quotes: {shown(str(key_node.value))}")
                continue
            key = str(key_node.value)
            if key in members:
                first = self.lines[(*location, key)]
                self._note(key_node, (*location, key), f"the key {shown(key)} stands here twice, first in line {first}")
                continue
            self.lines[(*location, key)] = key_node.start_mark.line + 1
            members[key] = self.value(value_node, (*location, key))
        return members

    def _scalar(self, node: yaml.ScalarNode, location: Location) -> Json:
        text = str(node.value)
        kind = node.tag.removeprefix(_PREFIX)
        if kind == "str":
            return text
        if kind == "null":
            return None
        if kind == "bool" and text in ("true", "false"):
            return text == "true"
        try:
            if kind == "int":
                return int(text)
            if kind == "float":
                return float(text)
        except ValueError:
            pass
        self._note(node, location, f"the tag {node.tag} on {shown(text)} is not read here; valid: plain JSON values")
        return None

    def _note(self, node: yaml.Node, location: Location, problem: str) -> None:
        dotted = ".".join(map(str, location))
        self.mistakes.append(Mistake(self.file, node.start_mark.line + 1, "", dotted, problem))
