"""Two ways through a sequence: where they part, what it weighs, and when the comparison proves nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.core.judge.builders import ASK, CATALOG, THING, answer, endpoint, exchange, silent
from verification.core.cases import Catalog, Mask, RequestSpec, Shape
from verification.core.divergence import judge_sequence, told
from verification.core.model import Arm, Exchange, Reading, Verdict
from verification.core.sequences import Passage, Sequence, SequenceComparison, Step

STEP = Step("plain", ASK, THING)
PLAIN_STEP = Step("create thing", RequestSpec("POST", "/things"), None, (("id", "made1"),))
ROUTING = (Arm.CONTROL, Arm.CANDIDATE)
SEQUENCE = Sequence("sequence:routed:things:1", (), (STEP, STEP), ROUTING, ("things",))


def passage(side: str, *bodies: Any, items: Any = (), reads: str = "bac", **changes: Any) -> Passage:
    """A body for each step, a whole exchange where it is one; the items that the readings after it show."""
    arms = ROUTING if side == "candidate" else (Arm.CONTROL, Arm.CONTROL)
    sent = tuple(
        body if isinstance(body, Exchange) else exchange(arm, body)
        for body, arm in zip(bodies or ({"ok": True},) * 2, arms, strict=False)
    )
    readings = {
        "b": Reading("things", "before", exchange(Arm.CONTROL, {"items": []})),
        "a": Reading("things", "after", exchange(Arm.CONTROL, {"items": list(items)})),
        "c": Reading("things", "cross", exchange(Arm.CANDIDATE, {"items": list(items)})),
    }
    return Passage(side, (), sent, tuple(readings[name] for name in reads), **changes)


def judged(*passages: Passage, sequence: Sequence = SEQUENCE, catalog: Catalog = CATALOG) -> list[tuple[str, Verdict]]:
    outcome = judge_sequence(catalog, SequenceComparison(sequence, passages))
    return [(finding.rule, finding.verdict) for finding in outcome.findings]


OK = {"ok": True}
CONTROL, AGAIN = passage("control"), passage("control-again")


def test_equal_passages_count_and_find_nothing() -> None:
    outcome = judge_sequence(CATALOG, SequenceComparison(SEQUENCE, (CONTROL, passage("candidate"))))
    assert (outcome.findings, outcome.counts, outcome.diverged) == ((), True, False)


@pytest.mark.parametrize(
    ("trial", "verdict"),
    [
        (passage("candidate", OK, {"ok": True, "more": 1}), Verdict.HOLD),
        (passage("candidate", OK, {"ok": False}), Verdict.ROLLBACK),
        (passage("candidate", OK, exchange(Arm.CANDIDATE, OK, 201)), Verdict.HOLD),
        (passage("candidate", OK, exchange(Arm.CANDIDATE, OK, 400)), Verdict.ROLLBACK),
        (passage("candidate", items=[{"id": 1}]), Verdict.ROLLBACK),
    ],
)
def test_a_difference_in_a_step_or_in_the_state_weighs_by_its_kind(trial: Passage, verdict: Verdict) -> None:
    assert judged(CONTROL, trial, AGAIN) == [("sequence.diverged", verdict)]


def test_the_wording_of_an_answer_is_no_divergence() -> None:
    control = passage("control", OK, {"ok": True, "detail": "a"})
    assert judged(control, passage("candidate", OK, {"ok": True, "detail": "b"})) == []


def test_the_finding_names_the_steps_their_arms_and_the_endpoint() -> None:
    trial = passage("candidate", OK, {"ok": False})
    finding = judge_sequence(CATALOG, SequenceComparison(SEQUENCE, (CONTROL, trial, AGAIN))).findings[0]
    assert finding.reason.startswith("GET /things on control, then GET /things on candidate: the body differs")
    assert finding.endpoint == THING


def test_of_a_long_sequence_the_last_steps_are_told() -> None:
    long = replace(SEQUENCE, steps=(STEP,) * 9, routing=(Arm.CONTROL,) * 9)
    assert told(long).startswith("3 steps, then GET /things on control")


@pytest.mark.parametrize(
    ("kind", "rule"),
    [("retry", "retry.diverged"), ("certificate", "certificate.failed"), ("replay", "sequence.diverged")],
)
def test_each_kind_of_sequence_has_its_rule(kind: str, rule: str) -> None:
    sequence = replace(SEQUENCE, key=f"{kind}:x")
    assert judged(CONTROL, passage("candidate", OK, {"ok": 1}), AGAIN, sequence=sequence)[0][0] == rule


def test_what_control_does_twice_differently_is_noise() -> None:
    trial, noisy = passage("candidate", OK, {"ok": True, "n": 1}), passage("control-again", OK, {"ok": True, "n": 2})
    assert judged(CONTROL, trial, noisy) == [("control.noise", Verdict.INCONCLUSIVE)]


def test_noise_in_one_place_hides_no_difference_in_another() -> None:
    trial, noisy = passage("candidate", OK, {"ok": False, "n": 1}), passage("control-again", OK, {"ok": True, "n": 2})
    assert judged(CONTROL, trial, noisy) == [("sequence.diverged", Verdict.ROLLBACK)]


def test_a_difference_without_a_second_walk_on_control_is_not_judged() -> None:
    assert judged(CONTROL, passage("candidate", OK, {"ok": 1})) == [("evidence.missing", Verdict.INCONCLUSIVE)]


def test_a_missing_passage_proves_nothing() -> None:
    assert judged(CONTROL) == [("evidence.missing", Verdict.INCONCLUSIVE)]


def unread() -> Passage:
    before, _, cross = CONTROL.readings
    return replace(CONTROL, readings=(before, Reading("things", "after", exchange(Arm.CONTROL, {"items": 1})), cross))


@pytest.mark.parametrize(
    "control",
    [
        passage("control", failure="no twin"),
        passage("control", silent(Arm.CONTROL)),
        passage("control", OK),
        passage("control", reads="bc"),
        unread(),
    ],
    ids=["no starting state", "no answer", "a step missing", "a reading missing", "no collection"],
)
def test_a_sick_control_proves_nothing(control: Passage) -> None:
    assert judged(control, passage("candidate")) == [("control.unhealthy", Verdict.INCONCLUSIVE)]
    sick_again = replace(control, side="control-again")
    assert judged(CONTROL, passage("candidate", OK, {"ok": 1}), sick_again) == [
        ("control.unhealthy", Verdict.INCONCLUSIVE)
    ]


def test_a_trial_without_its_starting_state_proves_nothing() -> None:
    assert judged(CONTROL, passage("candidate", failure="x")) == [("control.unhealthy", Verdict.INCONCLUSIVE)]


def test_a_certificate_needs_controls_success() -> None:
    refused = passage("control", OK, exchange(Arm.CONTROL, OK, 409))
    found = judged(refused, passage("candidate"), sequence=replace(SEQUENCE, key="certificate:x"))
    assert found == [("control.unhealthy", Verdict.INCONCLUSIVE)]


def test_a_fallback_and_a_missing_witness_prove_nothing() -> None:
    fallen = passage("candidate", OK, exchange(Arm.CANDIDATE, OK, served="legacy"))
    assert judged(CONTROL, fallen) == [("witness.fallback", Verdict.HOLD)]
    unnamed = passage("candidate", OK, exchange(Arm.CANDIDATE, OK, served=None))
    assert judged(CONTROL, unnamed) == [("witness.absent", Verdict.INCONCLUSIVE)]


def test_a_release_that_stops_answering_is_a_rollback() -> None:
    assert judged(CONTROL, passage("candidate", OK, silent(Arm.CANDIDATE))) == [("candidate.crash", Verdict.ROLLBACK)]
    assert judged(CONTROL, passage("candidate", OK)) == [("candidate.crash", Verdict.ROLLBACK)]


def test_one_arm_that_reads_what_the_other_does_not_is_a_rollback() -> None:
    trial = passage("candidate")
    other = replace(trial.readings[2], exchange=exchange(Arm.CANDIDATE, {"items": [{"id": 9}]}))
    assert judged(CONTROL, replace(trial, readings=(*trial.readings[:2], other)), AGAIN) == [
        ("sequence.diverged", Verdict.ROLLBACK)
    ]


def test_values_of_one_group_stay_equal_over_the_steps() -> None:
    shape = Shape(masks=(Mask("pid", "integer", "a new one each start", "us", group="pid"),))
    catalog = Catalog((replace(endpoint(), shape=shape),), {}, CATALOG.readings, {})
    same, other = passage("control", {"pid": 1}, {"pid": 1}), passage("control", {"pid": 3}, {"pid": 4})
    trial = passage("candidate", {"pid": 7}, {"pid": 7})
    assert judged(same, trial, catalog=catalog) == []
    again = replace(other, side="control-again")
    assert judged(other, trial, again, catalog=catalog) == [("sequence.diverged", Verdict.ROLLBACK)]


def test_an_answer_that_is_no_json_is_compared_as_text() -> None:
    text = replace(exchange(Arm.CONTROL), answer=replace(answer({}), body="not json"))
    trial = replace(exchange(Arm.CANDIDATE), answer=replace(answer({}), body="not json"))
    assert judged(passage("control", OK, text), passage("candidate", OK, trial)) == []


def test_a_call_outside_the_endpoints_is_compared_whole() -> None:
    sequence = replace(SEQUENCE, steps=(PLAIN_STEP, STEP))
    control = replace(passage("control", {"id": 17}, OK), names=(("made1", "17"),))
    trial = replace(passage("candidate", {"id": 18}, OK), names=(("made1", "18"),))
    assert judged(control, trial, sequence=sequence) == []
    worse = replace(passage("candidate", {"id": 18, "more": 1}, OK), names=(("made1", "18"),))
    again = replace(control, side="control-again")
    assert judged(control, worse, again, sequence=sequence) == [("sequence.diverged", Verdict.HOLD)]
