"""Both witnesses must say the same of an endpoint; otherwise nothing is known of who served it, and of it alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.judge.builders import CATALOG, OTHER, THING, manifest
from verification.core.expectation import covered
from verification.core.judge.verdict import judge
from verification.core.judge.witness import FIRST_NEEDED, SECOND_NEEDED, judge_witness, witness_row
from verification.core.model import Verdict
from verification.core.policy import Policy
from verification.core.records import Evidence, WitnessCheck
from verification.core.said import Said

AGREED = WitnessCheck(THING, 10, 2, 3, 2, 3, "counters of /m", counted_legacy=9, counted_domain=3)


def rules(check: WitnessCheck, *, owned: bool = True) -> list[tuple[str, Verdict, str | None]]:
    return [(finding.rule, finding.verdict, finding.endpoint) for finding in judge_witness(check, owned=owned)]


def test_witnesses_that_agree_are_no_finding() -> None:
    assert rules(AGREED) == []
    assert witness_row(AGREED, owned=True).verdict is Verdict.PROMOTE


@pytest.mark.parametrize(("legacy", "domain"), [(9, 0), (9, 2), (1, 3), (9, 4), (None, 0), (12, 0)])
def test_a_second_witness_that_says_otherwise_leaves_the_endpoint_open(legacy: int | None, domain: int | None) -> None:
    check = replace(AGREED, counted_legacy=legacy, counted_domain=domain)
    assert rules(check) == [("witness.contradicted", Verdict.INCONCLUSIVE, THING)]
    assert witness_row(check, owned=True).verdict is Verdict.INCONCLUSIVE
    reason = next(judge_witness(check, owned=True)).reason
    assert SECOND_NEEDED in reason
    assert FIRST_NEEDED in reason


def test_on_a_named_target_others_may_move_the_counters_further_but_never_less() -> None:
    assert rules(replace(AGREED, counted_legacy=500, counted_domain=90), owned=False) == []
    assert rules(replace(AGREED, counted_legacy=500, counted_domain=2), owned=False)
    assert rules(replace(AGREED, counted_legacy=1, counted_domain=90), owned=False)


def test_half_a_second_witness_is_held_against_what_it_tells() -> None:
    assert rules(replace(AGREED, counted_legacy=None)) == []


@pytest.mark.parametrize("legacy", [None, 9])
def test_a_second_witness_that_does_not_tell_of_domain_is_absent_and_the_least_change_is_named(
    legacy: int | None,
) -> None:
    """Legacy's count alone would hide a candidate that nobody counts: setting up moves it, too."""
    silent = replace(AGREED, counted_legacy=legacy, counted_domain=None)
    assert rules(silent) == [("witness.absent", Verdict.INCONCLUSIVE, THING)]
    assert SECOND_NEEDED in next(judge_witness(silent, owned=True)).reason


def test_without_a_declared_second_witness_the_first_alone_must_do() -> None:
    alone = replace(AGREED, second=None, counted_legacy=None, counted_domain=None)
    assert rules(alone) == []
    nobody = replace(alone, named_domain=0)
    assert rules(nobody) == [("witness.absent", Verdict.INCONCLUSIVE, THING)]
    assert FIRST_NEEDED in next(judge_witness(nobody, owned=True)).reason


def test_who_served_against_the_force_is_told_when_both_witnesses_agree_on_it() -> None:
    fallen = replace(AGREED, named_legacy=5, named_domain=0, counted_domain=0)
    assert rules(fallen) == [("witness.fallback", Verdict.HOLD, THING)]
    assert "legacy answered 3 of 3" in next(judge_witness(fallen, owned=True)).reason
    deaf = replace(AGREED, named_legacy=0, named_domain=5, counted_domain=5)
    assert rules(deaf) == [("flag.force", Verdict.ROLLBACK, THING)]
    assert "domain answered 2 of 2" in next(judge_witness(deaf, owned=True)).reason


@pytest.mark.parametrize("silent", [replace(AGREED, asked_legacy=0), replace(AGREED, asked_domain=0)])
def test_an_arm_that_answers_nothing_proves_nothing(silent: WitnessCheck) -> None:
    assert rules(silent) == [("evidence.missing", Verdict.INCONCLUSIVE, THING)]


def test_the_verdict_is_open_for_exactly_the_endpoint_that_is_contradicted() -> None:
    lying = replace(AGREED, counted_domain=0)
    evidence = Evidence(manifest(), witness_checks=(replace(AGREED, endpoint=OTHER), lying))
    judgement = judge(evidence, CATALOG, Policy())
    assert [(row.check.endpoint, row.verdict) for row in judgement.witnesses] == [
        (THING, Verdict.INCONCLUSIVE),
        (OTHER, Verdict.PROMOTE),
    ]
    contradicted = [found.endpoint for found in judgement.findings if found.rule == "witness.contradicted"]
    assert contradicted == [THING]
    assert {f"witness:{THING}", f"witness:{OTHER}"} <= covered(evidence, CATALOG)


@pytest.mark.parametrize("name", ["counters of /m", "metrics of /m", "log lines", "header X-Counted"])
def test_the_second_witness_is_a_sentence_again_with_the_same_text(name: str) -> None:
    second = witness_row(replace(AGREED, second=name), owned=True).check.second
    assert second == name
    assert isinstance(second, Said) == (not name.startswith("header"))
