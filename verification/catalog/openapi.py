"""An OpenAPI document, 3.0 or 3.1 -> sketches of its endpoints. Whatever in it has a wrong type is passed over."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from verification.catalog.example import Document, items, mapping, text
from verification.catalog.mistakes import shown
from verification.catalog.operation import complete, token
from verification.catalog.sketch import METHODS, Sketch, is_route, line
from verification.core.errors import UsageError
from verification.core.model import Json

MOST_ENDPOINTS = 2000


@dataclass(slots=True)
class Described:
    """What a description says, and what of it could not be used."""

    sketches: dict[str, Sketch] = field(default_factory=dict)
    secret_names: set[str] = field(default_factory=set)
    """Parameters and headers that hold a key."""
    guarded: int = 0
    """Endpoints that ask for authentication."""
    notes: list[str] = field(default_factory=list)


def describe(value: Json, origin: str, left_out: frozenset[str] = frozenset()) -> Described:
    """The endpoints of an OpenAPI document; query parameters in `left_out` (the arm's own) are none of its.

    Raises UsageError where it is no OpenAPI 3 document or describes nothing that can be asked.
    """
    root = mapping(value)
    _check_version(root, origin)
    document, found = Document(root), Described()
    schemes = {
        name: document.resolved(scheme)
        for name, scheme in mapping(mapping(root.get("components")).get("securitySchemes")).items()
    }
    found.secret_names = {text(one.get("name")).lower() for one in schemes.values() if one.get("type") == "apiKey"}
    prefix = _prefix(root)
    for route, item in mapping(root.get("paths")).items():
        for method in METHODS:
            operation = document.resolved(item).get(method.lower())
            if operation is not None and len(found.sketches) < MOST_ENDPOINTS:
                _take(document, found, (method, prefix, route), mapping(operation), document.resolved(item), left_out)
    if document.remote:
        named = ", ".join(shown(line(one)) for one in sorted(document.remote)[:3])
        found.notes.append(
            f"{len(document.remote)} references lead out of the document and were not followed, for example {named}"
        )
    if not found.sketches:
        raise UsageError(
            f"{origin}: describes no endpoint that could be asked; valid: `paths` with {', '.join(METHODS)}"
        )
    return found


def self_contained(value: Json, left_out: frozenset[str]) -> Json:
    """The document for a generator: references that lead out of it become schemas that take anything; what asks for
    authentication is gone, and so are the query parameters in `left_out`."""
    document = Document(mapping(value))

    def kept(parameter: Json) -> bool:
        found = document.resolved(parameter)
        return not (found.get("in") == "query" and found.get("name") in left_out)

    def walk(part: Json) -> Json:
        if isinstance(part, list):
            return [walk(item) for item in part]
        if not isinstance(part, dict):
            return part
        reference = part.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#"):
            return {}
        return {
            key: walk(
                [one for one in member if kept(one)] if key == "parameters" and isinstance(member, list) else member
            )
            for key, member in part.items()
            if key not in ("security", "securitySchemes")
        }

    return walk(value)


def _check_version(root: dict[str, Json], origin: str) -> None:
    if "swagger" in root:
        raise UsageError(
            f"{origin}: is Swagger {shown(root['swagger'])}; valid: Swagger 2.0, OpenAPI 3.0 or 3.1. Convert it first"
        )
    version = root.get("openapi")
    if not isinstance(version, str) or not re.match(r"3\.[01](\.|$)", version):
        raise UsageError(
            f"{origin}: is no OpenAPI document: `openapi` is {shown(version)}; valid: a document that begins with "
            '`openapi: "3.0.…"` or `"3.1.…"`'
        )


def _prefix(root: dict[str, Json]) -> str:
    """The path of the first server: the catalog's paths begin at the root of the host."""
    server = mapping(next(iter(items(root.get("servers"))), None))
    try:
        path = urlsplit(text(server.get("url"))).path.rstrip("/")
    except ValueError:
        return ""
    return path if is_route(path) and "{" not in path else ""


def _take(
    document: Document, found: Described, place: tuple[str, str, str], operation: dict[str, Json],
    item: dict[str, Json], left_out: frozenset[str],
) -> None:  # fmt: skip
    method, prefix, written = place
    route = re.sub(r"\{([^{}/]*)\}", lambda match: f"{{{token(match[1])}}}", written)
    if not is_route(route) or f"{method} {route}" in found.sketches:
        found.notes.append(f"{method} {shown(line(written))} was left out: the catalog cannot say such a route")
        return
    title = line(text(operation.get("summary")) or text(operation.get("operationId")))
    sketch = Sketch(method, prefix, route, title)
    security = operation.get("security", document.root.get("security"))
    found.guarded += bool(items(security)) and {} not in items(security)
    for header in complete(document, sketch, item, operation, left_out):
        if header.lower() not in found.secret_names:
            sketch.doubts.append(f"it needs the header {line(header, 60)}, which a catalog cannot say")
    found.sketches[sketch.id] = sketch
