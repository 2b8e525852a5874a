"""Texts and numbers as all reports show them. Backend-provided text is data: its control characters never get out."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from verification.core import printable
from verification.core.judge.fields import ABOVE_NOISE, DIFFERENCE, WITHIN_NOISE
from verification.core.judgement import EndpointParity, FieldParity, Judgement

HIDDEN, visible, block = printable.HIDDEN, printable.visible, printable.block
"""How text is shown that may have come from a backend."""


def change(share: float | None) -> str:
    """A change as a signed percentage: 0.123 is +12.3 %."""
    if share is None or math.isnan(share):
        return "not known"
    if math.isinf(share):
        return "without limit" if share > 0 else "not known"
    return f"{round(share * 100, 1) + 0.0:+.1f} %"


def interval(low: float | None, high: float | None) -> str:
    """A 95 % interval of a change; an end that the data do not set is left open."""
    below = None if low is None or not math.isfinite(low) or low <= -1 else change(low)
    above = None if high is None or not math.isfinite(high) else change(high)
    if below is None and above is None:
        return "no bounds"
    if below is None:
        return f"at most {above}"
    return f"at least {below}" if above is None else f"{below} to {above}"


def ends(low: float | None, high: float | None) -> str:
    """The same interval where space is short: -3.2 … +5.1 %."""
    whole = interval(low, high)
    return whole.replace(" % to ", " … ").replace("at least ", "≥ ").replace("at most ", "≤ ")


def share(value: float | None) -> str:
    """A share as a percentage: 0.0123 is 1.23 %."""
    return "not known" if value is None or not math.isfinite(value) else f"{value * 100:.2f} %"


def milliseconds(value: float | None) -> str:
    """A duration with three significant digits: 4.56 ms."""
    if value is None or math.isnan(value):
        return "not known"
    if math.isinf(value):
        return "among errors"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f} ms"


def seconds(value: float | None) -> str:
    """A duration in seconds: 1.2 s."""
    return "not timed" if value is None or not math.isfinite(value) else f"{value:.1f} s"


def duration(value: float | None) -> str:
    """How long a run took, to the second: 7 min 42 s."""
    if value is None or not math.isfinite(value):
        return "not known"
    minutes, left = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left} s" if minutes else f"{left} s"


def p_value(value: float) -> str:
    """A p-value with two digits that count: 0.031; a very small one as its bound."""
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}"


def excluded(row: EndpointParity) -> str:
    """What the equal pairs of an endpoint prove, in words. The rate is rounded up: no less was proven than is said."""
    if not row.pairs:
        return "no pair was compared"
    if row.excluded_rate is None:
        return f"{count(row.equal_pairs)} of {count(row.pairs)} pairs are equal, which excludes no rate of differences"
    rate = share(math.ceil(row.excluded_rate * 10_000) / 10_000)
    of = "" if row.equal_pairs == row.pairs else f" of {count(row.pairs)}"
    return f"with {count(row.equal_pairs)}{of} equal pairs a difference rate above {rate} is excluded at 95 %"


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
