"""The worst finding wins, what is owed must be there, and judging twice says the same."""

from __future__ import annotations

from dataclasses import replace

from tests.core.judge.builders import CATALOG, comparison, exchange, load_evidence, look, manifest, stage
from verification.core.judge import judge, judge_stage
from verification.core.model import Arm, Verdict
from verification.core.policy import Policy
from verification.core.records import Drill, Evidence, Exposure, ForcedCall, Leftover, Usage

POLICY = Policy()


def test_everything_owed_and_nothing_against_is_a_promotion_that_says_so() -> None:
    found = judge(load_evidence(stage()), CATALOG, POLICY)
    assert found.verdict is Verdict.PROMOTE
    assert "1 pieces of evidence" in found.reasons[0]


def test_nothing_collected_is_inconclusive_with_what_is_missing() -> None:
    found = judge(Evidence(manifest(("load:10", "parity:GET /things:plain", "flag:refuse"))), CATALOG, POLICY)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert {finding.title for finding in found.findings} == {
        "Not measured: load",
        "Not measured: parity",
        "Not measured: flag",
    }


def test_a_long_list_of_missing_evidence_is_cut_and_counted() -> None:
    found = judge(Evidence(manifest(tuple(f"load:{percent}" for percent in range(1, 9)))), CATALOG, POLICY)
    assert "8 of 8" in found.findings[0].reason
    assert "and 3 more" in found.findings[0].reason


def test_a_run_that_expects_nothing_is_inconclusive() -> None:
    found = judge(Evidence(manifest(())), CATALOG, POLICY)
    assert found.verdict is Verdict.INCONCLUSIVE


def test_a_torn_file_is_inconclusive_and_named() -> None:
    found = judge(load_evidence(stage(), torn_files=("gw1.jsonl",)), CATALOG, POLICY)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "gw1.jsonl" in found.reasons[0]


def test_the_worst_finding_wins_and_comes_first() -> None:
    evidence = load_evidence(
        stage(),
        torn_files=("a.jsonl",),
        drills=(Drill("refuse-percent", 0, ok=False, seconds=None, detail="101 was taken"),),
        comparisons=(comparison(exchange(Arm.CANDIDATE, {"ok": False})),),
    )
    found = judge(evidence, CATALOG, POLICY)
    assert found.verdict is Verdict.ROLLBACK
    assert [finding.verdict for finding in found.findings] == [Verdict.ROLLBACK, Verdict.HOLD, Verdict.INCONCLUSIVE]


def test_reasons_are_cut_with_a_count() -> None:
    calls = tuple(
        ForcedCall("force", 10, f"GET /{number}", exchange(Arm.CONTROL, served="domain")) for number in range(12)
    )
    found = judge(load_evidence(stage(), forced=calls), CATALOG, POLICY)
    assert len(found.reasons) == 9
    assert found.reasons[-1].startswith("4 more")


def test_every_kind_of_evidence_reaches_the_judgement() -> None:
    evidence = load_evidence(
        stage(),
        exposures=(Exposure(10, 300, 0, 0),),
        usage=(Usage(10, "forced", 1, 1, 0, 1),),
        monitoring=(look("before"), look("after", status="degraded")),
        leftovers=(Leftover(("rule 1",)),),
    )
    found = judge(evidence, CATALOG, POLICY)
    rules = {finding.rule for finding in found.findings}
    assert {"flag.exposure", "monitoring.usage", "monitoring.health"} <= rules
    assert found.leftovers == ("rule 1",)
    assert {row.source for row in found.exposures} == {"flag", "load"}


def test_judging_is_pure() -> None:
    evidence = load_evidence(stage(), stage(25))
    assert judge(evidence, CATALOG, POLICY) == judge(evidence, CATALOG, POLICY)


def test_one_stage_alone_is_judged_as_if_nothing_else_were_owed() -> None:
    both = load_evidence(stage(), stage(25, scale=2.2))
    owing = replace(both, manifest=manifest(("load:10", "load:25", "flag:refuse")))
    assert judge_stage(owing, CATALOG, POLICY, 10).verdict is Verdict.PROMOTE
    assert judge_stage(owing, CATALOG, POLICY, 25).verdict is Verdict.ROLLBACK
    assert judge_stage(owing, CATALOG, POLICY, 50).verdict is Verdict.INCONCLUSIVE
