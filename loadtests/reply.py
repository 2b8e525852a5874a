"""What came back for one request of the load. Pure, so that what depends on it can be tested without Locust."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `status` 0: nothing did, `failure` says why. Moments in seconds on the monotonic clock."""

    status: int
    body: str
    served_by: str | None
    server_ms: float | None
    failure: str | None
    timed_out: bool
    sent_at_s: float
    done_at_s: float
    length: int

    @property
    def ok(self) -> bool:
        """True for a 2xx answer that came in time."""
        return 200 <= self.status < 300 and self.failure is None

    def is_error(self, error_status_from: int) -> bool:
        """True where nothing came, or not all of it, or a status from this one on."""
        return self.failure is not None or not 0 < self.status < error_status_from


def silence(failure: str, sent_at_s: float, done_at_s: float, *, timed_out: bool) -> Reply:
    """No answer at all, and why."""
    return Reply(0, "", None, None, failure, timed_out, sent_at_s, done_at_s, 0)


def server_time_ms(value: str | None) -> float | None:
    """The server's own time in ms: the first `dur` of a `Server-Timing` header, or a plain number; None without one."""
    if value is None:
        return None
    texts = [part.partition("=")[2] for part in value.replace(",", ";").split(";") if part.strip().startswith("dur=")]
    try:
        milliseconds = float((texts[0] if texts else value).strip().strip('"'))
    except ValueError:
        return None
    return milliseconds if math.isfinite(milliseconds) and milliseconds > 0 else None
