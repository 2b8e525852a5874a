"""A witness is read where it was declared, and what cannot be told apart or read is refused in words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from verification.core.arms import implementation
from verification.core.model import Answer
from verification.core.witness import DEFAULT_WITNESS, SecondWitnessSettings, Witness, WitnessSettings


def test_witnesses_that_contradict_each_other_name_no_implementation() -> None:
    both = Answer(200, (("x-served-by", "domain"), ("x-served-by", "legacy")), "")
    assert Witness().of(both) == "domain, legacy"
    assert implementation(Witness().of(both)) is None
    assert Witness().of(Answer(200, (("x-served-by", "domain"), ("x-served-by", "domain")), "")) == "domain"
    assert Witness().of(Answer(200, (), "")) is None


HEADERS = (("x-made-by", "V2"), ("x-served-by", "domain"))


@pytest.mark.parametrize(
    ("witness", "body", "named"),
    [
        (Witness("X-Made-By", None, "v1", "v2"), "", "domain"),
        (Witness("X-Made-By", None, "V2 ", "v3"), "", "legacy"),
        (Witness("X-Made-By"), "", "V2"),
        (Witness("X-Served-By", None, "old", "new"), "", "'domain'"),
        (Witness(None, "meta.by"), '{"meta": {"by": "Legacy"}}', "legacy"),
        (Witness(None, "meta.by", "1", "2"), '{"meta": {"by": 2}}', "domain"),
        (Witness(None, "meta.by"), '{"meta": {"by": ["legacy"]}}', None),
        (Witness(None, "meta.by"), '{"meta": 1}', None),
        (Witness(None, "meta.by"), "no json", None),
        (Witness(None), '{"meta": {"by": "legacy"}}', None),
    ],
)
def test_a_witness_is_read_where_it_was_declared_and_by_the_names_it_uses(
    witness: Witness, body: str, named: str | None
) -> None:
    assert witness.of(Answer(200, HEADERS, body)) == named


def test_a_body_that_is_no_text_names_nobody() -> None:
    assert Witness(None, "by").of(Answer(200, (), "e30=", body_is_base64=True)) is None


def test_a_witness_says_where_it_stands() -> None:
    places = [Witness().place, Witness(None, "meta.by").place, Witness(None).place]
    assert places == ["response header x-served-by", "body field meta.by", "none"]


@pytest.mark.parametrize(
    ("said", "witness"),
    [
        ({}, DEFAULT_WITNESS),
        ({"header": "X-V", "legacy": "1", "domain": "2"}, Witness("X-V", None, "1", "2")),
        ({"body": "meta.by"}, Witness(None, "meta.by")),
        ({"none": True}, Witness(None, None)),
    ],
)
def test_by_default_the_witness_stands_in_a_header_and_else_where_it_is_said(
    said: dict[str, Any], witness: Witness
) -> None:
    assert WitnessSettings(**said).first == witness


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"header": "X-A", "body": "a"}, "exclude each other"),
        ({"header": "X-A", "none": True}, "exclude each other"),
        ({"legacy": "v1", "domain": "V1 "}, "must be different texts"),
        ({"header": ""}, "at least 1"),
    ],
)
def test_a_first_witness_has_one_place_and_two_names(said: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        WitnessSettings(**said)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"counter": "/m", "none": True}, "counter and none exclude each other"),
        ({"header": "X-B", "body": "b", "legacy": "1", "domain": "2"}, "header and body exclude each other"),
        ({"header": "X-B", "domain": "2"}, "header needs legacy and domain"),
        ({"log": True}, "log needs legacy and domain"),
        ({"log": True, "legacy": "(", "domain": "x"}, "no regular expression"),
        ({"counter": "m"}, "path on the target"),
        ({"domain": ""}, "at least 1"),
    ],
)
def test_a_second_witness_is_of_one_kind_with_what_that_kind_needs(said: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        SecondWitnessSettings(**said)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"none": True},
        {"none": True, "log": False},
        {"counter": "/m", "legacy": ""},
        {"log": True, "legacy": "", "domain": "served by new"},
        {"header": "X-B", "legacy": "1", "domain": "2"},
    ],
)
def test_what_can_be_read_is_accepted(said: dict[str, Any]) -> None:
    assert SecondWitnessSettings(**said).model_dump(include=set(said)) == said


def test_two_backends_are_told_apart_by_the_address_that_answered() -> None:
    witness = Witness(header=None, address=True)
    assert witness.place == "the address that answered"
    assert WitnessSettings().is_undeclared
    assert not WitnessSettings(none=True).is_undeclared


@pytest.mark.parametrize("selector", ["requests_total", 'requests_total{by="new"}', 'a:b{x="1", y="2",}'])
def test_a_metric_with_or_without_labels_may_be_the_second_witness(selector: str) -> None:
    assert SecondWitnessSettings(metrics="/metrics", legacy="", domain=selector).domain == selector


@pytest.mark.parametrize("selector", ["a b", "requests_total{by=new}", "requests_total{", "1st", '{by="new"}'])
def test_what_is_no_metric_is_refused(selector: str) -> None:
    with pytest.raises(ValidationError, match="is no metric"):
        SecondWitnessSettings(metrics="/metrics", legacy="", domain=selector)


@pytest.mark.parametrize("path", ["metrics", "/m?format=prometheus", "/m#top", "/m m"])
def test_a_path_with_a_query_is_refused_because_it_would_not_be_sent(path: str) -> None:
    for kind in ("metrics", "counter"):
        with pytest.raises(ValidationError, match="without a query"):
            SecondWitnessSettings.model_validate({kind: path, "legacy": "", "domain": "n"})
