"""Every mistake is another comparison than the honest one, and every kind of mistake is made."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.core.score.ground import CATALOG, RACE, RACES, round_of, situation
from verification.core.model import Arm
from verification.core.score.answer import answer_mutants
from verification.core.score.lock import lost_changes
from verification.core.score.mutant import Mutant, Situation, with_tree
from verification.core.score.state import state_mutants


def first_time() -> Callable[[str], bool]:
    seen: set[str] = set()

    def new(thing: str) -> bool:
        known = thing in seen
        seen.add(thing)
        return not known

    return new


def in_answer(ground: Situation, others: Sequence[Situation] = ()) -> list[Mutant]:
    return list(answer_mutants(ground, others, first_time()))


def in_state(ground: Situation) -> list[Mutant]:
    return list(state_mutants(ground, first_time()))


def of(mutants: list[Mutant], operator: str, place: str) -> list[str]:
    return [mutant.what for mutant in mutants if (mutant.operator, mutant.place) == (operator, place)]


@pytest.mark.parametrize("case", ["on", "parts", "nobody"])
def test_no_mutant_is_the_honest_candidate(case: str) -> None:
    ground = situation(case)
    for mutant in (*in_answer(ground, [situation("parts")]), *in_state(ground)):
        assert (mutant.candidate is None) == bool(mutant.excuse), mutant
        assert mutant.candidate != ground.candidate, mutant


def test_every_operator_that_one_case_can_show_is_used() -> None:
    found = [*in_answer(situation("parts"), [situation()]), *in_state(situation("parts"))]
    assert {mutant.operator for mutant in found} == {
        *("status", "drop", "rename", "null", "type", "value", "order", "duplicate", "casing", "id swap"),
        *("state skip", "extra effect", "fallback", "cache"),
    }


def test_a_place_is_visited_once() -> None:
    new = first_time()
    assert list(answer_mutants(situation(), (), new))
    assert list(answer_mutants(situation(), (), new)) == []
    assert list(state_mutants(situation(), new))
    assert list(state_mutants(situation(), new)) == []


def test_every_other_status_is_tried() -> None:
    statuses = of(in_answer(situation()), "status", "status")
    assert "200" not in statuses
    assert {"201", "404", "500"} <= set(statuses)


def test_headers_are_dropped_changed_doubled_and_added() -> None:
    found = in_answer(situation())
    assert of(found, "drop", "answer header content-type") == ["absent"]
    assert of(found, "extra effect", "answer header location") == ["added: /elsewhere"]
    assert of(found, "casing", "answer header cache-control") == ["NO-STORE"]
    excused = [m for m in found if (m.operator, m.place) == ("casing", "answer header content-type")]
    assert [mutant.candidate for mutant in excused] == [None]


def test_an_empty_body_and_one_that_is_no_text_have_mistakes_too() -> None:
    empty = in_answer(situation(body=""))
    assert of(empty, "type", "answer body") == ["a page"]
    assert of(empty, "duplicate", "answer body") == []
    invalid = in_answer(situation(body=base64.b64encode(b"\xff").decode(), body_is_base64=True))
    assert of(invalid, "drop", "answer body") == ["empty", "no answer at all"]


def test_each_mistake_in_a_body_that_is_no_text_is_another_body_than_the_honest_one() -> None:
    bodies = {b"\xff\x00", b"\xff\x00\x10", b"\xff\x00\x10\x20"}  # every padding of base64
    for body in bodies:
        binary: dict[str, Any] = {"body": base64.b64encode(body).decode(), "body_is_base64": True}
        given = (mutant.candidate for mutant in in_answer(situation(**binary), [situation()]))
        answers = [one.exchange.answer for one in given if one is not None and one.exchange is not None]
        raw = [answer.raw for answer in answers if answer is not None and answer.body != binary["body"]]
        assert body * 2 in raw
        assert body not in raw
        stale = in_answer(situation(), [situation(**binary)])
        (cached,) = [mutant.candidate for mutant in stale if mutant.operator == "cache"]
        assert cached is not None
        assert cached.exchange is not None
        assert cached.exchange.answer is not None
        assert cached.exchange.answer.raw == body


def test_a_header_is_never_changed_into_what_it_is() -> None:
    plain = situation(headers=(("content-type", "text/plain"),))
    assert "text/plain" not in of(in_answer(plain), "value", "answer header content-type")


def test_a_cache_gives_the_answer_of_another_case_in_the_ids_of_this_one() -> None:
    found = [mutant for mutant in in_answer(situation(), [situation("nobody"), situation("parts")])
             if mutant.operator == "cache"]  # fmt: skip
    assert [mutant.what for mutant in found] == ["the answer of parts"]
    candidate = found[0].candidate
    assert candidate is not None
    assert candidate.exchange is not None
    assert candidate.exchange.answer is not None
    assert "thing-5 other-5" in candidate.exchange.answer.body


def test_a_case_that_is_answered_alike_is_no_stale_answer() -> None:
    assert of(in_answer(situation(), [situation()]), "cache", "answer") == []
    page = situation(body="<html></html>")
    assert of(in_answer(page, [page]), "cache", "answer") == []
    assert of(in_answer(page, [situation()]), "cache", "answer") == ["the answer of on"]


def test_a_field_that_the_request_changes_is_left_as_it_was() -> None:
    found = in_state(situation())
    skipped = [mutant.place for mutant in found if mutant.operator == "state skip"]
    assert skipped == [
        "state things",
        *("state things items.«thing».at", "state things items.«thing».on"),
        *("state runs", "state runs «thing».pid"),
    ]
    assert of(found, "cache", "state things (read across)") == ["all as before"]


def test_what_one_arm_does_not_show_is_left_as_it_was_on_the_other() -> None:
    bodies = {"before": '{"a":{"v":1}}', "after": '{"a":{"v":2}}', "cross": "{}"}
    ground = situation()
    readings = tuple(_with_body(one, bodies) if one.name == "runs" else one for one in ground.candidate.readings)
    found = in_state(replace(ground, candidate=replace(ground.candidate, readings=readings)))
    assert of(found, "state skip", "state runs *.v") == ["as before"]


def test_an_endpoint_that_only_reads_is_not_read_across() -> None:
    ground = situation()
    readings = tuple(one for one in ground.candidate.readings if one.moment != "cross")
    found = in_state(replace(ground, candidate=replace(ground.candidate, readings=readings)))
    assert found
    assert not [mutant for mutant in found if "across" in mutant.place or mutant.operator == "cache"]


def test_a_request_that_changes_nothing_cannot_skip_anything() -> None:
    found = in_state(situation("nobody"))
    assert not [mutant for mutant in found if mutant.operator in ("state skip", "cache")]


def test_two_twins_in_one_state_are_no_swap() -> None:
    ground = situation("nobody")
    alike = {"before": "{}", "after": '{"thing-5":{"a":1},"other-5":{"a":1}}', "cross": "{}"}
    readings = tuple(_with_body(one, alike) if one.name == "runs" else one for one in ground.candidate.readings)
    ground = replace(ground, candidate=replace(ground.candidate, readings=readings))
    swaps = [m for m in in_state(ground) if m.operator == "id swap" and m.what == "two twins for each other"]
    assert [(mutant.place, mutant.candidate is None) for mutant in swaps] == [
        ("state things", False),
        ("state runs", True),
    ]


def _with_body(reading: Any, bodies: dict[str, str]) -> Any:
    answer = replace(reading.exchange.answer, body=bodies[reading.moment])
    return replace(reading, exchange=replace(reading.exchange, answer=answer))


def test_collections_without_items_or_keys_get_what_they_can() -> None:
    ground = situation("nobody")
    bodies = dict.fromkeys(("before", "after", "cross"), '{"count":1,"items":["x"]}')
    readings = tuple(_with_body(one, bodies) if one.name == "things" else one for one in ground.candidate.readings)
    mutants = in_state(replace(ground, candidate=replace(ground.candidate, readings=readings)))
    assert of(mutants, "extra effect", "state things") == ["another member", "an item more"]
    numbers = {"before": '{"items":[]}', "after": '{"items":[{"id":7}]}', "cross": '{"items":[]}'}
    readings = tuple(_with_body(one, numbers) if one.name == "things" else one for one in ground.candidate.readings)
    mutants = in_state(replace(ground, candidate=replace(ground.candidate, readings=readings)))
    added = next(mutant for mutant in mutants if mutant.what == "an item more")
    assert added.candidate is not None
    bodies_now = [one.exchange.answer.body for one in added.candidate.readings if one.exchange.answer]
    assert '{"items":[{"id":7},{"id":997}]}' in bodies_now


def test_a_reading_that_is_not_there_or_no_json_has_no_mistakes() -> None:
    ground = situation()
    unread = replace(ground, candidate=replace(ground.candidate, readings=()))
    assert in_state(unread) == []
    silent = tuple(replace(one, exchange=replace(one.exchange, answer=None)) for one in ground.candidate.readings)
    assert in_state(replace(ground, candidate=replace(ground.candidate, readings=silent))) == []
    assert with_tree(silent[0], None) is silent[0]
    pages = tuple(
        _with_body(one, dict.fromkeys(("before", "after", "cross"), "<")) for one in ground.candidate.readings
    )
    assert in_state(replace(ground, candidate=replace(ground.candidate, readings=pages))) == []


def test_a_race_loses_each_change_once() -> None:
    found = list(lost_changes(CATALOG, RACE, RACES))
    assert [(place, excuse) for place, excuse, _ in found] == [
        ("race meet: runs «first».on", None),
        ("race meet: runs «second».on", None),
    ]


def test_a_change_that_some_order_does_not_keep_either_is_left_out() -> None:
    rounds = (round_of(Arm.CONTROL, (0, 1)), round_of(Arm.CONTROL, (1, 0), done=False), *RACES[2:])
    assert [excuse is None for _, excuse, _ in lost_changes(CATALOG, RACE, rounds)] == [True, False]


def test_a_race_without_orders_candidate_or_readings_loses_nothing() -> None:
    assert list(lost_changes(CATALOG, RACE, RACES[2:])) == []
    assert list(lost_changes(CATALOG, RACE, RACES[:3])) == []
    assert list(lost_changes(CATALOG, RACE, (*RACES[:3], replace(RACES[3], readings=())))) == []
    silent = tuple(replace(one, exchange=replace(one.exchange, answer=None)) for one in RACES[3].readings)
    assert list(lost_changes(CATALOG, RACE, (*RACES[:3], replace(RACES[3], readings=silent)))) == []
    unread = (replace(RACES[0], readings=()), *RACES[2:])
    assert [excuse for _, excuse, _ in lost_changes(CATALOG, RACE, unread)] == [None, None]
