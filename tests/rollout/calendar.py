"""Weeks that pass in minutes: waiting costs no time, and what is done takes as long as it takes."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from verification.rollout.clock import Uptime


class Calendar:
    """A clock whose `sleep` is over at once."""

    def __init__(self, begins: datetime = datetime(2026, 11, 2, 8, tzinfo=UTC)) -> None:
        self._begins, self._slept = begins, 0.0
        self._real = time.monotonic()
        self.stepped = timedelta()
        self.boot_id = "one start of the machine"

    def begin_now(self) -> None:
        """Agree with the machine's own clock, for another process looks at that."""
        self._begins = datetime.now(UTC) - timedelta(seconds=self.elapsed())

    def now(self) -> datetime:
        return self._begins + timedelta(seconds=self.elapsed()) + self.stepped

    def elapsed(self) -> float:
        return time.monotonic() - self._real + self._slept

    def uptime(self) -> Uptime:
        return Uptime(self.boot_id, self.elapsed())

    def sleep(self, seconds: float) -> None:
        self._slept += seconds
