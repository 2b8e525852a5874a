"""Texts and numbers as all reports show them. What a backend said is data: its control characters never get out.

Words are English here; `texts.told` tells them otherwise.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from verification.core import printable
from verification.core.judge.fields import ABOVE_NOISE, DIFFERENCE, WITHIN_NOISE
from verification.core.judgement import EndpointParity, FieldParity, Judgement
from verification.core.said import say

HIDDEN, visible, block = printable.HIDDEN, printable.visible, printable.block
"""How text is shown that may have come from a backend."""


def change(share: float | None) -> str:
    """A change as a signed percentage: 0.123 is +12.3 %."""
    if share is None or math.isnan(share):
        return say("not known")
    if math.isinf(share):
        return say("without limit") if share > 0 else say("not known")
    return f"{round(share * 100, 1) + 0.0:+.1f} %"


def interval(low: float | None, high: float | None) -> str:
    """A 95 % interval of a change; an end that the data do not set is left open."""
    below = None if low is None or not math.isfinite(low) or low <= -1 else change(low)
    above = None if high is None or not math.isfinite(high) else change(high)
    if below is None and above is None:
        return say("no bounds")
    if below is None:
        return say("at most {high}", high=above)
    return say("at least {low}", low=below) if above is None else say("{low} to {high}", low=below, high=above)


def ends(low: float | None, high: float | None) -> str:
    """The same interval where space is short: -3.2 … +5.1 %."""
    whole = interval(low, high)
    return whole.replace(" % to ", " … ").replace("at least ", "≥ ").replace("at most ", "≤ ")


def share(value: float | None) -> str:
    """A share as a percentage: 0.0123 is 1.23 %."""
    return say("not known") if value is None or not math.isfinite(value) else f"{value * 100:.2f} %"


def milliseconds(value: float | None) -> str:
    """A duration with three significant digits: 4.56 ms."""
    if value is None or math.isnan(value):
        return say("not known")
    if math.isinf(value):
        return say("among errors")
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f} ms"


def seconds(value: float | None) -> str:
    """A duration in seconds: 1.2 s."""
    return say("not timed") if value is None or not math.isfinite(value) else f"{value:.1f} s"


def duration(value: float | None) -> str:
    """How long a run took, to the second: 7 min 42 s."""
    if value is None or not math.isfinite(value):
        return say("not known")
    minutes, left = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return say("{hours} h {minutes} min", hours=hours, minutes=minutes)
    return say("{minutes} min {seconds} s", minutes=minutes, seconds=left) if minutes else f"{left} s"


def p_value(value: float) -> str:
    """A p-value with two digits that count: 0.031; a very small one as its bound."""
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}"


def excluded(row: EndpointParity) -> str:
    """What the equal pairs of an endpoint prove, in words. The rate is rounded up: no less was proven than is said."""
    if not row.pairs:
        return say("no pair was compared")
    if row.excluded_rate is None:
        words = "{equal} of {pairs} pairs are equal, which excludes no rate of differences"
        return say(words, equal=count(row.equal_pairs), pairs=count(row.pairs))
    rate = share(math.ceil(row.excluded_rate * 10_000) / 10_000)
    if row.equal_pairs == row.pairs:
        words = "with {equal} equal pairs a difference rate above {rate} is excluded at 95 %"
        return say(words, equal=count(row.equal_pairs), rate=rate)
    words = "with {equal} of {pairs} equal pairs a difference rate above {rate} is excluded at 95 %"
    return say(words, equal=count(row.equal_pairs), pairs=count(row.pairs), rate=rate)


def noisy_fields(judgement: Judgement) -> list[FieldParity]:
    """The fields that differ by themselves; the others are plain differences, which stand among the findings."""
    return [row for row in judgement.fields if row.decision != DIFFERENCE]


def count(value: int) -> str:
    """A number of things with its thousands set apart: 12,345."""
    return f"{value:,}"


def moment(text: str) -> str:
    """An ISO time to the minute in UTC; anything else as it stands."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return visible(text)
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at.tzinfo else f"{at:%Y-%m-%d %H:%M}"


DECISIONS = {
    ABOVE_NOISE: "a difference: more than noise explains",
    WITHIN_NOISE: "noise explains it",
}
"""Decision on a field that differs by itself -> what it says."""

MEANING = {
    "PROMOTE": "Everything that was owed was measured, and nothing speaks against the next step.",
    "HOLD": "Something differs, or is slower or less reliable than allowed. Users need no protection at once.",
    "INCONCLUSIVE": "Evidence is missing or cannot be believed: the release is neither cleared nor blamed.",
    "ROLLBACK": "The candidate does harm: its behaviour, speed, errors or way back are beyond what may stay.",
}
"""Verdict -> what it says about the release."""

NEXT_STEP = {
    "PROMOTE": "Go on to the next stage of the plan.",
    "HOLD": "Stay at the present percent, look into the findings below, and run the gate again.",
    "INCONCLUSIVE": "Do not go on: supply what is missing, as named below, and run the gate again.",
    "ROLLBACK": "Roll back now (the flag off, its percent 0; or all traffic to control), then look into the findings.",
}
"""Verdict -> what a person does now."""
