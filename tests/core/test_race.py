"""What comes of calls at once: admissible is what some order of the same calls has on control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.core.judge.builders import ASK, CATALOG, THING, answer, endpoint, exchange, silent
from verification.core.cases import Catalog, KeyedList, Mask, RaceCall, RaceSpec, ReadingSpec, RequestSpec, Shape
from verification.core.judge.races import judge_races, race_rows
from verification.core.model import Arm, Exchange, Reading, Verdict
from verification.core.race import orders, outcome
from verification.core.records import RaceRound

SPEC = RaceSpec("meet", "two calls meet", (), (RaceCall(THING, ASK), RaceCall(THING, ASK)), ("things",), 1)
SHAPE = Shape(masks=(Mask("pid", "integer", "new", "us", group="pid"), Mask("at", "timestamp", "now", "us")),
              messages=("detail",))  # fmt: skip
READING = ReadingSpec("things", RequestSpec("GET", "/things"), "items", "id", ordered=True, shape=Shape())
RACES = Catalog((replace(endpoint(), shape=SHAPE),), {}, {"things": READING}, {}, {"meet": SPEC})


def round_of(
    arm: Arm, *bodies: Any, order: tuple[int, ...] = (), items: Sequence[Any] = (), reads: int = 2
) -> RaceRound:
    sent = tuple(body if isinstance(body, Exchange) else exchange(arm, body) for body in bodies)
    readings = (
        Reading("things", "before", exchange(Arm.CONTROL, {"items": []})),
        Reading("things", "after", exchange(Arm.CONTROL, {"items": list(items)})),
    )
    return RaceRound("meet", arm, order, (), sent, readings[:reads])


A, B = {"n": 1}, {"n": 2}
SERIAL = (round_of(Arm.CONTROL, A, B, order=(0, 1)), round_of(Arm.CONTROL, B, A, order=(1, 0)))
CONTROL, CANDIDATE = round_of(Arm.CONTROL, A, B), round_of(Arm.CANDIDATE, B, A)


def judged(*rounds: RaceRound) -> list[tuple[str, Verdict]]:
    return [(finding.rule, finding.verdict) for finding in judge_races(RACES, rounds)]


def test_few_calls_are_tried_in_every_order_many_forwards_and_backwards() -> None:
    assert set(orders(2)) == {(0, 1), (1, 0)}
    assert len(set(orders(3))) == 6
    assert orders(5) == ((0, 1, 2, 3, 4), (4, 3, 2, 1, 0))


def test_an_outcome_that_some_order_has_is_admissible() -> None:
    assert judged(*SERIAL, CONTROL, CANDIDATE) == []
    row = race_rows(RACES, (*SERIAL, CONTROL, CANDIDATE))[0]
    assert (row.rounds, row.admissible, row.inadmissible, row.verdict) == (1, 2, 0, Verdict.PROMOTE)


def test_an_answer_that_no_order_gives_is_a_rollback() -> None:
    twice = round_of(Arm.CANDIDATE, A, A)
    assert judged(*SERIAL, CONTROL, twice) == [("race.outcome", Verdict.ROLLBACK)]
    assert race_rows(RACES, (*SERIAL, CONTROL, twice))[0].inadmissible == 1


def test_answers_of_an_order_with_a_state_of_none_are_a_lost_update() -> None:
    lost = round_of(Arm.CANDIDATE, A, B, items=[{"id": "x"}])
    assert judged(*SERIAL, CONTROL, lost) == [("race.lost-update", Verdict.ROLLBACK)]
    finding = next(iter(judge_races(RACES, (*SERIAL, CONTROL, round_of(Arm.CANDIDATE, A, A), lost))))
    assert "in 2 of 2 rounds" in finding.reason
    assert any(difference.where == "state" for difference in finding.differences)


def test_control_that_leaves_its_own_orders_is_no_measure() -> None:
    assert judged(*SERIAL, round_of(Arm.CONTROL, A, A), CANDIDATE) == [("control.unhealthy", Verdict.INCONCLUSIVE)]


def test_without_orders_or_without_control_nothing_tells_what_may_come() -> None:
    assert judged(CONTROL, CANDIDATE) == [("evidence.missing", Verdict.INCONCLUSIVE)]
    assert judged(*SERIAL, CANDIDATE) == [("evidence.missing", Verdict.INCONCLUSIVE)]


@pytest.mark.parametrize(
    ("found", "rule", "verdict"),
    [
        (replace(CANDIDATE, failure="no twin"), "control.unhealthy", Verdict.INCONCLUSIVE),
        (round_of(Arm.CONTROL, A, silent(Arm.CONTROL)), "control.unhealthy", Verdict.INCONCLUSIVE),
        (round_of(Arm.CANDIDATE, A, silent(Arm.CANDIDATE)), "candidate.crash", Verdict.ROLLBACK),
        (round_of(Arm.CANDIDATE, A), "evidence.missing", Verdict.INCONCLUSIVE),
        (round_of(Arm.CANDIDATE, A, B, reads=1), "evidence.missing", Verdict.INCONCLUSIVE),
        (
            round_of(Arm.CANDIDATE, A, exchange(Arm.CANDIDATE, B, served="legacy")),
            "witness.absent",
            Verdict.INCONCLUSIVE,
        ),
    ],
)
def test_a_round_that_proves_nothing_says_why(found: RaceRound, rule: str, verdict: Verdict) -> None:
    assert judged(*SERIAL, CONTROL, found) == [(rule, verdict)]


def test_a_race_that_was_not_run_is_no_finding_here_and_no_row() -> None:
    assert judged() == []
    assert race_rows(RACES, ()) == ()


def test_a_race_without_its_rounds_on_candidate_is_never_green() -> None:
    assert [row.verdict for row in race_rows(RACES, (*SERIAL, CONTROL))] == [Verdict.INCONCLUSIVE]
    silenced = round_of(Arm.CANDIDATE, A, silent(Arm.CANDIDATE))
    assert [row.verdict for row in race_rows(RACES, (*SERIAL, CONTROL, silenced))] == [Verdict.ROLLBACK]


def seen(*bodies: Any, items: Sequence[Any] = ()) -> object:
    return outcome(RACES, SPEC, round_of(Arm.CONTROL, *bodies, items=items))


def test_volatile_values_do_not_matter_but_their_pattern_of_equality_does() -> None:
    assert seen({"pid": 4}, {"pid": 5}) == seen({"pid": 9}, {"pid": 7})
    assert seen({"pid": 4}, {"pid": 5}) != seen({"pid": 9}, {"pid": 9})
    assert seen({"at": "2026-01-01T00:00:00Z"}, A) == seen({"at": "2027-02-03T04:05:06Z"}, A)
    assert seen({"pid": None}, A) != seen({"pid": 4}, A)
    assert seen({"detail": "a"}, A) == seen({"detail": "b"}, A)
    assert seen({"detail": 1}, A) != seen({"detail": "b"}, A)


def test_the_order_of_the_items_is_left_open() -> None:
    first, second = {"id": "«x»"}, {"id": "«y»"}
    assert seen(A, B, items=[first, second]) == seen(A, B, items=[second, first])


def test_an_answer_that_is_no_json_is_compared_as_text() -> None:
    text = replace(exchange(Arm.CONTROL), answer=replace(answer({}), body="none"))
    other = replace(exchange(Arm.CONTROL), answer=replace(answer({}), body="other"))
    assert seen(text, A) == seen(text, A)
    assert seen(text, A) != seen(other, A)


def test_an_error_is_compared_in_its_own_shape_and_no_answer_is_no_outcome() -> None:
    refused = exchange(Arm.CONTROL, {"detail": "no"}, 400)
    assert seen(refused, A) != seen(exchange(Arm.CONTROL, {"detail": "no"}), A)
    with pytest.raises(ValueError, match="no answer"):
        seen(silent(Arm.CONTROL), A)


def test_lists_stay_lists() -> None:
    keyed = replace(RACES.endpoints[0], shape=Shape(keyed=(KeyedList("rows", "id", ordered=True),)))
    catalog = replace(RACES, endpoints=(keyed,))
    found = outcome(catalog, SPEC, round_of(Arm.CONTROL, {"rows": [{"id": 1}, {"id": 2}]}, A))
    assert b"rows" in found.answers[0]
    assert CATALOG.races == {}
