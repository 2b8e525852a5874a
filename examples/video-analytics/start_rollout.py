#!/usr/bin/env python3
"""Put the video-analytics backend at a rollout percent: `start_rollout.py PERCENT`, or `start_rollout.py stop`.

Sets USE_DOMAIN_SERVICE and ROLLOUT_PERCENT, restarts the backend with the same state, waits for `GET /api/ping` and
looks at the two monitoring endpoints. The backend here is the reference one in the shape of the real deployment; with
DATABASE_URL in the environment it stands on that PostgreSQL. A real deployment's own script does the same with its
service manager.

It ends nothing but what an earlier call of it started on the same state folder: the running backend holds a lock on
`backend.pid` there, and only while somebody holds it is the number in that file believed.

Exit codes: 0 done, 1 the backend did not start, 2 called wrongly (nothing was changed).
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve().parent
HOST, DEFAULT_PORT = "127.0.0.1", 8000
READY_S, END_S, PAUSE_S = 60.0, 15.0, 0.05
MONITORING = ("/api/v1/monitoring/health", "/api/v1/monitoring/metrics")
# No proxy: whatever the environment says of one, this asks its own machine.
ASK = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class RolloutError(Exception):
    """What went wrong, in words for a person."""


def main() -> int:
    """Do what the command line says; returns the exit code."""
    options = _options()
    try:
        options.state_dir.mkdir(parents=True, exist_ok=True)
        with (options.state_dir / "backend.pid").open("a+", encoding="ascii") as pid_file:
            _end_previous(pid_file)
            if options.percent == "stop":
                print("stopped")
            else:
                _start(options, pid_file)
                print(f"at {options.percent} % on http://{HOST}:{options.port}, state in {options.state_dir}")
    except (RolloutError, OSError) as error:
        print(f"start_rollout: {error}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="start_rollout.py",
        description="Restart the reference backend, in the shape of the real deployment, at a rollout percent.",
        epilog="Whatever follows -- is handed to `python -m verification.reference`.",
    )
    parser.add_argument("percent", type=_percent, metavar="PERCENT", help="0 to 100; or `stop` to end the backend")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="port on 127.0.0.1 (default: %(default)s)")
    parser.add_argument(
        "--state-dir", type=Path, default=HERE / "state", help="cameras, rules, log and pid file (default: %(default)s)"
    )
    words = sys.argv[1:]
    own = words[: words.index("--")] if "--" in words else words
    options = parser.parse_args(own)
    options.state_dir, options.extra = options.state_dir.resolve(), words[len(own) + 1 :]
    return options


def _percent(text: str) -> str:
    if text == "stop" or (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 100):
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is no percent: give a whole number from 0 to 100, or stop")


def _end_previous(pid_file: IO[str]) -> None:
    """End the backend that an earlier call started here, and take its lock."""
    if _locked(pid_file):
        return
    pid_file.seek(0)
    pid = pid_file.read().strip()
    if not pid.isdigit():
        raise RolloutError(f"another call is just starting a backend there ({pid_file.name}); wait for its end")
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), number)
        deadline = time.monotonic() + END_S
        while time.monotonic() < deadline:
            if _locked(pid_file):
                return
            time.sleep(PAUSE_S)
    raise RolloutError(f"the backend with process id {pid} does not end")


def _locked(pid_file: IO[str]) -> bool:
    """True when the lock is ours now, and so no backend of this folder runs."""
    try:
        fcntl.flock(pid_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start(options: argparse.Namespace, pid_file: IO[str]) -> None:
    """Start the backend, which inherits the lock, and wait until it serves."""
    pid_file.truncate(0)
    try:
        socket.create_server((HOST, options.port)).close()
    except (OSError, OverflowError) as error:
        raise RolloutError(f"{HOST}:{options.port} cannot be had, and nothing of ours is there: {error}") from error
    command = [sys.executable, "-m", "verification.reference", "--shape", "production"]
    command += ["--host", HOST, "--port", str(options.port), "--state-dir", str(options.state_dir), *options.extra]
    environment = {
        **os.environ,
        "USE_DOMAIN_SERVICE": "false" if int(options.percent) == 0 else "true",
        "ROLLOUT_PERCENT": options.percent,
    }
    log_path = options.state_dir / "backend.log"
    with log_path.open("ab") as log:
        begun_at = log.tell()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            pass_fds=[pid_file.fileno()],
            # A process group of its own: Ctrl-C in the terminal of whoever called this is not meant for it.
            start_new_session=True,
        )
    pid_file.write(str(process.pid))
    pid_file.flush()
    try:
        _await(process, f"http://{HOST}:{options.port}")
    except RolloutError as error:
        if process.poll() is None:
            process.kill()
            process.wait(END_S)
        said = log_path.read_bytes()[begun_at:].decode(errors="replace").strip().splitlines()
        raise RolloutError(f"{error}. Its log ({log_path}) ends: {said[-1] if said else '(nothing)'}") from error


def _await(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + READY_S
    while _ask(f"{url}/api/ping") is None:
        if process.poll() is not None:
            raise RolloutError(f"the backend ended with exit code {process.returncode} before it was ready")
        if time.monotonic() > deadline:
            raise RolloutError(f"the backend did not answer {url}/api/ping within {READY_S:.0f} s")
        time.sleep(PAUSE_S)
    silent = [path for path in MONITORING if _ask(url + path) is None]
    if silent:
        raise RolloutError(f"the backend is up, but {' and '.join(silent)} do not answer 200 with JSON")


def _ask(url: str) -> object:
    """The JSON that a GET gives with status 200; None for anything else."""
    try:
        with ASK.open(url, timeout=5) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


if __name__ == "__main__":
    sys.exit(main())
