"""What a backend tells of itself: everything, as the embedded one does, or as little as the real deployment.

A shape replaces parts of a backend that is put together already, as a seeded defect does; both implementations stay
what they are, and so do their answers but for the headers that name their maker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from verification.reference.backend import Backend
from verification.reference.metrics import CountsForcedOnly
from verification.reference.witness import Unsigned


@dataclass(frozen=True, slots=True)
class Shape:
    """One way of telling, with what makes a backend tell in that way."""

    told: str
    installs: tuple[Callable[[Backend], None], ...] = ()


def sign_nothing(backend: Backend) -> None:
    """No `X-Served-By` and no `Server-Timing` in any answer."""
    backend.legacy = backend.router.legacy = Unsigned(backend.legacy.name, backend.legacy.application)
    backend.domain = backend.router.domain = Unsigned(backend.domain.name, backend.domain.application)


def count_forced_only(backend: Backend) -> None:
    """Usage counters that know nothing of the requests that the flag routed."""
    backend.metrics = backend.router.metrics = backend.monitoring.counters = CountsForcedOnly()


DEFAULT_SHAPE = "telling"
SHAPES = {
    DEFAULT_SHAPE: Shape("answers name who made them, and the usage counters count every request"),
    "production": Shape(
        "answers name nobody, and the usage counters count only what force_domain forced",
        (sign_nothing, count_forced_only),
    ),
    "production-counting-all": Shape(
        "answers name nobody, and the usage counters count every request", (sign_nothing,)
    ),
}
"""By name. Shapes come after seeded defects, so that none of these makes an answer tell again."""
