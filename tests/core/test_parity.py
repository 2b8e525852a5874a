"""Probes become findings of the stated weight; a comparison counts only when both arms are proven."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.core.probes import (
    ARMS,
    CATALOG,
    ENDPOINT,
    answer,
    candidate,
    judged,
    probe,
    rules,
    sent,
)
from verification.core.model import Arm, Comparison, Probe, Verdict
from verification.core.parity import judge_comparison


def test_twins_that_did_alike_are_equal_and_their_masks_counted() -> None:
    found = judged(candidate())
    assert rules(found) == []
    assert found.counts
    assert {use.path for use in found.masked} == {"pid", "«camera».pid"}


@pytest.mark.parametrize(
    ("twin", "expected"),
    [
        (answer(extra=1), [("parity.body", Verdict.HOLD)]),
        (answer(running=False), [("parity.body", Verdict.ROLLBACK)]),
        (answer(id="gate-control"), [("parity.identity", Verdict.ROLLBACK)]),
        (answer(pid=None), [("parity.body", Verdict.HOLD)]),
        (candidate(status=201), [("parity.status", Verdict.HOLD)]),
        (candidate(status=500), [("parity.status", Verdict.ROLLBACK)]),
        (candidate(after={"gate-candidate": {"pid": 0}}), [("state.changed", Verdict.ROLLBACK)]),
        (
            candidate(after={"gate-candidate": {"pid": 42}, "neighbour": {"pid": 3}}),
            [("state.changed", Verdict.ROLLBACK)],
        ),
        (candidate(cross={"gate-candidate": {"pid": 0}}), [("cross.read", Verdict.ROLLBACK)]),
        (candidate(cross="<html>"), [("cross.read", Verdict.ROLLBACK)]),
        (answer(pid=43), [("parity.identity", Verdict.ROLLBACK)]),
        (answer(text="hallo"), [("parity.body", Verdict.HOLD)]),
        (candidate(body="NaN"), [("parity.raw", Verdict.HOLD)]),
        (candidate(body="<html>"), [("parity.raw", Verdict.HOLD)]),
    ],
)
def test_each_kind_of_difference_has_its_weight(twin: Probe, expected: list[tuple[str, Verdict]]) -> None:
    found = judged(twin)
    assert [pair for pair in rules(found) if pair in expected] == expected
    assert max(verdict.rank for _, verdict in rules(found)) == max(verdict.rank for _, verdict in expected)


def test_another_wording_of_an_error_is_a_note() -> None:
    errors = [probe(side, {"detail": "not found"}, status=404, after={f"gate-{side}": {"pid": 0}}) for side in ARMS]
    other = probe("candidate", {"detail": "unbekannt"}, status=404, after={"gate-candidate": {"pid": 0}})
    assert rules(judged(other, control=errors[0], again=errors[1], case="unknown")) == [
        ("parity.message", Verdict.PROMOTE)
    ]


def test_a_request_that_legacy_answered_for_domain_does_not_count() -> None:
    found = judged(candidate(served_by="legacy"))
    assert rules(found) == [("witness.fallback", Verdict.HOLD)]
    assert not found.counts


@pytest.mark.parametrize("named", [None, "", "other"])
def test_a_candidate_without_a_usable_witness_proves_nothing(named: str | None) -> None:
    assert rules(judged(candidate(served_by=named))) == [("witness.absent", Verdict.INCONCLUSIVE)]


@pytest.mark.parametrize("named", [None, "domain"])
def test_a_control_without_its_witness_proves_nothing(named: str | None) -> None:
    for side in ("control", "control-again"):
        lying = probe(side, served_by=named)
        found = judged(candidate(), control=lying) if side == "control" else judged(candidate(), again=lying)
        assert rules(found) == [("witness.absent", Verdict.INCONCLUSIVE)]


def test_a_reading_that_the_other_arm_served_proves_nothing() -> None:
    plain = probe("control")
    lying = replace(plain.readings[1], exchange=replace(plain.readings[1].exchange, served_by="domain"))
    found = judged(candidate(), control=replace(plain, readings=(plain.readings[0], lying, plain.readings[2])))
    assert rules(found) == [("witness.absent", Verdict.INCONCLUSIVE)]


def test_a_candidate_that_does_not_answer_is_a_rollback() -> None:
    assert rules(judged(candidate(answer=None, failure="reset"))) == [("candidate.crash", Verdict.ROLLBACK)]


@pytest.mark.parametrize(
    "control",
    [
        probe("control", answer=None, failure="reset"),
        probe("control", status=500),
        probe("control", status=404),
        replace(probe("control"), exchange=None, failure="no twin"),
    ],
)
def test_a_control_that_is_not_in_the_situation_is_inconclusive(control: Probe) -> None:
    assert rules(judged(candidate(), control=control)) == [("control.unhealthy", Verdict.INCONCLUSIVE)]


def test_a_derived_case_takes_any_answer_of_control_but_a_server_error() -> None:
    refused = [probe(side, {"detail": "no"}, status=422, after={f"gate-{side}": {"pid": 0}}) for side in ARMS]
    assert rules(judged(refused[2], control=refused[0], again=refused[1], case="derived")) == []
    broken = judged(candidate(), control=probe("control", status=503), case="derived")
    assert rules(broken) == [("control.unhealthy", Verdict.INCONCLUSIVE)]


def test_a_reading_that_failed_on_control_is_inconclusive() -> None:
    plain = probe("control")
    failed = replace(plain.readings[1], exchange=sent(Arm.CONTROL, {}, 503))
    found = judged(candidate(), control=replace(plain, readings=(plain.readings[0], failed)))
    assert rules(found) == [("control.unhealthy", Verdict.INCONCLUSIVE)]


@pytest.mark.parametrize("unread", ["<html>", [], "null"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_state_that_nobody_could_read_is_not_compared(unread: Any, moment: str) -> None:
    """Two unreadable states are alike, and would compare equal."""
    probes = [probe(side, **{moment: unread, "cross": {}}) for side in ARMS]
    assert rules(judged(probes[2], control=probes[0], again=probes[1])) == [("control.unhealthy", Verdict.INCONCLUSIVE)]


def test_a_state_that_the_candidate_made_unreadable_is_a_rollback() -> None:
    assert ("state.changed", Verdict.ROLLBACK) in rules(judged(candidate(after="<html>", cross={})))


def test_a_starting_state_that_could_not_be_read_is_no_fault_of_the_candidate() -> None:
    assert rules(judged(candidate(before="<html>"))) == [("control.unhealthy", Verdict.INCONCLUSIVE)]


@pytest.mark.parametrize("side", list(ARMS))
@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_a_reading_that_is_not_there_proves_nothing(side: str, left_out: int) -> None:
    probes = {name: probe(name, pid=number) for number, name in enumerate(ARMS, start=40)}
    readings = probes[side].readings
    probes[side] = replace(probes[side], readings=(*readings[:left_out], *readings[left_out + 1 :]))
    found = judged(probes["candidate"], control=probes["control"], again=probes["control-again"])
    assert rules(found) == [("evidence.missing", Verdict.INCONCLUSIVE)]
    assert not found.counts


def test_what_only_reads_needs_no_read_across_arms() -> None:
    reads = replace(CATALOG, endpoints=(replace(ENDPOINT, writes=False),))
    probes = tuple(probe(side, pid=number) for number, side in enumerate(ARMS, start=40))
    uncrossed = tuple(replace(one, readings=one.readings[:2]) for one in probes)
    assert rules(judge_comparison(reads, Comparison("POST /start", "known", uncrossed))) == []


@pytest.mark.parametrize("side", list(ARMS))
@pytest.mark.parametrize(
    ("named", "expected"),
    [("legacy", ("witness.fallback", Verdict.HOLD)), (None, ("witness.absent", Verdict.INCONCLUSIVE))],
)
def test_a_read_across_arms_that_did_not_cross_proves_nothing(
    side: str, named: str | None, expected: tuple[str, Verdict]
) -> None:
    probes = {name: probe(name, pid=number) for number, name in enumerate(ARMS, start=40)}
    cross = probes[side].readings[2]
    kept = replace(cross, exchange=replace(cross.exchange, served_by=named))
    probes[side] = replace(probes[side], readings=(*probes[side].readings[:2], kept))
    found = judged(probes["candidate"], control=probes["control"], again=probes["control-again"])
    assert rules(found) == [expected]
    assert not found.counts


def test_a_request_that_was_put_on_the_wrong_arm_proves_nothing() -> None:
    """Old compared with old is always equal."""
    old, new = probe("control"), candidate()
    assert old.exchange is not None
    assert new.exchange is not None
    twice_old = replace(new, exchange=replace(new.exchange, arm=Arm.CONTROL, served_by="legacy"))
    assert rules(judged(twice_old)) == [("witness.absent", Verdict.INCONCLUSIVE)]
    twice_new = replace(old, exchange=replace(old.exchange, arm=Arm.CANDIDATE, served_by="domain"))
    assert rules(judged(new, control=twice_new)) == [("witness.absent", Verdict.INCONCLUSIVE)]


def test_a_candidate_that_died_before_it_was_read_is_a_crash_and_no_lost_witness() -> None:
    silent = candidate()
    gone = tuple(
        replace(reading, exchange=replace(reading.exchange, answer=None, failure="refused", served_by=None))
        for reading in silent.readings[1:]
    )
    assert ("state.changed", Verdict.ROLLBACK) in rules(judged(replace(silent, readings=(silent.readings[0], *gone))))


def test_a_lost_side_or_an_unknown_case_is_inconclusive() -> None:
    two = (probe("control"), probe("candidate"))
    assert rules(judge_comparison(CATALOG, Comparison("POST /start", "known", two))) == [
        ("control.unhealthy", Verdict.INCONCLUSIVE)
    ]
    assert rules(judged(candidate(), case="gone")) == [("control.unhealthy", Verdict.INCONCLUSIVE)]


def test_noise_of_control_is_told_and_hides_no_difference_elsewhere() -> None:
    noisy = probe("control-again", {"running": True, "pid": 40, "id": "gate-control-again", "n": 2})
    found = judged(answer(extra=1, n=3), again=noisy)
    assert set(rules(found)) == {("parity.body", Verdict.HOLD), ("control.noise", Verdict.INCONCLUSIVE)}
    body = next(finding for finding in found.findings if finding.rule == "parity.body")
    assert [difference.path for difference in body.differences] == ["extra"]
    assert not found.counts


def test_noise_alone_is_inconclusive() -> None:
    noisy = probe("control-again", {"running": True, "pid": 40, "id": "gate-control-again", "n": 2})
    assert rules(judged(answer(n=3), again=noisy)) == [("control.noise", Verdict.INCONCLUSIVE)]


def test_many_places_are_cut_and_counted_in_the_reason() -> None:
    found = judged(answer(a=1, b=2, c=3, d=4, e=5))
    assert "and 2 more" in found.findings[0].reason


def test_a_probe_without_an_answer_cannot_be_compared() -> None:
    from verification.core.parity import _answer

    with pytest.raises(ValueError, match="no answer"):
        _answer(probe("control", answer=None, failure="reset"))


def test_where_states_part_each_side_is_read_through_itself_and_nothing_is_read_across() -> None:
    apart = replace(CATALOG, separate_state=True)

    def without_cross(one: Probe, arm: Arm, served: str) -> Probe:
        kept = [reading for reading in one.readings if reading.moment != "cross"]
        moved = [replace(r, exchange=replace(r.exchange, arm=arm, served_by=served)) for r in kept]
        return replace(one, readings=tuple(moved))

    controls = [without_cross(probe(side), Arm.CONTROL, "legacy") for side in ("control", "control-again")]
    through_itself = without_cross(candidate(), Arm.CANDIDATE, "domain")
    through_control = without_cross(candidate(), Arm.CONTROL, "legacy")
    found = judge_comparison(apart, Comparison(ENDPOINT.id, "known", (*controls, through_itself)))
    assert (found.counts, rules(found)) == (True, [])
    assert rules(judge_comparison(apart, Comparison(ENDPOINT.id, "known", (*controls, through_control)))) == [
        ("witness.absent", Verdict.INCONCLUSIVE)
    ]
    assert rules(judge_comparison(CATALOG, Comparison(ENDPOINT.id, "known", (*controls, through_control)))) == [
        ("evidence.missing", Verdict.INCONCLUSIVE)
    ]
