"""Gate runs that are killed at a moment: forked from a server that has the imports behind it, so that many fit in."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.plugin.running import ROOT, wait_until

_PRELOADED = ["pytest", "verification.gate", "verification.plugin", "verification.drive.campaign"]


def _gate(run_dir: str, words: Sequence[str]) -> None:
    os.chdir(ROOT)
    for name in [name for name in os.environ if name.startswith(("PYTEST_", "COV_"))]:
        del os.environ[name]
    log = os.open(f"{run_dir}.log", os.O_WRONLY | os.O_CREAT, 0o644)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    plain = ["-m", "stage_gate", "-q", "-p", "no:cacheprovider", "-W", "ignore", f"--run-dir={run_dir}"]
    pytest.main([*plain, *words])


def killed_run(run_dir: Path, words: Sequence[str], begun: Callable[[], bool], after_s: float) -> bool:
    """Start the gate, and send SIGKILL so many seconds after it has begun; True where it was still at work then."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    process = context.Process(target=_gate, args=(str(run_dir), list(words)))
    process.start()
    try:
        wait_until(begun)
        time.sleep(after_s)
        return process.is_alive()
    finally:
        process.kill()
        process.join(20)
        process.close()
