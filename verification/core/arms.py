"""From arm to request, and from what a witness names to the implementation that served."""

from __future__ import annotations

from verification.core.model import EXPECTED_IMPLEMENTATION, Arm, Exchange, Implementation

SERVER_TIME_HEADER = "server-timing"
_BY_NAME = {known.value: known for known in Implementation}
_FORCED = {Arm.CONTROL: "false", Arm.CANDIDATE: "true"}


def force_query(arm: Arm | None) -> tuple[tuple[str, str], ...]:
    """Query parameters that put a request on an arm; None leaves the choice to the flag."""
    return () if arm is None else (("force_domain", _FORCED[arm]),)


def implementation(served: str | None) -> Implementation | None:
    """The implementation that a witness names; None when it names none or one that does not exist."""
    return _BY_NAME.get((served or "").strip().lower())


def is_proven(exchange: Exchange) -> bool:
    """True when the witness names the implementation that the arm asked for."""
    return implementation(exchange.served_by) is EXPECTED_IMPLEMENTATION[exchange.arm]


def is_fallback(exchange: Exchange) -> bool:
    """True when legacy served a request that was put on candidate."""
    return exchange.arm is Arm.CANDIDATE and implementation(exchange.served_by) is Implementation.LEGACY
