"""A place has one name in every case: twins by their tokens, what the catalog calls `*` by a star."""

from __future__ import annotations

from verification.core.cases import KeyedList, Shape
from verification.core.score.place import Labels, other_id, swapped_ids
from verification.core.score.tree import Token, grown, written

NAMES = (("absent", "x-0"), ("run", "r"), ("thing", "x-1"), ("rule", "17"))
SHAPE = Shape(keyed=(KeyedList("items", "id"),), critical=("runs.*.pid",), messages=("*.deep.*",))


def names(text: str, shape: Shape = SHAPE) -> list[str]:
    return [place.name for place in Labels(shape, NAMES).places(grown(text))]


def test_the_items_of_a_keyed_list_are_named_by_their_twins() -> None:
    keyed = Shape(keyed=SHAPE.keyed)
    assert names('{"items":[{"id":"x-1"},{"id":17},{"id":"s"},{"no":1},5]}', keyed) == [
        *("", "items", "items.«thing»", "items.«thing».id", "items.«rule»", "items.«rule».id"),
        *("items.*", "items.*.id", "items.*.no"),
    ]


def test_the_members_that_the_catalog_calls_anything_are_named_by_a_star() -> None:
    assert names('{"runs":{"x-1":{"pid":1},"a":{"pid":2},"b":{"pid":3}}}') == [
        *("", "*", "*.«thing»", "*.«thing».pid", "*.*", "*.*.pid"),
    ]
    assert names('{"runs":{"a":{}},"q":[7,8]}', Shape(critical=("runs.*.pid",))) == ["", "runs", "runs.*", "q", "q.*"]


def test_leaves_tell_what_stands_at_every_place_without_its_order() -> None:
    labels = Labels(SHAPE, NAMES)
    one, other = ('{"items":[{"id":"x-1"},{"id":17}]}', '{"items":[{"id":17},{"id":"x-1"}]}')
    assert labels.leaves(grown(one)) == labels.leaves(grown(other))
    assert labels.leaves(grown("[1,2]")) == {"*": "12"}


def test_two_twins_are_changed_for_each_other_in_a_whole_text() -> None:
    assert swapped_ids("a-1 then b-1, a-1", ["a-1", "b-1", "c-1"]) == "b-1 then a-1, b-1"
    assert swapped_ids("a-1", ["a-1"]) == "a-1"
    assert swapped_ids("1 of 2", ["1", "2"]) == "1 of 2"
    assert swapped_ids("a 2", ["a", "2"]) == "a 2"


def test_one_twins_id_stands_where_the_others_belongs() -> None:
    assert other_id("/logs/a-1.log", ["a-1", "b-1"]) == "/logs/b-1.log"
    assert written(other_id(Token("17"), ["17", "18"])) == "18"
    assert other_id(Token("5"), ["17", "18"]) is None
    assert other_id("nobody 17", ["17", "18"]) is None
    assert other_id("a-1", ["a-1"]) is None
    assert other_id(True, ["a-1", "b-1"]) is None


def test_what_is_no_twin_is_none() -> None:
    assert Labels(SHAPE, NAMES).twins == ["x-1", "17"]
