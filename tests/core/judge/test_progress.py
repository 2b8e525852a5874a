"""A stage ends early only when all that it must prove is decided or ROLLBACK is proven, and says what is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.core.judge.builders import OTHER, THING, load_evidence, stage
from tests.core.judge.loads import judged, rules
from verification.core.judge.progress import LEAST_OF_A_KIND, Progress, stage_progress
from verification.core.judge.stage_load import StageLoad, gather, gather_stages
from verification.core.model import Verdict
from verification.core.policy import Policy

POLICY = Policy()


def test_alarms_are_corrected_for_stages_that_are_still_to_come() -> None:
    """What ends a stage must still be an alarm when all stages are there."""
    slow = loads(stage(scale=1.9, requests=24, blocks=44))
    endings = [stage_progress(slow, 10, POLICY, planned=planned, is_last=True).open_endpoints for planned in (1, 10**9)]
    assert endings == [(), (THING,)]


def loads(*stages: Any) -> list[StageLoad]:
    return gather(load_evidence(*stages))


def test_a_stage_whose_every_statement_is_decided_may_end() -> None:
    found = stage_progress(loads(stage(requests=200, names=(THING, OTHER))), 10, POLICY, planned=1, is_last=True)
    assert found == Progress((), ())
    assert found.ends_because == "all that this stage owes is decided"


@pytest.mark.parametrize(("scale", "verdict"), [(1.0, Verdict.PROMOTE), (2.5, Verdict.ROLLBACK)])
def test_what_ends_early_has_its_verdict_from_the_blocks_until_then(scale: float, verdict: Verdict) -> None:
    start, blocks, end = stage(scale=scale, requests=200)
    ended = (replace(start, kinds=(*start.kinds, *["mixed"] * 60)), blocks, replace(end, stopped_after=len(blocks)))
    assert stage_progress(loads(ended), 10, POLICY, planned=1, is_last=True).ends_because
    found = judged(ended)
    assert {row.change.verdict for row in found.latency} == {verdict}
    assert {row.change.decided_by for row in found.latency} == {"sequential"}
    assert verdict is Verdict.ROLLBACK or rules(found) == set()


@pytest.mark.parametrize(
    ("planned_blocks", "is_last", "ends"), [(64, False, True), (65, False, False), (64, True, False)]
)
def test_after_half_of_its_plan_a_stage_leaves_open_endpoints_to_those_that_follow(
    planned_blocks: int, is_last: bool, ends: bool
) -> None:
    start, blocks, _ = stage(requests=60, names=(THING, OTHER))
    thin = [
        replace(one, cells=tuple(c for c in one.cells if c.endpoint == THING or n < 8)) for n, one in enumerate(blocks)
    ]
    planned = replace(start, kinds=(*start.kinds, *["mixed"] * (planned_blocks - len(blocks))))
    found = stage_progress(gather_stages([planned], thin), 10, POLICY, planned=2, is_last=is_last)
    assert found.open_endpoints == (OTHER,)
    assert bool(found.ends_because) is ends
    assert not ends or found.ends_because.endswith("left to the next stage: 1 endpoint")


def test_what_a_stage_itself_owes_is_left_to_no_other() -> None:
    found = stage_progress(loads(stage(requests=200, candidate_errors=2)), 10, POLICY, planned=2, is_last=False)
    assert found.leaves
    assert not found.ends_because


def one_slow(percent: int = 10, **told: int) -> Any:
    """Of two endpoints one is slow, the other open."""
    start, slow, end = stage(percent, scale=2.5, requests=200, names=(THING,), **told)
    thin = stage(percent, requests=10, names=(OTHER,), **told)[1]
    both = [replace(one, cells=one.cells + other.cells) for one, other in zip(slow, thin, strict=True)]
    return replace(start, endpoints=(THING, OTHER)), both, end


def test_a_proven_rollback_ends_a_stage_whatever_else_is_open() -> None:
    found = stage_progress(loads(one_slow()), 10, POLICY, planned=1, is_last=True)
    assert OTHER in found.open_endpoints
    assert found.ends_because == f"ROLLBACK is proven for the P95 of {THING}"


def test_the_stage_after_one_that_proved_rollback_still_has_blocks_enough_to_be_told_of() -> None:
    start, blocks, end = stage(25, requests=200, names=(THING,))
    least = POLICY.latency.min_blocks
    # The last ones are natural traffic and control alone, which hold no two arms.
    mixed = [[*blocks[:number], *blocks[-8:]] for number in (least - 1, least)]
    few, enough = (loads(one_slow(), (start, kept, end)) for kept in mixed)
    assert stage_progress(few, 25, POLICY, planned=2, is_last=True).rolled_back == ""
    assert stage_progress(enough, 25, POLICY, planned=2, is_last=True).rolled_back == f"the P95 of {THING}"


def test_what_only_an_earlier_stage_proved_of_an_endpoint_that_this_one_does_not_ask_ends_nothing() -> None:
    other = stage(25, requests=200, names=(OTHER,))
    assert stage_progress(loads(one_slow(), other), 25, POLICY, planned=2, is_last=True).rolled_back == ""


@pytest.mark.parametrize(
    ("errors", "control", "rolled_back"),
    [(0, 0, ""), (40, 0, "the error rate of candidate"), (12, 0, "the P95 of GET /things"), (40, 40, "")],
)
def test_an_error_rate_ends_a_stage_where_it_is_more_than_proven_and_not_controls_as_well(
    errors: int, control: int, rolled_back: str
) -> None:
    """12 of 200 are 6 %, with errors among the slowest twentieth; whether that is above 5 % a few requests may turn."""
    built = stage(requests=200, candidate_errors=errors, control_errors=control)
    assert stage_progress(loads(built), 10, POLICY, planned=1, is_last=True).rolled_back == rolled_back


def test_blocks_that_are_missing_from_a_stage_that_ended_early_are_told() -> None:
    start, blocks, end = stage(requests=200)
    lost = (start, blocks[:-2], replace(end, stopped_after=len(blocks)))
    reasons = [finding.reason for finding in judged(lost).findings if finding.rule == "load.generator"]
    assert reasons == [f"only {len(blocks) - 2} of {len(blocks)} planned time blocks came"]


def test_an_endpoint_that_is_open_is_named_and_earlier_stages_count_for_it() -> None:
    thin, more = stage(requests=14, names=(THING,)), stage(25, requests=200, names=(THING,))
    assert stage_progress(loads(thin), 10, POLICY, planned=1, is_last=True).open_endpoints == (THING,)
    assert stage_progress(loads(thin, more), 25, POLICY, planned=2, is_last=True).open_endpoints == ()


def test_a_stage_that_has_not_begun_lacks_everything() -> None:
    assert stage_progress(loads(stage()), 25, POLICY, planned=2, is_last=True) == Progress(
        (), ("its first time block",)
    )
    assert not stage_progress([], 0, POLICY, planned=1, is_last=True).ends_because


@pytest.mark.parametrize("kind", ["natural", "control"])
def test_without_enough_blocks_of_a_kind_a_stage_goes_on(kind: str) -> None:
    start, blocks, _ = stage(requests=200)
    few = [block for block in blocks if block.kind == kind][: LEAST_OF_A_KIND - 1]
    kept = [block for block in blocks if block.kind != kind] + few
    assert f"{kind} blocks" in stage_progress(gather_stages([start], kept), 10, POLICY, planned=1, is_last=True).lacking


def test_a_rate_that_is_not_proven_keeps_a_stage_going() -> None:
    found = stage_progress(loads(stage(requests=200, candidate_errors=2)), 10, POLICY, planned=1, is_last=True)
    assert "the error rate of candidate" in found.lacking


@pytest.mark.parametrize(("beside", "open_"), [(1.0, False), (1.2, True), (2.5, True)])
def test_a_neighbour_that_may_be_slowed_keeps_a_stage_going_to_its_end(beside: float, open_: bool) -> None:
    """Whether it is proven is asked once only, at the end, and of all stages together: the last owes it."""
    slowed = loads(stage(requests=200, beside=beside))
    last, other = (stage_progress(slowed, 10, POLICY, planned=2, is_last=is_last).lacking for is_last in (True, False))
    assert ("whether the candidate slows control" in last) is open_
    assert other == ()


def test_an_endpoint_that_a_cap_holds_back_is_not_waited_for() -> None:
    start, blocks, end = stage(requests=14)
    assert stage_progress(loads((start, blocks, end)), 10, POLICY, planned=1, is_last=True).open_endpoints == (THING,)
    capped = replace(start, capped=(THING,))
    assert stage_progress(loads((capped, blocks, end)), 10, POLICY, planned=1, is_last=True).open_endpoints == ()


def test_a_stage_that_ended_early_is_held_to_the_error_rates_that_may_be_looked_at_again_and_again() -> None:
    """459 requests without an error prove 1 % once; that it stopped just then must not help it."""
    start, blocks, end = stage(requests=10)
    asked_once, asked_often = judged((start, blocks, end)), judged((start, blocks, replace(end, stopped_after=32)))
    once, often = (
        {row.stream: row.bound for row in found.rates if row.endpoint is None} for found in (asked_once, asked_often)
    )
    assert once["candidate"].high < often["candidate"].high
