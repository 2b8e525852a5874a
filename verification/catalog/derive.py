"""Variations of a case, derived from the declaration of each field: absent, null, empty, falsy, wrong type, boundary,
very long, unicode. They ask what nobody thought of; what control answers to them is not known beforehand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import quote

from verification.catalog.entries import FieldEntry, FieldType, VariationName
from verification.core.cases import Case, RequestSpec
from verification.core.documents import canonical
from verification.core.model import Json

UNICODE = "Küche ✓ 厨房 🎥 \u202e\u0301'\"\\"
"""Two scripts, a character beyond 16 bits, a direction mark, a combining mark, quotes and a backslash."""
LONG_TEXT = "lang " * 800
LONG_PARAMETER = "x" * 300
"""Longer than a file name may be on common systems (255 bytes)."""
LONG_NUMBER = 2**63
"""One more than a signed 64-bit number holds."""
LONG_LIST = [f"item-{number}" for number in range(500)]
_PARAMETER = re.compile(r"(\{\w+\})")


@dataclass(frozen=True, slots=True)
class Variation:
    """One value for one field. `value` is None and `absent` True where the field is left out."""

    kind: VariationName
    name: str
    value: Json = None
    absent: bool = False


_EMPTY: dict[FieldType, Json] = {"text": "", "list": [], "object": {}}
_FALSY: dict[FieldType, Json] = {
    "text": False, "integer": 0, "number": 0.0, "boolean": False, "list": False, "object": False,
}  # fmt: skip
_WRONG_TYPE: dict[FieldType, Json] = {
    "text": 7, "integer": "seven", "number": "seven", "boolean": "maybe", "list": "one", "object": ["one"],
}  # fmt: skip
_VERY_LONG: dict[FieldType, Json] = {
    "text": LONG_TEXT, "integer": LONG_NUMBER, "number": 1e300, "list": LONG_LIST, "object": {"long": LONG_TEXT},
}  # fmt: skip
_UNICODE: dict[FieldType, Json] = {"text": UNICODE, "list": [UNICODE], "object": {UNICODE: UNICODE}}


def variations(field: FieldEntry) -> Iterator[Variation]:
    """The variations of one field, in a fixed order, as JSON values for a body and as texts for a parameter."""
    wanted = field.variations
    found = _body_variations(field) if field.at == "body" else _parameter_variations(field)
    for variation in found:
        if wanted is None or variation.kind in wanted:
            yield variation


def _body_variations(field: FieldEntry) -> Iterator[Variation]:
    yield Variation("absent", "absent", absent=True)
    yield Variation("null", "null", None)
    tables: tuple[tuple[VariationName, dict[FieldType, Json]], ...] = (
        ("empty", _EMPTY),
        ("falsy", _FALSY),
        ("wrong-type", _WRONG_TYPE),
        ("very-long", _VERY_LONG),
        ("unicode", _UNICODE),
    )
    for kind, table in tables:
        if field.type in table:
            yield Variation(kind, kind, table[field.type])
    for name, value in _boundaries(field):
        yield Variation("boundary", name, value)


def _parameter_variations(field: FieldEntry) -> Iterator[Variation]:
    """A path parameter can be neither absent nor empty: that would be another route."""
    if field.at == "query":
        yield Variation("absent", "absent", absent=True)
        yield Variation("empty", "empty", "")
        if field.type != "text":
            yield Variation("falsy", "falsy", "false" if field.type == "boolean" else "0")
    if field.type != "text":
        yield Variation("wrong-type", "wrong-type", "maybe" if field.type == "boolean" else "seven")
    number = field.type in ("integer", "number")
    yield Variation("very-long", "very-long", str(LONG_NUMBER) if number else LONG_PARAMETER)
    yield Variation("unicode", "unicode", UNICODE)
    for name, value in _boundaries(field):
        yield Variation("boundary", name, str(value))


def _boundaries(field: FieldEntry) -> Iterator[tuple[str, Json]]:
    if field.minimum is not None:
        yield "below-minimum", field.minimum - 1
        yield "minimum", field.minimum
    if field.maximum is not None:
        yield "maximum", field.maximum
        yield "above-maximum", field.maximum + 1
    if field.max_length is not None:
        yield "longest", "x" * field.max_length
        yield "too-long", "x" * (field.max_length + 1)


def derived_cases(base: Case, route: str, fields: dict[str, FieldEntry], existing: Iterable[Case]) -> tuple[Case, ...]:
    """All variations of the base case's request, without those that some case asks already.

    `route` is the endpoint's path with `{parameter}` for each path parameter.
    """
    asked = {_fingerprint(case.request) for case in existing}
    found: list[Case] = []
    for name, field in fields.items():
        for variation in variations(field):
            request = _varied(base.request, route, name, field, variation)
            fingerprint = _fingerprint(request)
            if fingerprint in asked:
                continue
            asked.add(fingerprint)
            case_id = f"derived-{name.lower().replace('_', '-')}-{variation.name}"
            title = f"{field.at} field {name}: {variation.name.replace('-', ' ')}"
            found.append(Case(case_id, title, base.given, request, None, derived=True))
    return tuple(found)


def _varied(request: RequestSpec, route: str, name: str, field: FieldEntry, variation: Variation) -> RequestSpec:
    if field.at == "body":
        body = {key: value for key, value in request.body.items() if key != name}
        return replace(request, body=body if variation.absent else {**body, name: variation.value})
    if field.at == "query":
        query = tuple(pair for pair in request.query if pair[0] != name)
        return replace(request, query=query if variation.absent else (*query, (name, variation.value)))
    steps = zip(route.split("/"), request.path.split("/"), strict=True)
    value = quote(variation.value, safe="")
    return replace(request, path="/".join(_with_parameter(step, actual, name, value) for step, actual in steps))


def _with_parameter(step: str, actual: str, name: str, value: str) -> str:
    """The step as it is asked, with another value for the parameter where the route has it there."""
    parts = _PARAMETER.split(step)
    if f"{{{name}}}" not in parts:
        return actual
    pattern = "".join("(.+)" if _PARAMETER.fullmatch(part) else f"({re.escape(part)})" for part in parts)
    found = re.fullmatch(pattern, actual)
    given = found.groups() if found else parts
    return "".join(value if part == f"{{{name}}}" else kept for part, kept in zip(parts, given, strict=True))


def _fingerprint(request: RequestSpec) -> bytes:
    return canonical(
        [
            request.method,
            request.path,
            request.query,
            request.has_body,
            request.body,
            request.raw_body,
            request.content_type,
        ]
    )
