"""A tree gives its text back, and one place is changed without touching another."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.core.score.tree import Members, Token, changed_at, children, grown, node_at, replaced, written

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=12,
)


@given(DOCUMENTS)
def test_a_text_comes_back_as_it_was(document: object) -> None:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    assert written(grown(text)) == text


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', "[1.0,1e400,-0,NaN,123456789012345678901234567890]", '"1"'])
def test_what_a_parser_would_bend_stays_as_it_stands(text: str) -> None:
    assert written(grown(text)) == text


def test_a_place_is_changed_and_what_is_beside_it_is_shared() -> None:
    tree = grown('{"a":[1,{"b":2}],"c":{}}')
    assert written(replaced(tree, (0, 1, 0), Token(3))) == '{"a":[1,{"b":3}],"c":{}}'
    assert written(changed_at(tree, (), lambda found: [found])) == '[{"a":[1,{"b":2}],"c":{}}]'
    assert node_at(tree, (0, 1, 0)) == "2"
    assert replaced(tree, (0, 0), None)[1] is tree[1]


def test_only_containers_contain_something() -> None:
    assert list(children(Members([("k", "v")]))) == [("k", "v")]
    assert list(children(["v"])) == [(0, "v")]
    assert list(children("text")) == []
