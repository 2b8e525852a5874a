"""The four figures of the plan, each on both sides of its target and of its threshold; and who served."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from tests.core.release.builders import (
    READS,
    both,
    figures_of,
    gate,
    judged,
    look,
    looks,
    rules,
    seeing,
    seen,
    stands,
    with_look,
)
from verification.core.histogram import INVALID_BIN
from verification.core.model import Arm, Verdict
from verification.core.policy import Policy
from verification.core.release.events import Counters, Look, Written

HOLD, ROLLBACK, INCONCLUSIVE, PROMOTE = Verdict.HOLD, Verdict.ROLLBACK, Verdict.INCONCLUSIVE, Verdict.PROMOTE


def failing(errors: int, requests: int, control_errors: int = 0) -> list[Look]:
    """One look with so many requests on each arm."""
    sent = (
        seen(Arm.CONTROL, requests=requests, errors=control_errors),
        seen(Arm.CANDIDATE, requests=requests, errors=errors),
    )
    return [look(0, seen=sent)]


def test_a_stage_that_is_well_shows_all_four_figures() -> None:
    figures, findings = figures_of(looks())
    assert findings == []
    assert [(name, figure.verdict) for name, figure in figures.items()] == [
        ("error_rate", PROMOTE), ("success_rate", PROMOTE), ("p95_change", PROMOTE), ("share", PROMOTE),
    ]  # fmt: skip
    assert [(figure.target, figure.threshold) for figure in figures.values()] == [
        (0.01, 0.05), (0.99, 0.95), (pytest.approx(0.2), pytest.approx(0.5)), (0.1, None),
    ]  # fmt: skip


def test_without_any_look_nothing_is_known_of_any_figure() -> None:
    figures, _ = figures_of([], gate=None)
    assert [figure.value for figure in figures.values()] == [None] * 4
    assert {figure.verdict for figure in figures.values()} == {INCONCLUSIVE}


# Errors


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [(0, PROMOTE), (100, INCONCLUSIVE), (200, HOLD), (500, HOLD), (700, ROLLBACK)],
    ids=["none", "exactly 1 %", "2 %", "exactly 5 %", "7 %"],
)
def test_an_error_rate_on_a_boundary_does_not_lie_above_it(errors: int, verdict: Verdict) -> None:
    figures, findings = figures_of(failing(errors, 10_000))
    found = {finding for finding in rules(findings) if finding[0] == "rates.errors"}
    assert found == (set() if verdict is PROMOTE else {("rates.errors", verdict)})
    assert figures["error_rate"].verdict is figures["success_rate"].verdict is verdict
    assert figures["error_rate"].value == errors / 10_000
    assert figures["success_rate"].value == pytest.approx(1 - errors / 10_000)


def test_few_requests_without_an_error_prove_nothing() -> None:
    assert ("rates.errors", INCONCLUSIVE) in rules(figures_of(failing(0, 523))[1])
    assert ("rates.errors", INCONCLUSIVE) not in rules(figures_of(failing(0, 524))[1])


def test_errors_of_both_arms_speak_against_neither() -> None:
    figures, findings = figures_of(failing(700, 10_000, 700))
    assert {finding for finding in rules(findings) if "unhealthy" in finding[0] or "rates" in finding[0]} == {
        ("control.unhealthy", INCONCLUSIVE)
    }
    assert figures["error_rate"].verdict is INCONCLUSIVE


def test_candidate_that_is_proven_to_fail_more_than_a_failing_control_is_blamed() -> None:
    figures, findings = figures_of(failing(3000, 10_000, 700))
    assert rules(findings) >= {("rates.errors", ROLLBACK), ("control.unhealthy", INCONCLUSIVE)}
    assert figures["error_rate"].verdict is ROLLBACK


@pytest.mark.parametrize(
    ("errors", "verdict"), [(100, None), (200, HOLD), (500, HOLD), (700, ROLLBACK)],
    ids=["exactly 1 %", "2 %", "exactly 5 %", "7 %"],
)  # fmt: skip
def test_errors_that_only_users_meet_are_seen_by_the_backends_own_counters(
    errors: int, verdict: Verdict | None
) -> None:
    taken = [with_look((one,), one.slot, counters=None)[0] for one in looks()]
    own = sum(one.requests for of in taken[:-1] for one in of.seen)
    taken[0] = look(0, counters=Counters(50, 3, 0, 0))
    taken[-1] = look(24, counters=Counters(10_050 + own, errors + 3, 0, 0))
    assert rules(figures_of(taken)[1]) == ({("rates.errors", verdict)} if verdict else set())


def test_what_users_meet_is_not_held_against_candidate_where_control_fails_alone() -> None:
    taken = seeing(25, control_errors=3)
    taken[0] = look(0, seen=taken[0].seen, counters=Counters(0, 0, 0, 0))
    taken[-1] = look(24, seen=taken[-1].seen, counters=Counters(10_000, 2000, 0, 0))
    assert {verdict for _, verdict in rules(figures_of(taken)[1])} == {INCONCLUSIVE}


def test_more_errors_than_requests_are_no_more_than_all_of_them() -> None:
    own = sum(one.requests for one in look(0).seen)
    taken = [look(0, counters=Counters(0, 0, 0, 0)), look(1, counters=Counters(100 + own, 900, 0, 0))]
    assert ("rates.errors", ROLLBACK) in rules(figures_of(taken)[1])


# P95


@pytest.mark.parametrize(("ratio", "verdict"), [(1.0, PROMOTE), (1.8, ROLLBACK)])
def test_looks_prove_a_p95_without_the_gate(ratio: float, verdict: Verdict) -> None:
    taken = [look(slot, seen=both(slot, ratio=ratio, requests=100)) for slot in range(60)]
    figures, findings = figures_of(taken, gate=None)
    assert figures["p95_change"].verdict is verdict
    assert figures["p95_change"].value == pytest.approx(ratio - 1, abs=0.1)
    found = {finding for finding in rules(findings) if finding[0] == "latency.p95"}
    assert found == (set() if verdict is PROMOTE else {("latency.p95", verdict)})


def test_a_p95_between_the_margins_holds() -> None:
    taken = [look(slot, seen=both(slot, ratio=1.35, requests=200)) for slot in range(80)]
    assert ("latency.p95", HOLD) in rules(figures_of(taken, gate=None)[1])


def test_looks_that_have_not_decided_are_open_unless_the_gate_has_proven_it() -> None:
    few = looks(19)
    assert ("latency.p95", INCONCLUSIVE) in rules(figures_of(few, gate=None)[1])
    assert ("latency.p95", INCONCLUSIVE) in rules(figures_of(few, gate=gate(INCONCLUSIVE))[1])
    assert rules(figures_of(few)[1]) == set()


def test_looks_alarm_although_the_gate_had_promoted() -> None:
    taken = [look(slot, seen=both(slot, ratio=2.0, requests=100)) for slot in range(60)]
    figures, findings = figures_of(taken, gate=gate(p95_change=0.01, p95_low=-0.02, p95_high=0.04))
    assert ("latency.p95", ROLLBACK) in rules(findings)
    assert figures["p95_change"].value == pytest.approx(1.0, abs=0.2)


def test_one_slow_read_among_others_is_named() -> None:
    def slow_rules(slot: int) -> Look:
        good, bad = (
            both(slot, requests=100, reads=READS[:1]),
            both(slot + 500, requests=100, ratio=2.5, reads=READS[1:]),
        )
        return look(slot, seen=(*good, *bad))

    _, findings = figures_of([slow_rules(slot) for slot in range(60)])
    assert f"P95 of {READS[1]} over the looks" in {finding.title for finding in findings}
    assert f"P95 of {READS[0]} over the looks" not in {finding.title for finding in findings}


def test_a_single_read_is_one_scope_and_not_told_twice() -> None:
    taken = [look(slot, seen=both(slot, ratio=2.0, requests=100, reads=READS[:1])) for slot in range(60)]
    assert [finding.title for finding in figures_of(taken)[1]] == ["P95 of all reads over the looks"]


def test_an_alarm_that_is_too_small_to_count_is_passed_and_named() -> None:
    policy = Policy.model_validate({"latency": {"floor_ms": 100.0, "floor_share": 0.99}})
    taken = [look(slot, seen=both(slot, ratio=1.8, requests=100)) for slot in range(60)]
    figures, findings = figures_of(taken, policy, gate=None)
    assert rules(findings) == {("latency.p95", PROMOTE)}
    assert figures["p95_change"].verdict is PROMOTE
    assert all("the least that counts" in finding.reason for finding in findings)


def test_times_that_are_none_let_the_looks_say_nothing() -> None:
    odd = seen(Arm.CANDIDATE, requests=100)
    odd = type(odd)(odd.read, odd.arm, 100, 0, 0, 100, 0, {INVALID_BIN: 100})
    taken = [look(slot, seen=both(slot, requests=100)) for slot in range(60)]
    assert rules(figures_of(taken, gate=None)[1]) == set()
    taken[7] = look(7, seen=(seen(Arm.CONTROL, requests=100), odd))
    figures, findings = figures_of(taken, gate=None)
    assert ("latency.p95", INCONCLUSIVE) in rules(findings)
    assert figures["p95_change"].verdict is INCONCLUSIVE
    assert any("no positive numbers" in finding.reason for finding in findings)


@pytest.mark.parametrize(
    ("of_run", "low", "high", "verdict"),
    [
        (PROMOTE, -0.02, 0.24, PROMOTE),
        (ROLLBACK, -0.02, 0.04, PROMOTE),
        (HOLD, -0.02, 0.2, INCONCLUSIVE),
        (HOLD, 0.2, 0.3, INCONCLUSIVE),
        (HOLD, 0.21, 0.3, HOLD),
        (ROLLBACK, 0.5, 0.9, HOLD),
        (ROLLBACK, 0.51, 0.9, ROLLBACK),
        (HOLD, None, None, INCONCLUSIVE),
    ],
)
def test_the_gates_p95_is_shown_and_weighs_by_its_own_bounds_not_by_what_else_the_run_found(
    of_run: Verdict, low: float | None, high: float | None, verdict: Verdict
) -> None:
    figures, _ = figures_of(looks(), gate=gate(of_run, p95_change=0.01, p95_low=low, p95_high=high))
    shown = figures["p95_change"]
    assert (shown.value, shown.low, shown.high, shown.verdict) == (0.01, low, high, verdict)


# Share


@pytest.mark.parametrize(("percent", "domain"), [(10, 4), (25, 10), (50, 20), (100, 40)])
def test_the_share_near_the_percent_is_right(percent: int, domain: int) -> None:
    taken = looks(percent=percent, natural_legacy=40 - domain, natural_domain=domain)
    figures, findings = figures_of(taken, percent=percent)
    share = figures["share"]
    assert (rules(findings), share.value, share.target) == (set(), percent / 100, percent / 100)
    assert share.low is not None
    assert share.high is not None
    assert share.low <= percent / 100 <= share.high


@pytest.mark.parametrize(("percent", "domain"), [(10, 0), (10, 10), (25, 4), (50, 40)])
def test_another_share_than_the_percent_holds(percent: int, domain: int) -> None:
    taken = looks(percent=percent, natural_legacy=40 - domain, natural_domain=domain)
    figures, findings = figures_of(taken, percent=percent)
    assert rules(findings) == {("flag.exposure", HOLD)}
    assert figures["share"].verdict is HOLD


def test_at_100_percent_a_single_request_to_legacy_holds() -> None:
    taken = with_look(looks(percent=100), 7, natural_legacy=1)
    assert rules(figures_of(taken, percent=100)[1]) == {("flag.exposure", HOLD)}


def test_a_share_that_nobody_could_see_is_open() -> None:
    figures, findings = figures_of(looks(natural_legacy=0, natural_domain=0, natural_unwitnessed=9))
    assert rules(findings) == {("flag.exposure", INCONCLUSIVE), ("witness.absent", INCONCLUSIVE)}
    share = figures["share"]
    assert (share.value, share.low, share.high, share.verdict) == (None, 0.0, 1.0, INCONCLUSIVE)


def _counting(steps: Sequence[tuple[int, int] | None]) -> list[Look]:
    """By look the (legacy, domain) that the backend has counted by then."""
    return [look(slot, counters=None if one is None else Counters(sum(one), 0, *one)) for slot, one in enumerate(steps)]


OWN = (50 + 36, 50 + 4)
"""(legacy, domain) that one look sends."""


def test_a_run_of_the_gate_between_two_looks_is_told_and_holds_nothing() -> None:
    taken = _counting([(0, 0), (OWN[0] + 5000, OWN[1] + 5000)])
    found = [finding for finding in figures_of(taken)[1] if finding.rule == "flag.usage"]
    assert [finding.verdict for finding in found] == [PROMOTE]
    assert "5000 of 10000 requests of others" in found[0].reason


@pytest.mark.parametrize(
    "steps",
    [
        [(0, 0), OWN],
        [(0, 0), (OWN[0] + 900, OWN[1] + 100)],
        [(0, 0), None, (2 * OWN[0], 2 * OWN[1])],
        [None, (0, 0), None],
        [(0, 0), (10, 0)],
        [(9000, 1000), (10, 9000)],
    ],
    ids=["own only", "right share", "own without counters", "one told", "ours left out", "restarted"],
)
def test_what_the_looks_sent_themselves_is_not_taken_for_that_of_others(steps: list[tuple[int, int] | None]) -> None:
    assert not [finding for finding in figures_of(_counting(steps))[1] if finding.rule == "flag.usage"]


def test_the_verdict_of_the_stage_is_that_of_its_worst_figure() -> None:
    assert judged(stands(failing(700, 10_000))).verdict is ROLLBACK
    assert all(math.isfinite(figure.target) for figure in judged().figures)


@pytest.mark.parametrize(("restarts", "alarms"), [(5, True), (6, False)])
def test_counters_that_begin_anew_again_and_again_are_those_of_several_processes(
    restarts: int, *, alarms: bool
) -> None:
    """Each restart counts a whole life of errors; of many that would be the same errors over and over."""
    taken = [
        look(slot, counters=Counters(2000 if slot % 2 else 1000, 600 if slot % 2 else 300, 0, 0))
        for slot in range(2 * restarts + 1)
    ]
    assert (("rates.errors", ROLLBACK) in rules(figures_of(taken)[1])) == alarms


def test_writes_of_the_looks_are_not_taken_for_those_of_others() -> None:
    wrote = Written(
        (seen(Arm.CONTROL, read="PUT /a", requests=2000), seen(Arm.CANDIDATE, read="PUT /a", requests=2000))
    )
    counted = [(0, 0), (OWN[0] + 2000, OWN[1] + 2000)]
    taken = [with_look((one,), one.slot, written=wrote)[0] for one in _counting(counted)]
    assert not [finding for finding in figures_of(taken)[1] if finding.rule == "flag.usage"]
    assert [finding for finding in figures_of(_counting(counted))[1] if finding.rule == "flag.usage"]


@pytest.mark.parametrize(("served", "rule"), [
    ((Arm.CANDIDATE, 1, 0), ("witness.fallback", HOLD)), ((Arm.CONTROL, 0, 1), ("flag.force", ROLLBACK)),
])  # fmt: skip
def test_a_write_that_the_other_implementation_served_weighs_as_a_read_does(
    served: tuple[Arm, int, int], rule: tuple[str, Verdict]
) -> None:
    arm, legacy, domain = served
    wrote = Written((seen(arm, read="PUT /a", requests=1, legacy=legacy, domain=domain),))
    assert rule in rules(figures_of(with_look(looks(), 3, written=wrote))[1])
