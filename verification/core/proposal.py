"""Masks that control's own noise suggests: where control disagrees with itself, and the narrowest thing to say of it.

Nothing is masked by this. A person reads what is proposed, says why the field varies, and puts it into the catalog.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from verification.core.cases import Catalog, Mask, Shape
from verification.core.hygiene import hidden_by, passing_mutants
from verification.core.masks import allows, meets
from verification.core.model import Comparison, Difference, Json
from verification.core.parity import judge_comparison
from verification.core.state import reading_shape

SHAPE, ERROR_SHAPE = "shape", "error_shape"
_LEAST_SECONDS = 60.0
"""Two probes of one case are seconds apart; a busy day makes that a minute."""
_MARGIN = 10
"""How many times the distance that was seen a timestamp may lie apart."""
_PATTERNS = (
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}",
    r"\d+",
    r"-?\d+\.\d+",
)
_HEXADECIMAL = re.compile(r"[0-9a-f]{6,}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One place at which control disagrees with itself. `mask` is None where no honest predicate is known."""

    owner: str
    """Id of the endpoint, or name of the reading."""
    part: str
    """`shape` or `error_shape`."""
    path: str
    seen: int
    """How many pairs of control with control differed there."""
    mask: Mask | None
    objection: str | None
    """Why nothing is proposed."""


@dataclass(slots=True)
class _Noise:
    """What was seen at one place."""

    shape: Shape
    pairs: list[tuple[str, str]] = field(default_factory=list)


def propose_masks(catalog: Catalog, comparisons: Iterable[Comparison], owner: str) -> tuple[Proposal, ...]:
    """A proposal for each place at which control differs from control and no mask allows it, in order of the places.

    List positions and ids become `*`. Places of status, headers and raw bodies have no masks and are only objected to.
    """
    found: dict[tuple[str, str, str], _Noise] = {}
    for comparison in comparisons:
        for place, shape, difference in _noisy_places(catalog, comparison):
            noise = found.setdefault((*place, _pattern_of(difference, shape)), _Noise(shape))
            noise.pairs.append((difference.control, difference.candidate))
    return tuple(_proposal(place, noise, owner) for place, noise in sorted(found.items(), key=lambda pair: pair[0]))


def _noisy_places(catalog: Catalog, comparison: Comparison) -> Iterator[tuple[tuple[str, str], Shape, Difference]]:
    endpoint = catalog.endpoint(comparison.endpoint)
    control = comparison.side("control")
    answer = control.exchange.answer if control and control.exchange else None
    part = SHAPE if answer is None or answer.status < 400 else ERROR_SHAPE
    for difference in judge_comparison(catalog, comparison).noise:
        if difference.where.startswith("state "):
            name = difference.where.removeprefix("state ")
            yield (name, SHAPE), reading_shape(catalog.readings[name]), difference
        else:
            yield (endpoint.id, part), endpoint.shape if part == SHAPE else endpoint.error_shape, difference


def _pattern_of(difference: Difference, shape: Shape) -> str:
    if difference.where != "body" and not difference.where.startswith("state "):
        return f"{difference.where}:{difference.path}"
    collections = {keyed.path for keyed in shape.keyed}
    steps: list[str] = []
    for step in difference.path.split(".") if difference.path else ():
        is_item = step.isdigit() or step.startswith("«") or (".".join(steps) in collections)
        steps.append("*" if is_item else step)
    return ".".join(steps)


def _proposal(place: tuple[str, str, str], noise: _Noise, owner: str) -> Proposal:
    holder, part, path = place
    seen = len(noise.pairs)
    mask, objection = _narrowest(path, noise, owner)
    return Proposal(holder, part, path, seen, mask, objection)


def _narrowest(path: str, noise: _Noise, owner: str) -> tuple[Mask | None, str | None]:
    if ":" in path or not path:
        return None, "only a field of a body or of the state can have a mask"
    hidden = hidden_by(path, noise.shape)
    if hidden is not None:
        return None, f"it lies in {hidden!r}, which is marked critical: what is critical may not vary"
    try:
        pairs = [(json.loads(old), json.loads(new)) for old, new in noise.pairs]
    except ValueError:
        return None, "the field is absent on one side, or its value is too long to be kept whole"
    values = [value for pair in pairs for value in pair]
    bare = Mask(path, "text", f"differs by itself in {len(pairs)} pairs of control with control; say why", owner)
    for mask in _candidates(bare, values):
        if not all(allows(mask, *pair) for pair in pairs):
            continue
        both_ways = [*pairs, *((new, old) for old, new in pairs)]
        passing = next((wrong for pair in both_ways for wrong in passing_mutants(mask, *pair)), None)
        return (mask, None) if passing is None else (None, f"{mask.predicate} would still allow {passing}")
    return None, "its values have no common type and form that a mask can name"


def _candidates(bare: Mask, values: list[Json]) -> Iterator[Mask]:
    """From the narrowest to the widest."""
    yield replace(bare, predicate="boolean")
    for predicate in ("integer", "number"):
        yield replace(bare, predicate=predicate, minimum=_floor(values))
    yield replace(bare, predicate="timestamp", maximum=_apart(bare, values))
    for pattern in (*_PATTERNS, *_hexadecimal(values)):
        yield replace(bare, predicate="pattern", pattern=pattern)
    yield bare


def _floor(values: list[Json]) -> float | None:
    """0 or 1 where all numbers are that large: what counts or numbers things does not become negative."""
    numbers = [value for value in values if isinstance(value, int | float)]
    least = min(numbers, default=-1)
    return 1 if least >= 1 else 0 if least >= 0 else None


def _apart(bare: Mask, values: list[Json]) -> float | None:
    """Seconds that two timestamps may lie apart; None where the values are no timestamps."""
    timestamp = replace(bare, predicate="timestamp")
    if not all(meets(timestamp, value) for value in values):
        return None
    moments = [datetime.fromisoformat(str(value)).replace(tzinfo=None) for value in values]
    widest = max(abs((old - new).total_seconds()) for old, new in zip(moments[::2], moments[1::2], strict=True))
    return max(_LEAST_SECONDS, float(math.ceil(widest * _MARGIN)))


def _hexadecimal(values: list[Json]) -> Iterator[str]:
    lengths = {len(value) for value in values if isinstance(value, str) and _HEXADECIMAL.fullmatch(value)}
    if len(lengths) == 1:
        yield f"[0-9a-f]{{{lengths.pop()}}}"
