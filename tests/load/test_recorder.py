from __future__ import annotations

import pytest

from loadtests.recorder import Outcome, Recorder
from loadtests.timetable import WARM_UP
from verification.core.histogram import TOP_BIN, bin_of

KINDS = ("mixed", "natural", "control", "mixed")
STATUS = "GET /cameras/{id}/status"


def outcome(
    intended_ms: float = 12.0,
    sent_ms: float = 10.0,
    server_ms: float | None = 8.0,
    served_by: str | None = "legacy",
    *,
    failed: bool = False,
    timed_out: bool = False,
) -> Outcome:
    return Outcome(intended_ms, sent_ms, server_ms, served_by, failed=failed, timed_out=timed_out)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(25, KINDS, "w0")


def test_a_block_is_handed_over_once_and_only_when_its_last_request_has_finished(recorder: Recorder) -> None:
    recorder.enter(0)
    recorder.start(0)
    recorder.start(0)
    recorder.finish(0, STATUS, "control", outcome())
    recorder.enter(1)
    assert recorder.take() == []
    recorder.finish(0, STATUS, "control", outcome())
    (block,) = recorder.take()
    assert (block.block, block.kind, block.worker, block.cells[0].requests) == (0, "mixed", "w0", 2)
    assert recorder.take() == []


def test_a_late_finisher_counts_in_the_block_of_its_intended_start_and_does_not_hold_up_later_blocks(
    recorder: Recorder,
) -> None:
    recorder.start(0)
    recorder.enter(1)
    recorder.start(1)
    recorder.finish(1, STATUS, "natural", outcome())
    recorder.enter(2)
    assert [block.block for block in recorder.take()] == [1]
    recorder.finish(0, STATUS, "control", outcome(intended_ms=2_000))
    assert [(block.block, block.cells[0].requests) for block in recorder.take()] == [(0, 1)]


def test_a_block_without_requests_is_handed_over_too(recorder: Recorder) -> None:
    recorder.enter(2)
    recorder.complete(len(KINDS))
    assert [(block.block, block.cells) for block in recorder.take()] == [(number, ()) for number in range(4)]


def test_warm_up_is_not_recorded(recorder: Recorder) -> None:
    recorder.start(WARM_UP)
    recorder.finish(WARM_UP, STATUS, "control", outcome())
    recorder.drop(WARM_UP)
    recorder.complete(len(KINDS))
    assert recorder.scheduled == recorder.finished == recorder.dropped == 0
    assert all(not block.cells for block in recorder.take())


def test_every_request_stands_once_in_both_clocks_and_errors_among_them_timeouts_in_the_top_bin(
    recorder: Recorder,
) -> None:
    for one in (outcome(), outcome(failed=True), outcome(timed_out=True, server_ms=None, served_by=None)):
        recorder.start(0)
        recorder.finish(0, STATUS, "control", one)
    recorder.complete(len(KINDS))
    cell = recorder.take()[0].cells[0]
    assert (cell.requests, cell.errors, cell.timeouts) == (3, 2, 1)
    assert dict(cell.intended) == {bin_of(12.0): 1, TOP_BIN: 2}
    assert dict(cell.sent) == {bin_of(10.0): 1, TOP_BIN: 2}
    assert dict(cell.server) == {bin_of(8.0): 2}


def test_witnesses_are_counted_and_only_a_good_answer_can_lack_one(recorder: Recorder) -> None:
    told = [outcome(served_by=name) for name in ("legacy", "domain", "Domain", None, "proxy")]
    for one in (*told, outcome(served_by=None, failed=True)):
        recorder.start(0)
        recorder.finish(0, STATUS, "candidate", one)
    recorder.complete(len(KINDS))
    cell = recorder.take()[0].cells[0]
    assert (cell.legacy, cell.domain, cell.unwitnessed) == (1, 2, 2)


def test_endpoints_and_streams_have_cells_of_their_own(recorder: Recorder) -> None:
    for endpoint, stream in ((STATUS, "control"), (STATUS, "candidate"), ("POST /cameras/refresh", "control")):
        recorder.start(3)
        recorder.finish(3, endpoint, stream, outcome())
    recorder.complete(len(KINDS))
    assert [(cell.endpoint, cell.stream) for cell in recorder.take()[3].cells] == [
        (STATUS, "candidate"),
        (STATUS, "control"),
        ("POST /cameras/refresh", "control"),
    ]


def test_dropped_and_skipped_arrivals_are_scheduled_and_counted_apart(recorder: Recorder) -> None:
    recorder.drop(0)
    recorder.skip(0, "POST /alerts/rules")
    recorder.start(0)
    assert (recorder.scheduled, recorder.dropped, dict(recorder.skipped)) == (3, 1, {"POST /alerts/rules": 1})


def test_lag_is_the_95th_percentile(recorder: Recorder) -> None:
    assert recorder.lag_p95_ms == 0.0
    for milliseconds in (-0.1, *[0.2] * 93, *[5.0] * 6):
        recorder.lag(milliseconds)
    assert recorder.lag_p95_ms == pytest.approx(5.0, rel=0.011)


def test_memory_does_not_grow_with_the_number_of_requests(recorder: Recorder) -> None:
    for number in range(20_000):
        recorder.start(0)
        recorder.finish(0, STATUS, "control", outcome(intended_ms=5 + number % 100))
    recorder.complete(len(KINDS))
    cell = recorder.take()[0].cells[0]
    assert cell.requests == 20_000
    assert len(cell.intended) <= 400


def test_a_block_that_had_begun_when_the_end_was_told_is_handed_over_all_the_same(recorder: Recorder) -> None:
    """A worker that hears of it late has sent requests that were counted."""
    recorder.enter(2)
    recorder.start(2)
    recorder.finish(2, STATUS, "control", outcome())
    recorder.complete(2)
    assert [block.block for block in recorder.take()] == [0, 1, 2]
