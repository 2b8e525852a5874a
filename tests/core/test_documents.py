"""Bodies are parsed without loss, ids become tokens, keyed lists are found by key."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.core.cases import KeyedList, Shape
from verification.core.documents import (
    KEYED_KEY,
    MAX_DEPTH,
    ORDER_KEY,
    Names,
    Unparsable,
    canonical,
    change_at,
    normalise,
    parse,
    values_at,
)
from verification.core.model import Answer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def body(text: str) -> Answer:
    return Answer(200, (), text)


LOSSY_PAIRS = [
    ("1", "1.0"),
    ("1", "true"),
    ("0", "false"),
    ("-0", "0"),
    ("0.1", "0.1000000000000000055511151231257827"),
    ("9007199254740993", "9007199254740993.0"),
    ("1e400", "1e500"),
    ("1e400", '"1e400"'),
    ("NaN", "null"),
    ("NaN", '"NaN"'),
    ("Infinity", "-Infinity"),
    ('{"a": 1, "a": 2}', '{"a": 2}'),
    ('{"a": 1, "a": 1}', '{"a": 1}'),
    ('{"a": 1, "b": 3, "a": 2}', '{"a": 2, "b": 3}'),
    ("1" * 1200, "1" * 1199 + "2"),
    ("1.0e0" + "0" * 3, "1.5"),
    ('"\\ud800"', '"?"'),
    ("[]", "{}"),
    ("null", '""'),
]


@pytest.mark.parametrize(("one", "other"), LOSSY_PAIRS)
def test_values_that_a_parser_would_bend_stay_different(one: str, other: str) -> None:
    assert canonical(parse(body(one))) != canonical(parse(body(other)))


@pytest.mark.parametrize(
    "text", ["1e400", "-1e400", "0.1e1000000000", "1e99999999999999999999", "9" * 5000, "NaN", "-0", "-0.0", "1E5"]
)
def test_a_strange_number_is_read_without_a_crash_and_equals_itself(text: str) -> None:
    assert canonical(parse(body(text))) == canonical(parse(body(text)))


@pytest.mark.parametrize("text", ["", "{", '{"a": 1} x', "\ufeff{}", "[" * 100_000, "'a'", "{1: 2}", "\x00"])
def test_what_is_no_json_is_unparsable_with_a_reason(text: str) -> None:
    with pytest.raises(Unparsable, match=r"."):
        parse(body(text))


def test_bytes_that_are_no_utf8_are_unparsable() -> None:
    with pytest.raises(Unparsable, match="UTF-8"):
        parse(Answer(200, (), base64.b64encode(b"\xff").decode(), body_is_base64=True))


@given(JSON)
def test_parsing_keeps_what_json_can_say(value: object) -> None:
    assert canonical(parse(body(json.dumps(value)))) == canonical(json.loads(json.dumps(value)))


@given(st.dictionaries(st.text(), st.integers()))
def test_the_order_of_members_says_nothing(members: dict[str, int]) -> None:
    turned = dict(reversed(list(members.items())))
    assert canonical(members) == canonical(turned)


def test_integers_beyond_64_bits_are_canonical_too() -> None:
    assert canonical([2**70]) != canonical([2**70 + 1])


NAMES = Names((("camera", "gate-ab-000001"), ("neighbour", "gate-ab-000002"), ("rule", "17")))


def test_names_in_texts_and_keys_become_tokens() -> None:
    value = {"gate-ab-000001": {"log": "/logs/gate-ab-000001.log", "next": ["gate-ab-000002"]}, "n": 17, "s": "17"}
    assert NAMES.in_value(value) == {
        "«camera»": {"log": "/logs/«camera».log", "next": ["«neighbour»"]},
        "n": 17,
        "s": "17",
    }


def test_a_number_is_a_name_only_where_an_id_stands() -> None:
    assert NAMES.of_id(17) == "«rule»"
    assert NAMES.of_id("17") == "«rule as text»"
    assert NAMES.of_id(18) == 18
    assert NAMES.of_id("x gate-ab-000001") == "x «camera»"
    assert NAMES.of_id(True) is True
    assert NAMES.of_id(1.5) == 1.5
    assert NAMES.of_id(None) is None


@pytest.mark.parametrize("text", ["gate-ab-0000011", "7 of 17", "170", "117"])
def test_a_name_is_no_part_of_a_longer_number(text: str) -> None:
    assert NAMES.in_text(text) == text


def test_a_name_is_no_beginning_of_a_longer_word_and_the_longer_name_wins() -> None:
    names = Names((("hall", "cam"), ("shelf", "cam-a"), ("number", "7up"), ("odd", "x_"), ("none", "")))
    assert (
        names.in_text("cam, camera, cam-a, cam-ab 7up 17up x_y")
        == "«hall», camera, «shelf», «hall»-ab «number» 17up «odd»y"
    )


def test_the_tokens_of_numbers_and_of_texts_are_both_known() -> None:
    assert NAMES.tokens == {"«camera»", "«neighbour»", "«rule»", "«rule as text»"}


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_what_is_nested_too_deeply_is_no_document_wherever_it_is_asked_from(opening: str, closing: str) -> None:
    def deep(levels: int) -> Answer:
        return body(opening * levels + "1" + closing * levels)

    assert canonical(parse(deep(MAX_DEPTH)))
    for levels in (MAX_DEPTH + 1, 300, 600, 900, 10_000):
        with pytest.raises(Unparsable):
            parse(deep(levels))


def test_without_names_nothing_is_replaced() -> None:
    assert Names(()).in_value({"a": ["b"]}) == {"a": ["b"]}


def test_verbatim_texts_are_left_alone() -> None:
    assert NAMES.in_value(parse(body("NaN"))) == parse(body("NaN"))


def test_a_keyed_list_is_found_by_key_and_its_ids_by_token() -> None:
    shape = Shape(keyed=(KeyedList("items", "id"),))
    value = {"items": [{"id": 17, "a": 1}, {"id": 3, "a": 2}]}
    by_key = {KEYED_KEY: "id", "«rule»": {"id": "«rule»", "a": 1}, "3": {"id": 3, "a": 2}}
    assert normalise(value, shape, NAMES) == {"items": by_key}


def test_an_empty_keyed_list_is_no_empty_object() -> None:
    shape = Shape(keyed=(KeyedList("items", "id"),))
    assert normalise({"items": []}, shape, NAMES) != normalise({"items": {}}, shape, NAMES)


def test_the_order_of_an_ordered_list_is_kept_beside_it() -> None:
    shape = Shape(keyed=(KeyedList("items", "id", ordered=True),))
    assert normalise({"items": [{"id": "b"}, {"id": "a"}]}, shape, NAMES)["items"][ORDER_KEY] == ["b", "a"]


@pytest.mark.parametrize("items", ["no list", [1], [{"x": 1}], None])
def test_what_is_no_keyed_list_stays_as_it_is(items: object) -> None:
    assert normalise({"items": items}, Shape(keyed=(KeyedList("items", "id"),)), NAMES) == {"items": items}


def test_a_repeated_key_hides_no_item() -> None:
    shape = Shape(keyed=(KeyedList("items", "id"),))
    twice = normalise({"items": [{"id": "a"}, {"id": "a"}]}, shape, NAMES)
    assert twice == {"items": [{"id": "a"}, {"id": "a"}]}


def test_a_multiset_forgets_order_but_not_repetition() -> None:
    shape = Shape(multisets=("tags",))
    one, other = ({"tags": tags} for tags in ([2, 1, 1], [1, 2, 1]))
    assert normalise(one, shape, NAMES) == normalise(other, shape, NAMES)
    assert normalise({"tags": [1, 1, 2]}, shape, NAMES) != normalise({"tags": [1, 2, 2]}, shape, NAMES)
    assert normalise({"tags": "x"}, shape, NAMES) == {"tags": "x"}


def test_declared_ids_are_replaced_where_they_stand() -> None:
    assert normalise({"id": 17, "count": 17}, Shape(ids=(("id", "rule"),)), NAMES) == {"id": "«rule»", "count": 17}


def test_a_pattern_reaches_every_place_that_it_names() -> None:
    value = {"a": [{"b": 1}, {"b": 2}], "c": 3}
    assert values_at(value, "a.*.b") == {("a", 0, "b"): 1, ("a", 1, "b"): 2}
    assert values_at(value, "a.1.b") == {("a", 1, "b"): 2}
    assert values_at(value, "") == {(): value}
    assert values_at(value, "c.x") == {}
    assert change_at(value, "a.0.b", lambda found: found + 10)["a"][0] == {"b": 11}
    assert change_at(value, "c.x", lambda _: 0) == value
    assert change_at(value, "", lambda _: 0) == 0
