"""The worst finding wins, what is owed must be there, and judging twice says the same."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.core.judge.builders import (
    CATALOG,
    OTHER,
    THING,
    UNMASKED,
    comparison,
    exchange,
    load_evidence,
    look,
    manifest,
    stage,
)
from verification.core.cases import RequestSpec
from verification.core.journal import Cleanup
from verification.core.judge import judge, judge_stage
from verification.core.judge.witness import FIRST_NEEDED
from verification.core.model import Arm, Verdict, worst
from verification.core.policy import AcceptedDifference, Policy, RatePolicy
from verification.core.records import (
    Drill,
    Evidence,
    Exposure,
    ForcedCall,
    Leftover,
    LoadBlock,
    LoadEnd,
    LoadStart,
    Mishap,
    RaceRound,
    Usage,
    WitnessCheck,
)
from verification.core.sequences import Sequence, SequenceComparison, SequenceSearch, Step

POLICY = Policy()


def asked(percent: int = 10, **changes: Any) -> tuple[LoadStart, list[LoadBlock], LoadEnd]:
    """A stage of the whole catalog."""
    return stage(percent, names=(THING, OTHER), **changes)


def test_everything_owed_and_nothing_against_is_a_promotion_that_says_so() -> None:
    found = judge(load_evidence(asked()), CATALOG, POLICY)
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
    assert "set to measure nothing" in found.reasons[0]


def test_a_run_that_expects_nothing_hides_no_worse_finding() -> None:
    evidence = Evidence(manifest(()), comparisons=(comparison(exchange(Arm.CANDIDATE, status=500)),))
    assert judge(evidence, CATALOG, POLICY).verdict is Verdict.ROLLBACK


@pytest.mark.parametrize(
    "key",
    [
        "parity:GET /things:plain",
        "race:candidate",
        "flag:exposure:25",
        "flag:force:25",
        "flag:refuse",
        "rollback:request",
        "rollback:global",
        "monitoring:before",
        "monitoring:after",
        "monitoring:usage",
        "load:25",
        "a key of a later release",
    ],
)
def test_each_missing_piece_is_inconclusive_and_named(key: str) -> None:
    evidence = load_evidence(asked(), manifest=manifest(("load:10", key)))
    found = judge(evidence, CATALOG, POLICY)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert [finding.rule for finding in found.findings] == ["evidence.missing"]
    assert key.partition(":")[2] in found.reasons[0]
    assert key.partition(":")[0] in found.reasons[0]


def test_an_accepted_finding_stays_listed_last_and_weighs_nothing() -> None:
    entry = AcceptedDifference(endpoint=THING, path="ok", reason="agreed", owner="maria", expires=date(2027, 1, 1))
    evidence = load_evidence(
        asked(), comparisons=(comparison(exchange(Arm.CANDIDATE, {"ok": False})),), torn_files=("a.jsonl",)
    )
    found = judge(evidence, UNMASKED, Policy(accepted=(entry,)))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert [finding.accepted is not None for finding in found.findings] == [False, True]
    assert found.findings[-1].accepted == "maria until 2027-01-01: agreed"


def test_an_acceptance_is_held_against_the_day_the_run_started() -> None:
    entry = AcceptedDifference(endpoint=THING, path="ok", reason="agreed", owner="maria", expires=date(2026, 11, 23))
    compared = (comparison(exchange(Arm.CANDIDATE, {"ok": False})),)
    policy = Policy(accepted=(entry,))
    for started, verdict in (("2026-11-23T23:59:59Z", Verdict.PROMOTE), ("2026-11-24T00:00:00Z", Verdict.ROLLBACK)):
        owed = manifest(("load:10",), started_at=started)
        assert judge(load_evidence(asked(), comparisons=compared, manifest=owed), UNMASKED, policy).verdict is verdict


def test_a_torn_file_is_inconclusive_and_named() -> None:
    found = judge(load_evidence(asked(), torn_files=("gw1.jsonl",)), CATALOG, POLICY)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "gw1.jsonl" in found.reasons[0]


def test_the_worst_finding_wins_and_comes_first() -> None:
    evidence = load_evidence(
        asked(),
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
    found = judge(load_evidence(asked(), forced=calls), CATALOG, POLICY)
    assert len(found.reasons) == 3
    assert found.reasons[-1].startswith("10 more places of the same kind (flag.force)")
    kinds = ("parity", "sequence", "retry", "certificate", "race", "flag", "rollback", "monitoring", "witness", "load")
    nothing = judge(Evidence(manifest(tuple(f"{kind}:x" for kind in kinds))), CATALOG, POLICY)
    assert len(nothing.reasons) == 9
    assert nothing.reasons[-1].startswith("2 more findings")


def test_every_kind_of_evidence_reaches_the_judgement() -> None:
    evidence = load_evidence(
        asked(),
        exposures=(Exposure(10, 300, 0, 0),),
        usage=(Usage(10, "forced", 1, 1, 0, 1),),
        monitoring=(look("before"), look("after", status="degraded")),
        leftovers=(Leftover(("rule 1",)),),
    )
    found = judge(evidence, CATALOG, POLICY)
    rules = {finding.rule for finding in found.findings}
    assert {"flag.exposure", "monitoring.usage", "monitoring.health"} <= rules
    assert found.leftovers == ("rule 1",)
    cleaned = replace(evidence, cleanups=(Cleanup(datetime.now(UTC), (), ("rule 1",), ("camera 2 (503)",)),))
    again = judge(cleaned, CATALOG, POLICY)
    assert again.leftovers == ("rule 1 (cannot be deleted; neutralised)", "camera 2 (503)")
    assert (again.verdict, again.findings) == (found.verdict, found.findings), "what was cleaned up is told, not judged"
    assert {row.source for row in found.exposures} == {"flag", "load"}


SEQUENCE = Sequence("retry:x", (), (Step("plain", RequestSpec("GET", "/things")),), (Arm.CANDIDATE,), ())


def everything() -> Evidence:
    """Two of every kind of record at least, with findings of most kinds."""
    both = (endpoint.id for endpoint in CATALOG.endpoints)
    forced = tuple(
        ForcedCall(drill, 10, name, exchange(arm, served="domain"))
        for name in both
        for arm in Arm
        for drill in ("force", "rollback-request")
    )
    return load_evidence(
        asked(requests=20),
        asked(25, scale=2.2, requests=20),
        comparisons=(
            comparison(exchange(Arm.CANDIDATE, {"ok": True, "extra": 1}), attempt=1),
            comparison(exchange(Arm.CANDIDATE), attempt=2),
            comparison(exchange(Arm.CANDIDATE, status=500), name=OTHER),
            comparison(exchange(Arm.CANDIDATE), name="GET /gone"),
        ),
        exposures=(Exposure(10, 300, 0, 0), Exposure(25, 0, 300, 1)),
        forced=forced,
        drills=(
            Drill("rollback-request", 10, ok=True, seconds=1.0, detail="all"),
            Drill("refuse-percent", 0, ok=False, seconds=None, detail="101 was taken"),
        ),
        usage=(Usage(10, "forced", 1, 1, 0, 1), Usage(10, "natural", 1, 1, 1, None)),
        monitoring=(look("before"), look("after", status="degraded"), look("halfway", drop="errors")),
        races=tuple(RaceRound("gone", arm, (), (), (), (), leftover=(name,)) for name in "ab" for arm in Arm),
        sequences=tuple(SequenceComparison(replace(SEQUENCE, key=f"retry:{name}"), ()) for name in "ab"),
        searches=tuple(SequenceSearch(f"sequence:{name}", 1, 2, 1, 3, 0.5, "out of time") for name in "ab"),
        leftovers=(Leftover(("rule 1",)), Leftover(("rule 2",))),
        mishaps=(Mishap("suite-error", "b"), Mishap("suite-error", "a", 10, "load"), Mishap("interrupted", "c")),
        torn_files=("b.jsonl", "a.jsonl"),
    )


_RECORDS = [field.name for field in fields(Evidence) if field.name != "manifest"]


@pytest.mark.parametrize("seed", range(6))
def test_the_order_of_the_records_does_not_matter(seed: int) -> None:
    evidence, shuffler = everything(), random.Random(seed)
    mixed: dict[str, tuple[object, ...]] = {
        name: tuple(shuffler.sample(getattr(evidence, name), len(getattr(evidence, name)))) for name in _RECORDS
    }
    shuffled = replace(evidence, **mixed)  # type: ignore[arg-type]  # the same records under the same names
    assert shuffled != evidence
    assert judge(shuffled, CATALOG, POLICY) == judge(evidence, CATALOG, POLICY)


def test_judging_is_pure() -> None:
    evidence, copy = everything(), everything()
    assert judge(evidence, CATALOG, POLICY) == judge(evidence, CATALOG, POLICY)
    assert evidence == copy, "the judge changed its evidence"


def test_the_verdict_is_the_worst_finding_whatever_else_there_is() -> None:
    evidence = everything()
    for name in _RECORDS:
        found = judge(replace(evidence, **{name: ()}), CATALOG, POLICY)  # type: ignore[arg-type]  # no record of a kind
        assert found.verdict is worst(f.verdict for f in found.findings if f.accepted is None)
        assert found.reasons


def test_ten_thousand_owed_pieces_are_looked_up_once() -> None:
    owed = tuple(f"parity:GET /things:{number}" for number in range(10_000))
    evidence = Evidence(manifest(owed), comparisons=everything().comparisons * 500)
    found = judge(evidence, CATALOG, POLICY)
    assert "10000 of 10000" in next(f.reason for f in found.findings if f.title == "Not measured: parity")


def test_a_mishap_of_the_load_belongs_to_its_stage() -> None:
    failed = (Mishap("load-failed", "exit 1", 25, "load"), Mishap("suite-error", "x", 10, "a test"))
    evidence = load_evidence(asked(), asked(25), mishaps=failed)
    assert judge_stage(evidence, CATALOG, POLICY, 10).verdict is Verdict.PROMOTE
    alone = judge_stage(evidence, CATALOG, POLICY, 25)
    assert [(f.rule, f.verdict) for f in alone.findings] == [("mishap.load-failed", Verdict.INCONCLUSIVE)]


def test_thresholds_are_told_without_the_dust_of_floats() -> None:
    policy = Policy(rates=RatePolicy(hold_error_rate=0.07, rollback_error_rate=0.14))
    shown = judge(load_evidence(asked()), CATALOG, policy).thresholds
    assert (shown["error_rate_hold_percent"], shown["error_rate_rollback_percent"]) == (7.0, 14.0)
    assert (shown["p95_hold_percent"], shown["p95_rollback_percent"]) == (20.0, 50.0)


def test_one_stage_alone_is_judged_as_if_nothing_else_were_owed() -> None:
    both = load_evidence(asked(), asked(25, scale=2.2))
    owing = replace(both, manifest=manifest(("load:10", "load:25", "flag:refuse")))
    assert judge_stage(owing, CATALOG, POLICY, 10).verdict is Verdict.PROMOTE
    assert judge_stage(owing, CATALOG, POLICY, 25).verdict is Verdict.ROLLBACK
    assert judge_stage(owing, CATALOG, POLICY, 50).verdict is Verdict.INCONCLUSIVE


def test_a_load_of_some_endpoints_cannot_promote_the_others() -> None:
    found = judge(load_evidence(stage(names=(THING,))), CATALOG, POLICY)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert f"1 of 2 endpoints were left out of the load: {OTHER}" in found.reasons[0]


def test_an_endpoint_that_was_planned_and_never_asked_on_an_arm_is_named() -> None:
    start, blocks, end = asked()
    silent = [
        replace(block, cells=tuple(one for one in block.cells if (one.endpoint, one.stream) != (OTHER, "candidate")))
        for block in blocks
    ]
    found = judge(load_evidence((start, silent, end)), CATALOG, POLICY)
    assert f"{OTHER} was never asked on candidate" in {finding.reason for finding in found.findings}
    assert found.verdict is Verdict.INCONCLUSIVE


def test_many_findings_of_one_rule_are_told_as_one_and_first_what_mends_them() -> None:
    silent = tuple(comparison(exchange(Arm.CANDIDATE, served=None), name=name) for name in (THING, OTHER))
    checks = tuple(WitnessCheck(f"GET /{number}", 25, 2, 3, 2, 0, None, None, None) for number in range(20))
    found = judge(load_evidence(asked(), comparisons=silent, witness_checks=checks), CATALOG, POLICY)
    absent = [reason for reason in found.reasons if "witness.absent" in reason or "name nobody" in reason]
    assert FIRST_NEEDED in absent[0]
    assert any("more places of the same kind (witness.absent)" in reason for reason in absent)
    assert len(found.reasons) <= 9


def test_a_load_at_0_percent_alone_says_nothing_of_candidate() -> None:
    found = judge(load_evidence(asked(0)), CATALOG, POLICY)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert any("candidate was under no load" in reason for reason in found.reasons)
