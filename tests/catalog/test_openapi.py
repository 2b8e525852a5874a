"""An OpenAPI document becomes a catalog that loads: endpoints, cases, likely masks, fields; and nothing is followed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.catalog.documents import answer, described
from verification.catalog.draft import Draft, draft
from verification.catalog.load import load_catalog
from verification.catalog.openapi import describe, self_contained
from verification.catalog.schema import schema_text
from verification.catalog.withheld import Withheld
from verification.core.cases import Catalog, Endpoint
from verification.core.errors import CatalogError, UsageError
from verification.core.model import Json

TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
MOMENT = {"type": "string", "format": "date-time"}


def drafted(document: Any) -> Draft:
    return draft(describe(document, "doc").sketches, Withheld())


def loaded(made: Draft, folder: Path) -> Catalog:
    for name, text in made.files.items():
        jsonschema.validate(yaml.safe_load(text), json.loads(schema_text()))
        (folder / name).write_text(text, encoding="utf-8")
    return load_catalog(folder)


def only(document: Any, folder: Path) -> Endpoint:
    (endpoint,) = loaded(drafted(document), folder).endpoints
    return endpoint


def parameter(name: str, place: str = "query", **more: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", **more}


def test_a_read_becomes_an_endpoint_with_its_documented_status_and_parameters(tmp_path: Path) -> None:
    operation = {
        "summary": "Things",
        "parameters": [
            parameter("limit", required=True, schema={"type": "integer", "minimum": 3, "maximum": 90}),
            parameter("sort", schema={"type": "string", "enum": ["up", "down"]}),
            parameter("only", schema={"anyOf": [{"type": "boolean"}, {"type": "null"}]}),
        ],
        "responses": answer({"type": "object"}, "206"),
    }
    servers = [{"url": "https://api.example/v1/"}]
    endpoint = only(described({"/things": {"get": operation}}, servers=servers), tmp_path)
    assert (endpoint.id, endpoint.path, endpoint.writes) == ("GET /things", "/v1/things", False)
    plain, every = [case for case in endpoint.cases if not case.derived]
    assert (plain.request.path, plain.request.query, plain.status) == ("/v1/things", (("limit", "3"),), 206)
    assert every.request.query == (("limit", "3"), ("sort", "up"))
    derived = {case.id for case in endpoint.cases if case.derived}
    assert {"derived-limit-above-maximum", "derived-sort-empty", "derived-only-wrong-type"} <= derived
    assert endpoint.load.requests == (plain.request, every.request)


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"example": "oven"}, "/things/oven"),
        ({"examples": {"a": {"value": "a b"}}}, "/things/a%20b"),
        ({"schema": {**TEXT, "default": "d"}}, "/things/d"),
        ({"schema": {**TEXT, "enum": ["e", "f"]}}, "/things/e"),
        ({"schema": {**NUMBER, "examples": [9]}}, "/things/9"),
    ],
)
def test_a_path_takes_the_documents_own_example(tmp_path: Path, more: dict[str, Any], path: str) -> None:
    item = {"parameters": [parameter("id", "path", **more)], "get": {"responses": answer({})}}
    assert only(described({"/things/{id}": item}), tmp_path).cases[0].request.path == path


def test_without_an_example_the_endpoint_is_off_and_enabling_it_names_what_to_fill_in(tmp_path: Path) -> None:
    item = {"get": {"parameters": [parameter("thing-id", "path", schema=NUMBER)], "responses": answer({})}}
    made = drafted(described({"/ok": {"get": {"responses": answer({})}}, "/things/{thing-id}": item}))
    assert made.disabled == {"GET /things/{thing_id}": "no value is known for {fill_in_thing_id}"}
    loaded(made, tmp_path)
    file = tmp_path / "reads.yaml"
    kept = [one for one in file.read_text(encoding="utf-8").splitlines() if not one.startswith("    disabled:")]
    file.write_text("\n".join(kept), encoding="utf-8")
    with pytest.raises(CatalogError, match="fill_in_thing_id} stands for a value that only you know"):
        load_catalog(tmp_path)


def test_what_writes_is_marked_and_off_and_a_delete_says_so(tmp_path: Path) -> None:
    body = {
        "content": {"application/json": {"schema": {"type": "object", "properties": {"name": TEXT, "size": NUMBER}}}}
    }
    paths: dict[str, Any] = {
        "/things": {"get": {"responses": answer({})}, "post": {"requestBody": body, "responses": answer({}, "201")}},
        "/things/{id}": {
            name: {"parameters": [parameter("id", "path", schema=NUMBER)], "responses": answer({})}
            for name in ("put", "patch", "delete")
        },
    }
    made = drafted(described(paths))
    assert set(made.disabled) == {"POST /things", *(f"{name} /things/{{id}}" for name in ("PUT", "PATCH", "DELETE"))}
    assert made.disabled["DELETE /things/{id}"].startswith("it deletes")
    written = yaml.safe_load(made.files["writes.yaml"])["endpoints"]
    assert all(one["writes"] and one["disabled"] for one in written)
    assert written[0]["cases"][0] == {
        "id": "plain", "title": "POST /things, as documented", "status": 201,
        "request": {"body": {"name": "name", "size": 1}},
    }  # fmt: skip
    assert [one.id for one in loaded(made, tmp_path).endpoints] == ["GET /things"]
    assert "#   thing:\n#     create:\n" in made.files["writes.yaml"]
    assert "path: /things/{self}" in made.files["writes.yaml"]


def test_likely_masks_have_path_predicate_reason_and_owner(tmp_path: Path) -> None:
    item = {
        "type": "object",
        "properties": {
            "id": NUMBER,
            "createdAt": TEXT,
            "seen": {"type": "string", "format": "date-time"},
            "elapsed_ms": {"type": "number"},
            "request_id": {"type": "string", "format": "uuid"},
            "name": TEXT,
        },
    }
    found = only(described({"/x": {"get": {"responses": answer({"type": "array", "items": item})}}}), tmp_path)
    masks = {mask.path: mask.predicate for mask in found.shape.masks}
    assert masks == {
        "*.createdAt": "timestamp", "*.seen": "timestamp", "*.elapsed_ms": "number", "*.request_id": "pattern",
    }  # fmt: skip
    assert all(mask.reason.startswith("a guess: ") and mask.owner == "to be named" for mask in found.shape.masks)
    made = drafted(described({"/x": {"post": {"responses": answer(item)}}}))
    paths = [mask["path"] for mask in yaml.safe_load(made.files["writes.yaml"])["endpoints"][0]["shape"]["masks"]]
    assert "id" in paths, "an id is new where something is created, and must be equal where it is read"


def test_no_reference_out_of_the_document_is_followed_and_it_is_told() -> None:
    schema = {"$ref": "http://127.0.0.1:9/other.json#/x"}
    operation = {"parameters": [{"$ref": "file:///etc/passwd"}], "responses": answer(schema)}
    found = describe(described({"/x": {"get": operation}}), "doc")
    assert "2 references lead out of the document and were not followed" in found.notes[0]
    assert found.sketches["GET /x"].masks == {}
    assert "$ref" not in json.dumps(self_contained(described({"/x": {"get": operation}}), frozenset()))


def test_references_within_the_document_are_followed(tmp_path: Path) -> None:
    components = {
        "parameters": {"a/b": parameter("id", "path", example="7")},
        "schemas": {"T": {"properties": {"at": {"$ref": "#/components/schemas/M"}}}, "M": MOMENT},
    }  # fmt: skip
    operation = {
        "parameters": [{"$ref": "#/components/parameters/a~1b"}],
        "responses": answer({"$ref": "#/components/schemas/T"}),
    }  # fmt: skip
    endpoint = only(described({"/x/{id}": {"get": operation}}, components=components), tmp_path)
    assert endpoint.cases[0].request.path == "/x/7"
    assert [mask.path for mask in endpoint.shape.masks] == ["at"]


def test_schemas_that_hold_themselves_end() -> None:
    names = [f"S{number}" for number in range(12)]
    every = [{"$ref": f"#/components/schemas/{name}"} for name in names]
    schemas: dict[str, Any] = {
        name: {
            "type": "object",
            "required": names,
            "properties": {**dict(zip(names, every, strict=True)), "created_at": {"type": "string"}},
            "allOf": every,
            "items": every[0],
        }
        for name in names
    }
    schemas["Loop"] = {"$ref": "#/components/schemas/Loop"}
    body = {"content": {"application/json": {"schema": every[0]}}}
    loop = {"$ref": "#/components/schemas/Loop"}
    paths = {
        "/x": {"post": {"requestBody": body, "responses": answer(every[0])}},
        "/y": {"get": {"responses": answer(loop)}},
    }
    made = drafted(described(paths, components={"schemas": schemas}))
    assert len(made.files["writes.yaml"]) < 200_000


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"swagger": "2.0", "paths": {}}, "Swagger"),
        ({"openapi": "4.0.0", "paths": {}}, "3.0 or 3.1|3.0.…"),
        ({"openapi": 3.0}, "is no OpenAPI document"),
        ({"openapi": "3.1.0"}, "describes no endpoint"),
        ([], "is no OpenAPI document"),
        (
            {"openapi": "3.0.0", "paths": {"x": {"get": {}}, "//evil/x": {"get": {}}, "/a?b": {"get": {}}}},
            "no endpoint",
        ),
    ],
)
def test_what_is_no_openapi_3_document_is_refused_in_words(document: Json, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        drafted(document)


def test_a_required_header_or_an_unspeakable_case_switches_the_endpoint_off(tmp_path: Path) -> None:
    tenant = parameter("X-Tenant", "header", required=True, schema=TEXT)
    braces = parameter("q", required=True, example="{name}")
    paths = {
        "/ok": {"get": {"responses": answer({})}},
        "/tenant": {"get": {"parameters": [tenant], "responses": answer({})}},
        "/braces": {"get": {"parameters": [braces], "responses": answer({})}},
        "/moved": {"get": {"responses": {"302": {}}}},
    }
    made = drafted(described(paths))
    assert "X-Tenant" in made.disabled["GET /tenant"]
    assert "is no token here" in made.disabled["GET /braces"]
    assert {one.id for one in loaded(made, tmp_path).endpoints} == {"GET /ok", "GET /moved"}


WORDS = st.sampled_from(
    ["openapi", "paths", "/a", "/a/{b}", "get", "post", "parameters", "name", "in", "query", "path", "schema", "type",
     "responses", "200", "content", "application/json", "properties", "items", "allOf", "anyOf", "$ref", "#/paths", "#",
     "example", "examples", "enum", "default", "required", "requestBody", "string", "integer", "servers", "url", "id",
     "components", "securitySchemes", "minimum", "maxLength", "security", "summary", "{fill_in_x}", "a\nb: c",
     "\x1b[2J"]
)  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
)
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5), max_leaves=40
)


@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(ANYTHING, ANYTHING, ANYTHING, ANYTHING)
def test_wrong_types_anywhere_give_a_draft_that_loads_or_one_message(
    tmp_path_factory: pytest.TempPathFactory, operation: Any, item: Any, parameters: Any, components: Any
) -> None:
    get = {"parameters": parameters, "responses": {"200": operation}, "requestBody": item}
    document = described({"/ok": {"get": {}}, "/a/{b}": {"get": get, "post": get, "parameters": item}, "/c": item})
    document |= {"components": components, "servers": parameters, "security": item}
    folder = tmp_path_factory.mktemp("draft")
    catalog = loaded(drafted(document), folder)
    assert "GET /ok" in {endpoint.id for endpoint in catalog.endpoints}
    assert all("\x1b" not in file.read_text(encoding="utf-8") for file in folder.iterdir())
