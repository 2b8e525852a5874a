"""What the backend counts of its own requests. Counters start at 0 with the process."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from verification.reference.database import now

REMEMBERED = 1000
RECENT_ERRORS = 10


class Metrics:
    """Counts each request behind the flag once, by what was answered and by who answered it."""

    def __init__(self) -> None:
        self.by_status: Counter[int] = Counter()
        self.served: Counter[str] = Counter()
        self.times_ms: deque[float] = deque(maxlen=REMEMBERED)
        self.recent_errors: deque[dict[str, Any]] = deque(maxlen=RECENT_ERRORS)

    def count(self, status: int, elapsed_ms: float, served_by: str | None, forced: bool | None) -> None:
        """Take in one answered request. A fallback counts for legacy, which made the answer."""
        self.by_status[status] += 1
        self.times_ms.append(elapsed_ms)
        if status >= 400:
            # Testers force an arm, users do not: whoever reads the list wants to know whose errors these were.
            self.recent_errors.append({"timestamp": now(), "status": status, "forced": forced is not None})
        if served_by is not None:
            self.served[served_by] += 1

    def report(self) -> dict[str, Any]:
        """The counters as `/monitoring/metrics` shows them; rates in percent, times in ms."""
        total = sum(self.by_status.values())
        errors = sum(count for status, count in self.by_status.items() if status >= 400)
        domain, legacy = self.served["domain"], self.served["legacy"]
        return {
            "requests": {
                "total": total,
                "success": total - errors,
                "error": errors,
                "success_rate": _percent(total - errors, total),
                "error_rate": _percent(errors, total),
                "by_status": {str(status): count for status, count in sorted(self.by_status.items())},
            },
            "domain_service": {
                "usage_count": domain,
                "old_count": legacy,
                "usage_rate": _percent(domain, domain + legacy),
            },
            "response_time": self._response_time(),
            "errors": {"total": errors, "recent": list(self.recent_errors)},
        }

    def _response_time(self) -> dict[str, float]:
        times = sorted(self.times_ms)
        if not times:
            return dict.fromkeys(("p50_ms", "p95_ms", "p99_ms", "max_ms", "avg_ms"), 0.0)
        # Nearest rank: the smallest time that at least the share of all requests does not exceed.
        ranked = {f"p{share}_ms": round(times[-(-len(times) * share // 100) - 1], 3) for share in (50, 95, 99)}
        return {**ranked, "max_ms": round(times[-1], 3), "avg_ms": round(sum(times) / len(times), 3)}


class CountsForcedOnly(Metrics):
    """Leaves the requests that the flag routed out of the usage counters, as the real deployment does."""

    def count(self, status: int, elapsed_ms: float, served_by: str | None, forced: bool | None) -> None:
        """Take in one answered request; who served it counts only where the request said who should."""
        super().count(status, elapsed_ms, served_by if forced is not None else None, forced)


def _percent(part: int, whole: int) -> float:
    return round(100.0 * part / whole, 3) if whole else 0.0
