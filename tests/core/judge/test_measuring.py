"""What of a load was measured wrongly, or not at all, is not believed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.core.judge.builders import THING, load_evidence, stage
from tests.core.judge.loads import POLICY, judged, rules
from verification.core.histogram import LOG_BIN
from verification.core.judge.load import judge_load
from verification.core.model import Verdict
from verification.core.records import LoadBlock, LoadCell, LoadEnd, LoadStart, LoadWorker


def test_a_stage_without_an_end_was_cut_off() -> None:
    start, blocks, _ = stage()
    found = judge_load(replace(load_evidence(stage()), load_ends=()), POLICY)
    assert ("evidence.missing", Verdict.INCONCLUSIVE) in rules(found)
    assert start.stage_percent == blocks[0].stage_percent
    assert found.rates == []


def ended(**changes: object) -> set[tuple[str, Verdict]]:
    start, blocks, end = stage()
    return rules(judged((start, blocks, replace(end, **changes))))  # type: ignore[arg-type]  # the fields named


def worker(**changes: object) -> tuple[LoadWorker, ...]:
    _, _, end = stage()
    return (replace(end.workers[0], **changes),)  # type: ignore[arg-type]  # the fields named


GENERATOR, WORKERS = ("load.generator", Verdict.INCONCLUSIVE), ("load.workers", Verdict.INCONCLUSIVE)


def test_an_aborted_stage_is_inconclusive_and_its_errors_blame_nobody() -> None:
    start, blocks, end = stage(candidate_errors=60)
    found = judged((start, blocks, replace(end, aborted="the target stopped answering")))
    assert GENERATOR in rules(found)
    assert not [finding for finding in found.findings if finding.rule == "rates.errors"]


def test_a_stage_that_brought_fewer_blocks_than_planned_is_inconclusive() -> None:
    start, blocks, end = stage()
    fewer = blocks[:-1]
    sent = sum(one.requests for block in fewer for one in block.cells)
    short = replace(end, workers=(replace(end.workers[0], requests=sent),))
    found = judged((start, fewer, short))
    assert rules(found) == {GENERATOR}
    assert "31 of 32" in found.findings[0].reason


def test_a_lost_worker_and_a_wrong_count_are_inconclusive() -> None:
    assert ended(lost_workers=("w1",)) == {WORKERS}
    assert ended(workers=worker(requests=1)) == {WORKERS}
    assert ended(workers=worker(requests=1), lost_workers=("w0",)) == {WORKERS}


def test_a_generator_that_was_the_bottleneck_is_inconclusive() -> None:
    assert ended(workers=worker(lag_p95_ms=4.0)) == {GENERATOR}
    assert ended(workers=worker(lag_p95_ms=0.9)) == set()
    assert ended(workers=worker(cpu_percent=90.1)) == {GENERATOR}
    assert ended(workers=worker(cpu_percent=90.0)) == set()


def test_dropped_arrivals_count_above_the_policys_share_only() -> None:
    assert ended(scheduled=1000, dropped=11, finished=989) == {GENERATOR}
    assert ended(scheduled=1000, dropped=10, finished=990) == set()


def test_requests_that_were_due_and_are_told_nowhere_are_inconclusive() -> None:
    assert ended(scheduled=1000, finished=990, dropped=5) == {WORKERS}
    assert ended(scheduled=1000, finished=990, dropped=5, skipped={THING: 5}) == {("load.generator", Verdict.PROMOTE)}


@pytest.mark.parametrize("number", ["lag_p95_ms", "cpu_percent", "clock_step_s"])
def test_a_number_that_is_none_is_a_doubt(number: str) -> None:
    assert {verdict for _, verdict in ended(workers=worker(**{number: math.nan}))} == {Verdict.INCONCLUSIVE}


def test_answers_of_which_nothing_tells_who_served_them_prove_no_arm() -> None:
    start, blocks, end = stage()
    silent = [
        replace(block, cells=tuple(replace(one, legacy=0, domain=0, unwitnessed=0) for one in block.cells))
        for block in blocks
    ]
    assert WORKERS in rules(judged((start, silent, end)))


def test_a_block_of_another_kind_than_planned_is_a_doubt() -> None:
    start, blocks, end = stage()
    found = judged((replace(start, kinds=("natural", *start.kinds[1:])), blocks, end))
    assert WORKERS in rules(found)
    assert any("another kind than planned: 0" in finding.reason for finding in found.findings)


def test_lag_without_any_latency_is_still_a_doubt() -> None:
    start, _, end = stage()
    found = judged((start, [], replace(end, workers=(LoadWorker("w0", 0, 50.0, 1.0),), scheduled=0)))
    assert GENERATOR in rules(found)


def test_arrivals_held_back_by_a_cap_are_told_and_weigh_nothing() -> None:
    _, _, end = stage()
    assert ended(skipped={THING: 3}, scheduled=end.scheduled + 3) == {("load.generator", Verdict.PROMOTE)}


def test_a_stage_without_its_opening_record_is_shown_and_inconclusive() -> None:
    found = judge_load(replace(load_evidence(stage()), load_starts=()), POLICY)
    assert found.load[0].rate_per_s == 0.0
    assert rules(found) == {("evidence.missing", Verdict.INCONCLUSIVE)}


def test_a_block_without_requests_has_come_all_the_same() -> None:
    start, blocks, end = stage()
    found = judged(
        (replace(start, kinds=(*start.kinds, "mixed")), [*blocks, replace(blocks[0], block=32, cells=())], end)
    )
    assert rules(found) == set()


def test_a_worker_that_the_end_omits_is_inconclusive() -> None:
    start, blocks, end = stage()
    assert rules(judged((replace(start, workers=2), blocks, end))) == {WORKERS}
    assert WORKERS in rules(judged((start, [*blocks, replace(blocks[0], worker="w9")], end)))
    assert WORKERS in rules(judged((start, blocks, replace(end, workers=()))))


def test_requests_that_stand_in_no_histogram_are_inconclusive() -> None:
    start, blocks, end = stage()
    first = blocks[0]
    short = tuple(replace(one, intended={}) if number == 0 else one for number, one in enumerate(first.cells))
    assert rules(judged((start, [replace(first, cells=short), *blocks[1:]], end))) == {WORKERS}


def test_lag_counts_above_its_share_of_the_control_p95_only() -> None:
    p95 = judged(stage()).latency[0].change.control_p95_ms
    assert p95 is not None
    assert ended(workers=worker(lag_p95_ms=0.0501 * p95)) == {GENERATOR}
    assert ended(workers=worker(lag_p95_ms=0.0499 * p95)) == set()


@pytest.mark.parametrize(("step_s", "found"), [(0.4, set()), (-0.6, {"load.clock"}), (3600.0, {"load.clock"})])
def test_a_clock_that_was_set_during_a_stage_is_inconclusive(step_s: float, found: set[str]) -> None:
    assert {rule for rule, _ in ended(workers=worker(clock_step_s=step_s))} == found


def warming_up(slow_blocks: int) -> tuple[LoadStart, list[LoadBlock], LoadEnd]:
    """Both arms three times as slow in the first blocks."""
    start, blocks, end = stage()
    bins = round(math.log(3) / LOG_BIN)

    def cold(one: LoadCell) -> LoadCell:
        moved = {number + bins: count for number, count in one.intended.items()}
        return replace(one, intended=moved, sent=moved)

    first = [replace(block, cells=tuple(map(cold, block.cells))) for block in blocks[:slow_blocks]]
    return start, [*first, *blocks[slow_blocks:]], end


@pytest.mark.parametrize(("slow_blocks", "found"), [(0, set()), (1, set()), (2, set()), (3, {"load.warm-up"})])
def test_a_target_that_was_still_warming_up_is_inconclusive_and_a_short_stall_is_not(
    slow_blocks: int, found: set[str]
) -> None:
    assert {rule for rule, _ in rules(judged(warming_up(slow_blocks)))} & {"load.warm-up"} == found


def test_too_few_blocks_tell_nothing_of_a_warm_up() -> None:
    start, blocks, end = warming_up(3)
    few = (start, [block for block in blocks if block.kind != "mixed"] + blocks[:5], end)
    assert "load.warm-up" not in {rule for rule, _ in rules(judged(few))}
