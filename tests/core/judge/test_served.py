"""Who served the requests of the looks, and those without a witness or a time."""

from __future__ import annotations

import pytest

from tests.core.release.builders import (
    READS,
    both,
    figures_of,
    looks,
    reason_of,
    rules,
    seeing,
    seen,
    times,
    with_look,
)
from verification.core.model import Arm, Verdict
from verification.core.policy import Policy, RatePolicy

HOLD, ROLLBACK, INCONCLUSIVE, PROMOTE = Verdict.HOLD, Verdict.ROLLBACK, Verdict.INCONCLUSIVE, Verdict.PROMOTE


@pytest.mark.parametrize(("share", "verdicts"), [(0.0, {HOLD}), (1 / 1250, set())])
def test_a_fallback_holds_beyond_the_share_that_the_policy_allows(share: float, verdicts: set[Verdict]) -> None:
    policy = Policy(rates=RatePolicy(fallback_hold_share=share))
    fell_back = (*both(3)[:-1], seen(Arm.CANDIDATE, read=READS[1], legacy=1, domain=24))
    _, findings = figures_of(with_look(looks(), 3, seen=fell_back), policy)
    assert {finding.verdict for finding in findings if finding.rule == "witness.fallback"} == verdicts


def test_a_single_request_that_was_forced_to_control_and_went_to_domain_goes_back() -> None:
    astray = (*both(3)[1:], seen(Arm.CONTROL, legacy=24, domain=1))
    assert rules(figures_of(with_look(looks(), 3, seen=astray))[1]) == {("flag.force", ROLLBACK)}


@pytest.mark.parametrize(("unwitnessed", "verdict"), [(25, PROMOTE), (26, INCONCLUSIVE)])
def test_answers_without_a_witness_are_open_beyond_one_percent(unwitnessed: int, verdict: Verdict) -> None:
    taken = looks()
    for slot in range(unwitnessed):
        bare = (*both(slot % 24)[:-1], seen(Arm.CANDIDATE, read=READS[1], domain=24, unwitnessed=1))
        if slot >= 24:
            bare = (*both(slot % 24)[:-1], seen(Arm.CANDIDATE, read=READS[1], domain=23, unwitnessed=2))
        taken = with_look(taken, slot % 24, seen=bare)
    _, findings = figures_of(taken)
    assert rules(findings) == {("witness.absent", verdict)}
    assert f"{unwitnessed} of 2500 requests" in reason_of(findings, "witness.absent")


def test_answers_that_no_count_names_have_no_witness_either() -> None:
    bare = tuple(seen(arm, legacy=0, domain=0) for arm in Arm)
    assert rules(figures_of(looks(seen=bare))[1]) >= {("witness.absent", INCONCLUSIVE)}


def test_failed_requests_owe_no_witness() -> None:
    assert not [finding for finding in figures_of(seeing(errors=3))[1] if finding.rule == "witness.absent"]


@pytest.mark.parametrize(("unwitnessed", "verdict"), [(10, PROMOTE), (11, INCONCLUSIVE)])
def test_unforced_answers_without_a_witness_are_open_beyond_one_percent(unwitnessed: int, verdict: Verdict) -> None:
    taken = with_look(looks(), 3, natural_legacy=36 - unwitnessed, natural_unwitnessed=unwitnessed)
    assert rules(figures_of(taken)[1]) == {("witness.absent", verdict)}


def test_requests_without_a_time_are_missing_evidence() -> None:
    whole = seen(Arm.CANDIDATE)
    half = type(whole)(whole.read, whole.arm, 25, 0, 0, 25, 0, times(1, 24))
    _, findings = figures_of(with_look(looks(), 3, seen=(*both(3)[:1], *both(3)[2:], half)))
    assert rules(findings) == {("evidence.missing", INCONCLUSIVE)}
    assert reason_of(findings, "evidence.missing").startswith("1 requests")
