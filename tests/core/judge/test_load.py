"""Load evidence: what is slow or fails is named, on its scope, and what could not be known is no pass."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.core.judge.builders import OTHER, THING, cell, load_evidence, stage, with_server_times
from tests.core.judge.loads import POLICY, judged, rules
from verification.core.decision import decided_change
from verification.core.histogram import TOP_BIN
from verification.core.judge.latency import ALARM_SHARE
from verification.core.judge.load import judge_load
from verification.core.judge.stage_load import gather
from verification.core.latency import P95Change, Stratum, p95_change
from verification.core.model import Verdict
from verification.core.policy import LatencyPolicy
from verification.core.records import Evidence

WORKERS = ("load.workers", Verdict.INCONCLUSIVE)


def test_an_unchanged_release_is_no_finding() -> None:
    assert rules(judged(stage(), stage(25))) == set()


def test_the_rows_cover_stages_endpoints_and_cells() -> None:
    found = judged(stage(names=(THING, OTHER)), stage(25, names=(THING, OTHER)))
    scopes = {(row.stage_percent, row.endpoint) for row in found.latency}
    stages = {(10, None), (25, None)}
    endpoints = {(None, THING), (None, OTHER)}
    assert scopes == stages | endpoints | {(percent, name) for percent in (10, 25) for name in (THING, OTHER)}


def test_with_one_stage_an_endpoint_is_judged_within_it() -> None:
    scopes = {(row.stage_percent, row.endpoint) for row in judged(stage()).latency}
    assert scopes == {(10, None), (10, THING)}


def test_a_slower_candidate_is_found() -> None:
    assert ("latency.p95", Verdict.ROLLBACK) in rules(judged(stage(scale=2.2)))


def test_too_few_requests_are_inconclusive_with_the_missing_number() -> None:
    found = judged(stage(requests=12))
    open_ = [finding for finding in found.findings if finding.rule == "latency.p95"]
    assert {finding.verdict for finding in open_} == {Verdict.INCONCLUSIVE}
    assert all(finding.numbers["missing_per_arm"] > 0 for finding in open_)
    for finding in open_:
        # One block is one second here.
        blocks, requests = 32, min(finding.numbers["requests_control"], finding.numbers["requests_candidate"])
        assert finding.numbers["missing_minutes"] == finding.numbers["missing_per_arm"] * blocks / requests / 60
        assert f"about {finding.numbers['missing_minutes']:.1f} minutes at the present rate" in finding.reason


def test_a_cell_need_not_be_proven() -> None:
    found = judged(stage(requests=60), stage(25, requests=60), stage(50, requests=60))
    cells = [row for row in found.latency if row.stage_percent is not None and row.endpoint is not None]
    assert len(cells) == 3
    assert not [f for f in found.findings if f.endpoint and f.stage_percent and f.verdict is Verdict.INCONCLUSIVE]


def test_control_against_control_that_differs_discredits_the_run() -> None:
    found = judged(stage(0, scale=2.2), stage(10))
    assert ("control.noise", Verdict.INCONCLUSIVE) in rules(found)
    assert not [finding for finding in found.findings if finding.rule == "latency.p95"]


def test_a_baseline_that_is_too_fast_discredits_the_run_as_well() -> None:
    """The bias that hides a slow rewrite."""
    found = judged(stage(0, scale=0.5), stage(10))
    assert ("control.noise", Verdict.INCONCLUSIVE) in rules(found)
    assert any("proven to be faster" in finding.reason for finding in found.findings)


def test_a_baseline_that_could_not_be_compared_is_no_quiet_one() -> None:
    found = judged(stage(0, blocks=12), stage(10))
    (noise,) = [finding for finding in found.findings if finding.rule == "control.noise"]
    assert "cannot be compared" in noise.reason
    assert "only 4 time blocks" in noise.reason


def test_a_quiet_baseline_is_shown_and_is_no_finding() -> None:
    found = judged(stage(0), stage(10))
    assert rules(found) == set()
    assert [row for row in found.latency if row.stage_percent == 0]


def test_control_slower_beside_the_candidate_than_alone_holds() -> None:
    assert ("latency.interference", Verdict.HOLD) in rules(judged(stage(beside=2.5)))


def test_whether_control_suffers_must_be_known_over_all_stages_together() -> None:
    def told(*stages: object) -> list[tuple[int | None, Verdict]]:
        return [(row.stage_percent, row.verdict) for row in judged(*stages).interference]

    assert told(stage()) == [(10, Verdict.PROMOTE)]
    assert told(stage(), stage(25)) == [(10, Verdict.PROMOTE), (25, Verdict.PROMOTE), (None, Verdict.PROMOTE)]
    assert told(stage(0)) == []
    unknown = judged(stage(requests=19, blocks=140, beside=3.0))
    assert ("latency.interference", Verdict.INCONCLUSIVE) in rules(unknown)
    assert unknown.interference[0].ratio is None


def test_an_endpoint_that_a_cap_held_back_says_so_where_it_is_not_proven() -> None:
    start, blocks, end = stage(requests=12)
    capped = (start, blocks, replace(end, skipped={THING: 900}, scheduled=end.scheduled + 900))
    (open_one,) = [f for f in judged(capped).findings if f.rule == "latency.p95" and f.endpoint == THING]
    assert "900 arrivals were not sent" in open_one.reason
    assert "load.max_rules" in open_one.reason
    assert re.search(r"a proof needs about [1-9]\d+ for each stage", open_one.reason)


def test_what_the_load_left_behind_is_listed() -> None:
    start, blocks, end = stage()
    assert judged((start, blocks, replace(end, leftover=("rule 7",)))).leftovers == ["rule 7"]


def test_natural_traffic_is_held_against_the_percent() -> None:
    start, blocks, end = stage()
    everything = [
        replace(block, cells=tuple(replace(one, legacy=0, domain=80) for one in block.cells))
        if block.kind == "natural"
        else block
        for block in blocks
    ]
    found = judged((start, everything, end))
    assert ("flag.exposure", Verdict.HOLD) in rules(found)
    assert found.exposures[0].source == "load"


def test_a_stage_without_natural_blocks_has_no_exposure() -> None:
    start, blocks, end = stage()
    found = judged((start, [block for block in blocks if block.kind == "mixed"], end))
    assert [(row.total, row.verdict) for row in found.exposures] == [(0, Verdict.INCONCLUSIVE)]
    assert ("evidence.missing", Verdict.INCONCLUSIVE) in rules(found)
    assert found.population == []
    unplanned = replace(start, kinds=tuple("mixed" if kind == "natural" else kind for kind in start.kinds))
    assert judged((unplanned, blocks[:24] + blocks[28:], end)).exposures == []


def test_routing_that_sticks_to_a_moment_is_seen_in_natural_blocks() -> None:
    """Half of all requests go to each implementation, and no block holds both."""
    start, blocks, end = stage(50)
    natural = [block for block in blocks if block.kind == "natural"]
    stuck = [
        replace(block, cells=tuple(replace(one, legacy=80 * turn, domain=80 * (1 - turn)) for one in block.cells))
        for turn, block in zip((0, 1, 0, 1), natural, strict=True)
    ]
    found = judged((start, [block for block in blocks if block.kind != "natural"] + stuck, end))
    assert ("flag.sticky", Verdict.INCONCLUSIVE) in rules(found)
    assert not [finding for finding in found.findings if finding.rule == "flag.exposure"]
    assert rules(judged(stage(50))) == set()


def test_users_waiting_among_errors_on_both_sides_is_not_a_number_that_is_none() -> None:
    start, blocks, end = stage()
    lost = [
        replace(block, cells=tuple(cell(one.stream, {TOP_BIN: 80}, errors=80) for one in block.cells))
        for block in blocks
    ]
    found = judged((start, lost, end))
    assert [row.change for row in found.population] == [None]
    assert found.distributions


def test_records_may_come_in_any_order() -> None:
    evidence = load_evidence(stage(names=(THING, OTHER)), stage(25, names=(THING, OTHER)))
    turned = replace(evidence, load_blocks=evidence.load_blocks[::-1], load_starts=evidence.load_starts[::-1])
    assert judge_load(turned, POLICY).latency == judge_load(evidence, POLICY).latency


def test_two_workers_add_up_to_one() -> None:
    start, blocks, end = stage()
    halves = [replace(block, worker="w1") if block.block % 2 else block for block in blocks]
    together, apart = gather(load_evidence((start, blocks, end)))[0], gather(load_evidence((start, halves, end)))[0]
    assert together.bins == apart.bins
    assert sum(apart.by_worker.values()) == sum(together.by_worker.values())


def test_no_load_at_all_is_no_finding_of_the_load() -> None:
    assert judge_load(Evidence(load_evidence(stage()).manifest), POLICY).findings == []


def alphas(monkeypatch: pytest.MonkeyPatch, *stages: object) -> list[tuple[int, float]]:
    """(number of strata, alarm alpha) of every latency test."""
    asked: list[tuple[int, float]] = []

    def spy_twice(strata: Sequence[Stratum], policy: LatencyPolicy, *, tests: float, whole: bool) -> P95Change:
        asked.append((len(strata), policy.alpha / tests))
        return decided_change(strata, policy, tests=tests, whole=whole)

    def spy_once(strata: Sequence[Stratum], policy: LatencyPolicy, *, alarm_alpha: float | None = None) -> P95Change:
        asked.append((len(strata), alarm_alpha or 0.0))
        return p95_change(strata, policy, alarm_alpha=alarm_alpha)

    monkeypatch.setattr("verification.core.judge.latency.decided_change", spy_twice)
    monkeypatch.setattr("verification.core.judge.latency.p95_change", spy_once)
    judged(*stages)
    return asked


def test_alarms_share_the_alpha_among_all_tests_that_may_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    names = (THING, OTHER)
    # Two stages, two endpoints, four cells.
    asked = alphas(monkeypatch, stage(10, names=names), stage(25, names=names))
    assert sorted(strata for strata, _ in asked) == [*[1] * 8, *[2] * 8]
    # On two clocks, the user's with the most of it.
    assert sorted(alpha for _, alpha in asked) == pytest.approx([*[0.001 / 8] * 8, *[0.008 / 8] * 8])


def test_all_alarms_together_spend_no_more_than_alpha(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sum(ALARM_SHARE.values()) == pytest.approx(1)
    names = (THING, OTHER)
    asked = alphas(monkeypatch, *(with_server_times(stage(percent, names=names)) for percent in (10, 25)))
    assert len(asked) == 24
    assert sum(alpha for _, alpha in asked) == pytest.approx(0.01)


def test_one_stage_has_no_cells_to_share_with(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = alphas(monkeypatch, stage(10, names=(THING, OTHER)))
    assert sorted(strata for strata, _ in asked) == [1, 1, 1, 1, 2, 2]
    assert sum(alpha for _, alpha in asked) == pytest.approx(0.009)


def test_the_baseline_has_an_alpha_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = alphas(monkeypatch, stage(0, names=(THING, OTHER)), stage(10, names=(THING, OTHER)))
    assert [strata for strata, _ in asked[6:]] == [2] * 4 + [1] * 8
    # Both ways, so that each is at half.
    assert sum(alpha for _, alpha in asked[6:]) == pytest.approx(0.01)


def test_a_slow_cell_alarms_though_it_need_not_be_proven() -> None:
    slow, quick = stage(10, scale=2.5), stage(25)
    cells = {f.stage_percent for f in judged(slow, quick).findings if f.endpoint == THING and f.stage_percent}
    assert cells == {10}


def test_an_unproven_endpoint_is_not_absorbed_by_a_proven_stage() -> None:
    start, blocks, end = stage(names=(THING, OTHER), requests=200)
    thin = [
        replace(block, cells=tuple(one for one in block.cells if one.endpoint == THING or block.block == 0))
        for block in blocks
    ]
    sent = sum(one.requests for block in thin for one in block.cells)
    found = judged((start, thin, replace(end, workers=(replace(end.workers[0], requests=sent),))))
    assert [(f.rule, f.verdict, f.endpoint) for f in found.findings] == [("latency.p95", Verdict.INCONCLUSIVE, OTHER)]
    assert found.findings[0].numbers["missing_per_arm"] > 0


def test_without_any_real_stage_nothing_is_said_of_latency() -> None:
    assert {row.stage_percent for row in judged(stage(0)).latency} == {0}


def test_users_that_feel_no_change_are_told_so() -> None:
    (row,) = judged(stage()).population
    assert row.change == pytest.approx(row.natural_p95_ms / row.control_p95_ms - 1)
    assert row.low is not None
    assert row.high is not None
    assert row.low < 0 < row.high
