"""Every operator that a place allows is used there, and every edit is another document."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from tests.core.score.test_tree import DOCUMENTS
from verification.core.cases import Shape
from verification.core.score.edit import edits
from verification.core.score.place import Labels
from verification.core.score.tree import grown, written


def made(text: str, *steps: int) -> dict[tuple[str, str], str]:
    return {(edit.operator, edit.what): written(edit.tree) for edit in edits(grown(text), steps)}


def operators(text: str, *steps: int) -> set[str]:
    return {operator for operator, _ in made(text, *steps)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a":1}', {"drop", "duplicate", "rename", "casing", "null", "type", "value"}),
        ('{"a":"x"}', {"drop", "duplicate", "rename", "casing", "null", "type", "value"}),
        ('{"1":true}', {"drop", "duplicate", "rename", "null", "type", "value"}),
        ('{"1":null}', {"drop", "duplicate", "rename", "type", "value"}),
        ("[0.5]", {"drop", "duplicate", "null", "type", "value"}),
        ("[[]]", {"drop", "duplicate", "null", "type", "extra effect"}),
        ("[{}]", {"drop", "duplicate", "null", "type", "extra effect"}),
        ('[["p","q"]]', {"drop", "duplicate", "null", "type", "order", "extra effect"}),
        ('[["p","p"]]', {"drop", "duplicate", "null", "type", "extra effect"}),
    ],
)
def test_a_place_gets_every_operator_that_it_allows(text: str, expected: set[str]) -> None:
    assert operators(text, 0) == expected


def test_the_whole_document_can_be_replaced_and_not_dropped() -> None:
    assert operators('{"a":1}') == {"null", "type", "extra effect"}


@pytest.mark.parametrize(
    ("text", "operator", "what", "expected"),
    [
        ('{"aB":1}', "rename", "under another name", '{"aB_":1}'),
        ('{"aB":1}', "casing", "its name in the other case", '{"Ab":1}'),
        ('{"a":1}', "duplicate", "twice", '{"a":1,"a":1}'),
        ("[150]", "type", "with a fraction", "[150.0]"),
        ("[150]", "type", "as text", '["150"]'),
        ("[0.5]", "value", "the next number", "[0.5000000000000001]"),
        ("[NaN]", "value", "the next number", "[0.0]"),
        ("[true]", "type", "as number", "[1]"),
        ('["Ab"]', "casing", "in the other case", '["aB"]'),
        ('["Ab"]', "value", "blank", '[" "]'),
        ('[["p","q"]]', "order", "reversed", '[["q","p"]]'),
        ("[[]]", "type", "the other container", "[{}]"),
        ("[{}]", "type", "the other container", "[[]]"),
    ],
)
def test_an_operator_does_what_it_says(text: str, operator: str, what: str, expected: str) -> None:
    assert made(text, 0)[operator, what] == expected


def test_a_blank_text_is_made_longer_and_not_blank_again() -> None:
    assert ("value", "blank") not in made('[" "]', 0)


@given(DOCUMENTS)
def test_no_edit_leaves_the_text_as_it_was(document: object) -> None:
    tree = grown(written_of(document))
    for place in Labels(Shape(), ()).every(tree):
        texts = [written(edit.tree) for edit in edits(tree, place.steps)]
        assert written(tree) not in texts


def written_of(document: object) -> str:
    return json.dumps(document, ensure_ascii=False)
