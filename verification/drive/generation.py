"""Further requests drawn from an OpenAPI document by Schemathesis, valid and invalid ones. Nothing is sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable

from verification.catalog.placeholders import tokens_in_text
from verification.catalog.sketch import NO_BODY, SketchCase
from verification.core.errors import UsageError
from verification.core.model import Json

MOST_SECONDS = 120.0
_DRAWN_FOR_ONE = 5
"""Draws for each case that is kept: many are alike, or cannot be said in a catalog."""
_METHODS = ("get", "post", "put", "patch", "delete")


def more_cases(
    document: Json, number: int, seed_number: int
) -> tuple[dict[tuple[str, str], list[SketchCase]], list[str]]:
    """(method, path as described) -> up to `number` further cases, half of them invalid; and why some have none.

    The document must hold no reference that leads out of it. Raises UsageError where Schemathesis is not installed.
    """
    schema, modes = _schema(document)
    found: dict[tuple[str, str], list[SketchCase]] = {}
    without: dict[str, list[str]] = {}
    deadline = time.monotonic() + MOST_SECONDS
    for result in schema.get_all_operations():
        operation = result.ok() if hasattr(result, "ok") and _is_ok(result) else None
        if operation is None or operation.method not in _METHODS:
            continue
        name = f"{operation.method.upper()} {operation.path}"
        if time.monotonic() > deadline:
            without.setdefault(f"no further cases, the time of {MOST_SECONDS:g} s was up", []).append(name)
            continue
        cases: list[SketchCase] = []
        for word, mode, share in zip(("valid", "invalid"), modes, (number - number // 2, number // 2), strict=True):
            try:
                cases += list(_drawn(operation, word, mode, share, seed_number))
            except Unsatisfiable:
                without.setdefault(f"there are no {word} cases that a catalog could say", []).append(name)
            except Exception as error:  # noqa: BLE001  # a foreign schema may break the generator in any way
                without.setdefault(f"no {word} cases could be drawn: {type(error).__name__}", []).append(name)
        found[operation.method.upper(), operation.path] = cases
    return found, [f"{why}: {', '.join(names)}" for why, names in without.items()]


def _schema(document: Json) -> tuple[Any, tuple[Any, Any]]:
    try:
        import schemathesis
        from schemathesis.config import SchemathesisConfig
    except ImportError as error:
        raise UsageError(
            "--more-cases needs Schemathesis, which is not installed: pip install 'release-gate[schemathesis]'"
        ) from error
    modes = schemathesis.GenerationMode
    try:
        # A configuration of its own: one that lies about in the folder could name hooks, which are code.
        config = SchemathesisConfig.from_dict({"generation": {"allow-x00": False, "with-security-parameters": False}})
        return schemathesis.openapi.from_dict(document, config=config), (modes.POSITIVE, modes.NEGATIVE)
    except Exception as error:  # a foreign document may break it in any way
        raise UsageError(
            f"--more-cases: Schemathesis cannot read the document: {type(error).__name__}: {error}"
        ) from error


def _is_ok(result: Any) -> bool:
    return type(result).__name__ == "Ok"


def _drawn(operation: Any, word: str, mode: Any, share: int, seed_number: int) -> Iterator[SketchCase]:
    if share <= 0:
        return
    drawn: list[Any] = []
    _draw(operation.as_strategy(generation_mode=mode), drawn.append, share * _DRAWN_FOR_ONE, seed_number)
    kept: list[SketchCase] = []
    for case in drawn:
        said = _said(case, f"drawn-{word}", f"drawn from the description: {word}")
        if said is not None and len(kept) < share and all(said.request() != one.request() for one in kept):
            kept.append(said)
    yield from kept


def _draw(strategy: Any, keep: Callable[[Any], None], examples: int, seed_number: int) -> None:
    @seed(seed_number)
    @settings(max_examples=examples, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(strategy)
    def take(case: Any) -> None:
        keep(case)

    take()


def _said(case: Any, case_id: str, title: str) -> SketchCase | None:
    """The case in the catalog's words; None where it has none for it: headers, bytes, files, braces."""
    path, query = _path(case), _query(dict(case.query or {}))
    body = NO_BODY if type(case.body).__name__ == "NotSet" else case.body
    media_type = case.media_type if body is not NO_BODY else None
    if (
        path is None
        or query is None
        or (body is not NO_BODY and (not _is_json(body) or "json" not in (media_type or "")))
    ):
        return None
    if case.cookies or {name.lower() for name in case.headers or {}} - {"content-type", "accept"}:
        return None
    content_type = None if media_type == "application/json" else media_type
    said = SketchCase(case_id, title, path, query, body, content_type=content_type)
    return None if _holds_braces(said.request()) else said


def _path(case: Any) -> str | None:
    path = str(case.path)
    for name, value in (case.path_parameters or {}).items():
        text = _text(value)
        if text in (None, "", ".", "..") or "/" in str(text):
            return None
        try:
            path = path.replace(f"{{{name}}}", quote(str(text), safe="%!$&'()*+,;=:@~-._"))
        except UnicodeEncodeError:
            return None
    return None if "{" in path else path


def _query(query: dict[str, Any]) -> tuple[tuple[str, str], ...] | None:
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        for one in value if isinstance(value, list) else [value]:
            text = _text(one)
            if text is None:
                return None
            pairs.append((str(name), text))
    return tuple(pairs)


def _text(value: Any) -> str | None:
    """A plain value as an address writes it; None for what has no one form there."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return ""
    return str(value) if isinstance(value, str | int | float) else None


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(member) for key, member in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    return value is None or isinstance(value, str | bool | int | float)


def _holds_braces(value: Any) -> bool:
    """A name in braces is a twin's id to the catalog, wherever it stands."""
    if isinstance(value, dict):
        return any(_holds_braces(key) or _holds_braces(member) for key, member in value.items())
    if isinstance(value, list):
        return any(map(_holds_braces, value))
    return isinstance(value, str) and bool(tokens_in_text(value))
