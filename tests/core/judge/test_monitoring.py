"""What the backend tells of itself: shape, health, consistency, and counters held against the witness."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.core.judge.builders import METRICS, exchange, look, silent
from verification.core.judge.monitoring import judge_monitoring, judge_usage
from verification.core.model import Answer, Arm, Verdict
from verification.core.records import Monitoring, Usage


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


@pytest.mark.parametrize("name", list(METRICS))
def test_a_metric_of_another_type_holds(name: str) -> None:
    body = json.dumps({**METRICS, name: None})
    changed = replace(exchange(Arm.CONTROL), answer=Answer(200, (), body))
    assert watched(replace(look("before"), metrics=changed)) == [("monitoring.shape", Verdict.HOLD)]


def test_a_consistency_that_is_neither_true_nor_false_holds() -> None:
    assert watched(look("before", consistency="?")) == [("monitoring.shape", Verdict.HOLD)]
    assert watched(look("before", consistency={"consistent": "yes"})) == [("monitoring.shape", Verdict.HOLD)]


def test_a_health_without_a_word_holds() -> None:
    body = json.dumps({"status": None, "timestamp": "t", "checks": {}})
    mute = replace(exchange(Arm.CONTROL), answer=Answer(200, (), body))
    assert watched(replace(look("before"), health=mute)) == [("monitoring.shape", Verdict.HOLD)]


def test_monitoring_that_answers_with_another_status_holds() -> None:
    health = look("before").health
    assert health.answer is not None
    failing = replace(health, answer=replace(health.answer, status=503))
    assert watched(replace(look("before"), health=failing)) == [("monitoring.shape", Verdict.HOLD)]


SICK = ("monitoring.health", Verdict.ROLLBACK)
ILL_BEFORE = ("monitoring.health", Verdict.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("healthy", "healthy", []),
        ("healthy", "degraded", [SICK]),
        ("degraded", "degraded", [ILL_BEFORE, ILL_BEFORE]),
        ("degraded", "healthy", [ILL_BEFORE]),
        ("degraded", "dead", [ILL_BEFORE, SICK]),
        ("dead", "degraded", [ILL_BEFORE, ILL_BEFORE]),
    ],
)
def test_health_that_got_worse_is_a_rollback_and_one_that_was_bad_before_inconclusive(
    before: str, after: str, expected: list[tuple[str, Verdict]]
) -> None:
    assert watched(look("before", status=before), look("after", status=after)) == expected


def test_bad_health_without_a_look_before_is_inconclusive() -> None:
    assert watched(look("after", status="degraded")) == [ILL_BEFORE]
    mute = replace(look("before"), health=silent(Arm.CONTROL))
    assert watched(mute, look("after", status="degraded")) == [("monitoring.shape", Verdict.HOLD), ILL_BEFORE]


def consistency(consistent: bool, issues: int | None) -> dict[str, object]:
    return {"consistent": consistent, "issues_count": issues, "db_count": 3, "yaml_count": 3}


WORSE = ("monitoring.consistency", Verdict.ROLLBACK)
BAD_BEFORE = ("monitoring.consistency", Verdict.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((True, 0), (True, 0), []),
        ((True, 0), (False, 1), [WORSE]),
        ((False, 1), (False, 1), [BAD_BEFORE, BAD_BEFORE]),
        ((False, 1), (False, 2), [BAD_BEFORE, WORSE]),
        ((False, 2), (False, 1), [BAD_BEFORE, BAD_BEFORE]),
        ((False, None), (False, 2), [BAD_BEFORE, BAD_BEFORE]),
        ((False, 1), (True, 0), [BAD_BEFORE]),
    ],
)
def test_data_that_got_inconsistent_is_a_rollback(
    before: tuple[bool, int | None], after: tuple[bool, int | None], expected: list[tuple[str, Verdict]]
) -> None:
    looks = look("before", consistency=consistency(*before)), look("after", consistency=consistency(*after))
    assert watched(*looks) == expected


def test_inconsistent_data_without_a_look_before_is_inconclusive() -> None:
    assert watched(look("after", consistency=consistency(False, 1))) == [BAD_BEFORE]


@pytest.mark.parametrize(("kind", "said"), [("natural", "that the flag routed"), ("forced", "that were forced")])
def test_counters_that_leave_requests_out_are_told_though_nobody_is_known_to_have_served_them(
    kind: str, said: str
) -> None:
    (finding,) = judge_usage(Usage(10, kind, 0, 0, 0, 0, sent=40), owned=False)
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert said in finding.reason
    assert list(judge_usage(Usage(10, kind, 0, 0, 15, 25, sent=40), owned=False)) == []
