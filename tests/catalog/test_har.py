"""Recorded traffic becomes endpoints with what was asked as their cases, alone or laid over a description."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.catalog.documents import answer, described, entry, har
from tests.catalog.test_openapi import loaded, parameter
from verification.catalog.draft import draft
from verification.catalog.har import MOST_CASES, Recorded, record
from verification.catalog.openapi import describe
from verification.catalog.sketch import Sketch
from verification.catalog.withheld import Withheld
from verification.core.errors import UsageError

API = "https://api.example"


def recorded(*entries: dict[str, Any], known: dict[str, Sketch] | None = None, **options: Any) -> Recorded:
    return record(har(*entries), "traffic", Withheld(), known or {}, **options)


def test_requests_become_cases_of_endpoints_whose_ids_are_parameters(tmp_path: Path) -> None:
    uuid = "123e4567-e89b-12d3-a456-426614174000"
    found = recorded(
        entry("GET", f"{API}/cameras/17/logs?lines=5"),
        entry("GET", f"{API}/cameras/18/logs?lines=5"),
        entry("GET", f"{API}/cameras/17/logs?lines=5"),
        entry("GET", f"{API}/users/{uuid}", 304),
        entry("GET", f"{API}/users/0", 404),
    )
    catalog = loaded(draft(found.sketches, Withheld()), tmp_path)
    logs, users = catalog.endpoints
    assert (logs.id, users.id) == ("GET /cameras/{camera_id}/logs", "GET /users/{user_id}")
    assert [case.request.path for case in logs.cases] == ["/cameras/17/logs", "/cameras/18/logs"]
    assert [case.status for case in users.cases] == [200, 404], "not modified is what a browser's own copy made of 200"
    assert len(users.load.requests) == 1


def test_assets_other_hosts_and_unanswered_requests_are_left_out_and_told() -> None:
    found = recorded(
        entry("GET", f"{API}/things"),
        entry("GET", f"{API}/things?a=1"),
        entry("GET", f"{API}/app.js", kind="application/javascript"),
        entry("GET", f"{API}/logo.png", 304, kind=""),
        entry("OPTIONS", f"{API}/things"),
        entry("GET", f"{API}/broken", 0),
        entry("GET", "https://metrics.example/beacon"),
    )
    assert list(found.sketches) == ["GET /things"]
    assert found.notes == ["traffic: only requests to https://api.example were taken, none to https://metrics.example"]


def test_the_arms_own_parameter_is_no_part_of_a_case() -> None:
    found = recorded(entry("GET", f"{API}/x?force_domain=true&a=1"), left_out=frozenset({"force_domain"}))
    assert found.sketches["GET /x"].cases[0].query == (("a", "1"),)


def test_bodies_are_kept_as_what_they_are() -> None:
    form = {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a", "value": "x y"}]}
    found = recorded(
        entry("POST", f"{API}/json", posted={"mimeType": "application/json; charset=utf-8", "text": '{"a": [1]}'}),
        entry("POST", f"{API}/patch", posted={"mimeType": "application/merge-patch+json", "text": '{"a": null}'}),
        entry("POST", f"{API}/form", posted=form),
        entry("POST", f"{API}/text", posted={"mimeType": "text/plain", "text": "hello"}),
        entry("POST", f"{API}/file", posted={"mimeType": "multipart/form-data; boundary=x", "text": "--x"}),
    )
    made = draft(found.sketches, Withheld())
    written = {
        one["id"]: one["cases"][0].get("request") for one in yaml.safe_load(made.files["writes.yaml"])["endpoints"]
    }
    assert written == {
        "POST /json": {"body": {"a": [1]}},
        "POST /patch": {"body": {"a": None}, "content_type": "application/merge-patch+json"},
        "POST /form": {"raw_body": "a=x+y", "content_type": "application/x-www-form-urlencoded"},
        "POST /text": {"raw_body": "hello", "content_type": "text/plain"},
        "POST /file": None,
    }
    assert "multipart/form-data" in made.disabled["POST /file"]
    assert len(made.disabled) == 5


def test_values_that_were_seen_suggest_masks() -> None:
    seen = '{"items": [{"at": "2026-01-01T00:00:00.1Z", "uptime": 1.5, "id": 7}], "7": {"pid": 12}, "a.b": {"pid": 1}}'
    found = recorded(entry("GET", f"{API}/x", answered=seen), entry("POST", f"{API}/x", answered='{"id": 7}'))
    masks = found.sketches["GET /x"].masks
    assert {path: mask["predicate"] for path, mask in masks.items()} == {
        "items.*.at": "timestamp", "items.*.uptime": "number", "*.pid": "integer",
    }  # fmt: skip
    assert found.sketches["POST /x"].masks["id"]["minimum"] == 1


def test_a_recording_fills_in_what_a_description_leaves_open(tmp_path: Path) -> None:
    id_parameter = parameter("name", "path", schema={"type": "string"})
    item = {"get": {"parameters": [id_parameter], "responses": answer({})}}
    literal = {"get": {"responses": answer({})}}
    known = describe(described({"/things/{name}": item, "/things/all": literal}), "doc").sketches
    assert "{fill_in_name}" in known["GET /things/{name}"].cases[0].path
    found = recorded(entry("GET", f"{API}/things/oven"), entry("GET", f"{API}/things/all?x=1"), known=known)
    assert set(found.sketches) == set(known)
    made = draft(found.sketches, Withheld())
    assert made.disabled == {}
    everything = {one.id: one for one in loaded(made, tmp_path).endpoints}
    written = [case.request.path for case in everything["GET /things/{name}"].cases if not case.derived]
    assert written == ["/things/oven"]
    assert [case.id for case in everything["GET /things/all"].cases] == ["plain", "recorded"]


def test_a_recording_of_too_many_endpoints_is_cut_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verification.catalog.har.MOST_ENDPOINTS", 2)
    found = recorded(*(entry("GET", f"{API}/{name}") for name in "abcc"))
    assert list(found.sketches) == ["GET /a", "GET /b"]
    assert found.notes == ["traffic: 2 requests were left out: more than 2 endpoints"]


def test_many_requests_of_one_endpoint_become_a_few_cases() -> None:
    found = recorded(*(entry("GET", f"{API}/x?n={number}") for number in range(500)))
    cases = found.sketches["GET /x"].cases
    assert len(cases) == MOST_CASES
    assert len({case.id for case in cases}) == MOST_CASES


@pytest.mark.parametrize("value", [None, [], {}, {"log": 1}, {"log": {"entries": {}}}, har(), har({"request": 1})])
def test_what_is_no_recording_is_refused_in_words(value: Any) -> None:
    with pytest.raises(UsageError, match=r"^traffic: (is no HAR file|holds no answered request)"):
        record(value, "traffic", Withheld(), {})


WORDS = st.sampled_from(
    ["request", "response", "method", "GET", "url", f"{API}/{{a}}/1", "http://[::1", "http://h:99999/x", "headers",
     "name", "value", "postData", "text", '{"a": {"b":', "[[[[", "params", "mimeType", "status", "content", "cookies",
     "encoding", "base64", "cookie", "\ud800", "http://x/\ud800?\x00=\x1b"]
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 700) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(ANYTHING, ANYTHING, ANYTHING, WORDS)
def test_wrong_types_anywhere_give_a_draft_that_loads(
    tmp_path_factory: pytest.TempPathFactory, whole: Any, request: Any, response: Any, url: Any
) -> None:
    odd = {"request": {"method": "GET", "url": url, "postData": request, "headers": response}, "response": response}
    mixed = entry("GET", str(url), answered=str(request))
    found = recorded(entry("GET", f"{API}/ok"), entry("GET", f"{API}/ok?a"), odd, mixed, whole)
    assert loaded(draft(found.sketches, Withheld()), tmp_path_factory.mktemp("draft")).endpoints
