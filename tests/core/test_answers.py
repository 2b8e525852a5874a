"""Two answers: status, declared headers, bodies as raw text before they are parsed, and the short way for equals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.core import compare
from verification.core.cases import Shape
from verification.core.compare import Compared, compare_answers, compare_values
from verification.core.documents import Names, parse
from verification.core.model import Answer

NOBODY = Names(())
PLAIN = Shape()


def answer(body: Any, status: int = 200, **headers: str) -> Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(status, tuple((name.replace("_", "-"), value) for name, value in headers.items()), text)


def test_status_and_declared_headers_are_compared_and_dull_ones_are_not() -> None:
    found = compare_answers(
        PLAIN,
        answer({}, 200, content_type="application/json", x_trace="1"),
        answer({}, 201, content_type="text/plain", x_trace="2", location="/x"),
        NOBODY,
        NOBODY,
    )
    assert [(d.where, d.path, d.kind) for d in found.differences] == [
        ("status", "", "status"),
        ("header", "content-type", "header"),
        ("header", "location", "header"),
    ]
    assert (
        compare_answers(PLAIN, answer({}, 200), answer({}, 404), NOBODY, NOBODY).differences[0].kind == "status class"
    )


@pytest.mark.parametrize(("one", "other"), [("{}", "{} "), ("{}", "<html>"), ("x", "y"), ("", "{}")])
def test_a_body_that_is_no_json_on_one_side_is_compared_as_text(one: str, other: str) -> None:
    found = compare_answers(PLAIN, answer(one), answer(other), NOBODY, NOBODY).differences
    assert [difference.where for difference in found] == ([] if one == "{}" and other == "{} " else ["raw"])


def test_texts_that_are_alike_but_for_their_names_are_equal() -> None:
    old, new = Names((("camera", "gate-1"),)), Names((("camera", "gate-2"),))
    assert compare_answers(PLAIN, answer("log gate-1"), answer("log gate-2"), old, new) == Compared()


def test_binary_and_text_are_not_equal_by_accident() -> None:
    binary = Answer(200, (), "eA==", body_is_base64=True)
    assert compare_answers(PLAIN, binary, answer("eA=="), NOBODY, NOBODY).differences[0].where == "raw"


def test_a_number_that_a_parser_would_bend_is_a_raw_difference() -> None:
    found = compare_answers(PLAIN, answer('{"a": 1.5}'), answer('{"a": NaN}'), NOBODY, NOBODY)
    assert found.differences[0].where == "raw"


def test_a_repeated_key_is_a_raw_difference() -> None:
    found = compare_answers(PLAIN, answer('{"a": 1, "a": 1}'), answer('{"a": 1}'), NOBODY, NOBODY)
    assert [difference.where for difference in found.differences] == ["raw"]


def test_a_bent_number_in_the_state_is_a_change_of_state() -> None:
    control, candidate = parse(answer('{"a": 1.5}')), parse(answer('{"a": NaN}'))
    assert compare_values(PLAIN, "state rules", control, candidate).differences[0].where == "state rules"


@pytest.mark.parametrize("levels", [100, 300, 600, 900, 10_000])
def test_a_deep_document_is_compared_without_a_crash(levels: int) -> None:
    def deep(core: str) -> Answer:
        return answer("[" * levels + core + "]" * levels)

    assert compare_answers(PLAIN, deep("1"), deep("2"), NOBODY, NOBODY).differences
    assert compare_answers(PLAIN, deep("1"), deep("1"), NOBODY, NOBODY) == Compared()


def test_large_equal_bodies_never_reach_deepdiff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "DeepDiff", None)
    rows = [{"id": f"row-{number}", "value": number / 7, "tags": ["a", "b"]} for number in range(1200)]
    body = json.dumps({"rows": rows})
    assert len(body) > 77_000
    turned = json.dumps({"rows": [dict(reversed(row.items())) for row in rows]})
    for other in (body, turned):
        assert compare_answers(PLAIN, answer(body), answer(other), NOBODY, NOBODY) == Compared()


IDS = st.sampled_from(["gate-1", "gate-2", "17", "18", "x\\u0067ate-1"])


@given(st.lists(IDS | st.sampled_from(["plain", 17, 18, None]), max_size=4), st.booleans())
def test_a_pair_that_is_taken_for_equal_unparsed_is_equal_parsed(parts: list[str | int | None], repeats: bool) -> None:
    """Whatever stands in the bodies, the short way says no more than the long one."""
    shape = Shape(ids=(("parts.*", "camera"),))
    text = json.dumps({"parts": parts}, separators=(",", ":"))
    other = text if repeats else text.replace("gate-1", "gate-2").replace("17", "18")
    names = Names((("camera", "gate-1"), ("rule", "17"))), Names((("camera", "gate-2"), ("rule", "18")))
    old, new = (Answer(200, (), body) for body in (text, other))
    longer = Answer(200, (), f" {other}")
    assert bool(compare_answers(shape, old, new, *names).differences) == bool(
        compare_answers(shape, old, longer, *names).differences
    )
