"""The catalog that comes with the suite: complete, derived from its declarations, current for editors."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import jsonschema
import pytest
import yaml

from verification.catalog.load import SHIPPED, load_catalog, select
from verification.catalog.placeholders import fill_text, fill_value, tokens_in
from verification.catalog.requests import fill
from verification.catalog.schema import FILE, schema_text
from verification.core.cases import Endpoint, RequestSpec
from verification.core.errors import CatalogError

CATALOG = load_catalog()
ROUTES = {
    "POST /alerts/rules",
    "PUT /alerts/rules/{rule_id}",
    "POST /cameras/{id}/start",
    "POST /cameras/{id}/stop",
    "POST /cameras/{id}/restart",
    "GET /cameras/{id}/status",
    "POST /cameras/batch-status",
    "POST /cameras/{id}/activate",
    "POST /cameras/{id}/deactivate",
    "PUT /cameras/{id}/auto-start",
    "GET /cameras/{id}/stats",
    "GET /cameras/{id}/logs",
    "POST /cameras/refresh",
}
# The contract names no error for these.
WITHOUT_ERROR = {
    "POST /cameras/{id}/stop",
    "GET /cameras/{id}/status",
    "GET /cameras/{id}/stats",
    "POST /cameras/batch-status",
    "POST /cameras/refresh",
}
EACH = pytest.mark.parametrize("endpoint", CATALOG.endpoints, ids=lambda endpoint: endpoint.id)


def test_the_thirteen_endpoints_are_all_there() -> None:
    assert {endpoint.id for endpoint in CATALOG.endpoints} == ROUTES


def test_at_least_seventy_cases_are_written_by_hand_and_the_derived_come_on_top() -> None:
    cases = [case for endpoint in CATALOG.endpoints for case in endpoint.cases]
    assert sum(not case.derived for case in cases) >= 70
    assert sum(case.derived for case in cases) >= 100


@EACH
def test_every_endpoint_has_success_and_the_errors_that_the_contract_knows(endpoint: Endpoint) -> None:
    statuses = {case.status for case in endpoint.cases if not case.derived}
    assert 200 in statuses
    assert any(status is not None and status >= 400 for status in statuses) or endpoint.id in WITHOUT_ERROR


@EACH
def test_case_ids_are_unique_and_every_hand_written_case_knows_its_status(endpoint: Endpoint) -> None:
    assert max(Counter(case.id for case in endpoint.cases).values()) == 1
    for case in endpoint.cases:
        assert (case.status is None) == case.derived, case.id
        assert case.title


@EACH
def test_every_placeholder_can_be_filled(endpoint: Endpoint) -> None:
    for case in endpoint.cases:
        known = {"absent", "run", *(twin.token for twin in case.given)}
        assert tokens_in(case.request) <= known, case.id
        filled = fill(case.request, dict.fromkeys(known, "x-1"))
        assert "{" not in filled.path


@EACH
def test_a_neighbour_watches_every_camera_case(endpoint: Endpoint) -> None:
    for case in endpoint.cases:
        tokens = {twin.token for twin in case.given}
        if "camera" in tokens and not case.derived and endpoint.id.split()[1].startswith("/cameras/{id}"):
            assert "neighbour" in tokens, case.id


@EACH
def test_derived_variations_follow_the_declared_fields(endpoint: Endpoint) -> None:
    derived = [case.id for case in endpoint.cases if case.derived]
    assert all(case_id.startswith("derived-") for case_id in derived)
    if endpoint.id == "POST /alerts/rules":
        for kind in ("absent", "null", "empty", "wrong-type", "very-long", "unicode"):
            assert any(case_id.endswith(kind) for case_id in derived), kind
    if endpoint.id == "GET /cameras/{id}/logs":
        assert any("minimum" in case_id for case_id in derived)


def test_loading_twice_gives_the_same_catalog() -> None:
    assert load_catalog() == CATALOG


def test_no_request_stands_twice_in_an_endpoint() -> None:
    for endpoint in CATALOG.endpoints:
        for case in endpoint.cases:
            if case.derived:
                same = [c.id for c in endpoint.cases if c.request == case.request and c.given == case.given]
                assert same == [case.id]


def test_every_mask_has_a_reason_and_an_owner_and_hides_nothing_critical() -> None:
    shapes = [shape for endpoint in CATALOG.endpoints for shape in (endpoint.shape, endpoint.error_shape)]
    shapes += [reading.shape for reading in CATALOG.readings.values()]
    masks = [(mask, shape) for shape in shapes for mask in shape.masks]
    assert masks
    for mask, shape in masks:
        assert mask.reason
        assert mask.owner
        assert mask.path not in shape.critical


def test_the_load_writes_rules_only_where_it_says_so() -> None:
    assert {endpoint.id for endpoint in CATALOG.endpoints if endpoint.load.creates} == {"POST /alerts/rules"}
    assert all(endpoint.load.weight > 0 and endpoint.load.requests for endpoint in CATALOG.endpoints)
    assert sum(pool.size for pool in CATALOG.pools.values() if pool.resource == "camera") <= 20


def test_the_schema_for_editors_is_current_and_accepts_the_shipped_files() -> None:
    schema = json.loads(schema_text())
    # As data: the lowest pydantic writes 0 where a later one writes 0.0.
    assert json.loads(FILE.read_text(encoding="utf-8")) == schema
    for path in sorted(SHIPPED.glob("*.yaml")):
        jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), schema)
        assert path.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=")


def test_a_part_of_the_catalog_can_be_chosen_and_a_wrong_name_is_told() -> None:
    assert [e.id for e in select(CATALOG, ["GET /cameras/{id}/stats"]).endpoints] == ["GET /cameras/{id}/stats"]
    with pytest.raises(CatalogError, match=r"GET /cameras/\{id\}/stats"):
        select(CATALOG, ["GET /cameras/{id}/stat"])


def test_placeholders_are_filled_in_texts_keys_and_nested_values() -> None:
    names = {"camera": "c-1", "run": "r-1"}
    assert fill_text("/x/{camera}/{run}", names) == "/x/c-1/r-1"
    assert fill_value({"{camera}": ["{run}", 1, None]}, names) == {"c-1": ["r-1", 1, None]}
    with pytest.raises(KeyError):
        fill_text("{other}", names)


def test_a_request_is_filled_as_it_is_sent() -> None:
    spec = RequestSpec("POST", "/x/{run}", (("q", "{run}"),), {"a": "{run}"}, has_body=True)
    filled = fill(spec, {"run": "r"}, {"b": "{run}"})
    assert (filled.path, filled.query, filled.content_type) == ("/x/r", (("q", "r"),), "application/json")
    assert json.loads(filled.body or "") == {"a": "r", "b": "r"}
    assert fill(RequestSpec("GET", "/x"), {}).body is None
    raw = RequestSpec("POST", "/x", raw_body='{"a": {run}', content_type="text/plain")
    assert fill(raw, {"run": "1"}).body == '{"a": 1'
    assert fill(raw, {"run": "1"}).content_type == "text/plain"
    listed = RequestSpec("POST", "/x", body=["{run}"], has_body=True)
    assert fill(listed, {"run": "r"}, {"b": 1}).body == '["r"]'


def test_the_command_lists_the_catalog() -> None:
    from verification.cli import main

    assert main(["catalog"]) == 0
    assert Path(SHIPPED).is_dir()
