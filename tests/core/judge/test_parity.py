"""Comparisons become findings, results and counts; what somebody accepted weighs nothing until it expires."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.core.judge.builders import CATALOG, OTHER, THING, UNMASKED, comparison, exchange, manifest, probe, silent
from verification.core.cases import Catalog
from verification.core.judge.parity import ParityJudgement, judge_parity
from verification.core.model import Arm, Comparison, Reading, Verdict
from verification.core.policy import AcceptedDifference, Policy
from verification.core.records import Evidence

TODAY = date(2026, 11, 23)


def judged(
    *comparisons: Comparison, accepted: tuple[AcceptedDifference, ...] = (), catalog: Catalog = CATALOG
) -> ParityJudgement:
    return judge_parity(Evidence(manifest(), comparisons=comparisons), catalog, Policy(accepted=accepted), TODAY)


def accept(path: str, expires: date = date(2026, 12, 1), endpoint: str = THING) -> AcceptedDifference:
    return AcceptedDifference(
        endpoint=endpoint, path=path, reason="agreed with the team", owner="maria", expires=expires
    )


def candidate(**body: object) -> Comparison:
    return comparison(exchange(Arm.CANDIDATE, {"ok": True, **body}))


def test_equal_pairs_are_counted_with_the_bound_that_they_give() -> None:
    row = judged(candidate()).endpoints[0]
    assert (row.cases, row.equal, row.different, row.inconclusive) == (1, 1, 0, 0)
    assert row.excluded_rate is not None
    assert 0.9 < row.excluded_rate < 1


def test_an_endpoint_without_comparisons_has_no_bound() -> None:
    row = judged(candidate()).endpoints[1]
    assert (row.endpoint, row.cases, row.excluded_rate) == (OTHER, 0, None)


def test_a_difference_makes_the_case_different_and_takes_the_bound_away() -> None:
    found = judged(candidate(extra=1))
    assert found.cases[0].result == "DIFFERENT"
    assert found.cases[0].differences == 1
    assert found.endpoints[0].excluded_rate is None


def test_noise_is_inconclusive() -> None:
    noisy = comparison(exchange(Arm.CANDIDATE), again=exchange(Arm.CONTROL, {"ok": True, "n": 2}))
    assert judged(noisy).cases[0].result == "INCONCLUSIVE"


def test_a_comparison_that_proves_nothing_is_never_equal() -> None:
    fallback = comparison(exchange(Arm.CANDIDATE, served="legacy"))
    accepted_all = judged(fallback)
    assert accepted_all.cases[0].result == "DIFFERENT"
    assert accepted_all.findings[0].rule == "witness.fallback"


def test_a_real_difference_in_an_earlier_attempt_is_kept_and_its_noise_is_not() -> None:
    first = comparison(
        exchange(Arm.CANDIDATE, {"ok": True, "extra": 1}), again=exchange(Arm.CONTROL, {"ok": True, "n": 2}), attempt=1
    )
    second = comparison(exchange(Arm.CANDIDATE), attempt=2)
    rules = [finding.rule for finding in judged(second, first).findings]
    assert rules == ["parity.body"]


def test_a_case_that_the_catalog_does_not_know_is_a_finding() -> None:
    stranger = Comparison("GET /gone", "plain", candidate().probes)
    assert [finding.rule for finding in judged(stranger).findings] == ["evidence.missing"]


def test_an_accepted_difference_weighs_nothing_and_names_who_accepted_it() -> None:
    found = judged(candidate(extra=1), accepted=(accept("extra"),))
    assert found.findings[0].accepted is not None
    assert "maria" in found.findings[0].accepted
    assert found.cases[0].result == "EQUAL"


def test_every_place_of_a_finding_must_be_accepted() -> None:
    found = judged(candidate(extra=1, more=2), accepted=(accept("extra"),))
    assert found.findings[0].accepted is None


def test_an_acceptance_is_for_one_endpoint() -> None:
    found = judged(candidate(extra=1), accepted=(accept("extra", endpoint=OTHER),))
    assert found.findings[0].accepted is None


def test_an_expired_acceptance_falls_back_to_the_old_weight_and_says_so() -> None:
    found = judged(candidate(extra=1), accepted=(accept("extra", expires=date(2026, 11, 22)),))
    assert found.findings[0].accepted is None
    assert "expired on 2026-11-22" in found.findings[0].reason


def test_an_acceptance_holds_on_its_last_day() -> None:
    found = judged(candidate(extra=1), accepted=(accept("extra", expires=TODAY),))
    assert found.findings[0].accepted is not None


def test_a_renewed_acceptance_holds_though_the_expired_one_stands_above_it() -> None:
    old, new = accept("extra", expires=date(2026, 11, 1)), accept("extra")
    for entries in ((old, new), (new, old)):
        assert judged(candidate(extra=1), accepted=entries).findings[0].accepted is not None


def test_a_difference_of_state_is_accepted_by_its_own_name_only() -> None:
    changed = comparison(exchange(Arm.CANDIDATE), items=({"id": "a"},))
    (difference,) = judged(changed).findings[0].differences
    assert difference.where == "state things"
    for path in (difference.path, "*", "*.*", f"things:{difference.path}"):
        found = judged(changed, accepted=(accept(path),))
        assert (found.findings[0].verdict, found.findings[0].accepted) == (Verdict.ROLLBACK, None)
    assert judged(changed, accepted=(accept(f"state things:{difference.path}"),)).findings[0].accepted is not None


def test_accepting_a_field_named_status_does_not_accept_another_status() -> None:
    failing = comparison(exchange(Arm.CANDIDATE, status=500))
    for path in ("status", "*", ""):
        found = judged(failing, accepted=(accept(path),)).findings
        assert [(f.rule, f.verdict, f.accepted) for f in found] == [("parity.status", Verdict.ROLLBACK, None)]
    assert judged(failing, accepted=(accept("status:"),)).findings[0].accepted is not None
    field = candidate(status="on")
    assert judged(field, accepted=(accept("status:"),)).findings[0].accepted is None
    assert judged(field, accepted=(accept("status"),)).findings[0].accepted is not None


def test_a_header_is_accepted_by_its_name() -> None:
    sent = exchange(Arm.CANDIDATE)
    assert sent.answer is not None
    moved = replace(sent.answer, headers=(*sent.answer.headers, ("location", "/things/y")))
    found = judged(comparison(replace(sent, answer=moved)), accepted=(accept("header:location"),), catalog=UNMASKED)
    assert [(f.rule, f.accepted is not None) for f in found.findings] == [("parity.header", True)]


def test_controls_own_noise_cannot_be_accepted() -> None:
    noisy = comparison(exchange(Arm.CANDIDATE), again=exchange(Arm.CONTROL, {"ok": True, "n": 2}))
    found = judged(noisy, accepted=(accept("n"),))
    assert [(f.rule, f.verdict, f.accepted) for f in found.findings] == [("control.noise", Verdict.INCONCLUSIVE, None)]


def test_what_differs_in_nothing_that_could_be_named_cannot_be_accepted() -> None:
    crashed = comparison(silent(Arm.CANDIDATE))
    found = judged(crashed, accepted=(accept(""), accept("*"), accept("status:")))
    assert [(f.rule, f.verdict, f.accepted) for f in found.findings] == [("candidate.crash", Verdict.ROLLBACK, None)]


def test_a_note_needs_no_acceptance() -> None:
    worded = comparison(
        exchange(Arm.CANDIDATE, {"ok": True, "detail": "no such thing"}),
        control=exchange(Arm.CONTROL, {"ok": True, "detail": "not found"}),
    )
    found = judged(worded, accepted=(accept("detail"),), catalog=UNMASKED)
    assert [(f.rule, f.verdict, f.accepted) for f in found.findings] == [("parity.message", Verdict.PROMOTE, None)]
    assert found.cases[0].result == "EQUAL"


def cross_read(*, agree: bool) -> Comparison:
    """Both arms read the state that the candidate left; they hold the same, or not."""
    plain = candidate()
    items = {"items": [{"id": "a"}]} if not agree else {"items": []}
    after = plain.probes[2].readings
    crossed = (*after, Reading("things", "cross", exchange(Arm.CANDIDATE, items)))
    return replace(plain, probes=(*plain.probes[:2], replace(plain.probes[2], readings=crossed)))


ONE_ARM = {
    "another status class": (comparison(exchange(Arm.CANDIDATE, status=404)), "parity.status", Verdict.ROLLBACK),
    "another status of the class": (comparison(exchange(Arm.CANDIDATE, status=201)), "parity.status", Verdict.HOLD),
    "a critical field": (comparison(exchange(Arm.CANDIDATE, {"ok": False})), "parity.body", Verdict.ROLLBACK),
    "any other field": (candidate(extra=1), "parity.body", Verdict.HOLD),
    "state": (comparison(exchange(Arm.CANDIDATE), items=({"id": "a"},)), "state.changed", Verdict.ROLLBACK),
    "unreadable across arms": (cross_read(agree=False), "cross.read", Verdict.ROLLBACK),
    "fallback": (comparison(exchange(Arm.CANDIDATE, served="legacy")), "witness.fallback", Verdict.HOLD),
    "no witness": (comparison(exchange(Arm.CANDIDATE, served=None)), "witness.absent", Verdict.INCONCLUSIVE),
    "a false witness of control": (
        comparison(exchange(Arm.CANDIDATE), control=exchange(Arm.CONTROL, served="domain")),
        "witness.absent",
        Verdict.INCONCLUSIVE,
    ),
    "a sick control": (
        comparison(exchange(Arm.CANDIDATE), control=exchange(Arm.CONTROL, status=500)),
        "control.unhealthy",
        Verdict.INCONCLUSIVE,
    ),
    "both silent": (
        comparison(silent(Arm.CANDIDATE), control=silent(Arm.CONTROL)),
        "control.unhealthy",
        Verdict.INCONCLUSIVE,
    ),
    "a crash": (comparison(silent(Arm.CANDIDATE)), "candidate.crash", Verdict.ROLLBACK),
    "a lost probe": (Comparison(THING, "plain", candidate().probes[:2]), "control.unhealthy", Verdict.INCONCLUSIVE),
}


@pytest.mark.parametrize("what", ONE_ARM)
def test_each_row_of_the_table_has_its_weight(what: str) -> None:
    compared, rule, verdict = ONE_ARM[what]
    assert [(finding.rule, finding.verdict) for finding in judged(compared).findings] == [(rule, verdict)]
    assert judged(compared).cases[0].result == ("INCONCLUSIVE" if verdict is Verdict.INCONCLUSIVE else "DIFFERENT")


def test_arms_that_read_each_other_rightly_are_no_finding() -> None:
    assert judged(cross_read(agree=True), catalog=UNMASKED).findings == ()


def test_masks_are_counted_the_idle_ones_too() -> None:
    pair = comparison(
        exchange(Arm.CANDIDATE, {"ok": True, "stamp": "b"}), control=exchange(Arm.CONTROL, {"ok": True, "stamp": "a"})
    )
    uses = {use.endpoint: use for use in judged(pair).masks}
    assert uses[THING].fired == 1
    assert uses[THING].example is not None
    assert (uses[OTHER].fired, uses[OTHER].example) == (0, None)


def test_what_could_not_be_removed_is_listed() -> None:
    left = Comparison(THING, "plain", (probe("control", exchange(Arm.CONTROL), leftover=("rule 7",)),))
    assert judged(left).leftovers == ("rule 7",)
