from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from loadtests.collector import Collector, Farewell, Report, farewell_from_wire, report_from_wire, to_wire
from verification.core.records import LoadBlock, LoadCell, Record

CELL = LoadCell("GET /a", "control", 5, 1, 0, 4, 0, 0, {400: 4, 2000: 1}, {390: 4, 2000: 1}, {})


def report(worker: str, number: int, sent: int) -> Report:
    return Report(worker, number, sent, (LoadBlock(25, number, "mixed", worker, (CELL,)),))


def farewell(worker: str, reports: int, sent: int) -> Farewell:
    return Farewell(
        worker, reports, sent, 12, sent, 2, {"POST /alerts/rules": 3}, 0.4, 9.0, ("camera x (could not be removed)",)
    )


@pytest.fixture
def written() -> list[Record]:
    return []


@pytest.fixture
def collector(written: list[Record]) -> Collector:
    return Collector(25, ("w0", "w1"), written.append)


def test_blocks_are_written_as_they_arrive_and_totals_add_up(collector: Collector, written: list[Record]) -> None:
    for worker in ("w0", "w1"):
        collector.receive(report(worker, 1, 5))
        collector.receive(report(worker, 2, 10))
        collector.part(farewell(worker, 2, 10))
    assert [(record.worker, record.block) for record in written if isinstance(record, LoadBlock)] == [
        ("w0", 1),
        ("w0", 2),
        ("w1", 1),
        ("w1", 2),
    ]
    end = collector.end(None)
    assert (end.scheduled, end.finished, end.dropped, dict(end.skipped)) == (24, 20, 4, {"POST /alerts/rules": 6})
    assert (end.lost_workers, end.aborted, len(end.leftover)) == ((), None, 2)
    assert collector.waiting_for == ()


def test_a_report_that_got_lost_makes_its_worker_a_lost_one(collector: Collector) -> None:
    collector.receive(report("w0", 1, 5))
    collector.receive(report("w0", 3, 15))
    collector.part(farewell("w0", 3, 15))
    collector.part(farewell("w1", 0, 0))
    assert collector.end(None).lost_workers == ("w0",)


def test_a_count_that_does_not_add_up_makes_its_worker_a_lost_one(collector: Collector) -> None:
    collector.receive(report("w0", 1, 6))
    collector.part(farewell("w0", 1, 6))
    collector.part(farewell("w1", 0, 0))
    assert collector.end(None).lost_workers == ("w0",)


def test_a_farewell_that_speaks_of_more_than_arrived_makes_its_worker_a_lost_one(collector: Collector) -> None:
    collector.receive(report("w1", 1, 5))
    collector.part(farewell("w1", 2, 10))
    collector.part(farewell("w0", 0, 0))
    assert collector.end(None).lost_workers == ("w1",)


def test_a_worker_that_went_away_is_not_waited_for_and_is_named(collector: Collector, written: list[Record]) -> None:
    collector.receive(report("w0", 1, 5))
    collector.receive(report("w1", 1, 5))
    collector.part(farewell("w0", 1, 5))
    waiting = collector.waiting_for
    collector.lose("w1")
    assert (waiting, collector.waiting_for) == (("w1",), ())
    end = collector.end(None)
    assert (end.lost_workers, end.finished, len(written)) == (("w1",), 5, 2)


def test_a_worker_that_leaves_after_its_farewell_is_not_lost(collector: Collector) -> None:
    for worker in ("w0", "w1"):
        collector.part(farewell(worker, 0, 0))
        collector.lose(worker)
    assert collector.end(None).lost_workers == ()


def test_a_worker_that_never_spoke_is_lost_when_the_stage_ends(collector: Collector) -> None:
    collector.part(farewell("w0", 0, 0))
    assert collector.end("stopped").lost_workers == ("w1",)


def wire(message: Report | Farewell) -> dict[str, Any]:
    """What Locust's msgpack does to a message: tuples become lists, the keys of histograms stay whole numbers."""

    def unpacked(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: unpacked(item) for key, item in value.items()}
        return [unpacked(item) for item in value] if isinstance(value, tuple | list) else value

    return {key: unpacked(value) for key, value in to_wire(message).items()}


def test_messages_survive_locusts_wire() -> None:
    assert dataclasses.asdict(report_from_wire(wire(report("w0", 1, 5)))) == dataclasses.asdict(report("w0", 1, 5))
    assert farewell_from_wire(wire(farewell("w0", 1, 5))) == farewell("w0", 1, 5)
