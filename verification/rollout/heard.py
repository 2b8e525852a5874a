"""What is heard of the requests of a look: who served them, which ended in an error, which were never sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from verification.core.arms import implementation
from verification.core.histogram import TOP_BIN, bin_of
from verification.core.model import Arm, Exchange, Implementation
from verification.core.release.events import Seen
from verification.drive.caller import was_asked
from verification.settings import Settings


class Heard:
    """Hears every exchange of a look."""

    def __init__(self) -> None:
        self.served: Counter[Implementation | None] = Counter()
        self.unasked: Counter[str] = Counter()
        """Why requests were not sent -> how many."""

    def add(self, exchange: Exchange) -> None:
        """Hear of one exchange."""
        if was_asked(exchange):
            self.served[implementation(exchange.served_by)] += 1
        else:
            self.unasked[str(exchange.failure)] += 1

    @property
    def told(self) -> str:
        """What was not asked and why, in words; empty where everything was."""
        return "; ".join(f"{count} requests {why}" for why, count in self.unasked.items())


def is_error(exchange: Exchange, settings: Settings) -> bool:
    """Whether the policy takes it for an error: no answer, or a status from the one on that it names."""
    return exchange.answer is None or exchange.answer.status >= settings.rates.error_status_from


def seen_of(name: str, arm: Arm, exchanges: Sequence[Exchange], settings: Settings, *, unsent: int = 0) -> Seen:
    """What was seen of one read or write on one arm. What was not asked says nothing; `unsent` are errors before it
    could be asked."""
    asked = [one for one in exchanges if was_asked(one)]
    times: Counter[int] = Counter({TOP_BIN: unsent} if unsent else {})
    errors = unsent
    for one in asked:
        failed = is_error(one, settings)
        errors += failed
        times[TOP_BIN if failed else bin_of(one.elapsed_ms)] += 1
    served = Counter(implementation(one.served_by) for one in asked if one.answer is not None)
    # An error of the backend's need not say who made it.
    unnamed = sum(implementation(one.served_by) is None and not is_error(one, settings) for one in asked)
    return Seen(
        name,
        arm,
        len(asked) + unsent,
        errors,
        served[Implementation.LEGACY],
        served[Implementation.DOMAIN],
        unnamed,
        dict(times),
    )
