"""What users will feel is forecast from the stages before, and a stage outside its forecast is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.judge.builders import load_evidence, stage
from tests.core.judge.loads import POLICY, judged, rules
from verification.core.judge.load import judge_load
from verification.core.model import Verdict
from verification.core.records import LoadBlock, LoadEnd, LoadStart


def felt_slower(percent: int, bins: int) -> tuple[LoadStart, list[LoadBlock], LoadEnd]:
    """A stage whose natural traffic is slower than its arms explain."""
    start, blocks, end = stage(percent, requests=200)
    natural = [
        block
        if block.kind != "natural"
        else replace(
            block,
            cells=tuple(
                replace(one, intended={number + bins: count for number, count in one.intended.items()})
                for one in block.cells
            ),
        )
        for block in blocks
    ]
    return start, natural, end


def test_the_stages_after_those_measured_are_forecast_from_them() -> None:
    found = judged(stage(10), stage(25)).forecast
    assert [(row.from_stages, row.stage_percent) for row in found] == [((10,), 25), ((10, 25), 50), ((10, 25), 100)]
    assert all(row.low <= row.change <= row.high for row in found)
    assert not any(row.outside for row in found)


def test_a_slower_candidate_is_forecast_to_be_felt_more_at_each_stage() -> None:
    changes = [row.change for row in judged(stage(10, scale=2.0)).forecast]
    assert changes == sorted(changes)
    assert 0.2 < changes[0] < 0.8 < changes[-1]


def test_nothing_is_forecast_from_control_alone() -> None:
    assert judged(stage(0)).forecast == []


def test_a_stage_that_users_feel_worse_than_forecast_holds() -> None:
    found = judged(stage(10, requests=200), felt_slower(25, 60))
    assert ("latency.forecast", Verdict.HOLD) in rules(found)
    assert [row.stage_percent for row in found.forecast if row.outside] == [25]
    reasons = [finding.reason for finding in found.findings if finding.rule == "latency.forecast"]
    assert "it was forecast to change by" in reasons[0]


@pytest.mark.parametrize("bins", [-40, 14])
def test_a_stage_outside_its_forecast_that_is_no_breach_is_a_note(bins: int) -> None:
    found = judged(stage(10, requests=200), felt_slower(25, bins))
    assert ("latency.forecast", Verdict.HOLD) not in rules(found)
    assert bins > 0 or ("latency.forecast", Verdict.PROMOTE) in rules(found)


def test_the_same_evidence_gives_the_same_forecast_and_another_seed_another_interval() -> None:
    evidence = load_evidence(stage(10))
    other = replace(evidence, manifest=replace(evidence.manifest, seed=evidence.manifest.seed + 1))
    first, again, third = (judge_load(one, POLICY).forecast for one in (evidence, evidence, other))
    assert first == again
    assert [row.change for row in first] == [row.change for row in third]
    assert first != third


def test_too_few_natural_blocks_have_a_change_without_an_interval() -> None:
    start, blocks, end = stage()
    few = [block for block in blocks if block.kind != "natural"] + [b for b in blocks if b.kind == "natural"][:1]
    (row,) = judged((start, few, end)).population
    assert (row.low, row.high) == (None, None)
    assert row.change is not None
