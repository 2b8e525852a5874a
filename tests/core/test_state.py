"""What a probe did to the state: after minus before, by token, and nothing else changed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from verification.core.cases import ReadingSpec, RequestSpec, Shape
from verification.core.documents import KEYED_KEY, ORDER_KEY, Names
from verification.core.memory import Memory
from verification.core.model import Answer, Arm, Exchange, Probe, Reading, Request
from verification.core.state import (
    REMOVED,
    UNREADABLE,
    change,
    changes,
    crossings,
    document,
    reading_shape,
    unreadable,
)

LIST = ReadingSpec("cameras", RequestSpec("GET", "/cameras"), "cameras", "id", ordered=False, shape=Shape())
ORDERED = ReadingSpec("rules", RequestSpec("GET", "/rules"), "items", "id", ordered=True, shape=Shape())
OBJECT = ReadingSpec("statuses", RequestSpec("POST", "/statuses"), "", None, ordered=False, shape=Shape())
NAMES = (("camera", "gate-1"),)
TOKENS = frozenset({"«camera»"})


def sent(body: Any, status: int = 200) -> Exchange:
    text = body if isinstance(body, str) else json.dumps(body)
    return Exchange(Arm.CONTROL, Request("GET", "/cameras"), Answer(status, (), text), None, 1.0, "legacy")


def read(spec: ReadingSpec, body: Any) -> Any:
    return document(spec, sent(body), Names(NAMES))


def changed(spec: ReadingSpec, before: Any, after: Any) -> Any:
    return change(spec, read(spec, before), read(spec, after), TOKENS)


def test_only_what_changed_is_told_by_token_and_field() -> None:
    before = {"cameras": [{"id": "gate-1", "on": False, "x": 1}, {"id": "other", "on": True}]}
    after = {"cameras": [{"id": "other", "on": True}, {"id": "gate-1", "on": True, "x": 1}]}
    assert changed(LIST, before, after) == {"cameras": {"«camera»": {"on": True}}}


def test_nothing_changed_is_empty() -> None:
    before = {"cameras": [{"id": "gate-1"}]}
    assert changed(LIST, before, before) == {}


def test_added_removed_and_a_changed_neighbour_are_told() -> None:
    before = {"cameras": [{"id": "a", "v": 1}, {"id": "b", "v": 1, "w": 2}]}
    after = {"cameras": [{"id": "b", "v": 2}, {"id": "gate-1", "v": 3}]}
    assert changed(LIST, before, after) == {
        "cameras": {"a": REMOVED, "b": {"v": 2, "w": REMOVED}, "«camera»": {"id": "«camera»", "v": 3}}
    }


def test_a_field_that_turned_null_is_no_removed_field() -> None:
    before, null = {"cameras": [{"id": "a", "v": 1}]}, {"cameras": [{"id": "a", "v": None}]}
    gone = {"cameras": [{"id": "a"}]}
    assert changed(LIST, before, null) != changed(LIST, before, gone)


def test_an_item_that_turned_null_is_a_change() -> None:
    assert changed(OBJECT, {"gate-1": {"pid": 0}}, {"gate-1": None}) == {"«camera»": None}


def test_a_list_that_turned_into_an_object_is_a_change_though_both_are_empty() -> None:
    assert changed(LIST, {"cameras": []}, {"cameras": {}}) == {"cameras": {KEYED_KEY: REMOVED}}
    assert changed(LIST, {"cameras": {}}, {"cameras": []}) == {"cameras": {KEYED_KEY: "id"}}


def test_what_stands_beside_the_collection_counts_and_whole_numbers_by_how_far_they_moved() -> None:
    before = {"count": 7, "page": "a", "flag": True, "old": 1, "cameras": []}
    after = {"count": 9, "page": "b", "flag": True, "new": 2, "cameras": []}
    assert changed(LIST, before, after) == {"count": 2, "page": "b", "old": REMOVED, "new": 2}
    assert changed(LIST, {"count": 7, "cameras": []}, {"count": 8.0, "cameras": []}) == {"count": 8.0}
    assert changed(LIST, {"count": 1, "cameras": []}, {"count": True, "cameras": []}) == {"count": True}
    assert changed(LIST, before, before) == {}


def test_a_collection_inside_a_list_is_told_at_its_place() -> None:
    inside = replace(LIST, items="0.cameras")
    found = changed(inside, [{"n": 1, "cameras": []}], [{"n": 3, "cameras": [{"id": "a"}]}])
    assert found == {"0": {"cameras": {"a": {"id": "a"}}}}


def test_an_object_keyed_by_id_changes_by_key_and_whole_values() -> None:
    assert changed(OBJECT, {"gate-1": {"pid": 0}, "n": 1}, {"gate-1": {"pid": 5}, "n": 2}) == {
        "«camera»": {"pid": 5},
        "n": 2,
    }


def test_the_order_of_the_probes_own_twins_counts_where_it_is_declared() -> None:
    two = Names((("rule", "7"), ("other", "8")))
    before = document(ORDERED, sent({"items": [{"id": 7, "v": 1}, {"id": 8, "v": 1}]}), two)
    after = document(ORDERED, sent({"items": [{"id": 8, "v": 2}, {"id": 7, "v": 1}]}), two)
    found = change(ORDERED, before, after, frozenset({"«rule»", "«other»"}))
    assert found["items"][ORDER_KEY] == ["«other»", "«rule»"]
    assert KEYED_KEY not in found["items"]


def test_another_order_alone_is_a_change() -> None:
    two = Names((("rule", "7"), ("other", "8")))

    def read_in_order(*ids: int) -> Any:
        return document(ORDERED, sent({"items": [{"id": one, "v": 1} for one in ids]}), two)

    turned = change(ORDERED, read_in_order(7, 8, 3), read_in_order(8, 7, 3), two.tokens)
    assert turned == {"items": {ORDER_KEY: ["«other»", "«rule»"]}}
    assert change(ORDERED, read_in_order(7, 3, 8), read_in_order(3, 7, 8), two.tokens) == {}


def test_a_collection_whose_keys_repeat_shows_no_state() -> None:
    assert unreadable(LIST, document(LIST, sent({"cameras": [{"id": "a"}, {"id": "a"}]}), Names(()))) is not None
    assert unreadable(LIST, document(LIST, sent({"cameras": []}, 404), Names(()))) == "status 404"
    assert unreadable(LIST, document(LIST, sent({"cameras": []}), Names(()))) is None


def test_a_reading_that_failed_says_why() -> None:
    silent = Exchange(Arm.CONTROL, Request("GET", "/cameras"), None, "refused", 1.0, None)
    assert document(LIST, silent, Names(())) == {UNREADABLE: "refused"}
    assert document(LIST, sent({}, 500), Names(())) == {UNREADABLE: "status 500"}
    assert UNREADABLE in document(LIST, sent("<html>"), Names(()))


def test_a_change_with_an_unreadable_side_is_unreadable_never_empty() -> None:
    good: Any = {"cameras": []}
    assert changed(LIST, good, "<html>")[UNREADABLE]
    assert changed(LIST, "<html>", good)[UNREADABLE]
    assert changed(LIST, good, {"other": []})[UNREADABLE] == "the collection is not there"
    assert changed(LIST, [], [])[UNREADABLE] == "the collection is not there"


def probe(*readings: tuple[str, str, Any]) -> Probe:
    found = tuple(Reading(name, moment, sent(body)) for name, moment, body in readings)
    return Probe("control", NAMES, sent({}), found)


SPECS = {"cameras": LIST, "statuses": OBJECT}


def test_changes_are_told_for_readings_with_both_moments() -> None:
    one = {"cameras": [{"id": "gate-1", "v": 1}]}
    two = {"cameras": [{"id": "gate-1", "v": 2}]}
    seen = probe(("cameras", "before", one), ("cameras", "after", two), ("statuses", "after", {}))
    assert changes(SPECS, seen, Memory()) == {"cameras": {"cameras": {"«camera»": {"v": 2}}}}


def test_crossings_pair_the_two_readers_of_the_same_state() -> None:
    one, two = {"gate-1": 1}, {"gate-1": 2}
    seen = probe(
        ("statuses", "before", one), ("statuses", "after", one), ("statuses", "cross", two), ("cameras", "cross", {})
    )
    assert crossings(SPECS, seen, Memory()) == {"statuses": ({"«camera»": 1}, {"«camera»": 2})}


def test_a_reading_keyed_as_an_object_needs_no_keyed_list() -> None:
    assert reading_shape(OBJECT) is OBJECT.shape
    assert reading_shape(LIST).keyed[0].path == "cameras"
