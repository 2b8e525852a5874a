"""Comparisons become findings, results and counts; what somebody accepted weighs nothing until it expires."""

from __future__ import annotations

from datetime import date

from tests.core.judge.builders import CATALOG, OTHER, THING, comparison, exchange, manifest, probe
from verification.core.judge.parity import ParityJudgement, judge_parity
from verification.core.model import Arm, Comparison, Verdict
from verification.core.policy import AcceptedDifference
from verification.core.records import Evidence

TODAY = date(2026, 11, 23)


def judged(*comparisons: Comparison, accepted: tuple[AcceptedDifference, ...] = ()) -> ParityJudgement:
    return judge_parity(Evidence(manifest(), comparisons=comparisons), CATALOG, accepted, TODAY)


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


def test_a_difference_of_state_is_not_accepted_by_the_body_path() -> None:
    changed = comparison(exchange(Arm.CANDIDATE), items=({"id": "a"},))
    found = judged(changed, accepted=(accept("items.a"),))
    assert found.findings[0].verdict is Verdict.ROLLBACK
    assert found.findings[0].accepted is None
    assert judged(changed, accepted=(accept("state things:items.a"), accept("state things:items"))).findings


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
