"""Two answers differ where they differ: typed, path by path, and no shortcut of a library hides it."""

from __future__ import annotations

import base64
import copy
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from verification.core import compare
from verification.core.cases import KeyedList, Mask, Shape
from verification.core.compare import Compared, compare_answers, compare_values
from verification.core.documents import Names, canonical
from verification.core.model import Answer

NOBODY = Names(())
PLAIN = Shape()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def answer(body: Any, status: int = 200, **headers: str) -> Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(status, tuple((name.replace("_", "-"), value) for name, value in headers.items()), text)


def compared(control: Any, candidate: Any, shape: Shape = PLAIN) -> Compared:
    return compare_values(shape, "body", control, candidate)


def places(found: Compared) -> list[tuple[str, str]]:
    return [(difference.path, difference.kind) for difference in found.differences]


def test_a_rename_is_told_at_both_fields() -> None:
    assert {path for path, _ in places(compared({"id": 1, "k": 1}, {"uuid": 1, "k": 1}))} == {"id", "uuid"}


@given(JSON)
def test_a_value_equals_itself(value: Any) -> None:
    assert compared(value, copy.deepcopy(value)) == Compared()


@given(JSON, JSON)
def test_any_two_different_documents_differ_in_both_directions(one: Any, other: Any) -> None:
    assume(canonical(one) != canonical(other))
    assert compared(one, other).differences
    assert compared(other, one).differences


@given(JSON, JSON)
@settings(max_examples=50)
def test_where_deepdiff_is_silent_every_place_is_still_told(one: Any, other: Any) -> None:
    assume(canonical(one) != canonical(other))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "DeepDiff", lambda *_, **__: {})
        silent = compared(one, other)
    assert silent.differences
    assert {path for path, _ in places(silent)} == {path for path, _ in places(compared(one, other))}


HIDING = Shape(masks=tuple(Mask(path, "integer", "counts up", "us") for path in ("tick", "list.1")))
HIDDEN = [
    pytest.param({"tick": 1, "__kind": "a"}, {"tick": 2, "__kind": "b"}, "__kind", id="a key that looks private"),
    pytest.param({"tick": 1, "__kind": "a"}, {"tick": 2}, "__kind", id="a key that looks private is lost"),
    pytest.param({"list": [1, 5]}, {"list": [True, 6]}, "list.0", id="true matched with 1"),
    pytest.param({"list": [1.0, 5, 7]}, {"list": [1, 6, 7]}, "list.0", id="1.0 matched with 1"),
    pytest.param({"tick": 1, "z": 0.0}, {"tick": 2, "z": -0.0}, "z", id="signed zero"),
    pytest.param({"tick": 1, "z": [{"y": 0.0}]}, {"tick": 2, "z": [{"y": -0.0}]}, "z.0.y", id="signed zero below"),
    pytest.param({"tick": 1, "n": None}, {"tick": 2}, "n", id="null is not absent"),
]


@pytest.mark.parametrize(("control", "candidate", "path"), HIDDEN)
def test_no_difference_hides_behind_one_that_a_mask_allows(control: Any, candidate: Any, path: str) -> None:
    for one, other in ((control, candidate), (candidate, control)):
        found = compared(one, other, HIDING)
        assert found.masked
        assert [difference.path for difference in found.differences] == [path]


def test_equal_bodies_never_reach_deepdiff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "DeepDiff", None)
    rows = [{"id": 1}, 2]
    found = compare_answers(PLAIN, answer({"a": rows, "b": 1}), answer({"b": 1, "a": rows}), NOBODY, NOBODY)
    assert found == Compared()


STAMP = Mask("at", "timestamp", "time passes", "us", expires=date(2027, 1, 1))
MASKED = Shape(masks=(STAMP,), messages=("detail",), critical=("ok", "deep.thing"))


@given(JSON, st.data())
def test_any_single_mutation_is_told(value: Any, data: st.DataObject) -> None:
    document = {"known": [{"id": 1, "on": True}, {"id": 2, "on": False}], "any": value}
    mutated = data.draw(mutations(document))
    assert compared(document, mutated).differences
    assert compared(mutated, document).differences


@st.composite
def mutations(draw: st.DrawFn, document: Any) -> Any:
    """The document with one thing changed somewhere: a member, a scalar, a type, the order or number of items."""
    changed = copy.deepcopy(document)
    node = changed
    while True:
        inner = [key for key in (node if isinstance(node, dict) else range(len(node))) if _holds(node[key])]
        if not inner or draw(st.booleans()):
            break
        node = node[draw(st.sampled_from(inner))]
    if isinstance(node, dict):
        key = draw(st.sampled_from(sorted(node)))
        how = draw(st.sampled_from(["drop", "add", "rename", "change"]))
        if how == "add":
            node["a new key"] = None
        elif how == "change":
            node[key] = _other(node[key])
        else:
            kept = node.pop(key)
            if how == "rename":
                node["a new key"] = kept
    else:
        index = draw(st.integers(0, len(node) - 1))
        how = draw(st.sampled_from(["drop", "repeat", "change", "swap"]))
        swap = next((at for at in range(len(node)) if canonical(node[at]) != canonical(node[index])), None)
        if how == "drop":
            node.pop(index)
        elif how == "repeat":
            node.insert(index, node[index])
        elif how == "swap" and swap is not None:
            node[index], node[swap] = node[swap], node[index]
        else:
            node[index] = _other(node[index])
    return changed


def _holds(value: Any) -> bool:
    return isinstance(value, dict | list) and len(value) > 0


