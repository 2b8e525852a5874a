"""Flag, drills, races and mishaps: which finding, and how heavy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.judge.builders import OTHER, THING, comparison, exchange, manifest, probe, silent
from verification.core.judge.flag import (
    drill_row,
    judge_drill,
    judge_exposure,
    judge_forced,
    judge_log,
    judge_mishaps,
)
from verification.core.model import Arm, Comparison, Exchange, Probe, Reading, Verdict
from verification.core.policy import RatePolicy
from verification.core.rates import exposure_evalue, exposure_p_value
from verification.core.records import Drill, Evidence, Exposure, ForcedCall, LogTail, Mishap

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


def test_routing_that_sticks_is_inconclusive_and_its_share_is_not_held_against_the_percent() -> None:
    row, findings = judge_exposure(Exposure(10, 240, 60, 0, switches=11), "flag", POLICY)
    assert [(finding.rule, finding.verdict) for finding in findings] == [("flag.sticky", Verdict.INCONCLUSIVE)]
    assert row.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("switches", [40, 54, 60])
def test_routing_that_draws_for_each_request_does_not_stick(switches: int) -> None:
    row, findings = judge_exposure(Exposure(10, 270, 30, 0, switches=switches), "flag", POLICY)
    assert (row.verdict, list(findings)) == (Verdict.PROMOTE, [])


def test_answers_without_a_witness_are_inconclusive() -> None:
    assert exposed(0, 0, unknown=5) == [("witness.absent", Verdict.INCONCLUSIVE)]
    row, _ = judge_exposure(Exposure(10, 0, 0, 5), "flag", POLICY)
    assert row.verdict is Verdict.INCONCLUSIVE


def test_a_share_of_nothing_is_inconclusive() -> None:
    assert exposed(0, 0) == [("evidence.missing", Verdict.INCONCLUSIVE)]


def test_exposure_alarms_at_its_limit_and_not_below() -> None:
    # 3,000 requests: the exact test asks for p <= 1 / (10 looks * 1000), the e-value for 1000.
    counts = range(300, 500)
    alarms = [domain for domain in counts if exposed(3000 - domain, domain)]
    first = alarms[0]
    assert alarms == list(range(first, 500)), "an alarm must not go out when the share is further off"

    def reached(domain: int) -> bool:
        return exposure_evalue(domain, 3000, 0.1) >= 1000 or exposure_p_value(domain, 3000, 0.1) <= 1e-4

    assert reached(first)
    assert not reached(first - 1)


def test_a_share_far_off_is_seen_in_few_requests_and_chance_is_not() -> None:
    assert exposed(0, 5, 10) == [("flag.exposure", Verdict.HOLD)]
    assert exposed(2, 2, 10) == []


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
    assert drilled(bad) == [(rule, verdict)]
    assert drilled(replace(bad, ok=True)) == []
    assert drill_row(bad, back(name)).verdict is verdict
    assert drill_row(replace(bad, ok=True), back(name)).verdict is Verdict.PROMOTE


def drilled(drill: Drill, calls: tuple[ForcedCall, ...] | None = None) -> list[tuple[str, Verdict]]:
    return [(finding.rule, finding.verdict) for finding in judge_drill(drill, calls)]


def back(name: str, *more: Exchange, percent: int = 100) -> tuple[ForcedCall, ...]:
    sent = (exchange(Arm.CONTROL), *more)
    return tuple(ForcedCall(name, percent, f"GET /{number}", one) for number, one in enumerate(sent))


ROLLED_BACK = Drill("rollback-global", 0, ok=True, seconds=2.0, detail="2 of 2")


def test_what_the_calls_of_a_drill_say_counts_more_than_what_the_drill_concluded() -> None:
    for astray in (exchange(Arm.CONTROL, served="domain"), silent(Arm.CONTROL)):
        calls = back("rollback-global", astray, percent=0)
        assert drilled(ROLLED_BACK, calls) == [("rollback.global", Verdict.ROLLBACK)]
        assert "GET /1" in next(judge_drill(ROLLED_BACK, calls)).reason


@pytest.mark.parametrize("ok", [True, False])
def test_a_drill_whose_answers_name_nobody_is_inconclusive_not_a_rollback(ok: bool) -> None:
    calls = back("rollback-global", exchange(Arm.CONTROL, served=None), percent=0)
    assert drilled(replace(ROLLED_BACK, ok=ok), calls) == [("witness.absent", Verdict.INCONCLUSIVE)]


def test_a_drill_that_asked_nobody_shows_nothing() -> None:
    assert drilled(ROLLED_BACK, ()) == [("evidence.missing", Verdict.INCONCLUSIVE)]
    assert drilled(Drill("refuse-percent", 0, ok=True, seconds=None, detail=""), ()) == []


def test_a_drill_counts_its_own_calls_only() -> None:
    other_stage = back("rollback-global", exchange(Arm.CONTROL, served="domain"), percent=50)
    other_kind = back("force", exchange(Arm.CONTROL, served="domain"), percent=0)
    own = back("rollback-global", exchange(Arm.CONTROL), percent=0)
    row = drill_row(ROLLED_BACK, (*other_stage, *other_kind, *own))
    assert (row.endpoints_back, row.endpoints_asked, row.verdict) == (2, 2, Verdict.PROMOTE)


def mishaps(what: str, sent: Exchange | None, during: str | None = f"{THING} plain") -> list[tuple[str, Verdict]]:
    compared = () if sent is None else (comparison(exchange(Arm.CANDIDATE)), comparison(sent))
    evidence = Evidence(manifest(), comparisons=compared, mishaps=(Mishap(what, "exit 70", 10, during),))
    return [(f.rule, f.verdict) for f in judge_mishaps(evidence)]


def test_a_backend_that_died_under_a_candidate_request_is_a_rollback_otherwise_inconclusive() -> None:
    assert mishaps("backend-died", silent(Arm.CANDIDATE)) == [("candidate.crash", Verdict.ROLLBACK)]
    assert mishaps("backend-died", silent(Arm.CONTROL)) == [("mishap.backend-died", Verdict.INCONCLUSIVE)]
    assert mishaps("backend-died", None) == [("mishap.backend-died", Verdict.INCONCLUSIVE)]


@pytest.mark.parametrize("during", ["load", None, f"{OTHER} plain"])
def test_a_silence_in_another_case_does_not_make_the_death_the_candidates(during: str | None) -> None:
    found = mishaps("backend-died", silent(Arm.CANDIDATE), during)
    assert found == [("mishap.backend-died", Verdict.INCONCLUSIVE)]


def test_of_a_case_that_ended_the_backend_the_first_silence_decides() -> None:
    dead = Comparison(
        THING, "plain", (probe("candidate", silent(Arm.CANDIDATE)), probe("control", silent(Arm.CONTROL)))
    )
    lost = Probe("control", (), None, (), failure="no twin")
    for probes, verdict in (
        (dead.probes, Verdict.ROLLBACK),
        (dead.probes[::-1], Verdict.INCONCLUSIVE),
        ((lost, *dead.probes), Verdict.ROLLBACK),
    ):
        evidence = Evidence(
            manifest(),
            comparisons=(replace(dead, probes=dead.probes[::-1], attempt=2), replace(dead, probes=probes)),
            mishaps=(Mishap("backend-died", "exit 70", 10, f"{THING} plain"),),
        )
        assert [f.verdict for f in judge_mishaps(evidence)] == [verdict]


@pytest.mark.parametrize(
    ("moment", "arm", "rule"),
    [
        ("before", Arm.CONTROL, "mishap.backend-died"),
        ("after", Arm.CONTROL, "mishap.backend-died"),
        ("cross", Arm.CANDIDATE, "candidate.crash"),
    ],
)
def test_a_death_in_a_reading_is_the_arms_that_was_read_through(moment: str, arm: Arm, rule: str) -> None:
    answered = None if moment == "before" else exchange(Arm.CONTROL)
    died = Probe("control", (), answered, (Reading("things", moment, silent(arm)),))
    evidence = Evidence(
        manifest(),
        comparisons=(Comparison(THING, "plain", (died, probe("candidate", silent(Arm.CANDIDATE)))),),
        mishaps=(Mishap("backend-died", "exit 70", 10, f"{THING} plain"),),
    )
    assert [finding.rule for finding in judge_mishaps(evidence)] == [rule]


@pytest.mark.parametrize("what", ["worker-lost", "interrupted", "load-failed", "backend-unready", "suite-error"])
def test_every_other_mishap_is_inconclusive(what: str) -> None:
    assert mishaps(what, silent(Arm.CANDIDATE)) == [(f"mishap.{what}", Verdict.INCONCLUSIVE)]


def test_fallbacks_that_only_the_log_tells_hold() -> None:
    told = Evidence(manifest(), logs=(LogTail(10, 2, ("a",)), LogTail(10, 1, ())))
    assert [(f.rule, f.verdict, f.numbers["lines"]) for f in judge_log(told)] == [("witness.fallback", Verdict.HOLD, 3)]
    assert list(judge_log(Evidence(manifest(), logs=(LogTail(10, 0, ("a",)),)))) == []
