"""The pairs that DeepDiff's settings call equal (DeepDiff 9.1, measured): here each of them is a difference."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from verification.core.cases import KeyedList, Mask, Shape
from verification.core.compare import compare_answers, compare_values
from verification.core.documents import Names
from verification.core.model import Answer

NOBODY = Names(())


def answer(body: Any, status: int = 200) -> Answer:
    return Answer(status, (), json.dumps(body))


def places(control: Any, candidate: Any, shape: Shape) -> list[str]:
    found = compare_answers(shape, answer(control), answer(candidate), NOBODY, NOBODY)
    return [difference.path for difference in found.differences]


ROWS = [{"id": number, "state": "on"} for number in range(60)]
SWAPPED = [{"id": 1, "state": "off"}, {"id": 0, "state": "on"}]
TRAPS = [
    pytest.param([{"x": 1}, {"x": 1}], [{"x": 1}], id="repetition lost"),
    pytest.param([1, 1, 2], [1, 2, 2], id="another repetition"),
    pytest.param(True, 1, id="true is no 1"),
    pytest.param(0.001, 0.004, id="small numbers"),
    pytest.param({"a": 1}, {}, id="field absent"),
    pytest.param({"a": 1}, {"a": {"b": 1}}, id="field turned into an object"),
    pytest.param({"valid": True}, {"valid": False}, id="a name that holds id"),
    pytest.param(SWAPPED, [{"id": 1, "state": "on"}, {"id": 0, "state": "off"}], id="two items swap their state"),
    pytest.param(ROWS, [*ROWS[:59], {"id": 59, "state": "off"}], id="one change among 60 items"),
    pytest.param({"id": 1, "name": "a"}, {"uuid": 1, "title": "a"}, id="renamed fields"),
    pytest.param("2026-11-23T10:00:00Z", "2026-11-23T10:00:00+00:00", id="same instant, other text"),
    pytest.param(1, 1.0, id="integer and float"),
    pytest.param({"a": None}, {}, id="absent is not null"),
    pytest.param([], {}, id="another container"),
    pytest.param(0.0, -0.0, id="signed zero"),
]


@pytest.mark.parametrize(("control", "candidate"), TRAPS)
@pytest.mark.parametrize("keyed", [False, True])
def test_no_trap_passes_as_equal(control: Any, candidate: Any, keyed: bool) -> None:
    assert compare_values(Shape(), "body", control, candidate).differences
    shape = Shape(keyed=(KeyedList("list", "id"),), multisets=("list",)) if keyed else Shape()
    found = compare_answers(shape, answer({"list": control}), answer({"list": candidate}), NOBODY, NOBODY)
    assert found.differences


NOW, LATER = "2026-11-24T10:00:00Z", "2026-11-24T10:00:02Z"


def masked(path: str, predicate: str) -> Shape:
    return Shape(masks=(Mask(path, predicate, "differs by nature", "us"),))


@pytest.mark.parametrize(
    ("control", "candidate", "shape"),
    [
        pytest.param({"at": NOW}, {}, masked("at", "timestamp"), id="excluded field absent"),
        pytest.param({"at": NOW}, {"at": {"is": NOW}}, masked("at", "timestamp"), id="excluded field an object"),
        pytest.param({"at": NOW}, {"at": "2026-11-24T10:00:00+00:00"}, masked("at", "timestamp"), id="another zone"),
        pytest.param({"valid": True}, {"valid": False}, masked("id", "boolean"), id="a mask is no unanchored search"),
        pytest.param({"n": True}, {"n": 1}, masked("n", "integer"), id="true is no masked integer"),
        pytest.param({"n": 1}, {"n": 1.0}, masked("n", "integer"), id="1.0 is no masked integer"),
    ],
)
def test_no_trap_passes_behind_a_mask_of_its_own(control: Any, candidate: Any, shape: Shape) -> None:
    assert places(control, candidate, shape)


def test_two_items_that_swap_their_state_differ_though_their_ids_are_twins_and_their_order_is_free() -> None:
    shape = Shape(keyed=(KeyedList("list", "id"),))
    old, new = ([{"id": f"{run}-a", "on": True}, {"id": f"{run}-b", "on": False}] for run in ("x", "y"))
    names = [Names((("a", f"{run}-a"), ("b", f"{run}-b"))) for run in ("x", "y")]
    swapped = [{**item, "on": not item["on"]} for item in new]
    same = compare_answers(shape, answer({"list": old}), answer({"list": new[::-1]}), *names)
    found = compare_answers(shape, answer({"list": old}), answer({"list": swapped}), *names)
    assert same.differences == ()
    assert [difference.path for difference in found.differences] == ["list.«a».on", "list.«b».on"]


def test_an_error_for_a_success_is_a_difference_of_class_and_of_each_field_not_one_at_the_root() -> None:
    old, new = answer({"ok": True, "pid": 7}), answer({"detail": "gone"}, 404)
    found = compare_answers(masked("pid", "integer"), old, new, NOBODY, NOBODY)
    assert {(d.where, d.path) for d in found.differences} == {
        ("status", ""),
        ("body", "ok"),
        ("body", "pid"),
        ("body", "detail"),
    }


def test_of_many_rows_in_any_order_exactly_those_that_changed_are_told() -> None:
    drawn = random.Random(3)  # reproducible, not secret
    old = [{"id": number, "state": "on", "n": [number]} for number in range(400)]
    changed = set(drawn.sample(range(400), 120))
    new = [{**row, "state": "off"} if row["id"] in changed else row for row in old]
    drawn.shuffle(new)
    found = places({"list": old}, {"list": new}, Shape(keyed=(KeyedList("list", "id"),)))
    assert sorted(found) == sorted(f"list.{number}.state" for number in changed)


def test_a_timestamp_that_only_moved_is_no_difference_behind_its_mask() -> None:
    assert places({"at": NOW}, {"at": LATER}, masked("at", "timestamp")) == []
