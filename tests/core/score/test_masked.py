"""Nothing is left out but what the catalog allows: inside a mask, another wording, an order without meaning."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.score.ground import AT, PID, SHAPE
from verification.core.cases import KeyedList, Mask, Shape
from verification.core.score.edit import Edit, edits
from verification.core.score.masked import Allowance, group_values
from verification.core.score.place import Labels, Place
from verification.core.score.tree import grown, written

NOW = "2026-11-24T04:58:42.231192+00:00"


def judged(text: str, shape: Shape = SHAPE, **grouped: list[str]) -> dict[tuple[str, str], str | None]:
    """(operator, what) at the only member -> why it makes no difference."""
    tree = grown(text)
    place = Labels(shape, ()).places(tree)[1]
    allowance = Allowance(shape, grouped)
    made = [*edits(tree, place.steps), *allowance.more_edits(tree, place)]
    return {(edit.operator, edit.what): allowance.reason(place, edit) for edit in made}


def excused(text: str, shape: Shape = SHAPE, **grouped: list[str]) -> set[tuple[str, str]]:
    return {key for key, reason in judged(text, shape, **grouped).items() if reason}


def test_only_a_value_inside_its_mask_is_left_out() -> None:
    assert excused('{"pid":40}') == {("value", "one more")}
    assert judged('{"pid":40}')["value", "one more"] == "inside the mask pid: a new one each time"
    assert {("value", "too small"), ("value", "too large")} <= judged('{"pid":40}').keys()
    assert excused(f'{{"at":"{NOW}"}}') == {("value", "a few seconds away")}
    assert {("value", "in another form"), ("value", "years away")} <= judged(f'{{"at":"{NOW}"}}').keys()


def test_a_value_that_is_not_what_its_mask_says_is_not_masked() -> None:
    assert excused('{"pid":0}') == set()
    assert excused('{"at":"never"}') == set()


def test_masks_without_limits_have_no_edges() -> None:
    shape = Shape(masks=(replace(PID, minimum=None, maximum=None), replace(AT, maximum=None)))
    assert not {("value", "too small"), ("value", "too large")} & judged('{"pid":40}', shape).keys()
    assert ("value", "years away") not in judged(f'{{"at":"{NOW}"}}', shape)
    assert ("value", "in another form") in judged('{"at":"2026-11-24T04:58:42"}', shape)


def test_masks_of_other_kinds_have_no_edits_of_their_own() -> None:
    shape = Shape(masks=(Mask("a", "text", "why", "us"),))
    assert excused('{"a":"x"}', shape) == {("value", "longer"), ("casing", "in the other case")}


def test_a_value_with_an_equal_in_its_group_is_not_free_to_move() -> None:
    assert excused('{"pid":40}', pid=["40", "7"]) == {("value", "one more")}
    assert excused('{"pid":40}', pid=["40", "40"]) == set()
    assert excused('{"pid":40}', pid=["40", "41"]) == set()
    assert ("id swap", "another one's value") in judged('{"pid":40}', pid=["40", "7"])
    assert ("id swap", "another one's value") not in judged('{"pid":40}', pid=["40"])


def test_what_is_critical_has_no_mask() -> None:
    assert excused('{"ok":true}') == set()
    assert excused('{"ok":true}', replace(SHAPE, critical=())) == {("value", "the opposite")}
    assert excused('{"pid":40}', replace(SHAPE, critical=("",))) == set()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a":{"x":1,"y":2}}', "the members of an object have no order (RFC 8259, section 1)"),
        ('{"parts":[1,2]}', "the catalog finds the items of this list by a key, and not by their order"),
        ('{"tags":[1,2]}', "the catalog says that the order of this list has no meaning"),
        ('{"steps":[1,2]}', None),
        ('{"list":[1,2]}', None),
    ],
)
def test_an_order_is_left_out_only_where_it_has_no_meaning(text: str, reason: str | None) -> None:
    assert judged(text)["order", "reversed"] == reason


@pytest.mark.parametrize(
    ("old", "operator", "new", "worded"),
    [
        ("fine", "value", "good", True),
        ("fine", "casing", "FINE", True),
        ("fine", "id swap", "good", False),
        ("fine", "value", " ", False),
        ("", "value", "good", False),
        ("fine", "null", None, False),
        ("fine", "type", None, False),
    ],
)
def test_wording_is_one_text_for_another(old: str, operator: str, new: str | None, worded: bool) -> None:
    place = Place((0,), ("text",), ("text",), old)
    edit = Edit(operator, "", None, new)
    assert Allowance(SHAPE, {}).is_wording(place, edit) is worded
    assert not Allowance(SHAPE, {}, messages=False).is_wording(place, edit)
    assert not Allowance(replace(SHAPE, critical=("text",)), {}).is_wording(place, edit)
    assert not Allowance(SHAPE, {}).is_wording(replace(place, path=("other",)), edit)


def test_the_values_of_a_group_are_gathered_from_all_documents() -> None:
    shape = Shape(masks=(replace(PID, path="*.pid"), AT), keyed=(KeyedList("x", "y"),))
    documents = [(Labels(SHAPE, ()), grown('{"pid":40}')), (Labels(shape, ()), grown('{"a":{"pid":40},"b":{"pid":0}}'))]
    assert group_values(documents) == {"pid": ["40", "40"]}
    assert written(grown("40")) == "40"
