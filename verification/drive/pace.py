"""Keeps what is sent to a named target below its cap, whoever in this process sends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cache

from verification.settings import Settings


class Pace:
    """Spaces requests so that no second holds more of them than the cap. Threads may share it."""

    def __init__(
        self,
        max_per_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval_s = 1.0 / max_per_s
        self._clock, self._sleep = clock, sleep
        self._next_at_s = clock()
        self._together = 0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait until the next request may be sent."""
        with self._lock:
            if self._together > 0:
                self._together -= 1
                return
            self._wait_for(1)

    def reserve(self, calls: int) -> None:
        """Wait until so many requests may be sent at the same moment; the pause before and after makes up for it."""
        with self._lock:
            self._wait_for(calls)
            self._together = calls

    def _wait_for(self, calls: int) -> None:
        now = self._clock()
        due = max(now, self._next_at_s) + (calls - 1) * self._interval_s
        if due > now:
            self._sleep(due - now)
        self._next_at_s = due + calls * self._interval_s


@cache
def _pace(_urls: tuple[str, ...], max_per_s: float) -> Pace:
    return Pace(max_per_s)


def pace_of(settings: Settings) -> Pace | None:
    """The one pace of this process for the named target of these settings, both URLs together where it has two.

    None where nothing is capped.
    """
    cap = settings.limits.max_rate_per_s
    return None if settings.is_embedded or cap is None else _pace(settings.target.urls, cap)
