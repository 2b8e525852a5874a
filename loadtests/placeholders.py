"""The catalog's requests with their placeholders filled: what is really sent."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from verification.catalog.placeholders import fill_text, fill_value
from verification.core.cases import RequestSpec
from verification.core.model import Request


def fill(spec: RequestSpec, names: Mapping[str, str]) -> Request:
    """The request with every `{token}` replaced in path, query and body; KeyError names an unknown token."""
    body = spec.raw_body
    content_type = spec.content_type
    if body is not None:
        body = fill_text(body, names)
    elif spec.has_body:
        body = orjson.dumps(fill_value(spec.body, names)).decode()
        content_type = content_type or "application/json"
    query = tuple((key, fill_text(value, names)) for key, value in spec.query)
    return Request(spec.method, fill_text(spec.path, names), query, body, content_type)
