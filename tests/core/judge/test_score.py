"""The score counts what the comparator sees; an endpoint of which it overlooks too much is not to be believed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.core.score.ground import CATALOG, ENDPOINT, PUT, RACES, SHAPE, comparison, round_of
from verification.core.cases import Catalog, Shape
from verification.core.judge.score import LOWEST_SHARE, score_comparator, score_findings
from verification.core.model import Arm, Comparison, Verdict
from verification.core.outcome import CaseOutcome
from verification.core.parity import judge_comparison
from verification.core.score.result import ComparatorScore, Survivor

CASES = tuple(comparison(case) for case in ("on", "parts", "nobody"))


def scored(*comparisons: Comparison, catalog: Catalog = CATALOG) -> ComparatorScore:
    (score,) = score_comparator(catalog, comparisons, RACES)
    return score


def test_every_mistake_on_an_honest_ground_is_seen() -> None:
    score = scored(*CASES)
    assert score.survivors == ()
    assert score.mutants == score.killed == sum(score.operators.values())
    assert score.mutants > 500
    assert score.cases == ("on", "parts", "nobody")
    assert score.operators["lock"] == 2
    assert all(left.reason and left.places for left in score.left_out)
    assert not list(score_findings([score]))


def test_a_case_that_shows_nothing_new_is_not_gone_through_again() -> None:
    twice = scored(CASES[0], comparison("again"))
    assert twice.cases == ("on",)
    assert twice.mutants == scored(CASES[0]).mutants


def test_the_score_is_the_same_again() -> None:
    assert scored(*CASES) == scored(*CASES)


def test_a_low_score_leaves_the_endpoint_undecided_and_names_what_is_overlooked() -> None:
    score = scored(*CASES)
    survivor = scored_with_survivors(score, 0.97)
    (finding,) = score_findings([survivor])
    assert (finding.rule, finding.verdict, finding.endpoint) == ("comparator.score", Verdict.INCONCLUSIVE, PUT)
    assert "97.0%" in finding.reason
    assert "drop at answer ok (absent)" in finding.reason
    assert not list(score_findings([scored_with_survivors(score, LOWEST_SHARE)]))


def scored_with_survivors(score: ComparatorScore, share: float) -> ComparatorScore:
    overlooked = Survivor("drop", "answer ok", "absent", "on")
    return replace(score, mutants=1000, killed=round(1000 * share), survivors=(overlooked,))


@pytest.mark.parametrize("spoilt", ["different", "noisy", "silent", "absent"])
def test_mistakes_are_made_only_where_there_is_none(spoilt: str) -> None:
    score = scored(_spoilt(spoilt))
    assert (score.cases, score.mutants) == ((), score.operators.get("lock", 0))


def _spoilt(how: str) -> Comparison:
    honest = comparison()
    probes = {one.side: one for one in honest.probes}
    if how == "absent":
        return replace(honest, probes=honest.probes[:2])
    side = "control-again" if how == "noisy" else "candidate"
    exchange = probes[side].exchange
    assert exchange is not None
    assert exchange.answer is not None
    if how == "silent":
        changed = replace(exchange, answer=None, failure="refused")
    else:
        changed = replace(exchange, answer=replace(exchange.answer, body='{"ok": false}'))
    probes[side] = replace(probes[side], exchange=changed)
    return replace(honest, probes=tuple(probes.values()))


def test_an_endpoint_that_was_not_compared_has_no_score() -> None:
    assert score_comparator(CATALOG, (), RACES) == ()


def test_a_score_without_mistakes_says_nothing() -> None:
    (score,) = score_comparator(CATALOG, (_spoilt("different"),))
    assert (score.mutants, score.share) == (0, 1.0)
    assert not list(score_findings([score]))


def test_a_race_that_is_red_already_proves_nothing_of_the_comparator() -> None:
    lost = (*RACES[:3], round_of(Arm.CANDIDATE, done=False))
    (score,) = score_comparator(CATALOG, CASES[:1], lost)
    assert "lock" not in score.operators


def test_a_change_that_an_order_loses_too_is_left_out_with_its_reason() -> None:
    rounds = (round_of(Arm.CONTROL, (0, 1)), round_of(Arm.CONTROL, (1, 0), done=False), *RACES[2:])
    (score,) = score_comparator(CATALOG, CASES[:1], rounds)
    assert score.operators["lock"] == 1
    assert [left.reason for left in score.left_out if left.operator == "lock"] == [
        "one of the orders of the calls leaves this field as it was, too"
    ]


def test_wording_is_seen_when_it_is_noted() -> None:
    notes = replace(ENDPOINT, shape=SHAPE, error_shape=Shape(messages=("detail",)))
    score = scored(CASES[2], catalog=replace(CATALOG, endpoints=(notes,)))
    assert score.survivors == ()


def test_a_comparator_that_is_blind_somewhere_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blind for headers: the same comparator, given a shape that names none."""
    unseeing = replace(CATALOG, endpoints=(replace(ENDPOINT, shape=replace(SHAPE, headers=())),))

    def blind(_: Catalog, *rest: Any) -> CaseOutcome:
        return judge_comparison(unseeing, *rest)

    monkeypatch.setattr("verification.core.judge.score.judge_comparison", blind)
    score = scored(CASES[0])
    assert {survivor.place for survivor in score.survivors} == {
        f"answer header {name}" for name in ("content-type", "location", "cache-control", "retry-after")
    }
    assert score.killed == score.mutants - len(score.survivors)
