"""A Swagger 2.0 document -> the same as OpenAPI 3.0, which is what everything else reads."""

from __future__ import annotations

from itertools import islice

from verification.catalog.example import Document, items, mapping, text
from verification.catalog.sketch import METHODS
from verification.core.model import Json

MOST_PATHS, _MOST_TYPES = 2_000, 3
_JSON = "application/json"
_MOVED = {"#/definitions/": "#/components/schemas/", "#/responses/": "#/components/responses/"}
# What Swagger writes beside a parameter's name, and OpenAPI into its schema.
_OF_SCHEMA = frozenset(
    {"type", "format", "items", "enum", "default", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
    | {"minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "pattern", "multipleOf"}
)


def modern(value: Json) -> Json:
    """The document as OpenAPI 3.0 where it is Swagger 2.0, otherwise as it stands.

    What the two have in common is kept as it was written, mistakes included: whoever reads it passes over them. How the
    items of a list are joined in an address (`collectionFormat`) is lost.
    """
    root = mapping(value)
    # Without quotes YAML takes it for a number.
    if root.get("swagger") not in ("2.0", 2.0):
        return value
    document = Document(root)
    moved = {
        "openapi": "3.0.3",
        "info": root.get("info", {}),
        "servers": [{"url": text(root.get("basePath"))}],
        "security": root.get("security", []),
        "paths": {
            route: _item(document, item) for route, item in islice(mapping(root.get("paths")).items(), MOST_PATHS)
        },
        "components": {
            "schemas": mapping(root.get("definitions")),
            "responses": {name: _answer(document, one, {}) for name, one in mapping(root.get("responses")).items()},
            "securitySchemes": mapping(root.get("securityDefinitions")),
        },
    }
    return _referring(moved)


def _item(document: Document, written: Json) -> Json:
    item = document.resolved(written)
    shared = items(item.get("parameters"))
    return {
        method.lower(): _operation(document, mapping(item[method.lower()]), shared)
        for method in METHODS
        if method.lower() in item
    }


def _operation(document: Document, operation: dict[str, Json], shared: list[Json]) -> Json:
    own = [document.resolved(one) for one in items(operation.get("parameters"))]
    named = {_place(one) for one in own}
    above = [document.resolved(one) for one in shared]
    parameters = [one for one in above if _place(one) not in named] + own
    found = {
        **operation,
        "parameters": [_parameter(one) for one in parameters if one.get("in") not in ("body", "formData")],
        "responses": {
            code: _answer(document, one, operation) for code, one in mapping(operation.get("responses")).items()
        },
    }
    body = _body(document, parameters, operation)
    return {**found, "requestBody": body} if body else found


def _place(parameter: dict[str, Json]) -> tuple[str, str]:
    return text(parameter.get("name")), text(parameter.get("in"))


def _parameter(written: dict[str, Json]) -> Json:
    schema = {key: member for key, member in written.items() if key in _OF_SCHEMA}
    return {**{key: member for key, member in written.items() if key not in _OF_SCHEMA}, "schema": schema}


def _body(document: Document, parameters: list[dict[str, Json]], operation: dict[str, Json]) -> dict[str, Json]:
    """The one body parameter, or the fields of a form."""
    whole = next((one for one in parameters if one.get("in") == "body"), None)
    if whole is not None:
        content: Json = {name: {"schema": whole.get("schema", {})} for name in _types(document, operation, "consumes")}
        return {"required": whole.get("required") is True, "content": content}
    form = [one for one in parameters if one.get("in") == "formData" and text(one.get("name"))]
    if not form:
        return {}
    schema = {
        "type": "object",
        "properties": {text(one.get("name")): mapping(_parameter(one))["schema"] for one in form},
        "required": [one.get("name") for one in form if one.get("required") is True],
    }
    sent = "multipart/form-data" if any(one.get("type") == "file" for one in form) else _URL_ENCODED
    return {"content": {sent: {"schema": schema}}}


_URL_ENCODED = "application/x-www-form-urlencoded"


def _answer(document: Document, written: Json, operation: dict[str, Json]) -> Json:
    answer = mapping(written)
    if "$ref" in answer or "schema" not in answer:
        return written
    media = {name: {"schema": answer["schema"]} for name in _types(document, operation, "produces")}
    return {**{key: member for key, member in answer.items() if key != "schema"}, "content": media}


def _types(document: Document, operation: dict[str, Json], key: str) -> list[str]:
    """The media types that an operation consumes or produces; the document's where it says none itself."""
    own = items(operation.get(key)) or items(document.root.get(key))
    named = [name for name in own if isinstance(name, str)]
    # JSON first: of a long list only the beginning is kept, because each repeats the schema.
    return sorted(named, key=lambda name: "json" not in name)[:_MOST_TYPES] or [_JSON]


def _referring(part: Json) -> Json:
    """The part with every local reference led to where its target stands now."""
    if isinstance(part, list):
        return [_referring(one) for one in part]
    if not isinstance(part, dict):
        return part
    found = {key: _referring(member) for key, member in part.items()}
    reference = found.get("$ref")
    if isinstance(reference, str):
        for old, new in _MOVED.items():
            if reference.startswith(old):
                found["$ref"] = new + reference.removeprefix(old)
    return found
