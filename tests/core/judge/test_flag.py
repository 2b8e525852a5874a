"""Flag, drills, monitoring, races and mishaps: which finding, and how heavy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.judge.builders import comparison, exchange, look, manifest, silent
from verification.core.judge.flag import (
    drill_row,
    judge_drill,
    judge_exposure,
    judge_forced,
    judge_log,
    judge_mishaps,
    judge_monitoring,
    judge_races,
    judge_usage,
)
from verification.core.model import Answer, Arm, Exchange, Verdict
from verification.core.policy import RatePolicy
from verification.core.records import Drill, Evidence, Exposure, ForcedCall, LogTail, Mishap, Monitoring, Race, Usage

POLICY = RatePolicy()


def exposed(legacy: int, domain: int, percent: int = 10, unknown: int = 0) -> list[tuple[str, Verdict]]:
    row, findings = judge_exposure(Exposure(percent, legacy, domain, unknown), "flag", POLICY)
    assert row.stage_percent == percent
    return [(finding.rule, finding.verdict) for finding in findings]


def test_a_share_that_fits_the_percent_is_no_finding() -> None:
    assert exposed(270, 30) == []


@pytest.mark.parametrize(("legacy", "domain", "percent"), [(297, 3, 10), (0, 300, 10), (299, 1, 0), (1, 299, 100)])
def test_a_share_that_does_not_fit_holds(legacy: int, domain: int, percent: int) -> None:
    assert exposed(legacy, domain, percent) == [("flag.exposure", Verdict.HOLD)]


def test_answers_without_a_witness_are_inconclusive() -> None:
    assert exposed(0, 0, unknown=5) == [("witness.absent", Verdict.INCONCLUSIVE)]
    row, _ = judge_exposure(Exposure(10, 0, 0, 5), "flag", POLICY)
    assert row.verdict is Verdict.INCONCLUSIVE


def forced(sent: Exchange, drill: str = "force") -> list[tuple[str, Verdict]]:
    return [(f.rule, f.verdict) for f in judge_forced(ForcedCall(drill, 10, "GET /things", sent))]


def test_a_forced_arm_that_is_obeyed_is_no_finding() -> None:
    assert forced(exchange(Arm.CANDIDATE)) == []
    assert forced(exchange(Arm.CONTROL)) == []


def test_force_false_ignored_is_a_rollback_and_force_true_ignored_holds() -> None:
    assert forced(exchange(Arm.CONTROL, served="domain")) == [("flag.force", Verdict.ROLLBACK)]
    assert forced(exchange(Arm.CANDIDATE, served="legacy")) == [("flag.force", Verdict.HOLD)]


@pytest.mark.parametrize("served", [None, "", "somebody"])
def test_a_forced_call_without_a_usable_witness_is_inconclusive(served: str | None) -> None:
    sent = replace(exchange(Arm.CANDIDATE), served_by=served)
    assert forced(sent) == [("witness.absent", Verdict.INCONCLUSIVE)]


def test_a_forced_call_without_an_answer_weighs_by_its_arm() -> None:
    assert forced(silent(Arm.CANDIDATE)) == [("candidate.crash", Verdict.ROLLBACK)]
    assert forced(silent(Arm.CONTROL)) == [("control.unhealthy", Verdict.INCONCLUSIVE)]


def test_calls_of_the_global_drill_are_judged_by_the_drill() -> None:
    assert forced(exchange(Arm.CONTROL, served="domain"), "rollback-global") == []


@pytest.mark.parametrize(
    ("name", "rule", "verdict"),
    [
        ("rollback-request", "rollback.request", Verdict.ROLLBACK),
        ("rollback-global", "rollback.global", Verdict.ROLLBACK),
        ("refuse-percent", "flag.refuse", Verdict.HOLD),
    ],
)
def test_a_failed_drill_has_its_weight_and_a_good_one_none(name: str, rule: str, verdict: Verdict) -> None:
    bad = Drill(name, 100, ok=False, seconds=1.0, detail="12 of 13")
    assert [(f.rule, f.verdict) for f in judge_drill(bad)] == [(rule, verdict)]
    assert list(judge_drill(replace(bad, ok=True))) == []
    calls = (
        ForcedCall(name, 100, "GET /a", exchange(Arm.CONTROL)),
        ForcedCall(name, 100, "GET /b", exchange(Arm.CONTROL, served="domain")),
        ForcedCall("force", 100, "GET /a", exchange(Arm.CONTROL)),
    )
    row = drill_row(bad, calls)
    assert (row.endpoints_back, row.endpoints_asked, row.verdict) == (1, 2, verdict)
    assert drill_row(replace(bad, ok=True), calls).verdict is Verdict.PROMOTE


def used(domain: int | None, legacy: int | None, *, owned: bool = True) -> list[Verdict]:
    return [f.verdict for f in judge_usage(Usage(10, "forced", 20, 20, domain, legacy), owned=owned)]


def test_counters_that_agree_with_the_witness_are_no_finding() -> None:
    assert used(20, 20) == []


@pytest.mark.parametrize(("domain", "legacy"), [(19, 20), (20, 21), (None, 20), (20, None), (0, 0)])
def test_counters_that_disagree_or_are_missing_are_inconclusive(domain: int | None, legacy: int | None) -> None:
    assert used(domain, legacy) == [Verdict.INCONCLUSIVE]


def test_on_a_named_target_others_may_move_the_counters_further_but_never_less() -> None:
    assert used(25, 90, owned=False) == []
    assert used(19, 90, owned=False) == [Verdict.INCONCLUSIVE]


def watched(*looks: Monitoring) -> list[tuple[str, Verdict]]:
    return [(finding.rule, finding.verdict) for finding in judge_monitoring(looks)]


def test_healthy_monitoring_in_shape_is_no_finding() -> None:
    assert watched(look("before"), look("after")) == []


def test_a_metrics_body_of_another_shape_holds() -> None:
    assert watched(look("before", drop="response_time")) == [("monitoring.shape", Verdict.HOLD)]


@pytest.mark.parametrize("body", ["not json", "[1]", "[" * 5000])
def test_monitoring_that_is_no_object_holds_on_its_shape(body: str) -> None:
    broken = replace(exchange(Arm.CONTROL), answer=Answer(200, (), body))
    assert watched(replace(look("before"), metrics=broken)) == [("monitoring.shape", Verdict.HOLD)]


def test_monitoring_that_does_not_answer_or_is_binary_holds_on_its_shape() -> None:
    binary = replace(exchange(Arm.CONTROL), answer=Answer(200, (), "/w==", body_is_base64=True))
    assert watched(replace(look("before"), health=silent(Arm.CONTROL))) == [("monitoring.shape", Verdict.HOLD)]
    assert watched(replace(look("before"), health=binary)) == [("monitoring.shape", Verdict.HOLD)]


def test_health_that_got_worse_is_a_rollback_and_one_that_was_bad_before_inconclusive() -> None:
    sick = ("monitoring.health", Verdict.ROLLBACK)
    before = ("monitoring.health", Verdict.INCONCLUSIVE)
    assert watched(look("before"), look("after", status="degraded")) == [sick]
    assert watched(look("before", status="degraded"), look("after", status="degraded")) == [before, before]
    assert watched(look("after", status="degraded")) == [sick]


def consistency(consistent: bool, issues: int) -> dict[str, object]:
    return {"consistent": consistent, "issues_count": issues, "db_count": 3, "yaml_count": 3}


def test_data_that_got_inconsistent_is_a_rollback() -> None:
    worse = ("monitoring.consistency", Verdict.ROLLBACK)
    already = ("monitoring.consistency", Verdict.INCONCLUSIVE)
    good, bad, awful = consistency(True, 0), consistency(False, 1), consistency(False, 2)
    assert watched(look("before", consistency=good), look("after", consistency=bad)) == [worse]
    assert watched(look("before", consistency=bad), look("after", consistency=bad)) == [already, already]
    assert watched(look("before", consistency=bad), look("after", consistency=awful)) == [already, worse]
    assert watched(look("after", consistency=bad)) == [worse]
    assert watched(look("before", consistency="?")) == []


def raced(*rounds: tuple[Arm, int, int]) -> list[tuple[str, Verdict]]:
    races = tuple(Race(arm.value, "auto-start", 8, ok, applied) for arm, ok, applied in rounds)
    return [(f.rule, f.verdict) for f in judge_races(Evidence(manifest(), races=races))]


def test_a_lost_update_on_candidate_alone_is_a_rollback() -> None:
    assert raced((Arm.CONTROL, 8, 8), (Arm.CANDIDATE, 8, 8)) == []
    assert raced((Arm.CONTROL, 8, 8), (Arm.CANDIDATE, 8, 3)) == [("race.lost-update", Verdict.ROLLBACK)]
    assert raced((Arm.CONTROL, 8, 8), (Arm.CANDIDATE, 6, 6)) == [("race.lost-update", Verdict.ROLLBACK)]


def test_a_lost_update_on_control_too_says_nothing_of_the_rewrite() -> None:
    assert raced((Arm.CONTROL, 8, 7), (Arm.CANDIDATE, 8, 3)) == [("control.unhealthy", Verdict.INCONCLUSIVE)]


def mishaps(what: str, sent: Exchange | None) -> list[tuple[str, Verdict]]:
    compared = () if sent is None else (comparison(exchange(Arm.CANDIDATE)), comparison(sent))
    evidence = Evidence(manifest(), comparisons=compared, mishaps=(Mishap(what, "exit 70", 10, "a case"),))
    return [(f.rule, f.verdict) for f in judge_mishaps(evidence)]


def test_a_backend_that_died_under_a_candidate_request_is_a_rollback_otherwise_inconclusive() -> None:
    assert mishaps("backend-died", silent(Arm.CANDIDATE)) == [("mishap.backend-died", Verdict.ROLLBACK)]
    assert mishaps("backend-died", silent(Arm.CONTROL)) == [("mishap.backend-died", Verdict.INCONCLUSIVE)]
    assert mishaps("backend-died", None) == [("mishap.backend-died", Verdict.INCONCLUSIVE)]


@pytest.mark.parametrize("what", ["worker-lost", "interrupted", "load-failed", "backend-unready", "suite-error"])
def test_every_other_mishap_is_inconclusive(what: str) -> None:
    assert mishaps(what, silent(Arm.CANDIDATE)) == [(f"mishap.{what}", Verdict.INCONCLUSIVE)]


def test_fallbacks_that_only_the_log_tells_hold() -> None:
    told = Evidence(manifest(), logs=(LogTail(10, 2, ("a",)), LogTail(10, 1, ())))
    assert [(f.rule, f.verdict, f.numbers["lines"]) for f in judge_log(told)] == [("witness.fallback", Verdict.HOLD, 3)]
    assert list(judge_log(Evidence(manifest(), logs=(LogTail(10, 0, ("a",)),)))) == []
