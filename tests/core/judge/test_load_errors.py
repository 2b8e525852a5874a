"""Errors and witnesses under load: candidate is held against one and five percent, control that fails blames nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.judge.builders import OTHER, THING, cell, stage
from tests.core.judge.loads import judged, rules
from verification.core.histogram import TOP_BIN
from verification.core.model import Verdict
from verification.core.records import LoadBlock, LoadCell, LoadEnd, LoadStart, LoadWorker


def test_errors_of_the_candidate_are_judged_and_those_of_control_discredit_it() -> None:
    assert ("rates.errors", Verdict.ROLLBACK) in rules(judged(stage(candidate_errors=10)))
    assert ("rates.errors", Verdict.HOLD) in rules(judged(stage(candidate_errors=2)))
    assert ("control.unhealthy", Verdict.INCONCLUSIVE) in rules(judged(stage(control_errors=10)))


def test_a_stage_too_small_to_prove_its_error_rate_is_inconclusive() -> None:
    found = judged(stage(requests=4))
    assert ("rates.errors", Verdict.INCONCLUSIVE) in rules(found)


def test_an_endpoint_of_the_plan_that_got_no_request_has_no_rate() -> None:
    start, blocks, end = stage()
    found = judged((replace(start, endpoints=(THING, OTHER)), blocks, end))
    assert {row.endpoint for row in found.rates} == {None, THING}
    assert OTHER in {finding.endpoint for finding in found.findings}


def test_fallback_lost_witness_and_ignored_force_are_found() -> None:
    assert rules(judged(stage(legacy=5, domain=75))) == {("witness.fallback", Verdict.HOLD)}
    assert rules(judged(stage(domain=75, unwitnessed=5))) == {("witness.absent", Verdict.INCONCLUSIVE)}
    start, blocks, end = stage()
    first = blocks[0]
    crossed = tuple(replace(one, legacy=70, domain=10) if one.stream == "control" else one for one in first.cells)
    found = judged((start, [replace(first, cells=crossed), *blocks[1:]], end))
    assert ("flag.force", Verdict.ROLLBACK) in rules(found)


@pytest.mark.parametrize("percent", [0, 10])
def test_only_a_real_stage_counts_fallbacks(percent: int) -> None:
    row = judged(stage(percent)).load[0]
    assert (row.fallbacks, row.blocks) == (0, 32)


def with_errors(candidate: int, control: int = 0, natural: int = 0) -> tuple[LoadStart, list[LoadBlock], LoadEnd]:
    """One stage of 20,000 requests an arm, so that rates can be told exactly; errors by stream."""
    errors = {"candidate": candidate, "control": control, "natural": natural}

    def one(stream: str) -> LoadCell:
        hist = {500: 20_000 - errors[stream], TOP_BIN: errors[stream]}
        made = cell(stream, hist, errors=errors[stream])
        return replace(made, legacy=made.legacy - 2_000, domain=2_000) if stream == "natural" else made

    kinds = ("mixed", "natural")
    blocks = [
        LoadBlock(10, 0, "mixed", "w0", (one("control"), one("candidate"))),
        LoadBlock(10, 1, "natural", "w0", (one("natural"),)),
    ]
    start = LoadStart(10, 1, 100.0, 1.0, kinds, (THING,), 1, "2.47.0")
    return start, blocks, LoadEnd(10, 60_000, 60_000, 0, (LoadWorker("w0", 60_000, 0.5, 10.0),), (), (), None)


def rates(*built: int) -> dict[tuple[str, str | None], Verdict]:
    found = judged(with_errors(*built))
    return {
        (finding.rule, finding.endpoint): finding.verdict
        for finding in found.findings
        if finding.title.startswith("Errors")
    }


STAGE, ENDPOINT = ("rates.errors", None), ("rates.errors", THING)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        (0, {}),
        (160, {}),  # 0.8 %: at most 0.96 % is proven
        (200, {STAGE: Verdict.INCONCLUSIVE}),  # exactly 1 % lies not above it, and is not proven to lie below
        (240, {STAGE: Verdict.HOLD, ENDPOINT: Verdict.HOLD}),  # 1.2 %
        (1000, {STAGE: Verdict.HOLD, ENDPOINT: Verdict.HOLD}),  # exactly 5 %
        (1090, {STAGE: Verdict.ROLLBACK, ENDPOINT: Verdict.ROLLBACK}),  # 5.45 %
    ],
)
def test_error_rates_are_held_against_one_and_five_percent(
    errors: int, expected: dict[tuple[str, str | None], Verdict]
) -> None:
    assert rates(errors) == expected


def test_errors_of_control_discredit_the_stage_and_never_blame_the_candidate() -> None:
    sick = ("control.unhealthy", None), ("control.unhealthy", THING)
    assert rates(0, 1090) == dict.fromkeys(sick, Verdict.INCONCLUSIVE)


def test_errors_that_only_natural_traffic_meets_are_found() -> None:
    assert rates(0, 0, 240) == {STAGE: Verdict.HOLD}
    assert rates(0, 0, 1090) == {STAGE: Verdict.ROLLBACK}
    assert rates(0, 0, 200) == {}


def test_errors_in_natural_traffic_blame_nobody_while_control_fails_too() -> None:
    assert set(rates(0, 1090, 1090).values()) == {Verdict.INCONCLUSIVE}
    named = {finding.title for finding in judged(with_errors(0, 1090, 1090)).findings}
    assert "Errors of all endpoints in natural traffic at 10 %" in named


@pytest.mark.parametrize(("candidate", "control"), [(1090, 1090), (1400, 1300), (240, 300)])
def test_errors_that_control_has_as_well_do_not_blame_the_candidate(candidate: int, control: int) -> None:
    """Going back would help nobody: the database behind both is sick."""
    assert set(rates(candidate, control).values()) == {Verdict.INCONCLUSIVE}


def test_errors_far_beyond_those_of_control_blame_the_candidate_all_the_same() -> None:
    assert rates(4000, 1090)[STAGE] is Verdict.ROLLBACK
