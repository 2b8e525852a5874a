"""The catalog's requests with their placeholders filled: what is really sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote

from verification.catalog.placeholders import fill_text, fill_value
from verification.core.cases import RequestSpec
from verification.core.model import Json, Request


def fill(spec: RequestSpec, names: Mapping[str, str], extra: Mapping[str, Json] | None = None) -> Request:
    """The request with every `{token}` replaced in path, query and body; KeyError names an unknown token.

    `extra` members are laid over a body that is an object.
    """
    body, content_type = spec.raw_body, spec.content_type
    if body is not None:
        body = fill_text(body, names)
    elif spec.has_body:
        value = fill_value(spec.body, names)
        if extra and isinstance(value, dict):
            value = {**value, **fill_value(dict(extra), names)}
        body = json.dumps(value, ensure_ascii=False)
    if body is not None:
        content_type = content_type or "application/json"
    query = tuple((key, fill_text(value, names)) for key, value in spec.query)
    return Request(spec.method, fill_text(spec.path, _Steps(names)), query, body, content_type)


class _Steps(dict[str, str]):
    """Token -> id as one step of a path, whatever a backend told as an id."""

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, token: str) -> str:
        return quote(self._names[token], safe=":@!$&'()*+,;=~%")
