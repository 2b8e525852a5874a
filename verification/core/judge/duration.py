"""How long a run took, from its own records."""

from __future__ import annotations

from datetime import UTC, datetime

from verification.core.records import Evidence


def duration_s(evidence: Evidence) -> float | None:
    """Seconds from the manifest to the end of the run; None where that was never written.

    A time without a zone is taken for UTC. A clock that was set back in between gives 0.
    """
    if not evidence.run_ends:
        return None
    started = _in_utc(datetime.fromisoformat(evidence.manifest.started_at))
    ended = max(_in_utc(end.ended_at) for end in evidence.run_ends)
    return max(0.0, (ended - started).total_seconds())


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
