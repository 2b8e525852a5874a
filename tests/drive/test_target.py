"""The embedded backend starts, restarts with its state, refuses and ends; a named one is left alone."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from verification.core.errors import TargetError, UsageError
from verification.drive.target import EmbeddedTarget, read_log_tail


def test_a_restart_keeps_the_state_and_the_end_removes_it() -> None:
    target = EmbeddedTarget(device_scale=0.0)
    try:
        target.set_percent(0)
        camera = {"id": "kept", "name": "kept", "source": "rtsp://h/"}
        assert httpx.post(f"{target.base_url}/api/v1/cameras", json=camera).status_code == 200
        seconds = target.set_percent(100)
        answer = httpx.get(f"{target.base_url}/api/v1/cameras")
        assert answer.headers["x-served-by"] == "domain"
        assert "kept" in [found["id"] for found in answer.json()["cameras"]]
        assert seconds > 0
        assert target.death() is None
        folder = target._state_dir
    finally:
        target.close()
    assert target.death() == "the embedded backend was not started"
    assert not folder.exists()


def test_a_backend_that_ended_by_itself_is_dead_with_its_code() -> None:
    target = EmbeddedTarget(device_scale=0.0)
    try:
        target.set_percent(0)
        assert target._process is not None
        os.kill(target._process.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while target.death() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "exit code -9" in (target.death() or "")
    finally:
        target.close()


def test_a_broken_percent_is_refused_with_what_the_backend_said() -> None:
    target = EmbeddedTarget()
    try:
        refused, said = target.refuses("101")
        assert refused
        assert "0 to 100" in said
    finally:
        target.close()


def test_a_backend_that_does_not_start_says_why() -> None:
    target = EmbeddedTarget(defects=("no-such-defect",))
    try:
        with pytest.raises(TargetError, match="no-such-defect"):
            target.set_percent(0)
        with pytest.raises(UsageError, match="no such defect"):
            target.require_known_defects()
    finally:
        target.close()


def test_the_end_of_a_log_is_read_redacted(tmp_path: Path) -> None:
    path = tmp_path / "backend.log"
    path.write_text("start\n" * 100_000 + "opened rtsp://u:canary@h/\n", encoding="utf-8")
    text = read_log_tail(path)
    assert text.endswith("[redacted]@h/\n")
    assert len(text) < 300_000
    assert read_log_tail(tmp_path / "none") == ""
