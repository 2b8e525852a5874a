"""Runs one stage of load: Locust as a subprocess, its progress passed on, its evidence left in the run's folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from verification.core.redact import redact_text
from verification.core.witness import DEFAULT_WITNESS, Witness
from verification.settings import HANDED

LOCUSTFILE = Path(__file__).resolve().parents[2] / "loadtests" / "locustfile.py"
START_AND_SET_UP_S = 90.0
CLEAN_UP_S = 30.0
_TAIL_LINES = 30
_GATE_CODES = frozenset({0, 10, 11, 12})

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """One stage of load. Durations in seconds; `blocks` counts time blocks of all kinds."""

    host: str
    stage_percent: int
    rate_per_s: float
    block_s: float
    blocks: int
    seed: int
    processes: int = 1
    disposable: bool = False
    """The target is thrown away afterwards: no cap on what cannot be deleted."""
    max_rules: int = 100
    allow_writes: bool = False
    allow_destructive: bool = False
    drain_s: float = 10.0
    warm_up_s: float = 2.0
    endpoints: tuple[str, ...] = ()
    """Ids; empty: all of the catalog."""
    server_time_header: str = "Server-Timing"
    witness: Witness = DEFAULT_WITNESS
    error_status_from: int = 500
    settings: str = ""
    """The run's settings as JSON, for what is no option of Locust's; empty: those of the default file."""
    ramp_rates: tuple[float, ...] = ()
    """Instead of a stage: a block at each of these rates, all on control."""
    whole: bool = False
    """Keep the timetable to its end, even when enough is known before."""
    raw_samples: Path | None = None
    """Every request's own times, as a table for each worker beside this path: only to check the histograms against."""

    @property
    def evidence_name(self) -> str:
        """Name of the evidence file."""
        if self.ramp_rates:
            return "load-ramp"
        return f"load-{self.stage_percent:03d}"

    @property
    def longest_s(self) -> float:
        """After this long something hangs."""
        planned = self.warm_up_s + self.block_s * self.blocks + self.drain_s
        return START_AND_SET_UP_S + planned + CLEAN_UP_S


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """How the subprocess ended. `failure` is None when that was with a gate code; otherwise why not, redacted."""

    exit_code: int
    failure: str | None


def run_stage(plan: LoadPlan, run_dir: Path, on_progress: Progress) -> LoadOutcome:
    """Measure one stage; its evidence goes to `evidence/<evidence_name>.jsonl` in `run_dir`, block by block.

    Never leaves a process behind: on an interruption Locust is asked to clean up what it made, and is ended if it
    does not.
    """
    # A session of its own: Ctrl-C reaches us alone, and we pass it on once, to the process that leads.
    locust = subprocess.Popen(  # our own interpreter and our own file
        command(plan, run_dir),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        env=_environment(plan),
    )
    complaints: deque[str] = deque(maxlen=_TAIL_LINES)
    readers = [_reader(locust.stdout, on_progress), _reader(locust.stderr, complaints.append)]
    hung = False
    try:
        locust.wait(timeout=plan.longest_s)
    except subprocess.TimeoutExpired:
        hung = True
    finally:
        _end(locust)
    for reader in readers:
        reader.join(timeout=5)
    return LoadOutcome(locust.returncode, _failure(plan, locust.returncode, complaints, hung=hung))


def command(plan: LoadPlan, run_dir: Path) -> list[str]:
    """The command line that measures the stage."""
    line = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"]
    values: dict[str, object] = {
        "--stage": plan.stage_percent,
        "--rate": plan.rate_per_s,
        "--block-seconds": plan.block_s,
        "--blocks": plan.blocks,
        "--load-seed": plan.seed,
        "--warm-up-seconds": plan.warm_up_s,
        "--drain-seconds": plan.drain_s,
        "--run-dir": run_dir.resolve(),
        "--evidence-name": plan.evidence_name,
        "--max-rules": plan.max_rules,
        "--error-status-from": plan.error_status_from,
        "--server-time-header": plan.server_time_header,
        "--witness-legacy": plan.witness.legacy,
        "--witness-domain": plan.witness.domain,
    }
    if plan.witness.address:
        pass  # told by the settings
    elif plan.witness.header is not None:
        values["--witness-header"] = plan.witness.header
    elif plan.witness.body is not None:
        values["--witness-body"] = plan.witness.body
    if plan.ramp_rates:
        values["--ramp-rates"] = ",".join(f"{rate:g}" for rate in plan.ramp_rates)
    if plan.endpoints:
        values["--endpoints"] = ",".join(plan.endpoints)
    if plan.processes > 1:
        port = _free_port()
        values |= {"--processes": plan.processes, "--master-port": port, "--master-bind-port": port}
    if plan.raw_samples is not None:
        values["--raw-samples"] = plan.raw_samples
    for option, value in values.items():
        line += [option, str(value)]
    line += ["--disposable-target"] if plan.disposable else []
    line += ["--allow-writes"] if plan.allow_writes else []
    line += ["--allow-destructive"] if plan.allow_destructive else []
    line += ["--whole"] if plan.whole else []
    unnamed = plan.witness.header is None and plan.witness.body is None and not plan.witness.address
    line += ["--no-witness"] if unnamed else []
    return line


def _environment(plan: LoadPlan) -> dict[str, str]:
    # LOCUST_* variables of the caller would change what is measured here.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    # Not by the command line: there everybody on the machine could read a URL with its password.
    handed = {HANDED: plan.settings} if plan.settings else {}
    return {**clean, **handed, "LOCUST_HOST": plan.host, "PYTHONUNBUFFERED": "1"}


def _reader(stream: IO[str] | None, take: Progress) -> threading.Thread:
    def read() -> None:
        if stream is not None:
            with stream:
                for line in stream:
                    if line.strip():
                        take(line.rstrip("\n"))

    thread = threading.Thread(target=read, name="locust-output", daemon=True)
    thread.start()
    return thread


def _end(locust: subprocess.Popen[str]) -> None:
    """Ask it to end, wait for its clean-up, then kill its whole group; nothing happens when it is over."""
    if locust.poll() is None:
        # Not SIGINT: a gate that runs in a shell's background ignores that, and so does all that it starts.
        locust.terminate()
        try:
            locust.wait(timeout=CLEAN_UP_S)
        except subprocess.TimeoutExpired:
            os.killpg(locust.pid, signal.SIGKILL)
            locust.wait()
        return
    # Workers outlive a leader that was killed.
    try:
        os.killpg(locust.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _failure(plan: LoadPlan, code: int, complaints: Sequence[str], *, hung: bool) -> str | None:
    if not hung and code in _GATE_CODES:
        return None
    ending = f"was still running after {plan.longest_s:.0f} s" if hung else f"ended with code {code}"
    said = "\n".join(complaints) or "It said nothing."
    return redact_text(f"Locust at {plan.stage_percent} % {ending}. Its last lines:\n{said}")


def _free_port() -> int:
    """A port for master and workers, so that two runs on one machine do not meet. Locust itself cannot choose one."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
