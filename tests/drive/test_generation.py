"""Further cases drawn by Schemathesis: data in the catalog, the same for the same seed, valid and invalid."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.catalog.documents import answer, described
from tests.catalog.test_openapi import parameter
from verification.catalog.load import load_catalog
from verification.catalog.openapi import self_contained
from verification.core.errors import UsageError
from verification.drive.generation import more_cases
from verification.init import Sources, write_first_catalog

LIMIT = parameter("limit", required=True, schema={"type": "integer", "minimum": 1, "maximum": 50})
SCHEMA = {
    "type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}, "additionalProperties": False,
}  # fmt: skip
BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": SCHEMA
        }
    },
}  # fmt: skip
ARM = parameter("force_domain", schema={"type": "boolean"})
DOCUMENT = described(
    {
        "/things": {
            "get": {"parameters": [LIMIT, ARM], "responses": answer({}), "security": [{"key": []}]},
            "post": {"requestBody": BODY, "responses": answer({})},
        },
        "/none": {"get": {"responses": answer({})}},
    },
    components={"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}},
    servers=[{"url": "/v1"}],
)


@pytest.fixture(autouse=True)
def _installed() -> None:
    pytest.importorskip("schemathesis", reason="Schemathesis is optional and not installed here")


def drawn(number: int = 6, seed: int = 1) -> tuple[dict[tuple[str, str], Any], list[str]]:
    return more_cases(self_contained(DOCUMENT, frozenset({"force_domain"})), number, seed)


def test_valid_and_invalid_cases_are_drawn_and_nobody_says_what_control_answers() -> None:
    found, without = drawn()
    reads = found["GET", "/things"]
    assert {case.id for case in reads} == {"drawn-valid", "drawn-invalid"}
    assert all(case.status is None for case in reads)
    limits = [dict(case.query).get("limit") for case in reads if case.id == "drawn-valid"]
    assert limits
    assert all(limit is not None and 1 <= int(limit) <= 50 for limit in limits)
    invalid = [dict(case.query).get("limit") for case in reads if case.id == "drawn-invalid"]
    assert any(limit is None or not limit.isdecimal() or not 1 <= int(limit) <= 50 for limit in invalid)
    assert all(isinstance(case.body["n"], int) for case in found["POST", "/things"] if case.id == "drawn-valid")
    assert not any("force_domain" in dict(case.query) for case in reads)
    assert any("GET /none" in line for line in without), "what takes nothing has nothing invalid"


def test_the_same_seed_draws_the_same_and_another_seed_something_else() -> None:
    assert drawn() == drawn()
    assert drawn(seed=2) != drawn()


def test_they_stand_in_the_catalog_as_data(tmp_path: Path) -> None:
    import json

    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(DOCUMENT), encoding="utf-8")
    list(write_first_catalog(Sources(openapi=(str(file),), more_cases=6), tmp_path / "out"))
    catalog = load_catalog(tmp_path / "out")
    cases = next(one for one in catalog.endpoints if one.id == "GET /things").cases
    more = [case for case in cases if case.id.startswith("drawn-")]
    assert len({case.request for case in more}) == len(more) > 2
    assert all(case.request.path == "/v1/things" and case.status is None for case in more)


def test_a_document_that_breaks_the_generator_costs_its_own_cases_only() -> None:
    broken = {
        "parameters": [parameter("q", required=True, schema={"type": "string", "pattern": "(["})],
        "responses": answer({}),
    }
    never = {"parameters": [parameter("q", required=True, schema={"allOf": [{"type": "string"}, {"type": "integer"}]})]}
    paths = {
        "/broken": {"get": broken},
        "/never": {"get": {**never, "responses": answer({})}},
        "/x": {"get": {"parameters": [LIMIT], "responses": answer({})}},
    }
    found, _ = more_cases(self_contained(described(paths), frozenset()), 4, 1)
    assert found["GET", "/x"]


def test_without_schemathesis_one_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "schemathesis", None)
    with pytest.raises(UsageError, match=r"pip install 'release-gate\[schemathesis\]'"):
        more_cases(DOCUMENT, 1, 1)
