"""What the notation leaves open for a service that nobody knows yet: readings, load, status, and what is off."""

from __future__ import annotations

from pathlib import Path

import pytest

from verification.catalog.load import load_catalog
from verification.catalog.references import fits_route
from verification.core.errors import CatalogError
from verification.core.expectation import Scope, owed, search_keys

PLAIN = """
endpoints:
  - id: GET /things/{id}
    path: /api/things/{id}
    writes: false
    request: {path: /api/things/7}
    shape: {}
    cases:
      - {id: plain, title: a thing, status: 200}
      - {id: odd, title: nobody knows, request: {query: x=1}}
"""
WRITE = """
  - id: DELETE /things/{id}
    path: /api/things/{id}
    writes: true
    disabled: it deletes
    request: {path: "/api/things/{fill_in_id}"}
    shape: {}
    cases:
      - {id: plain, title: a thing, status: 204}
"""


def catalog_of(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "catalog.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(CatalogError) as caught:
        load_catalog(catalog_of(tmp_path, text))
    return str(caught.value)


def test_a_read_needs_neither_readings_nor_an_error_shape_nor_a_load(tmp_path: Path) -> None:
    catalog = load_catalog(catalog_of(tmp_path, PLAIN))
    (endpoint,) = catalog.endpoints
    assert endpoint.reads == ()
    assert [case.status for case in endpoint.cases] == [200, None]
    assert (endpoint.load.weight, endpoint.load.requests) == (1.0, (endpoint.cases[0].request,))
    assert search_keys(catalog) == ()


def test_what_is_disabled_is_not_asked_and_the_run_says_why(tmp_path: Path) -> None:
    catalog = load_catalog(catalog_of(tmp_path, PLAIN + WRITE))
    assert [endpoint.id for endpoint in catalog.endpoints] == ["GET /things/{id}"]
    expected, omitted = owed(catalog, Scope((0,), owned=False, quick=False, may_restart=False))
    assert omitted["endpoint:DELETE /things/{id}"] == "it deletes"
    assert not any("DELETE" in key for key in expected)


def test_an_enabled_write_without_readings_and_load_is_refused(tmp_path: Path) -> None:
    text = refusal(tmp_path, PLAIN + WRITE.replace("    disabled: it deletes\n", ""))
    assert "no reads and no load" in text
    assert "disabled: REASON" in text


def test_a_value_that_nobody_filled_in_is_refused_once_the_endpoint_is_enabled(tmp_path: Path) -> None:
    text = refusal(tmp_path, PLAIN.replace("/api/things/7", '"/api/things/{fill_in_thing_id}"'))
    assert "{fill_in_thing_id} stands for a value that only you know" in text
    assert "'thing_id'" in text


def test_an_endpoint_that_is_never_taken_is_refused(tmp_path: Path) -> None:
    text = refusal(tmp_path, PLAIN.replace("status: 200", "status: 404"))
    assert "none of them says with `status` 200 to 299" in text


def test_a_catalog_of_which_all_is_disabled_is_told_as_such(tmp_path: Path) -> None:
    text = refusal(tmp_path, "endpoints:" + WRITE)
    assert "all 1 of it are `disabled`" in text


def test_an_endpoint_cannot_be_asked_and_disabled_at_once(tmp_path: Path) -> None:
    twice = WRITE.replace("DELETE", "GET").replace("writes: true", "writes: false")
    assert "declared twice" in refusal(tmp_path, PLAIN + twice)


def test_a_race_does_not_call_what_is_disabled(tmp_path: Path) -> None:
    call = '{endpoint: "DELETE /things/{id}", path: /api/things/1}'
    race = f"races:\n  both:\n    title: two at once\n    given: {{}}\n    reads: [x]\n    calls: [{call}, {call}]\n"
    assert '"DELETE /things/{id}" is no endpoint' in refusal(tmp_path, PLAIN + WRITE + race)


@pytest.mark.parametrize(
    ("route", "path", "fits"),
    [
        ("/a/{id}", "/a/1", True),
        ("/a/{id}", "/a/", False),
        ("/a/{id}", "/a/1/2", False),
        ("/a/{id}.json", "/a/1.json", True),
        ("/a/{id}.json", "/a/.json", False),
        ("/a/{id}.json", "/a/1.xml", False),
        ("/a/v{x}-{y}", "/a/v1-2", True),
        ("/a/v{x}-{y}", "/a/v12", False),
        ("/a/v{x}-{y}", "/a/w1-2", False),
        ("/a/{x}{y}", "/a/12", True),
        ("/a/{x}{y}", "/a/1", False),
        ("/a", "/a", True),
    ],
)
def test_a_parameter_may_be_a_part_of_a_step(route: str, path: str, fits: bool) -> None:
    assert fits_route(route, path) is fits
