"""Ids correspond one to one: what is another twin's, names two things or breaks a pattern of equality is a rollback."""

from __future__ import annotations

from dataclasses import replace

from tests.core.probes import (
    ARMS,
    CATALOG,
    ENDPOINT,
    candidate,
    judged,
    probe,
    rules,
)
from verification.core.cases import Shape
from verification.core.model import Arm, Comparison, Probe, Verdict
from verification.core.parity import judge_comparison


def test_an_answer_from_the_cache_of_the_other_twin_is_a_rollback() -> None:
    first = probe("control")
    assert first.exchange is not None
    cached = replace(candidate(), exchange=replace(first.exchange, arm=Arm.CANDIDATE, served_by="domain"))
    assert ("parity.identity", Verdict.ROLLBACK) in rules(judged(cached, control=first))


def test_an_id_that_names_two_things_on_one_side_is_a_rollback() -> None:
    def named(side: str, created: str) -> Probe:
        plain = probe(side)
        return replace(plain, names=(*plain.names, ("other", f"{side}-1"), ("created", created)))

    alike = [named(side, f"{side}-2") for side in ARMS]
    assert rules(judged(alike[2], control=alike[0], again=alike[1])) == []
    twice = named("candidate", "candidate-1")
    assert rules(judged(twice, control=alike[0], again=alike[1])) == [("parity.identity", Verdict.ROLLBACK)]
    assert rules(
        judged(alike[2], control=named("control", "control-1"), again=named("control-again", "control-again-1"))
    )


def test_an_id_that_became_a_text_is_another_type_and_not_another_id() -> None:
    shape = Shape(ids=(("id", "camera"),))
    catalog = replace(CATALOG, endpoints=(replace(ENDPOINT, shape=shape, reads=()),))

    def numbered(side: str, number: int, answered: int | str) -> Probe:
        return replace(probe(side, {"id": answered}), names=(("camera", str(number)),))

    def found(answered: int | str) -> list[tuple[str, Verdict]]:
        pair = (numbered("control", 7, 7), numbered("control-again", 8, 8))
        one = Comparison("POST /start", "known", (*pair, numbered("candidate", 9, answered)))
        return [pair for pair in rules(judge_comparison(catalog, one)) if pair[0].startswith("parity")]

    assert found(9) == []
    assert found("9") == [("parity.body", Verdict.HOLD)]
    assert found(8) == [("parity.identity", Verdict.ROLLBACK)]
    assert found("8") == [("parity.identity", Verdict.ROLLBACK)]


def test_values_that_must_stay_equal_are_held_against_each_other_without_an_answer_too() -> None:
    def restarted(side: str, pid: int) -> Probe:
        """An answer without a body; the readings alone show that the process id stayed."""
        return probe(side, "", before={f"gate-{side}": {"pid": 30}}, after={f"gate-{side}": {"pid": pid, "n": 1}})

    control, again = restarted("control", 40), restarted("control-again", 41)
    assert rules(judged(restarted("candidate", 42), control=control, again=again)) == []
    assert ("parity.identity", Verdict.ROLLBACK) in rules(
        judged(restarted("candidate", 30), control=control, again=again)
    )
