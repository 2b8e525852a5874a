"""A run that is interrupted or killed keeps what it measured, says so, and leaves no process behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.plugin.running import children_of, is_alive, lines_of, start, verification, wait_until


def verdict(run_dir: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((run_dir / "gate.json").read_text(encoding="utf-8"))
    return found


def judged_again(run_dir: Path) -> subprocess.CompletedProcess[str]:
    return verification("judge", run_dir)


def test_ctrl_c_in_the_middle_of_comparing(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    process = start(run_dir, "-k", "parity")
    wait_until(lambda: lines_of(run_dir, "main") >= 3)
    descendants = children_of(process.pid)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 2, text
    assert descendants
    wait_until(lambda: not any(map(is_alive, descendants)), 15)
    report = verdict(run_dir)
    assert report["verdict"] == "INCONCLUSIVE"
    assert isinstance(report["duration_s"], float)
    assert any("interrupted" in str(reason) for reason in report["reasons"])  # type: ignore[attr-defined]  # a list


def test_ctrl_c_in_the_middle_of_the_load(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    process = start(run_dir, "-k", "latency", "--stage", "25")
    wait_until(lambda: lines_of(run_dir, "load-025") >= 3)
    descendants = children_of(process.pid)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=90)
    assert process.returncode == 2, text
    assert len(descendants) >= 2
    wait_until(lambda: not any(map(is_alive, descendants)), 40)
    assert lines_of(run_dir, "load-025") >= 3
    assert verdict(run_dir)["verdict"] == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("words", "file"), [(("-k", "parity"), "main"), (("-k", "latency", "--stage", "25"), "load-025")]
)
def test_a_killed_run_leaves_a_report_and_evidence_that_can_be_judged(
    tmp_path: Path, words: tuple[str, ...], file: str
) -> None:
    run_dir = tmp_path / "run"
    process = start(run_dir, *words)
    wait_until(lambda: lines_of(run_dir, file) >= 3)
    descendants = children_of(process.pid)
    process.kill()
    process.communicate(timeout=30)
    report = verdict(run_dir)
    assert report["verdict"] == "INCONCLUSIVE"
    assert "missing" in str(report["reasons"])
    again = judged_again(run_dir)
    assert again.returncode == 11, again.stderr
    assert verdict(run_dir)["duration_s"] is None, "nobody knows when it ended"
    wait_until(lambda: not any(map(is_alive, descendants)), 60)


def test_a_backend_that_is_killed_is_named_and_never_a_pass(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    process = start(run_dir, "-k", "parity")
    wait_until(lambda: lines_of(run_dir, "main") >= 3)
    backend = children_of(process.pid)[0]
    os.kill(backend, signal.SIGKILL)
    text, _ = process.communicate(timeout=120)
    assert process.returncode in (11, 12), text
    reasons = str(verdict(run_dir)["reasons"]) + str(verdict(run_dir)["findings"])
    assert "ended with exit code -9" in reasons
    assert lines_of(run_dir, "main") >= 3
