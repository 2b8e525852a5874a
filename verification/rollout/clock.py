"""The clocks that a release over days reads; passed in, so that weeks can be tried in minutes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Uptime:
    """How long the machine has run. Only of the same start of it two of them can be compared."""

    boot_id: str
    seconds: float


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> datetime:
        """The present moment, in UTC."""

    def elapsed(self) -> float:
        """Seconds on a clock that nobody sets."""

    def uptime(self) -> Uptime | None:
        """A clock that nobody sets and that goes on from process to process; None where the machine has none."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's own."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC)

    def elapsed(self) -> float:
        """Seconds on a clock that nobody sets."""
        return time.monotonic()

    def uptime(self) -> Uptime | None:
        """As Linux tells it, with the time in which the machine slept; None elsewhere."""
        number = getattr(time, "CLOCK_BOOTTIME", None)
        try:
            boot_id = _BOOT_ID.read_text(encoding="ascii").strip()
            return None if number is None or not boot_id else Uptime(boot_id, time.clock_gettime(number))
        except (OSError, ValueError):
            return None

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
