"""A stage ends once everything is decided, on all its workers alike, and the judge takes it for whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.load.staging import VERDICT_CODES, StartBackend, blocks, end, locust, records, several
from verification.core.records import LoadFavour, LoadStart

RARE, OFTEN = "POST /cameras/refresh", "GET /cameras/{id}/status"
LONG = ("--blocks", "220", "--block-seconds", "0.25", "--rate", "400")
"""At most 55 s; what is decided takes a third of that on a quiet machine."""


@pytest.mark.parametrize("processes", [1, 2])
def test_a_stage_ends_once_all_is_decided_and_counts_as_whole(
    processes: int, start_backend: StartBackend, tmp_path: Path
) -> None:
    workers = several(processes) if processes > 1 else ()
    run = locust(start_backend(), tmp_path, "--endpoints", RARE, *LONG, *workers, timeout_s=120)
    assert run.returncode in VERDICT_CODES, run.stderr
    last = end(tmp_path)
    assert last.stopped_after is not None, run.stdout
    assert 28 <= last.stopped_after < 220
    assert (last.lost_workers, last.aborted) == ((), None)
    assert {(block.block, block.worker) for block in blocks(tmp_path)} == {
        (number, f"w{worker}") for number in range(last.stopped_after) for worker in range(processes)
    }
    assert "everything is decided" in run.stdout
    assert "planned time blocks came" not in run.stdout


def test_a_stage_that_is_to_be_whole_is_kept_to_its_end(start_backend: StartBackend, tmp_path: Path) -> None:
    asked = ("--blocks", "60", "--block-seconds", "0.2", "--rate", "400", "--whole")
    locust(start_backend(), tmp_path, "--endpoints", RARE, *asked)
    assert end(tmp_path).stopped_after is None
    assert len({block.block for block in blocks(tmp_path)}) == 60


def test_what_is_still_open_is_asked_more_often_than_what_is_decided(
    start_backend: StartBackend, tmp_path: Path
) -> None:
    run = locust(start_backend(), tmp_path, "--endpoints", f"{RARE},{OFTEN}", *LONG, timeout_s=120)
    start, favours = records(tmp_path)[0], [one for one in records(tmp_path) if isinstance(one, LoadFavour)]
    assert isinstance(start, LoadStart)
    assert favours, run.stdout
    first = favours[0]
    assert set(first.endpoints) < {RARE, OFTEN}

    def share(of: list[int]) -> float:
        cells = [cell for block in blocks(tmp_path) if block.block in of for cell in block.cells]
        favoured = sum(cell.requests for cell in cells if cell.endpoint in first.endpoints)
        return favoured / sum(cell.requests for cell in cells)

    until = favours[1].from_block if len(favours) > 1 else len(blocks(tmp_path))
    assert share(list(range(first.from_block, until))) > 1.2 * share(list(range(first.from_block)))
