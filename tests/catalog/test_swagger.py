"""A Swagger 2.0 document gives the same first catalog as the OpenAPI document that says the same."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.catalog.documents import described
from verification.catalog.draft import draft
from verification.catalog.openapi import describe
from verification.catalog.swagger import modern
from verification.catalog.withheld import Withheld
from verification.core.errors import UsageError
from verification.core.model import Json

THING = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 20}, "made_at": {"type": "string", "format": "date-time"}},
}
ID = {"name": "id", "in": "path", "required": True}
LINES = {"name": "lines", "in": "query", "required": True}
BODY = {"name": "thing", "in": "body", "required": True}
AMOUNT = {"type": "integer", "minimum": 1, "maximum": 9}
OLD: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "things", "version": "1"},
    "host": "elsewhere.example",
    "basePath": "/api",
    "consumes": ["application/json"],
    "produces": ["application/json"],
    "securityDefinitions": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}, "plain": {"type": "basic"}},
    "security": [{"key": []}],
    "parameters": {"lines": {**LINES, **AMOUNT}},
    "definitions": {"Thing": THING, "Node": {"type": "object", "properties": {"next": {"$ref": "#/definitions/Node"}}}},
    "responses": {"Missing": {"description": "no such thing", "schema": {"$ref": "#/definitions/Node"}}},
    "paths": {
        "/things/{id}": {
            "parameters": [{**ID, "type": "integer"}],
            "get": {
                "summary": "one thing",
                "parameters": [{"$ref": "#/parameters/lines"}, {**ID, "type": "string"}],
                "responses": {
                    "200": {"description": "it", "schema": {"$ref": "#/definitions/Thing"}},
                    "404": {"$ref": "#/responses/Missing"},
                },
            },
        },
        "/things": {
            "post": {
                "parameters": [
                    {"in": "body", "name": "thing", "required": True, "schema": {"$ref": "#/definitions/Thing"}}
                ],
                "responses": {"201": {"description": "made"}},
            },
            "put": {
                "consumes": ["application/x-www-form-urlencoded"],
                "parameters": [{"in": "formData", "name": "name", "type": "string", "required": True}],
                "responses": {"200": {"description": "put"}},
            },
            "patch": {
                "parameters": [{"in": "formData", "name": "picture", "type": "file"}],
                "responses": {"200": {"description": "put"}},
            },
        },
    },
}


def _content(reference: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": reference}}}


NEW = described(
    {
        "/things/{id}": {
            "get": {
                "summary": "one thing",
                "parameters": [{**LINES, "schema": AMOUNT}, {**ID, "schema": {"type": "string"}}],
                "responses": {
                    "200": {"description": "it", "content": _content("#/components/schemas/Thing")},
                    "404": {"description": "no such thing", "content": _content("#/components/schemas/Node")},
                },
            }
        },
        "/things": {
            "post": {
                "requestBody": {"required": True, "content": _content("#/components/schemas/Thing")},
                "responses": {"201": {"description": "made"}},
            },
            "put": {
                "requestBody": {
                    "content": {
                        "application/x-www-form-urlencoded": {
                            "schema": {"type": "object", "properties": {"name": {"type": "string"}}}
                        }
                    }
                },
                "responses": {"200": {"description": "put"}},
            },
            "patch": {
                "requestBody": {"content": {"multipart/form-data": {"schema": {"type": "object"}}}},
                "responses": {"200": {"description": "put"}},
            },
        },
    },
    servers=[{"url": "/api"}],
    security=[{"key": []}],
    components={
        "schemas": OLD["definitions"],
        "securitySchemes": OLD["securityDefinitions"],
    },
)


def files(document: Json) -> dict[str, str]:
    found = describe(modern(document), "there")
    return draft(found.sketches, Withheld(found.secret_names), "somebody").files


def test_both_forms_of_one_description_give_the_same_catalog() -> None:
    assert files(OLD) == files(NEW)
    assert "/api/things" in "".join(files(OLD).values())


def test_what_is_no_swagger_2_stands_as_it_is() -> None:
    others: list[Json] = [NEW, {"swagger": "1.2"}, [], None]
    for document in others:
        assert modern(document) is document
    with pytest.raises(UsageError, match=r"is Swagger .1\.2"):
        files({"swagger": "1.2"})


KEYS = ["$ref", "in", "name", "schema", "parameters", "responses", "get", "/a", "consumes", "200"]
ROOT_KEYS = ["definitions", "parameters", "responses", "consumes"]
ANYTHING = st.recursive(
    st.none() | st.integers() | st.sampled_from(["body", "formData", "#/definitions/A", "#/parameters/p", "string"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["$ref", "in", "name", "schema", "parameters", "responses", "get", "/a", "consumes", "200"]
            ),
            inner,
        )
    ),
    max_leaves=25,
)


@given(
    paths=ANYTHING,
    more=st.dictionaries(st.sampled_from(["definitions", "parameters", "responses", "consumes"]), ANYTHING),
)
@settings(max_examples=150)
def test_whatever_has_a_wrong_type_is_passed_over(paths: Json, more: dict[str, Json]) -> None:
    """It may leave nothing to ask; it ends in no other error."""
    with suppress(UsageError):
        assert files({"swagger": "2.0", "paths": paths, **more})


def test_a_version_without_quotes_is_swagger_2_all_the_same() -> None:
    assert files({**OLD, "swagger": 2.0}) == files(OLD)


def test_many_types_of_body_do_not_multiply_a_document() -> None:
    schema = {"type": "object", "properties": {f"f{number}": {"type": "string"} for number in range(200)}}
    answers = {"200": {"description": "it", "schema": schema}}
    paths = {f"/p{number}": {"get": {"responses": answers}} for number in range(50)}
    many = {"swagger": "2.0", "produces": [f"text/{number}" for number in range(2_000)], "paths": paths}
    assert len(json.dumps(modern(many))) < 5 * len(json.dumps(many))
