"""A short stage as a person starts it, and the evidence that it leaves."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from verification.core.records import LoadBlock, LoadEnd, Record
from verification.drive.load import LOCUSTFILE
from verification.evidence import read_file

# What matters here is that the judge has spoken; so few requests prove little.
VERDICT_CODES = (0, 10, 11)
QUICK = ("--blocks", "6", "--block-seconds", "0.4", "--warm-up-seconds", "0.3", "--rate", "150", "--drain-seconds", "5")

StartBackend = Callable[..., str]


def command(host: str, run_dir: Path, *options: str, stage: str = "25") -> list[str]:
    line = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary", "--host", host]
    return [*line, "--stage", stage, "--run-dir", str(run_dir), *QUICK, *options]


def locust(
    host: str, run_dir: Path, *options: str, stage: str = "25", timeout_s: float = 60
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(host, run_dir, *options, stage=stage), capture_output=True, text=True, timeout=timeout_s, check=False
    )


def records(run_dir: Path, name: str = "load-025") -> tuple[Record, ...]:
    return read_file(run_dir / "evidence" / f"{name}.jsonl").records


def blocks(run_dir: Path) -> list[LoadBlock]:
    return [record for record in records(run_dir) if isinstance(record, LoadBlock)]


def end(run_dir: Path, name: str = "load-025") -> LoadEnd:
    last = records(run_dir, name)[-1]
    assert isinstance(last, LoadEnd)
    return last


def intended(run_dir: Path) -> dict[str, Counter[int]]:
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for block in blocks(run_dir):
        for cell in block.cells:
            found[cell.endpoint].update(cell.intended)
    return found


def wait_for_block(run_dir: Path, worker: str = "w0") -> None:
    """Until that worker's first block is on the disk."""
    path = run_dir / "evidence" / "load-025.jsonl"
    give_up = time.monotonic() + 30
    while f'"worker":"{worker}"' not in (path.read_text() if path.exists() else ""):
        assert time.monotonic() < give_up
        time.sleep(0.1)


def children_of(pid: int) -> list[int]:
    """Ids of the processes that a process started."""
    told = Path(f"/proc/{pid}/task/{pid}/children")
    if not told.exists():
        pytest.skip("this system does not tell a process's children")
    return [int(child) for child in told.read_text().split()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def several(processes: int) -> tuple[str, ...]:
    port = str(free_port())
    return ("--processes", str(processes), "--master-port", port, "--master-bind-port", port)
