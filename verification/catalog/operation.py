"""One operation of an OpenAPI document: parameters, bodies and answers -> the cases, fields and masks of a sketch."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import quote

from verification.catalog.example import Document, given_example, items, kind_of, mapping, parameter_example, text
from verification.catalog.likely import MOST_MASKS, of_schema
from verification.catalog.sketch import NO_BODY, Sketch, SketchCase, fill_in, line, slug
from verification.core.model import Json
from verification.core.redact import is_secret

MOST_EXAMPLES, MOST_FIELDS = 5, 20
_KINDS = {"string": "text", "integer": "integer", "number": "number", "boolean": "boolean", "array": "list",
          "object": "object"}  # fmt: skip
_LEFT_OUT_HEADERS = frozenset({"accept", "content-type", "authorization", "cookie"})
"""Headers that the description may name and that say nothing of the request itself."""


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    place: str
    required: bool
    schema: dict[str, Json]
    value: Json
    """An example; a placeholder where only a person knows one."""
    known: bool
    """Whether the description itself gives the example."""


def complete(
    document: Document, sketch: Sketch, item: dict[str, Json], operation: dict[str, Json], left_out: frozenset[str]
) -> tuple[str, ...]:
    """Give a sketch what its operation says: cases, fields and likely masks. Returns the headers that it needs."""
    parameters = _parameters(document, item, operation, left_out)
    _cases(document, sketch, operation, parameters)
    _fields(document, sketch, operation, parameters)
    _answers(document, sketch, operation)
    return tuple(one.name for one in parameters if one.place == "header" and one.required)


def token(name: str) -> str:
    """The name of a parameter as the catalog may write it."""
    return re.sub(r"\W+", "_", name, flags=re.ASCII)[:60] or "value"


def _parameters(
    document: Document, item: dict[str, Json], operation: dict[str, Json], left_out: frozenset[str]
) -> list[_Parameter]:
    """The path's parameters, those of the operation laid over them."""
    merged: dict[tuple[str, str], _Parameter] = {}
    for written in (*items(item.get("parameters")), *items(operation.get("parameters"))):
        found = document.resolved(written)
        name, place = text(found.get("name")), text(found.get("in"))
        if (
            not name
            or (place == "query" and name in left_out)
            or (place == "header" and name.lower() in _LEFT_OUT_HEADERS)
        ):
            continue
        schema = document.plain(found.get("schema"))
        said = given_example(found) or _named_examples(document, found) or given_example(schema)
        made_up = fill_in(name) if place == "path" else parameter_example(schema, name)
        value = said[0] if said else made_up
        required = found.get("required") is True or place == "path"
        if place == "query" and not required and is_secret(name, ""):
            continue
        merged[place, name] = _Parameter(name, place, required, schema, value, bool(said))
    return list(merged.values())


def _named_examples(document: Document, holder: dict[str, Json]) -> list[Json]:
    """OpenAPI's `examples`: an object of named ones."""
    named = mapping(holder.get("examples")).values()
    return [found["value"] for one in named if "value" in (found := document.resolved(one))]


def _cases(document: Document, sketch: Sketch, operation: dict[str, Json], parameters: list[_Parameter]) -> None:
    path = sketch.prefix + _filled(sketch.route, parameters)
    needed = _query([one for one in parameters if one.place == "query" and one.required])
    every = _query([one for one in parameters if one.place == "query" and (one.required or one.known)])
    status, guessed = _success(operation)
    words = f"{sketch.title or sketch.id}, {'a guess: the document names no success' if guessed else 'as documented'}"
    bodies = _bodies(document, operation)
    for name, content_type, body in bodies or [("plain", None, NO_BODY)]:
        case = SketchCase(slug(name), words, path, needed, body, content_type=content_type, status=status)
        sketch.add(case, MOST_EXAMPLES)
    if every != needed:
        first = sketch.cases[0]
        sketch.add(
            SketchCase("every-parameter", f"{words}, with its optional parameters", path, every, first.body,
                       content_type=first.content_type, status=status), MOST_EXAMPLES + 1)  # fmt: skip
    _unknown_id(sketch, operation, parameters, needed)


def _unknown_id(
    sketch: Sketch, operation: dict[str, Json], parameters: list[_Parameter], needed: tuple[tuple[str, str], ...]
) -> None:
    """Where the document knows a 404 and an id is free text, nobody's id is a case of its own."""
    in_path = [one for one in parameters if one.place == "path"]
    free = len(in_path) == 1 and kind_of(in_path[0].schema) == "string" and len(in_path[0].schema.keys() - _PLAIN) == 0
    if sketch.method == "GET" and free and "404" in mapping(operation.get("responses")):
        path = sketch.prefix + re.sub(r"\{\w+\}", "{absent}", sketch.route)
        sketch.add(SketchCase("unknown-id", "nobody bears this id", path, needed, status=404), MOST_EXAMPLES + 2)


