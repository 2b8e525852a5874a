"""Real Locust runs of a few seconds against a backend of a few lines."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
from collections import Counter, defaultdict
from pathlib import Path

import numpy
import pytest

from tests.load.staging import (
    VERDICT_CODES,
    StartBackend,
    blocks,
    children_of,
    command,
    end,
    free_port,
    intended,
    locust,
    records,
    several,
    wait_for_block,
)
from verification.core.histogram import TOP_BIN, quantile_ms
from verification.core.records import LoadBlock, LoadEnd, LoadStart
from verification.evidence import read_file

REFRESH = "POST /cameras/refresh"
"""Needs no twins, so a run is quick to set up."""
STATUS = "GET /cameras/{id}/status"


@pytest.mark.parametrize("processes", [1, 2])
def test_alone_and_with_two_processes_the_evidence_is_the_same_and_agrees_with_the_raw_samples(
    processes: int, start_backend: StartBackend, tmp_path: Path
) -> None:
    log = tmp_path / "backend.json"
    host = start_backend("--log", str(log))
    run = locust(
        host, tmp_path, "--raw-samples", str(tmp_path / "raw.csv"), *(several(processes) if processes > 1 else ())
    )
    assert run.returncode in VERDICT_CODES, run.stderr

    start, *middle, last = records(tmp_path)
    assert isinstance(start, LoadStart)
    assert isinstance(last, LoadEnd)
    assert (start.stage_percent, start.workers, len(start.kinds)) == (25, processes, 6)
    seen = Counter((block.block, block.worker) for block in middle if isinstance(block, LoadBlock))
    assert seen == Counter((block, f"w{worker}") for block in range(6) for worker in range(processes))
    assert (last.lost_workers, last.aborted, last.dropped) == ((), None, 0)
    counted = sum(cell.requests for block in blocks(tmp_path) for cell in block.cells)
    assert counted == last.finished == sum(worker.requests for worker in last.workers)
    assert last.scheduled == last.finished + sum(last.skipped.values())
    assert json.loads(log.read_text())["left"] == []
    # What the guards look at is measured, not left at nothing.
    assert all(worker.lag_p95_ms > 0 < worker.cpu_percent and worker.clock_step_s != 0 for worker in last.workers)

    check_arms_kinds_and_witnesses(blocks(tmp_path))

    raw: dict[str, list[float]] = defaultdict(list)
    for worker in range(processes):
        with (tmp_path / f"raw-w{worker}.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                raw[row["endpoint"]].append(float(row["intended_ms"]))
    assert sum(map(len, raw.values())) == counted
    for endpoint, bins in intended(tmp_path).items():
        truth = numpy.quantile(raw[endpoint], 0.95)
        assert quantile_ms(bins, 0.95) == pytest.approx(truth, rel=0.01), endpoint


@pytest.mark.parametrize("processes", [1, 2])
def test_every_worker_reads_the_witness_where_it_was_declared(
    processes: int, start_backend: StartBackend, tmp_path: Path
) -> None:
    named = ("--witness-body", "made.by", "--witness-legacy", "V1", "--witness-domain", "v2")
    workers = several(processes) if processes > 1 else ()
    run = locust(start_backend(), tmp_path, "--endpoints", REFRESH, *named, *workers)
    assert run.returncode in VERDICT_CODES, run.stderr
    served: Counter[str] = Counter()
    for block in blocks(tmp_path):
        for cell in block.cells:
            assert cell.unwitnessed == 0
            served[f"{cell.stream} legacy"] += cell.legacy
            served[f"{cell.stream} domain"] += cell.domain
    assert served["control legacy"] > 0
    assert served["candidate domain"] > 0
    assert served["control domain"] == served["candidate legacy"] == 0


def check_arms_kinds_and_witnesses(seen: list[LoadBlock]) -> None:
    streams: dict[str, set[str]] = defaultdict(set)
    for block in seen:
        for cell in block.cells:
            streams[block.kind].add(cell.stream)
            witnessed = (cell.requests, 0) if cell.stream == "candidate" else (0, cell.requests)
            assert (cell.domain, cell.legacy) == witnessed
            assert sum(cell.intended.values()) == sum(cell.sent.values()) == sum(cell.server.values()) == cell.requests
    assert streams == {"mixed": {"control", "candidate"}, "natural": {"natural"}, "control": {"control"}}


def test_a_backend_that_freezes_is_seen_as_slow_as_it_is(start_backend: StartBackend, tmp_path: Path) -> None:
    host = start_backend("--freeze-every-s", "1.5", "--freeze-s", "0.5")
    run = locust(host, tmp_path, "--endpoints", REFRESH, "--blocks", "15", "--rate", "200")
    assert run.returncode in VERDICT_CODES, run.stderr
    # One arrival in four meets a freeze and waits uniformly up to 500 ms, so 5 % wait 400 ms or longer.
    assert quantile_ms(intended(tmp_path)[REFRESH], 0.95) == pytest.approx(400, rel=0.2)


def test_a_connection_that_breaks_is_an_error_and_is_not_hidden_by_a_repeat(
    start_backend: StartBackend, tmp_path: Path
) -> None:
    locust(start_backend("--break-candidate"), tmp_path, "--endpoints", STATUS)
    cells = [cell for block in blocks(tmp_path) for cell in block.cells]
    candidate = [cell for cell in cells if cell.stream == "candidate"]
    assert candidate
    assert all(cell.errors == cell.requests == cell.intended[TOP_BIN] == cell.sent[TOP_BIN] for cell in candidate)
    assert all(cell.errors == 0 for cell in cells if cell.stream != "candidate")


def test_arrivals_that_find_every_greenlet_taken_are_dropped_and_counted(
    start_backend: StartBackend, tmp_path: Path
) -> None:
    run = locust(start_backend("--delay-ms", "4000"), tmp_path, "--endpoints", REFRESH, "--rate", "900")
    told = end(tmp_path)
    assert told.dropped > 100
    assert told.scheduled == told.finished + told.dropped
    assert "arrivals could not be sent" in run.stdout


def test_an_answer_after_the_limit_is_a_timeout_in_the_top_bin(start_backend: StartBackend, tmp_path: Path) -> None:
    locust(start_backend("--delay-ms", "1500"), tmp_path, "--endpoints", REFRESH, "--drain-seconds", "0.5")
    cells = [cell for block in blocks(tmp_path) for cell in block.cells]
    assert sum(cell.requests for cell in cells) == end(tmp_path).finished > 0
    assert all(cell.timeouts == cell.errors == cell.requests == cell.intended[TOP_BIN] for cell in cells)


def test_what_cannot_be_deleted_is_capped_skipped_arrivals_are_counted(
    start_backend: StartBackend, tmp_path: Path
) -> None:
    locust(start_backend(), tmp_path, "--endpoints", "POST /alerts/rules", "--max-rules", "5")
    last = end(tmp_path)
    assert last.finished <= 5
    assert last.scheduled == last.finished + last.skipped["POST /alerts/rules"]
    assert any(name.startswith("5 x rule") and "5 of them neutralised" in name for name in last.leftover)


def test_a_killed_worker_is_named_and_its_twins_are_removed(start_backend: StartBackend, tmp_path: Path) -> None:
    log = tmp_path / "backend.json"
    host = start_backend("--log", str(log))
    leader = subprocess.Popen(
        command(host, tmp_path, *several(2), "--blocks", "12"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_block(tmp_path, "w1")
    workers = [pid for pid in children_of(leader.pid) if b"watch.py" not in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(workers[-1], signal.SIGKILL)
    _, errors = leader.communicate(timeout=60)
    assert leader.returncode in {11, 10, 12}, errors
    (lost,) = end(tmp_path).lost_workers
    assert lost in {"w0", "w1"}
    assert lost in errors
    left = sum(cell.requests for block in blocks(tmp_path) if block.worker != lost for cell in block.cells)
    assert left == end(tmp_path).finished
    assert json.loads(log.read_text())["left"] == []


def test_a_target_that_dies_ends_the_stage_early_and_its_twins_are_named(
    start_backend: StartBackend, started: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    run = subprocess.Popen(
        command(start_backend(), tmp_path, "--endpoints", STATUS, "--blocks", "200"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    wait_for_block(tmp_path)
    started[0].kill()
    output, _ = run.communicate(timeout=60)
    last = end(tmp_path)
    assert run.returncode == 11
    assert "stopped answering" in str(last.aborted)
    assert str(last.aborted) in output
    assert len(last.leftover) == 4
    assert all("could not be removed" in name for name in last.leftover)


def test_a_leader_that_is_killed_leaves_the_finished_blocks_readable(
    start_backend: StartBackend, tmp_path: Path
) -> None:
    run = subprocess.Popen(
        command(start_backend(), tmp_path, "--endpoints", REFRESH, "--blocks", "40"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for_block(tmp_path)
    run.kill()
    run.wait(timeout=30)
    content = read_file(tmp_path / "evidence" / "load-025.jsonl")
    assert isinstance(content.records[0], LoadStart)
    assert any(isinstance(record, LoadBlock) for record in content.records)
    assert not any(isinstance(record, LoadEnd) for record in content.records)


def test_sigterm_ends_a_run_with_its_twins_removed_and_code_2(start_backend: StartBackend, tmp_path: Path) -> None:
    log = tmp_path / "backend.json"
    run = subprocess.Popen(
        command(start_backend("--log", str(log)), tmp_path, "--blocks", "40"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for_block(tmp_path)
    run.terminate()
    assert run.wait(timeout=30) == 2
    assert end(tmp_path).aborted is not None
    assert json.loads(log.read_text())["left"] == []


def test_an_unreachable_target_is_one_clear_message_and_inconclusive(tmp_path: Path) -> None:
    run = locust(f"http://127.0.0.1:{free_port()}", tmp_path)
    assert run.returncode == 11
    assert "cannot be reached" in run.stdout
    assert "Traceback" not in run.stderr
    assert "cannot be reached" in str(end(tmp_path).aborted)


@pytest.mark.parametrize(
    ("host", "stage", "message"),
    [
        ("http://127.0.0.1:9", "101", "'101' is no rollout percent"),
        ("http://127.0.0.1:9", "ten", "'ten' is no rollout percent"),
        ("http://192.0.2.1", "25", "--allow-writes"),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(host: str, stage: str, message: str, tmp_path: Path) -> None:
    run = locust(host, tmp_path / "run", stage=stage)
    assert run.returncode == 2
    assert message in run.stderr
    assert not (tmp_path / "run").exists()


def test_evidence_of_an_earlier_stage_is_not_mixed_with_new_evidence(
    start_backend: StartBackend, tmp_path: Path
) -> None:
    evidence = tmp_path / "evidence" / "load-025.jsonl"
    evidence.parent.mkdir()
    evidence.write_text("{}\n")
    run = locust(start_backend(), tmp_path)
    assert run.returncode == 2
    assert "earlier stage" in run.stderr
    assert evidence.read_text() == "{}\n"


def test_never_more_requests_are_under_way_than_the_target_may_have(
    start_backend: StartBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 150 requests a second and 40 ms each, six would be under way; what has no room is dropped and told."""
    host = start_backend("--delay-ms", "40")
    monkeypatch.setenv("RELEASE_GATE__LIMITS__MAX_IN_FLIGHT", "2")
    run = locust(host, tmp_path / "run", "--endpoints", REFRESH, "--stage", "25")
    assert run.returncode == 11, run.stderr
    assert end(tmp_path / "run").dropped > 0
    busiest = end(tmp_path / "run").finished * 0.04 / (6 * 0.4 + 0.3)
    assert busiest <= 2
    monkeypatch.setenv("RELEASE_GATE__LIMITS__MAX_IN_FLIGHT", "1")
    refused = locust(host, tmp_path / "two", "--endpoints", REFRESH, *several(2))
    assert "2 workers are more than the 1 requests" in refused.stdout + refused.stderr
