"""A JSON Schema of a description -> one plausible value. References lead within the document only; circles end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from verification.catalog.sketch import fill_in
from verification.core.model import Json

MOST_DEPTH = 12
MOST_STEPS = 4_000
"""Parts of schemas that are looked at for one value; a schema that refers to itself in many places has no end."""
_PARTS = ("allOf", "oneOf", "anyOf")
_TEXTS = {
    "date": "2024-05-01", "date-time": "2024-05-01T12:00:00Z", "time": "12:00:00Z", "email": "someone@example.invalid",
    "uuid": "00000000-0000-4000-8000-000000000001", "uri": "https://example.invalid/", "url": "https://example.invalid/",
    "ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "hostname": "example.invalid", "byte": "YQ==",
}  # fmt: skip


def mapping(value: Json) -> dict[str, Json]:
    """The value where it is an object; otherwise nothing: a foreign document may hold anything anywhere."""
    return value if isinstance(value, dict) else {}


def items(value: Json) -> list[Json]:
    """The value where it is a list; otherwise nothing."""
    return value if isinstance(value, list) else []


def text(value: Json) -> str:
    """The value where it is text; otherwise nothing."""
    return value if isinstance(value, str) else ""


@dataclass(slots=True)
class Document:
    """A description with its local references; those that lead elsewhere are counted and never followed."""

    root: dict[str, Json]
    remote: set[str] = field(default_factory=set)
    _steps: int = 0

    def resolved(self, value: Json) -> dict[str, Json]:
        """The object itself, or the one that its `$ref` leads to within this document; empty where there is none."""
        seen: set[str] = set()
        found = mapping(value)
        while isinstance(reference := found.get("$ref"), str):
            if not reference.startswith("#"):
                self.remote.add(reference)
                return {}
            if reference in seen:
                return {}
            seen.add(reference)
            found = mapping(self._at(reference))
        return found

    def plain(self, schema: Json) -> dict[str, Json]:
        """As `resolved`; a choice between null and one other schema (3.1's optional) is that other one."""
        found = self.resolved(schema)
        choices = [self.resolved(one) for name in ("anyOf", "oneOf") for one in items(found.get(name))]
        others = [one for one in choices if one.get("type") != "null"]
        return {**others[0], **found} if len(others) == 1 else found

    def _at(self, reference: str) -> Json:
        value: Json = self.root
        for step in reference[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(value, list):
                value = value[int(name)] if name.isdecimal() and len(name) < 6 and int(name) < len(value) else None
            else:
                value = mapping(value).get(name)
        return value

    def example(self, schema: Json, name: str = "") -> Json:
        """A value that the schema is likely to take; `name` becomes the text where nothing else is known."""
        self._steps = 0
        return self._example(schema, name, 0)

    def _example(self, schema: Json, name: str, depth: int) -> Json:
        found = self.resolved(schema)
        self._steps += 1
        if depth > MOST_DEPTH or self._steps > MOST_STEPS:
            return None
        said = given_example(found)
        if said:
            return said[0]
        for member in _PARTS:
            parts = items(found.get(member))
            if parts:
                return self._of_parts(found, parts if member == "allOf" else parts[:1], name, depth)
        kind = kind_of(found)
        if kind == "object":
            return self._object(found, depth)
        if kind == "array":
            # A list that may be empty is an honest end where a schema holds itself.
            inner = self._example(found.get("items"), name, depth + 1) if depth < MOST_DEPTH // 2 else None
            return [] if inner is None else [inner]
        return plain_example(found, kind, name)

    def _of_parts(self, whole: dict[str, Json], parts: list[Json], name: str, depth: int) -> Json:
        rest = {key: value for key, value in whole.items() if key not in _PARTS}
        values = [self._example(part, name, depth + 1) for part in parts]
        if all(isinstance(value, dict) for value in values):
            merged = self._object(rest, depth)
            for value in values:
                merged |= mapping(value)
            return merged
        return next((value for value in values if value is not None), None)

    def _object(self, schema: dict[str, Json], depth: int) -> dict[str, Json]:
        required = {one for one in items(schema.get("required")) if isinstance(one, str)}
        found: dict[str, Json] = {}
        for key, member in mapping(schema.get("properties")).items():
            inner = self.resolved(member)
            if inner.get("readOnly") is True or (key not in required and depth > 1):
                continue
            value = self._example(member, key, depth + 1)
            if value is not None or key in required:
                found[key] = value
        return found

    def leaves(self, schema: Json) -> Iterator[tuple[str, str, str, str]]:
        """(dotted path, name, type, format) of each plain field below the schema, each path once."""
        self._steps = 0
        seen: set[str] = set()
        for leaf in self._leaves(schema, (), "", 0):
            if leaf[0] not in seen:
                seen.add(leaf[0])
                yield leaf

    def _leaves(
        self, schema: Json, path: tuple[str, ...], name: str, depth: int
    ) -> Iterator[tuple[str, str, str, str]]:
        found = self.resolved(schema)
        self._steps += 1
        if depth > 2 * MOST_DEPTH or self._steps > MOST_STEPS or not found:
            return
        parts = [(part, path, name) for member in _PARTS for part in items(found.get(member))]
        parts += [
            (inner, (*path, key), key)
            for key, inner in mapping(found.get("properties")).items()
            if key and "." not in key
        ]
        parts += [(found["items"], (*path, "*"), name)] if "items" in found else []
        parts += [(found["additionalProperties"], (*path, "*"), "")] if "additionalProperties" in found else []
        for part, inside, known in parts:
            yield from self._leaves(part, inside, known, depth + 1)
        kind = kind_of(found)
        if path and kind not in ("object", "array", ""):
            yield ".".join(path), name, kind, text(found.get("format"))


def given_example(schema: dict[str, Json]) -> list[Json]:
    """The example that the description itself gives, as a list of one; empty where it gives none."""
    if "example" in schema:
        return [schema["example"]]
    if "const" in schema:
        return [schema["const"]]
    said = schema.get("examples")
    if isinstance(said, list) and said:
        return [said[0]]
    if schema.get("default") is not None:
        return [schema["default"]]
    return items(schema.get("enum"))[:1]


def kind_of(schema: dict[str, Json]) -> str:
    """The JSON type; of several (3.1) the first that is not null; guessed from what else stands there."""
    said = schema.get("type")
    kinds = [said] if isinstance(said, str) else [one for one in items(said) if isinstance(one, str)]
    named = next((kind for kind in kinds if kind != "null"), "")
    if named:
        return named
    return "object" if "properties" in schema else "array" if "items" in schema else ""


def plain_example(schema: dict[str, Json], kind: str, name: str) -> Json:
    """A number, boolean or text within the bounds of its schema; None where the type is not known."""
    if kind == "boolean":
        return True
    if kind in ("integer", "number"):
        low, high = schema.get("minimum"), schema.get("maximum")
        bound = next((one for one in (low, high) if isinstance(one, int | float) and not isinstance(one, bool)), 1)
        return int(bound) if kind == "integer" else float(bound)
    if kind != "string":
        return None
    known = _TEXTS.get(text(schema.get("format")))
    if known is not None:
        return known
    least, most = schema.get("minLength"), schema.get("maxLength")
    word = name or "text"
    if isinstance(least, int) and len(word) < least <= 1000:
        word = word.ljust(least, "x")
    return word[:most] if isinstance(most, int) and most > 0 else word


def parameter_example(schema: dict[str, Json], name: str) -> Json:
    """As `plain_example`, but a text that only a person can know becomes a placeholder."""
    kind = kind_of(schema)
    if kind == "string" and text(schema.get("format")) not in _TEXTS:
        return fill_in(name)
    found = plain_example(schema, kind, name)
    return fill_in(name) if found is None else found
