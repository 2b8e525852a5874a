"""A stage ends once all is decided or ROLLBACK is proven, on all workers alike, and the judge takes it for whole."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.load.staging import (
    VERDICT_CODES,
    StartBackend,
    blocks,
    children_of,
    command,
    end,
    locust,
    records,
    several,
    wait_for_block,
)
from verification.core.model import Verdict
from verification.core.records import LoadFavour, LoadStart

REFRESH = "POST /cameras/refresh"
"""Needs no twins, so a run is quick to set up."""
LONG = ("--blocks", "220", "--block-seconds", "0.25", "--rate", "400")
"""At most 55 s; a third of that decides it, and for noise beside it there is time."""
STEADY = ("--delay-ms", "40")
"""So long that a busy machine's milliseconds hardly show in the P95."""


@pytest.mark.parametrize("processes", [1, 2])
def test_a_stage_ends_once_all_is_decided_and_counts_as_whole(
    processes: int, start_backend: StartBackend, tmp_path: Path
) -> None:
    workers = several(processes) if processes > 1 else ()
    run = locust(start_backend(*STEADY), tmp_path, "--endpoints", REFRESH, *LONG, *workers, timeout_s=120)
    assert run.returncode in VERDICT_CODES, run.stderr
    last = end(tmp_path)
    assert last.stopped_after is not None, run.stdout
    assert 28 <= last.stopped_after < 220
    assert (last.lost_workers, last.aborted) == ((), None)
    assert {(block.block, block.worker) for block in blocks(tmp_path)} == {
        (number, f"w{worker}") for number in range(last.stopped_after) for worker in range(processes)
    }
    assert "all that this stage owes is decided" in run.stdout
    assert "planned time blocks came" not in run.stdout


def test_a_stage_ends_as_soon_as_rollback_is_proven(start_backend: StartBackend, tmp_path: Path) -> None:
    slow = start_backend(*STEADY, "--slow-candidate", "2.5")
    run = locust(slow, tmp_path, "--endpoints", REFRESH, *LONG, timeout_s=120)
    assert run.returncode == Verdict.ROLLBACK.exit_code, run.stdout
    assert f"ROLLBACK is proven for the P95 of {REFRESH}" in run.stdout
    assert (end(tmp_path).stopped_after or 220) < 110


def test_a_stage_that_is_to_be_whole_is_kept_to_its_end(start_backend: StartBackend, tmp_path: Path) -> None:
    asked = ("--blocks", "60", "--block-seconds", "0.2", "--rate", "400", "--whole")
    locust(start_backend(), tmp_path, "--endpoints", REFRESH, *asked)
    assert end(tmp_path).stopped_after is None
    assert len({block.block for block in blocks(tmp_path)}) == 60


def test_what_is_still_open_is_asked_more_often_than_what_is_decided(
    start_backend: StartBackend, tmp_path: Path
) -> None:
    """All endpoints: that the last ones of them are decided at the very same look is next to impossible."""
    # Blocks that are long enough to leave the others their share.
    run = locust(start_backend(*STEADY), tmp_path, *LONG, "--blocks", "110", "--block-seconds", "0.5", timeout_s=120)
    favours = [one for one in records(tmp_path) if isinstance(one, LoadFavour)]
    assert favours, run.stdout
    start, first = records(tmp_path)[0], favours[0]
    assert isinstance(start, LoadStart)
    assert set(first.endpoints) < set(start.endpoints)

    def share(of: range) -> float:
        cells = [cell for block in blocks(tmp_path) if block.block in of for cell in block.cells]
        favoured = sum(cell.requests for cell in cells if cell.endpoint in first.endpoints)
        return favoured / sum(cell.requests for cell in cells)

    until = favours[1].from_block if len(favours) > 1 else len(blocks(tmp_path))
    assert share(range(first.from_block, until)) > share(range(first.from_block))


def test_a_stage_whose_onlooker_is_killed_is_measured_to_its_end(start_backend: StartBackend, tmp_path: Path) -> None:
    asked = ("--endpoints", REFRESH, "--blocks", "60", "--block-seconds", "0.25", "--rate", "400")
    leader = subprocess.Popen(
        command(start_backend(*STEADY), tmp_path, *asked), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for_block(tmp_path)
    (onlooker,) = children_of(leader.pid)
    os.kill(onlooker, signal.SIGKILL)
    _, errors = leader.communicate(timeout=60)
    assert leader.returncode in VERDICT_CODES, errors
    assert "measured to its end" in errors
    assert end(tmp_path).stopped_after is None
    assert len({block.block for block in blocks(tmp_path)}) == 60
