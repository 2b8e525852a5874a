"""What several workers saw of one stage, added up without losing or doubling a request."""

from __future__ import annotations

from collections.abc import ItemsView
from dataclasses import replace

from tests.core.judge.builders import OTHER, THING, cell, load_evidence, stage
from verification.core.histogram import TOP_BIN, Bins, merge, total
from verification.core.judge.stage_load import Counts, StageLoad, gather
from verification.core.records import Evidence, LoadBlock

HIST = {300: 4, 310: 2}


def block(number: int, kind: str, *cells_of: str, worker: str = "w0") -> LoadBlock:
    return LoadBlock(10, number, kind, worker, tuple(cell(stream, HIST) for stream in cells_of))


def gathered(*blocks: LoadBlock) -> StageLoad:
    (found,) = gather(replace(load_evidence(stage()), load_starts=(), load_ends=(), load_blocks=blocks))
    return found


def test_stages_come_in_ascending_order_whatever_the_order_of_their_records() -> None:
    evidence = load_evidence(stage(50), stage(0), stage(10))
    assert [found.percent for found in gather(evidence)] == [0, 10, 50]
    assert gather(Evidence(evidence.manifest)) == []


def test_a_stage_is_known_by_any_one_of_its_records() -> None:
    evidence = load_evidence(stage())
    only_end = gather(replace(evidence, load_starts=(), load_blocks=()))
    only_start = gather(replace(evidence, load_ends=(), load_blocks=()))
    assert [(found.start, found.end is None) for found in only_end] == [(None, False)]
    assert [(found.start is None, found.end) for found in only_start] == [(False, None)]


def test_what_two_workers_saw_of_one_block_is_added() -> None:
    found = gathered(block(0, "mixed", "control", "candidate"), block(0, "mixed", "control", worker="w1"))
    control, candidate = found.stratum(THING).blocks[0]
    assert (control, candidate) == (merge(HIST, HIST), HIST)
    assert found.sum("control").requests == 12
    assert found.by_worker == {"w0": 12, "w1": 6}


def test_counts_add_up_every_field() -> None:
    full = replace(cell("candidate", {TOP_BIN: 3, 300: 3}, errors=3), timeouts=2, legacy=1, domain=2, unwitnessed=3)
    found = gathered(LoadBlock(10, 0, "mixed", "w0", (full,)), LoadBlock(10, 1, "mixed", "w0", (full,)))
    assert found.sum("candidate", THING) == Counts(12, 6, 4, 2, 4, 6)
    assert found.sum("candidate", OTHER) == found.sum("control") == Counts()


def test_a_stratum_holds_mixed_blocks_only_and_keeps_the_place_of_a_block_without_the_endpoint() -> None:
    elsewhere = LoadBlock(10, 1, "mixed", "w0", (cell("control", HIST, name=OTHER),))
    blocks = [
        block(3, "control", "control"),
        block(2, "mixed", "control", "candidate"),
        elsewhere,
        block(0, "natural", "natural"),
    ]
    found = gathered(*blocks).stratum(THING)
    assert found.blocks == (({}, {}), (HIST, HIST))
    assert found.group == "10"


def test_planned_endpoints_come_first_then_what_was_seen_beside_the_plan() -> None:
    start, blocks, end = stage(names=("b", "a"))
    (found,) = gather(load_evidence((replace(start, endpoints=("z", "b")), blocks, end)))
    assert found.endpoints == ["z", "b", "a"]


def test_requests_are_pooled_by_kind_stream_and_endpoint() -> None:
    found = gathered(block(0, "mixed", "control"), block(1, "control", "control"), block(2, "natural", "natural"))
    assert found.pooled("mixed", "control") == HIST
    assert found.pooled("mixed", "control", THING) == HIST
    assert found.pooled("mixed", "control", OTHER) == {}
    assert found.pooled("natural", "control") == {}


def test_blocks_come_in_the_order_of_time_one_histogram_each() -> None:
    two = LoadBlock(10, 5, "mixed", "w0", (cell("control", HIST), cell("control", {400: 1}, name=OTHER)))
    none = block(7, "mixed", "candidate")
    found = gathered(none, two, block(1, "mixed", "control"), block(6, "natural", "natural"))
    assert found.per_block("mixed", "control") == [HIST, {**HIST, 400: 1}, {}]


class Counted(dict[tuple[int, str, str, str], Bins]):
    """A dictionary that counts how often it is gone through."""

    passes = 0

    def items(self) -> ItemsView[tuple[int, str, str, str], Bins]:  # type: ignore[override]  # the plain view will do
        self.passes += 1
        return dict(self).items()


def test_many_blocks_are_gone_through_once_not_once_for_each() -> None:
    found = gathered(*(block(number, "mixed", "control") for number in range(50)))
    counted = Counted(found.bins)
    found.bins = counted
    assert len(found.per_block("mixed", "control")) == 50
    assert counted.passes == 1


def test_requests_without_a_time_and_times_without_a_request_are_counted() -> None:
    lost, doubled = replace(cell("control", HIST), requests=9), replace(cell("candidate", HIST), requests=5)
    found = gathered(LoadBlock(10, 0, "mixed", "w0", (lost, doubled)))
    assert found.untimed == 4
    assert gathered(block(0, "mixed", "control")).untimed == 0
    assert total(found.pooled("mixed", "control")) == 6
