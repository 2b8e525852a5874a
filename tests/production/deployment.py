"""The real backend as the example's own script runs it, and the example's own profile for it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verification.settings import Settings

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "video-analytics"
LONGEST_S = 120


@dataclass(frozen=True)
class Deployment:
    """A backend on a port and a state folder of its own. `options` go to the backend, the last one of a kind wins."""

    port: int
    state_dir: Path
    options: tuple[str, ...] = ()
    database_url: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.state_dir / "backend.log").read_text(encoding="utf-8")

    def command(self, percent: str = "{percent}") -> tuple[str, ...]:
        own = ("--port", str(self.port), "--state-dir", str(self.state_dir))
        return (sys.executable, str(EXAMPLE / "start_rollout.py"), percent, *own, "--", *self.options)

    def at(self, percent: str) -> subprocess.CompletedProcess[str]:
        """Run the script as a person would; tells what it said."""
        environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
        if self.database_url is not None:
            environment["DATABASE_URL"] = self.database_url
        return subprocess.run(
            self.command(percent), capture_output=True, text=True, timeout=LONGEST_S, check=False, env=environment
        )

    def settings(self, report_dir: Path, **sections: Any) -> Settings:
        """The example's profile, pointed at this deployment; `sections` stand in the place of its own."""
        profile = tomllib.loads((EXAMPLE / "rollout.toml").read_text(encoding="utf-8"))
        log_file = str(self.state_dir / "backend.log")
        profile["target"] |= {"url": self.url, "log_file": log_file}
        profile["percent"] = {"command": self.command()}
        run = {"report_dir": report_dir, "allow_percent_change": True, "allow_restart": True}
        return Settings.model_validate({**profile, "run": run, **sections})


@contextmanager
def deployed(
    state_dir: Path, *options: str, percent: int = 50, database_url: str | None = None
) -> Iterator[Deployment]:
    """A backend that is up at the percent, and ended by the script itself."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
    deployment = Deployment(port, state_dir, ("--device-scale", "0", *options), database_url)
    try:
        started = deployment.at(str(percent))
        assert started.returncode == 0, started.stderr
        yield deployment
    finally:
        assert deployment.at("stop").returncode == 0
