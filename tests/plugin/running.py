"""Runs the gate as a person does: pytest in a process of its own, from the project's folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ran:
    """What a finished run left."""

    code: int
    text: str
    run_dir: Path

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.run_dir / "gate.json").read_text(encoding="utf-8"))
        return found


def command(run_dir: Path, *words: str) -> list[str]:
    plain = ["-m", "pytest", "-m", "stage_gate", "-q", "-p", "no:cacheprovider", f"--run-dir={run_dir}"]
    return [sys.executable, *plain, *words]


def environment() -> dict[str, str]:
    # The outer run may be an xdist worker; the inner one is a run of its own.
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}


def gate(run_dir: Path, *words: str, timeout_s: float = 120) -> Ran:
    done = subprocess.run(
        command(run_dir, *words),
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Ran(done.returncode, done.stdout + done.stderr, run_dir)


def verification(*words: str | Path, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """A command of `python -m verification`."""
    return subprocess.run(
        [sys.executable, "-m", "verification", *words],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def start(run_dir: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(run_dir, *words),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A shell's background jobs ignore Ctrl-C, and so would everything that tests in one start.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # it takes no lock
    )


def wait_until(what: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def lines_of(run_dir: Path, name: str) -> int:
    path = run_dir / "evidence" / f"{name}.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def children_of(pid: int) -> list[int]:
    """Ids of all living descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
    found, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return sorted(found - {pid})


def is_alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
