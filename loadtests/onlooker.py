"""The process that looks at a stage while it is measured (`loadtests/watch.py`), as its leader sees it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import gevent

_WATCH = Path(__file__).with_name("watch.py")

logger = logging.getLogger("loadtests")


class Onlooker:
    """Starts the process and hears it; without it, or when it fails, the stage is kept to its end."""

    def __init__(self, run_dir: Path, evidence_name: str, percent: int, longest_s: float) -> None:
        self.ends_because = ""
        """Why the stage may end, in words; empty while it may not."""
        self.open: tuple[str, ...] = ()
        """Endpoints whose P95 was not decided at its last look; none before the first."""
        words = [str(run_dir.resolve()), evidence_name, str(percent), f"{longest_s:.0f}"]
        self._process = subprocess.Popen(
            [sys.executable, str(_WATCH), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        self._ended = False
        self._hearing = gevent.spawn(self._hear)

    def close(self) -> None:
        """End the process, if it is still there; more calls do nothing."""
        self._ended = True
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._hearing.join(timeout=1)

    def _hear(self) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        with stream:
            for line in stream:
                said = json.loads(line)
                self.open = tuple(said["open"])
                self.ends_because = str(said["ends_because"])
        if self._process.wait() != 0 and not self._ended:
            logger.warning("The process that looks at the stage failed; the stage is measured to its end.")
