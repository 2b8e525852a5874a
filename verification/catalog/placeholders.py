"""`{token}` in the texts of a request: which tokens are named, and what they become."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from verification.core.cases import RequestSpec
from verification.core.model import Json

ABSENT = "absent"
"""Always known: an id that no twin has."""
RUN = "run"
"""Always known in a case: a name that no other run and no other probe uses, for what the request itself creates."""
SELF = "self"
"""In a resource's own requests: the id of the twin that is made, brought into a state or removed."""
FILL_IN = "fill_in_"
"""Begins a token that stands where a person must write a value; the rest says which one."""

NAME_PATTERN = r"[a-z][a-z0-9_]*"
_PLACEHOLDER = re.compile(rf"\{{({NAME_PATTERN})\}}")


def tokens_in_text(text: str) -> set[str]:
    """The tokens that the text names. JSON's own braces are never one: a quote or a brace follows them."""
    return set(_PLACEHOLDER.findall(text))


def tokens_in(request: RequestSpec) -> set[str]:
    """The tokens that path, query and body of the request name."""
    found: set[str] = set()

    def note(text: str) -> str:
        found.update(tokens_in_text(text))
        return text

    note(request.path)
    for _, value in request.query:
        note(value)
    if request.raw_body is not None:
        note(request.raw_body)
    _map_texts(request.body, note)
    return found


def fill_text(text: str, names: Mapping[str, str]) -> str:
    """The text with every `{token}` replaced by that twin's id. An unknown token raises KeyError."""
    return _PLACEHOLDER.sub(lambda match: names[match[1]], text)


def fill_value(value: Json, names: Mapping[str, str]) -> Json:
    """The JSON value with the placeholders in all its texts and keys filled."""
    return _map_texts(value, lambda text: fill_text(text, names))


def _map_texts(value: Json, change: Callable[[str], str]) -> Json:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): _map_texts(member, change) for key, member in value.items()}
    if isinstance(value, list):
        return [_map_texts(item, change) for item in value]
    return value
