"""The hash chain: nothing in it can be changed, taken out, put in or moved without being seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from verification.core.release.chain import FIRST, Line, broken, line

AT = datetime(2026, 11, 23, 8, tzinfo=UTC)
TEXTS = st.text(max_size=6)
EVENTS = st.lists(st.tuples(st.timedeltas(timedelta(0), timedelta(days=9)), TEXTS, TEXTS), min_size=1, max_size=6)


def chain(events: list[tuple[timedelta, str, str]]) -> list[Line]:
    """A whole one."""
    lines: list[Line] = []
    for number, (later, kind, body) in enumerate(events, start=1):
        lines.append(line(number, AT + later, kind, body, lines[-1].hash if lines else FIRST))
    return lines


@given(EVENTS)
def test_a_chain_as_it_was_written_is_whole(events: list[tuple[timedelta, str, str]]) -> None:
    assert list(broken(chain(events))) == []


def test_an_empty_chain_is_whole() -> None:
    assert list(broken([])) == []


@given(EVENTS, st.data())
def test_any_change_of_any_field_of_any_line_is_seen(
    events: list[tuple[timedelta, str, str]], data: st.DataObject
) -> None:
    lines = chain(events)
    at = data.draw(st.integers(0, len(lines) - 1))
    name, values = data.draw(
        st.sampled_from(
            [
                ("number", st.integers(-2, 9)),
                ("at", st.datetimes().map(lambda naive: naive.replace(tzinfo=UTC))),
                ("kind", TEXTS),
                ("body", TEXTS),
                ("previous", TEXTS),
                ("hash", TEXTS),
            ]
        )
    )
    value: Any = data.draw(values)
    assume(value != getattr(lines[at], name))
    lines[at] = replace(lines[at], **{name: value})
    assert list(broken(lines))


@given(EVENTS, st.data())
def test_a_line_that_is_taken_out_before_the_last_is_seen(
    events: list[tuple[timedelta, str, str]], data: st.DataObject
) -> None:
    lines = chain(events)
    assume(len(lines) > 1)
    del lines[data.draw(st.integers(0, len(lines) - 2))]
    assert list(broken(lines))


@given(EVENTS, st.data())
def test_two_lines_that_change_places_are_seen(events: list[tuple[timedelta, str, str]], data: st.DataObject) -> None:
    lines = chain(events)
    one, other = (data.draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    assume(one != other)
    lines[one], lines[other] = lines[other], lines[one]
    assert list(broken(lines))


@given(EVENTS, st.data())
def test_a_line_that_is_put_in_with_a_hash_of_its_own_is_seen(
    events: list[tuple[timedelta, str, str]], data: st.DataObject
) -> None:
    lines = chain(events)
    at = data.draw(st.integers(0, len(lines) - 1))
    lines.insert(at, line(at + 1, AT, "Judged", "PROMOTE", lines[at - 1].hash if at else FIRST))
    assert list(broken(lines))


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_what_moves_from_one_field_to_the_next_is_another_line(kind: str, body: str, other: str, more: str) -> None:
    assume((kind, body) != (other, more))
    assert line(1, AT, kind, body, FIRST).hash != line(1, AT, other, more, FIRST).hash


def test_the_words_name_the_line_and_what_became_of_it() -> None:
    lines = chain([(timedelta(0), "Told", str(number)) for number in range(4)])
    changed = [lines[0], replace(lines[1], body="x"), *lines[2:]]
    assert list(broken(changed)) == ["line 2 was changed after it had been written"]
    gone = [lines[0], *lines[2:]]
    assert list(broken(gone)) == [
        "line 3 follows line 1: lines are missing or were put in",
        "line 3 does not follow the line before it: that one was changed or taken out",
    ]


def test_half_a_sign_can_be_hashed() -> None:
    assert list(broken([line(1, AT, "Told", "\ud800", FIRST)])) == []
