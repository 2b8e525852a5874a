"""The backend under verification: a named URL, or the embedded reference backend in a process of its own."""

from __future__ import annotations

import difflib
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Protocol

from verification.core.errors import TargetError, UsageError
from verification.core.redact import redact_text

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
_LOG_TAIL_BYTES = 200_000
_DATABASE = "DATABASE_URL"
"""Environment variable in which the embedded backend looks for its database."""


class Target(Protocol):
    """What the suite needs of a backend."""

    base_url: str
    owned: bool

    @property
    def log_path(self) -> Path | None:
        """Its log; None where there is none to read."""

    def set_percent(self, percent: int) -> float:
        """Put the backend at a rollout percent and wait until it is ready; returns the seconds that took."""

    def death(self) -> str | None:
        """Why the backend is gone; None while it lives (or cannot be known to be gone)."""

    def log_text(self) -> str:
        """The end of its log, redacted; empty where there is none to read."""

    def stop(self) -> None:
        """End what the suite has started for now; `set_percent` starts it again with the same state."""

    def close(self) -> None:
        """End what the suite has started and remove its state."""


class EmbeddedTarget:
    """The reference backend as a subprocess on 127.0.0.1. Its state outlasts restarts and is removed at the end.

    The state is not evidence: it holds what the backend was told, secrets too, so it lies outside the run's folder.
    """

    owned = True

    def __init__(
        self,
        *,
        defects: tuple[str, ...] = (),
        device_scale: float = 1.0,
        seed: int = 0,
        shape: str = "telling",
        database_environment: str | None = None,
    ) -> None:
        self._defects, self._device_scale, self._seed, self._shape = defects, device_scale, seed, shape
        self._environment = _environment(database_environment)
        self._folder = tempfile.TemporaryDirectory(prefix="release-gate-backend-")
        self._state_dir = Path(self._folder.name)
        self.log_path = self._state_dir / "backend.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.base_url = ""

    def set_percent(self, percent: int) -> float:
        """Restart the backend at the percent; TargetError carries the end of its log."""
        started = time.monotonic()
        self.stop()
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(str(percent)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment,
            )
        self.base_url = f"http://127.0.0.1:{self._await_port(self._process)}"
        return time.monotonic() - started

    def refuses(self, percent: str) -> tuple[bool, str]:
        """Whether a start with this percent is refused, as a broken percent must be, and what the backend said."""
        command = [*self._command("0"), "--port", "0"]
        command[command.index("--percent") + 1] = percent
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self._environment
        )
        try:
            _, errors = process.communicate(timeout=START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return False, f"it started with ROLLOUT_PERCENT={percent!r}"
        text = redact_text(errors.decode(errors="replace").strip())
        return process.returncode != 0, text.splitlines()[-1] if text else f"exit {process.returncode}"

    def require_known_defects(self) -> None:
        """Refuse a defect that the backend does not list; TargetError names the nearest."""
        if not self._defects:
            return
        listing = subprocess.run(
            [sys.executable, "-m", "verification.reference", "--list-defects", "--json"],
            capture_output=True,
            timeout=START_TIMEOUT_S,
            check=False,
        )
        if listing.returncode != 0:
            raise TargetError(redact_text(listing.stderr.decode(errors="replace").strip()))
        known = [row["name"] for row in json.loads(listing.stdout)]
        for name in self._defects:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f" Did you mean {near[0]}?" if near else ""
                raise UsageError(
                    f"--defect {name}: there is no such defect.{hint} "
                    "`python -m verification.reference --list-defects` explains each."
                )

    def _command(self, percent: str) -> list[str]:
        command = [sys.executable, "-m", "verification.reference", "--port", "0", "--percent", percent]
        command += ["--state-dir", str(self._state_dir), "--exit-with-stdin", "--seed", str(self._seed)]
        command += ["--device-scale", str(self._device_scale), "--shape", self._shape]
        for defect in self._defects:
            command += ["--defect", defect]
        return command

    def _await_port(self, process: subprocess.Popen[bytes]) -> int:
        line = _read_line(process.stdout, START_TIMEOUT_S)
        try:
            port = json.loads(line)["port"]
        except (ValueError, KeyError, TypeError):
            self.stop()
            raise TargetError(
                f"the embedded backend did not start (exit {process.returncode}). Its log ends with:\n"
                f"{self.log_text()[-800:].strip() or '(nothing)'}"
            ) from None
        return int(port)

    def death(self) -> str | None:
        """The exit code and last log lines of a backend that ended by itself."""
        if self._process is None:
            return "the embedded backend was not started"
        code = self._process.poll()
        if code is None:
            return None
        lines = self.log_text().strip().splitlines()
        return f"the backend ended with exit code {code}; its log ends: {' | '.join(lines[-3:])}"

    def log_text(self) -> str:
        """The end of its standard error, redacted."""
        return read_log_tail(self.log_path)

    def close(self) -> None:
        """End the process and remove its state."""
        self.stop()
        self._folder.cleanup()

    def stop(self) -> None:
        """End the process: first by closing its standard input, then by signal."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _environment(database: str | None) -> dict[str, str]:
    """Ours, less a database URL that was meant for something else; with the one that the settings name."""
    kept = {name: value for name, value in os.environ.items() if name != _DATABASE}
    if database is None:
        return kept
    url = os.environ.get(database, "").strip()
    if not url:
        raise UsageError(f"target.database_environment: the environment variable {database} is not set.")
    return {**kept, _DATABASE: url}


def read_log_tail(path: Path) -> str:
    """The last part of a log, redacted; empty when it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _LOG_TAIL_BYTES))
            return redact_text(file.read().decode(errors="replace"))
    except OSError:
        return ""


def _read_line(stream: IO[bytes] | None, timeout_s: float) -> bytes:
    """One line, or what came before the time ran out or the stream ended."""
    if stream is None:
        return b""
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        deadline = time.monotonic() + timeout_s
        while not line.endswith(b"\n"):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                break
            chunk = os.read(stream.fileno(), 4096)
            if not chunk:
                break
            line += chunk
    return line