def _other(value: Any) -> Any:
    """Another value that is as near as can be: the neighbour in type."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return float(value)
    if isinstance(value, float):
        return -value if value == 0 else str(value)
    if isinstance(value, str):
        return value + " "
    return {"": value} if value is None else None


KEYS = st.dictionaries(st.text(max_size=3).filter(lambda key: "." not in key), st.integers(0, 1), max_size=4)


@given(KEYS, KEYS)
def test_deepdiff_and_a_plain_walk_name_the_same_places(one: Any, other: Any) -> None:
    expected = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    assert {path for path, _ in places(compared(one, other))} == expected


def test_a_candidate_that_repeats_controls_bytes_answers_with_the_other_twin() -> None:
    old, new = Names((("camera", "gate-1"), ("rule", "7"))), Names((("camera", "gate-2"), ("rule", "8")))
    shape = Shape(ids=(("rule", "rule"),))
    for body in ({"id": "gate-1"}, {"rule": 7}, "log of gate-1", {"gate-1": 1}):
        assert compare_answers(shape, answer(body), answer(body), old, new).differences
    binary = Answer(200, (), base64.b64encode(b"\xff gate-1").decode(), body_is_base64=True)
    own = Answer(200, (), base64.b64encode(b"\xff gate-2").decode(), body_is_base64=True)
    assert compare_answers(shape, binary, binary, old, new).differences
    assert compare_answers(shape, binary, own, old, new) == Compared()


def test_the_type_of_an_id_counts() -> None:
    old, new = Names((("rule", "7"),)), Names((("rule", "8"),))
    shape = Shape(ids=(("id", "rule"),), keyed=(KeyedList("items", "id"),))
    assert compare_answers(shape, answer({"id": 7}), answer({"id": 8}), old, new) == Compared()
    assert compare_answers(shape, answer({"id": 7}), answer({"id": "8"}), old, new).differences
    listed = compare_answers(shape, answer({"items": [{"id": 7}]}), answer({"items": [{"id": "8"}]}), old, new)
    assert listed.differences


def test_a_masked_difference_is_counted_and_shown() -> None:
    found = compared({"at": "2026-11-23T10:00:00Z"}, {"at": "2026-11-23T10:00:01Z"}, MASKED)
    assert not found.differences
    assert found.masked[0].mask == "at is timestamp"


@pytest.mark.parametrize("value", [None, 5, "soon", "2026-11-23T10:00:00", [], {}])
def test_a_mask_lets_nothing_else_through(value: Any) -> None:
    assert compared({"at": "2026-11-23T10:00:00Z"}, {"at": value}, MASKED).differences
    assert compared({"at": "2026-11-23T10:00:00Z"}, {}, MASKED).differences


def test_another_wording_is_a_message_and_another_type_a_difference() -> None:
    wording = compared({"detail": "not found"}, {"detail": "nicht gefunden"}, MASKED)
    assert (len(wording.messages), len(wording.differences)) == (1, 0)
    assert compared({"detail": "not found"}, {"detail": ""}, MASKED).differences
    assert compared({"detail": "not found"}, {"detail": ["x"]}, MASKED).differences
    assert compared({"detail": "not found"}, {}, MASKED).differences


@pytest.mark.parametrize(
    ("control", "candidate", "is_wording"),
    [
        ("«camera» is inactive", "die Kamera «camera» ist aus", True),
        ("«camera» is inactive", "the camera is inactive", True),
        ("the camera is inactive", "«camera» is inactive", True),
        ("«camera» is inactive", "«neighbour» is inactive", False),
        ("«camera» is inactive", "«camera» and «neighbour» are inactive", False),
    ],
)
def test_a_text_that_speaks_of_another_twin_is_no_matter_of_wording(
    control: str, candidate: str, is_wording: bool
) -> None:
    found = compared({"detail": control}, {"detail": candidate}, MASKED)
    assert (len(found.messages), len(found.differences)) == ((1, 0) if is_wording else (0, 1))


@pytest.mark.parametrize(
    ("control", "candidate", "is_equal"),
    [
        ("/rules/17", "/rules/18", True),
        ("http://host:17/rules/17/", "http://host:17/rules/18/", True),
        ("/rules?id=17&x=1", "/rules?id=18&x=1", True),
        ("/rules/17", "/rules/17", False),
        ("/rules/17", "/rules/99", False),
        ("/rules/117", "/rules/118", False),
        ("http://host:17/", "http://host:18/", False),
    ],
)
def test_a_mere_number_is_an_id_where_it_is_a_whole_step_of_an_address(
    control: str, candidate: str, is_equal: bool
) -> None:
    old, new = (Answer(201, (("location", value),), "") for value in (control, candidate))
    found = compare_answers(Shape(), old, new, Names((("rule", "17"),)), Names((("rule", "18"),)))
    assert (found.differences == ()) is is_equal


def test_what_is_critical_is_neither_masked_nor_wording() -> None:
    shape = Shape(masks=(Mask("a", "text", "", ""),), messages=("a", "b"), critical=("a", "b"))
    found = compared({"a": "x", "b": "x"}, {"a": "y", "b": "y"}, shape)
    assert [difference.critical for difference in found.differences] == [True, True]


def test_a_critical_document_is_critical_everywhere() -> None:
    assert compared({"a": {"b": 1}}, {"a": {"b": 2}}, Shape(critical=("",))).differences[0].critical


def test_a_critical_place_is_critical_inside_too() -> None:
    found = compared({"ok": True, "deep": {"thing": {"x": 1}}}, {"ok": False, "deep": {"thing": {"x": 2}}}, MASKED)
    assert [difference.critical for difference in found.differences] == [True, True]
    assert not compared({"other": 1}, {"other": 2}, MASKED).differences[0].critical


def test_what_is_shown_is_cut() -> None:
    found = compared({"a": "x" * 5000}, {"a": "y"})
    assert len(found.differences[0].control) < 500
