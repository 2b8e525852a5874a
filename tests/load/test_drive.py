"""A stage as the gate drives it: progress passed on, failures told in words, nothing left behind."""

from __future__ import annotations

import _thread
import json
import signal
from pathlib import Path

import pytest

from tests.load.staging import VERDICT_CODES, StartBackend, end
from verification.drive.load import LoadPlan, run_stage


def plan(host: str, blocks: int = 6) -> LoadPlan:
    return LoadPlan(host, 25, 100.0, 0.4, blocks, 3, disposable=True, warm_up_s=0.3, drain_s=5.0)


def test_drive_runs_a_stage_and_passes_its_progress_on(start_backend: StartBackend, tmp_path: Path) -> None:
    lines: list[str] = []
    outcome = run_stage(plan(start_backend()), tmp_path, lines.append)
    assert outcome.failure is None
    assert outcome.exit_code in VERDICT_CODES
    assert any("6/6 time blocks" in line for line in lines)
    assert end(tmp_path).finished > 0


def test_drive_tells_why_locust_could_not_work(tmp_path: Path) -> None:
    outcome = run_stage(plan("http://127.0.0.1:9", blocks=2), tmp_path, lambda _: None)
    assert outcome.exit_code == 2
    assert outcome.failure is not None
    assert "--blocks 6" in outcome.failure


def test_drive_that_is_interrupted_leaves_no_process_and_no_twin(start_backend: StartBackend, tmp_path: Path) -> None:
    log = tmp_path / "backend.json"
    host = start_backend("--log", str(log))
    interrupted: list[str] = []

    def interrupt(line: str) -> None:
        if not interrupted:
            interrupted.append(line)
            _thread.interrupt_main()

    # In a shell's background Ctrl-C is ignored, and then nothing would interrupt.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_stage(plan(host, blocks=40), tmp_path, interrupt)
    finally:
        signal.signal(signal.SIGINT, before)
    assert end(tmp_path).aborted is not None
    assert json.loads(log.read_text())["left"] == []
