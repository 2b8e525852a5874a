"""Which masked values are equal to which: a pattern that must be the same on both sides, whatever the values are.

Masks of one declared group keep their pattern exactly. Masks without a group keep it, too, where equality can hardly
be chance: among texts of one predicate that are long, and among timestamps that tell microseconds. Whole seconds and
small numbers are often equal by chance, and so are microseconds of a clock that moves in larger steps (`resolution`, as
file systems have it), so of those nothing follows. As nobody has said that the undeclared ones belong
together, they weigh less, and control's own noise excuses them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from verification.core.cases import Mask, Shape
from verification.core.documents import canonical, values_at
from verification.core.masks import Path, meets
from verification.core.model import Difference, Json
from verification.core.said import say

Groups = dict[str, dict[Path, bytes]]
"""Group -> place -> value; the first step of a place names the document."""
_UNDECLARED = "any "
_SHORTEST = 8
"""Characters below which two texts may well be equal by chance."""
_COARSE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,5})?(?!\.?\d)", re.ASCII)


def values_of(shape: Shape, value: Json) -> Groups:
    """The values at the places of each group that its masks speak of.

    A value that does not meet the predicate (the pid 0 of a stopped camera) names nothing, so it has no equals.
    """
    groups: Groups = {}
    for mask in shape.masks:
        for place, found in values_at(value, mask.path).items():
            if meets(mask, found) and (mask.group is not None or _is_telling(mask, found)):
                groups.setdefault(mask.group or f"{_UNDECLARED}{mask.predicate}", {})[place] = canonical(found)
    return groups


def add(groups: Groups, document: str, found: Groups) -> None:
    """Put the values of one document to those of the others, under its name."""
    for group, values in found.items():
        groups.setdefault(group, {}).update({(document, *place): value for place, value in values.items()})


def unequal(old: Groups, new: Groups) -> Iterator[Difference]:
    """Places, known on both sides, whose value is equal to another one's on one side and not on the other."""
    for group in sorted(old.keys() & new.keys()):
        shared = sorted(old[group].keys() & new[group].keys(), key=str)
        was, now = _first_equal(old[group], shared), _first_equal(new[group], shared)
        undeclared = group.startswith(_UNDECLARED)
        where, kind = ("equality", "no group") if undeclared else ("identity", say("group {group}", group=group))
        for place in shared:
            if was[place] != now[place]:
                before, after = (say("equal to {place}", place=_dotted(first[place])) for first in (was, now))
                yield Difference(where, _dotted(place), kind, before, after)


def _is_telling(mask: Mask, value: Json) -> bool:
    """True where two equal values are hardly equal by chance."""
    if mask.resolution is not None or not isinstance(value, str):
        return False
    return len(value) >= _SHORTEST and _COARSE.match(value) is None


def _first_equal(values: dict[Path, bytes], places: list[Path]) -> dict[Path, Path]:
    """For each place, the first place that holds the same value: the pattern of equality without the values."""
    first: dict[bytes, Path] = {}
    return {place: first.setdefault(values[place], place) for place in places}


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))