_PLAIN = frozenset({"type", "title", "description", "example", "examples"})


def _filled(route: str, parameters: list[_Parameter]) -> str:
    """The route with an example in place of each parameter."""
    known = {token(one.name): one.value for one in parameters if one.place == "path"}

    def value(match: re.Match[str]) -> str:
        said = _word(known.get(match[1], fill_in(match[1])))
        return quote(said, safe="{}" if said.startswith("{") else "", errors="replace") or fill_in(match[1])

    return re.sub(r"\{(\w+)\}", value, route)


def _word(value: Json) -> str:
    """A value as an address writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)


def _query(parameters: list[_Parameter]) -> tuple[tuple[str, str], ...]:
    """Lists as repeated parameters, as OpenAPI does by default; what is nested further is left out."""
    return tuple(
        (one.name, _word(value))
        for one in parameters
        for value in (one.value if isinstance(one.value, list) else [one.value])
        if not isinstance(value, dict | list)
    )


def _success(operation: dict[str, Json]) -> tuple[int, bool]:
    """The documented success, and whether it is a guess."""
    codes = [code for code in mapping(operation.get("responses")) if re.fullmatch("2[0-9][0-9]", code, re.ASCII)]
    return (int(min(codes)), False) if codes else (200, True)


def _content(document: Document, operation: dict[str, Json]) -> tuple[str, dict[str, Json]]:
    """The media type of the body that is sent, JSON before any other, and what is said of it."""
    content = mapping(document.resolved(operation.get("requestBody")).get("content"))
    names = sorted(content, key=lambda name: "json" not in name)
    return (names[0], mapping(content[names[0]])) if names else ("", {})


def _bodies(document: Document, operation: dict[str, Json]) -> list[tuple[str, str | None, Json]]:
    """(name, content type, value) of each body that the document suggests."""
    media_type, media = _content(document, operation)
    if not media_type:
        return []
    content_type = None if media_type == "application/json" else line(media_type, 100)
    named = [
        (name, content_type, found["value"])
        for name, one in mapping(media.get("examples")).items()
        if "value" in (found := document.resolved(one))
    ]
    if named:
        return named[:MOST_EXAMPLES]
    value = media["example"] if "example" in media else document.example(media.get("schema"))
    return [("plain", content_type, value)] if "json" in media_type else []


def _fields(document: Document, sketch: Sketch, operation: dict[str, Json], parameters: list[_Parameter]) -> None:
    """What variations are derived from: each parameter, and each member of a JSON body."""
    steps = sketch.path.split("/")
    for one in parameters:
        if one.place == "query" or (one.place == "path" and f"{{{token(one.name)}}}" in steps):
            name = token(one.name) if one.place == "path" else one.name
            _field(sketch, name, one.place, one.schema)
    _, media = _content(document, operation)
    if sketch.cases and isinstance(sketch.cases[0].body, dict):
        for name, schema in mapping(document.resolved(media.get("schema")).get("properties")).items():
            inner = document.plain(schema)
            if inner.get("readOnly") is not True and name not in sketch.fields:
                _field(sketch, name, "body", inner)


def _field(sketch: Sketch, name: str, place: str, schema: dict[str, Json]) -> None:
    kind = _KINDS.get(kind_of(schema))
    if not re.fullmatch(r"[\w.-]{1,60}", name, re.ASCII) or len(sketch.fields) >= MOST_FIELDS:
        return
    # A list in an address has no one form; of a field without a type nothing can be derived.
    if kind is None or (place != "body" and kind in ("list", "object")):
        return
    found: dict[str, Json] = {"at": place, "type": kind}
    numbers = {"minimum": schema.get("minimum"), "maximum": schema.get("maximum")} if kind == "integer" else {}
    found |= {key: value for key, value in numbers.items() if isinstance(value, int) and not isinstance(value, bool)}
    longest = schema.get("maxLength")
    if kind == "text" and place == "body" and isinstance(longest, int) and 0 < longest <= 1000:
        found["max_length"] = longest
    sketch.fields[name] = found


def _answers(document: Document, sketch: Sketch, operation: dict[str, Json]) -> None:
    """Likely masks of the documented success, and where its errors hold free text."""
    for code, written in mapping(operation.get("responses")).items():
        content = mapping(document.resolved(written).get("content"))
        schema = next((mapping(media).get("schema") for name, media in content.items() if "json" in name), None)
        for path, name, kind, form in document.leaves(schema):
            if code.startswith("2"):
                mask = of_schema(name, kind, form, creates=sketch.method == "POST")
                if mask is not None and len(sketch.masks) < MOST_MASKS:
                    sketch.masks.setdefault(path, mask)
            elif (
                code.startswith(("4", "5")) and kind == "string" and name in _FREE_TEXT and path not in sketch.messages
            ):
                sketch.messages.append(path)


_FREE_TEXT = frozenset({"message", "detail", "msg", "error_description", "title"})
