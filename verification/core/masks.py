"""Typed masks: what a volatile field must still be. It is asked only where two values differ, and on both."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from verification.core.cases import Mask
from verification.core.model import Json
from verification.core.said import Said, joined, say

Path = tuple[str | int, ...]

_TIMESTAMP = re.compile(
    r"\d{4}-\d\d-\d\d(?P<separator>[T ])\d\d:\d\d:\d\d(?P<fraction>\.\d+)?(?P<zone>Z|[+-]\d\d:?\d\d)?", re.ASCII
)


def matches(pattern: str, path: Path) -> bool:
    """True when the dotted pattern names exactly this path; `*` stands for one key or index."""
    parts = _split(pattern)
    return len(parts) == len(path) and all(part in ("*", str(step)) for part, step in zip(parts, path, strict=True))


@lru_cache(maxsize=1024)
def _split(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.split(".")) if pattern else ()


def meets(mask: Mask, value: Json) -> bool:
    """True when one value alone meets the mask's predicate."""
    return PREDICATES[mask.predicate](mask, value)


def limits(mask: Mask) -> Said:
    """What the mask asks of a value beside its predicate, in words; empty where it asks nothing."""
    if mask.predicate == "timestamp":
        asked = [say("at most {seconds:g} s apart", seconds=mask.maximum)] if mask.maximum is not None else []
    else:
        asked = [say("at least {bound:g}", bound=mask.minimum)] if mask.minimum is not None else []
        asked += [say("at most {bound:g}", bound=mask.maximum)] if mask.maximum is not None else []
    asked += [say("in steps of {seconds:g} s", seconds=mask.resolution)] if mask.resolution is not None else []
    asked += [say("like {pattern}", pattern=mask.pattern)] if mask.pattern is not None else []
    asked += [say("equal where others of {group!r} are", group=mask.group)] if mask.group is not None else []
    return joined(", ", asked)


def allows(mask: Mask, control: Json, candidate: Json) -> bool:
    """True when both values meet the mask's predicate and have the same form."""
    if not (meets(mask, control) and meets(mask, candidate)):
        return False
    if mask.predicate == "timestamp":
        return _timestamps_alike(mask, control, candidate)
    return True


def _is_integer(mask: Mask, value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and _in_range(mask, value)


def _is_number(mask: Mask, value: Json) -> bool:
    return isinstance(value, float) and _in_range(mask, value)


def _is_text(_mask: Mask, value: Json) -> bool:
    return isinstance(value, str) and value.strip() != ""


def _fits_pattern(mask: Mask, value: Json) -> bool:
    return isinstance(value, str) and re.fullmatch(mask.pattern or "", value) is not None


def _is_boolean(_mask: Mask, value: Json) -> bool:
    return isinstance(value, bool)


def _is_timestamp(_mask: Mask, value: Json) -> bool:
    return isinstance(value, str) and _moment(value) is not None


def _in_range(mask: Mask, value: float) -> bool:
    above = mask.minimum is None or value >= mask.minimum
    return above and (mask.maximum is None or value <= mask.maximum)


def _moment(value: str) -> datetime | None:
    if _TIMESTAMP.fullmatch(value) is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _timestamps_alike(mask: Mask, control: str, candidate: str) -> bool:
    """Same separator, number of fraction digits and zone; no further apart than `maximum` seconds."""
    first, second = _moment(control), _moment(candidate)
    if first is None or second is None or _timestamp_form(control) != _timestamp_form(candidate):
        return False
    return mask.maximum is None or abs((first - second).total_seconds()) <= mask.maximum


def _timestamp_form(value: str) -> tuple[str, int, str]:
    separator, fraction, zone = _TIMESTAMP.findall(value)[0]
    return (separator, len(fraction), zone)


PREDICATES: dict[str, Callable[[Mask, Json], bool]] = {
    "integer": _is_integer,
    "number": _is_number,
    "text": _is_text,
    "pattern": _fits_pattern,
    "boolean": _is_boolean,
    "timestamp": _is_timestamp,
}
"""Predicate name -> test of one value. `integer` and `number` are two types: 1 is no 1.0."""
