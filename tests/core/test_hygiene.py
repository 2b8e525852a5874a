"""A mask that nobody needs, that has expired, that covers a critical place or lets too much through fails the run."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.core.judge.builders import CASE, CATALOG, READING, THING, endpoint
from verification.catalog.load import load_catalog
from verification.core.cases import Catalog, Mask, Shape
from verification.core.hygiene import declared_masks, judge_masks, without_expired
from verification.core.judgement import CaseResult, MaskUse
from verification.core.model import MaskedDifference, Verdict

TODAY = date(2026, 11, 24)
MASK = Mask("stamp", "timestamp", "the clock goes on", "us")
NOW = json.dumps("2026-11-24T00:00:00Z")
EQUAL = CaseResult(THING, "plain", "EQUAL", "", 0, 0)


def catalog(mask: Mask = MASK, critical: tuple[str, ...] = ()) -> Catalog:
    shape = Shape(masks=(mask,), critical=critical)
    return Catalog((replace(endpoint(), shape=shape, error_shape=Shape()),), {}, {"things": READING}, {})


def used(mask: Mask = MASK, fired: int = 1, control: str = NOW, candidate: str = NOW) -> MaskUse:
    example = MaskedDifference("body", mask.path, "x", control, candidate) if fired else None
    return MaskUse(THING, mask.path, mask.predicate, mask.reason, mask.owner, fired, example)


def rules(of: Catalog, *uses: MaskUse, cases: tuple[CaseResult, ...] = (EQUAL,)) -> list[str]:
    found = list(judge_masks(of, uses, cases, TODAY))
    assert all(finding.verdict is Verdict.INCONCLUSIVE for finding in found)
    return [finding.rule for finding in found]


def test_a_mask_that_fired_and_is_narrow_is_no_finding() -> None:
    assert rules(catalog(), used()) == []


def test_a_mask_that_never_fired_fails_the_run() -> None:
    assert rules(catalog(), used(fired=0)) == ["mask.unused"]
    assert rules(catalog()) == ["mask.unused"]


@pytest.mark.parametrize("cases", [(), (replace(EQUAL, result="INCONCLUSIVE"),), (replace(EQUAL, result="DIFFERENT"),)])
def test_an_unused_mask_is_not_judged_where_cases_are_missing(cases: tuple[CaseResult, ...]) -> None:
    assert rules(catalog(), used(fired=0), cases=cases) == []


def test_a_mask_of_a_reading_is_judged_where_all_its_readers_were_compared() -> None:
    reading = replace(READING, shape=Shape(masks=(MASK,)))
    both = (endpoint(), endpoint("GET /others"))
    plain = tuple(replace(item, shape=Shape(), error_shape=Shape()) for item in both)
    whole = Catalog(plain, {}, {"things": reading, "unread": replace(reading, name="unread")}, {})
    assert rules(whole) == []
    assert rules(whole, cases=(EQUAL, replace(EQUAL, endpoint="GET /others"))) == ["mask.unused"]


def test_an_expired_mask_fails_the_run_and_allows_nothing() -> None:
    expired = replace(MASK, expires=TODAY)
    assert rules(catalog(expired), used(expired)) == ["mask.expired"]
    assert declared_masks(without_expired(catalog(expired), TODAY)) == ()
    valid = catalog(replace(MASK, expires=date(2026, 11, 25)))
    assert without_expired(valid, TODAY) is valid
    assert rules(valid, used()) == []


@pytest.mark.parametrize("critical", ["stamp", "*"])
def test_a_mask_over_a_critical_place_fails_the_run(critical: str) -> None:
    assert rules(catalog(critical=(critical,)), used()) == ["mask.hides-critical"]


@pytest.mark.parametrize("critical", ["stamp.deeper", "other"])
def test_a_mask_beside_a_critical_place_is_fine(critical: str) -> None:
    assert rules(catalog(critical=(critical,)), used()) == []


@pytest.mark.parametrize("value", ["2026-11-24T00:00:00Z", "4001", "0f8fad5b-d9cb-469f-a165-70867728950e"])
def test_a_mask_that_lets_a_text_of_a_form_become_any_text_is_too_broad(value: str) -> None:
    text = replace(MASK, predicate="text")
    assert rules(catalog(text), used(text, control=json.dumps(value), candidate=json.dumps(value))) == [
        "mask.too-broad"
    ]


@pytest.mark.parametrize(
    ("predicate", "value"),
    [("text", "some words"), ("integer", 4001), ("number", 0.25), ("boolean", True), ("timestamp", json.loads(NOW))],
)
def test_a_predicate_that_fits_lets_no_mutant_through(predicate: str, value: Any) -> None:
    mask, shown = replace(MASK, predicate=predicate), json.dumps(value)
    assert rules(catalog(mask), used(mask, control=shown, candidate=shown)) == []


def test_an_example_that_was_cut_proves_nothing() -> None:
    text = replace(MASK, predicate="text")
    assert rules(catalog(text), used(text, control='"4001… (5000 characters)', candidate='"4001')) == []


def test_the_shipped_catalog_hides_nothing_critical_and_nothing_of_it_has_expired() -> None:
    found = [finding.rule for finding in judge_masks(load_catalog(), (), (), TODAY)]
    assert found == []
    assert CASE in CATALOG.endpoints[0].cases
