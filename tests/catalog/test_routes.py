"""A parameter of a route is a whole step or a part of one: `/things/{id}`, `/{table}.json`, `/{hall},{spot}`."""

from __future__ import annotations

from pathlib import Path

import pytest

from verification.catalog.load import load_catalog
from verification.catalog.references import fits_route
from verification.core.errors import CatalogError

CATALOG = """\
readings:
  tables:
    request: {method: GET, path: /tables.json}
    items: ""
    key: name
    shape: {}
endpoints:
  - id: GET /{table}/{hall},{spot}.json
    path: /db/{table}/{hall},{spot}.json
    writes: false
    request: {path: "/db/places/north,1.json"}
    shape: {}
    error_shape: {}
    reads: [tables]
    fields:
      spot: {at: path, type: integer, variations: [wrong-type]}
    derive_from: place
    cases:
      - {id: place, title: a place, status: 200}
    load: {weight: 1, requests: [{}]}
"""


@pytest.mark.parametrize(
    ("route", "path", "fits"),
    [
        ("/{table}.json", "/cameras.json", True),
        ("/{table}.json", "/.json", False),
        ("/{table}.json", "/camerasXjson", False),
        ("/{table}.json", "/cameras.csv", False),
        ("/{table}.json", "/demo/cameras.json", False),
        ("/{table}", "/", False),
        ("/places/{hall},{spot}", "/places/north,1", True),
        ("/places/{hall},{spot}", "/places/north", False),
        ("/v1.0/{id}", "/v1x0/7", False),
    ],
)
def test_a_path_is_a_call_of_a_route_when_every_parameter_has_a_value(route: str, path: str, fits: bool) -> None:
    assert fits_route(route, path) is fits


def test_a_variation_changes_its_parameter_and_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "catalog.yaml"
    file.write_text(CATALOG, encoding="utf-8")
    (endpoint,) = load_catalog(file).endpoints
    assert [case.request.path for case in endpoint.cases if case.derived] == ["/db/places/north,seven.json"]


def test_a_case_beside_its_route_and_an_unknown_parameter_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "catalog.yaml"
    text = CATALOG.replace("north,1.json", "north,1.csv").replace("spot: {at", "place: {at")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogError, match="is no call of this endpoint") as caught:
        load_catalog(file)
    assert '"place" is no parameter of /db/{table}/{hall},{spot}.json' in str(caught.value)
