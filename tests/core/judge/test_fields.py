"""A change on a flaky field is found by the paired test; what noise explains stays undecided and gives its figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.core.judge.builders import CASE, CATALOG, THING, comparison, exchange, manifest
from verification.core.cases import Catalog
from verification.core.judge import judge
from verification.core.judge.parity import ParityJudgement, judge_parity
from verification.core.model import Arm, Comparison, Finding, Verdict
from verification.core.policy import AcceptedDifference, DifferencePolicy, Policy
from verification.core.records import Evidence

DEFAULT = Policy()
SECOND = replace(CASE, id="second")
CATALOG_OF_TWO = replace(CATALOG, endpoints=(replace(CATALOG.endpoints[0], cases=(CASE, SECOND)),))


def tried(control: Any, again: Any, candidate: Any, *, status: int = 200, **more: Any) -> Comparison:
    """One comparison of three answers that differ in `fps` only; None: the answer has no such field."""
    bodies = [{"ok": True} | ({} if value is None else {"fps": value}) for value in (control, again, candidate)]
    case = more.pop("case", "plain")
    made = comparison(
        exchange(Arm.CANDIDATE, bodies[2], status),
        control=exchange(Arm.CONTROL, bodies[0]),
        again=exchange(Arm.CONTROL, bodies[1]),
        **more,
    )
    return replace(made, case=case)


def repeated(*answers: tuple[Any, Any, Any], case: str = "plain") -> list[Comparison]:
    return [tried(*three, case=case, repetition=number) for number, three in enumerate(answers, start=1)]


def judged(
    comparisons: list[Comparison], *, catalog: Catalog = CATALOG_OF_TWO, repetitions: int = 1, policy: Policy = DEFAULT
) -> ParityJudgement:
    evidence = Evidence(manifest(repetitions=repetitions), comparisons=tuple(comparisons))
    return judge_parity(evidence, catalog, policy, date(2026, 11, 23))


def rules(found: ParityJudgement) -> list[tuple[str, Verdict, str | None]]:
    return [(finding.rule, finding.verdict, finding.case) for finding in found.findings]


def about_field(found: ParityJudgement) -> Finding:
    (finding,) = [finding for finding in found.findings if finding.rule == "parity.noisy-field"]
    return finding


NOISY, CHANGED = (1, 2, 3), (1, 1, 3)
"""Control disagrees with itself and with the candidate; only the candidate disagrees."""


def test_a_change_on_a_flaky_field_is_held_beside_the_noise_of_its_case() -> None:
    found = judged(repeated(*[NOISY] * 4, *[CHANGED] * 8), repetitions=12)
    assert rules(found) == [
        ("parity.excused", Verdict.INCONCLUSIVE, "plain"),
        ("control.noise", Verdict.INCONCLUSIVE, "plain"),
        ("parity.noisy-field", Verdict.HOLD, None),
    ]
    finding = about_field(found)
    assert finding.numbers == {
        "pairs": 12,
        "candidate": 12,
        "noise": 4,
        "only_candidate": 8,
        "only_noise": 0,
        "p_value": pytest.approx(2**-8),
        "adjusted_p": pytest.approx(2**-8),
        "alpha": 0.01,
    }
    assert "body:fps differs in 12 of 12 pairs against 4 of 12 in the noise of control" in finding.reason
    assert [difference.path for difference in finding.differences] == ["fps"]
    (row,) = found.fields
    assert (row.decision, row.test.only_candidate) == ("above noise", 8)
    assert found.endpoints[0].excluded_rate is None


def test_a_flaky_field_that_differs_no_more_than_its_noise_is_undecided_and_says_so() -> None:
    found = judged(repeated(NOISY, CHANGED, (1, 2, 1), (1, 1, 1)), repetitions=4)
    assert {verdict for _, verdict, _ in rules(found)} == {Verdict.INCONCLUSIVE}
    finding = about_field(found)
    assert "differs in 2 of 4 pairs against 2 of 4 in the noise of control" in finding.reason
    assert "noise explains it" in finding.reason
    assert "--repeat" not in finding.reason
    assert found.cases[0].result == "INCONCLUSIVE"
    assert (found.cases[0].repetitions, found.cases[0].equal_repetitions) == (4, 1)


def test_too_few_pairs_are_told_with_the_number_that_would_do() -> None:
    found = judged(repeated(NOISY, CHANGED), repetitions=2)
    # One of two pairs is discordant; seven discordant ones are needed for 1 %.
    assert "about 14 pairs would prove it a difference (--repeat 14)" in about_field(found).reason


def test_the_level_is_the_policys() -> None:
    pairs = repeated(NOISY, *[CHANGED] * 5)
    assert about_field(judged(pairs, repetitions=6)).verdict is Verdict.INCONCLUSIVE
    loose = Policy(differences=DifferencePolicy(alpha=0.05))
    assert about_field(judged(pairs, repetitions=6, policy=loose)).verdict is Verdict.HOLD


def test_the_fields_of_an_endpoint_share_the_level() -> None:
    """Seven discordant pairs prove one field (1/128), and none of two fields."""
    alone = judged(repeated(NOISY, *[CHANGED] * 7), repetitions=8)
    assert about_field(alone).verdict is Verdict.HOLD
    beside = [*repeated(NOISY, *[CHANGED] * 7), tried(1, 1, 1, status=201, case="second")]
    assert about_field(judged(beside, repetitions=8)).verdict is Verdict.INCONCLUSIVE


def test_a_field_that_is_never_noisy_is_a_plain_difference_and_one_pair_suffices() -> None:
    found = judged(repeated((1, 1, 1), (1, 1, 3), (1, 1, 1)), repetitions=3)
    assert rules(found) == [("parity.body", Verdict.HOLD, "plain")]
    assert found.findings[0].reason.endswith("(in 1 of 3 repetitions)")
    assert found.findings[0].numbers == {"seen_in": 1, "repetitions": 3, "first_repetition": 2}
    assert (found.cases[0].result, found.cases[0].equal_repetitions) == ("DIFFERENT", 2)
    assert [row.decision for row in found.fields] == ["difference"]


def test_noise_in_one_case_excuses_the_same_field_in_another_case_of_the_endpoint() -> None:
    found = judged([tried(1, 2, 1), tried(1, 1, 3, case="second")])
    assert ("parity.excused", Verdict.INCONCLUSIVE, "second") in rules(found)
    assert {verdict for _, verdict, _ in rules(found)} == {Verdict.INCONCLUSIVE}


def test_what_would_roll_back_is_excused_by_the_noise_of_its_own_case_only() -> None:
    """A hiccup of control in one case must not soften a server error in another."""
    hiccup = comparison(exchange(Arm.CANDIDATE), again=exchange(Arm.CONTROL, status=404))
    derived = replace(CASE, status=None)
    catalog = replace(CATALOG, endpoints=(replace(CATALOG.endpoints[0], cases=(derived, SECOND)),))
    elsewhere = judged([hiccup, tried(1, 1, 1, status=500, case="second")], catalog=catalog)
    assert ("parity.status", Verdict.ROLLBACK, "second") in rules(elsewhere)
    its_own = [replace(hiccup, attempt=1), tried(1, 1, 1, status=500, attempt=2)]
    assert {verdict for _, verdict, _ in rules(judged(its_own, catalog=catalog))} == {Verdict.INCONCLUSIVE}


def test_a_critical_field_that_differs_above_its_noise_is_a_rollback() -> None:
    noisy, changed = {"ok": False}, exchange(Arm.CANDIDATE, {"ok": 3})
    pairs = [comparison(changed, again=exchange(Arm.CONTROL, noisy), repetition=1)]
    pairs += [comparison(changed, repetition=number) for number in range(2, 10)]
    assert about_field(judged(pairs, repetitions=9)).verdict is Verdict.ROLLBACK


def test_a_flaky_field_that_a_person_accepted_weighs_nothing() -> None:
    entry = AcceptedDifference(endpoint=THING, path="fps", reason="agreed", owner="maria", expires=date(2027, 1, 1))
    found = judged(repeated(NOISY, *[CHANGED] * 8), repetitions=9, policy=Policy(accepted=(entry,)))
    assert about_field(found).accepted is not None


def test_noise_that_a_second_attempt_did_not_show_leaves_no_finding_and_stands_in_the_table() -> None:
    found = judged([tried(1, 2, 1, attempt=1), tried(1, 1, 1, attempt=2)])
    assert found.findings == ()
    assert found.cases[0].result == "EQUAL"
    (row,) = found.fields
    assert (row.decision, row.test.pairs, row.test.noise, row.test.candidate) == ("within noise", 1, 1, 0)


def test_only_first_attempts_are_pairs() -> None:
    """How many attempts follow depends on what the first one showed."""
    found = judged([tried(1, 2, 3, attempt=1), tried(1, 1, 3, attempt=2)])
    assert [(row.test.pairs, row.test.only_candidate) for row in found.fields] == [(1, 0)]


def test_a_comparison_that_never_came_about_is_no_pair() -> None:
    fallback = comparison(exchange(Arm.CANDIDATE, served="legacy"), repetition=2)
    found = judged([tried(1, 1, 3, repetition=1), fallback], repetitions=2)
    assert [row.test.pairs for row in found.fields] == [1]
    assert (found.endpoints[0].pairs, found.endpoints[0].equal_pairs) == (1, 0)
    assert {(f.rule, f.numbers["seen_in"]) for f in found.findings} == {("parity.body", 1), ("witness.fallback", 1)}


def test_equal_pairs_exclude_a_rate_over_all_repetitions() -> None:
    cases = repeated(*[(1, 1, 1)] * 30) + repeated(*[(1, 1, 1)] * 30, case="second")
    row = judged(cases, repetitions=30).endpoints[0]
    assert (row.cases, row.equal, row.pairs, row.equal_pairs) == (2, 2, 60, 60)
    assert row.excluded_rate == pytest.approx(1 - 0.05 ** (1 / 60))


@pytest.mark.parametrize(("there", "words"), [((1, 3), "1 of 3 repetitions are missing: 2"), ((2,), "missing: 1, 3")])
def test_a_missing_repetition_is_a_finding(there: tuple[int, ...], words: str) -> None:
    found = judged([tried(1, 1, 1, repetition=number) for number in there], repetitions=3)
    (finding,) = found.findings
    assert (finding.rule, finding.verdict) == ("evidence.missing", Verdict.INCONCLUSIVE)
    assert words in finding.reason
    assert found.cases[0].result == "INCONCLUSIVE"


def test_many_missing_repetitions_are_cut_and_counted() -> None:
    assert "2, 3, 4, 5, 6 and 4 more" in judged([tried(1, 1, 1)], repetitions=10).findings[0].reason


def test_the_same_difference_in_all_repetitions_is_one_finding() -> None:
    found = judged(repeated(*[(1, 1, 3)] * 5), repetitions=5)
    (finding,) = found.findings
    assert finding.reason.endswith("(in 5 of 5 repetitions)")
    assert (len(finding.differences), found.cases[0].differences) == (1, 1)


def test_the_verdict_carries_the_fields() -> None:
    comparisons = tuple(repeated(NOISY, *[CHANGED] * 8))
    owed = manifest(("parity:GET /things:plain",), repetitions=9)
    found = judge(Evidence(owed, comparisons=comparisons[::-1]), CATALOG, Policy())
    assert found.verdict is Verdict.HOLD
    assert [row.decision for row in found.fields] == ["above noise"]
