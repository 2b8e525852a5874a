"""Texts and numbers as all reports show them. Backend-provided text is data: its control characters never get out."""

from __future__ import annotations

import math
import re

# C0 and C1 controls, DEL, bidirectional overrides and lone surrogates: what steers a terminal or breaks XML.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def visible(text: str) -> str:
    """The text on one line, every control character as its escape."""
    return _CONTROL.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return {9: " ", 10: "\\n", 13: "\\r"}.get(code, f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def change(share: float | None) -> str:
    """A change as a signed percentage: 0.123 is +12.3 %."""
    if share is None or math.isnan(share):
        return "not known"
    return "unbounded" if math.isinf(share) else f"{share * 100:+.1f} %"


def interval(low: float | None, high: float | None) -> str:
    """A 95 % interval of a change."""
    return f"{_end(low, 'below')} to {_end(high, 'above')}"


def _end(share: float | None, word: str) -> str:
    if share is None or math.isinf(share) or share <= -1:
        return f"{word} measure"
    return change(share)


def share(value: float | None) -> str:
    """A share as a percentage: 0.0123 is 1.23 %."""
    return "not known" if value is None else f"{value * 100:.2f} %"


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
    return "-" if value is None else f"{value:.1f} s"


NEXT_STEP = {
    "PROMOTE": "Go on to the next stage of the plan.",
    "HOLD": "Stay at the present percent, look into the findings below, and run the gate again.",
    "INCONCLUSIVE": "Do not go on: supply what is missing, as named below, and run the gate again.",
    "ROLLBACK": "Roll back now (USE_DOMAIN_SERVICE=false, ROLLOUT_PERCENT=0, restart), then look into the findings.",
}
"""Verdict -> what a person does now."""
