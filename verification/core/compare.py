"""Two answers -> their differences. The only importer of deepdiff, which is asked only where canonical bytes differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from deepdiff import DeepDiff

from verification.core.cases import Shape
from verification.core.documents import REPEATED, Names, Unparsable, Verbatim, canonical, normalise, parse
from verification.core.masks import Path, allows, matches
from verification.core.model import Answer, Difference, Json, MaskedDifference
from verification.core.said import say

_SHOWN_CHARACTERS = 400
_ADDRESSES = frozenset({"location", "content-location"})
_ABSENT = object()
_ABSENT_TEXT = say("(absent)")
_TOKEN = re.compile(r"«[\w-]+»")


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison saw: differences, those that a mask allowed, and mere wording."""

    differences: tuple[Difference, ...] = ()
    masked: tuple[MaskedDifference, ...] = ()
    messages: tuple[Difference, ...] = ()

    def __add__(self, other: Compared) -> Compared:
        return Compared(
            self.differences + other.differences, self.masked + other.masked, self.messages + other.messages
        )


@dataclass(slots=True)
class _Sorting:
    """Collects the places where two documents differ by what the shape says of them."""

    shape: Shape
    where: str
    differences: list[Difference] = field(default_factory=list)
    masked: list[MaskedDifference] = field(default_factory=list)
    messages: list[Difference] = field(default_factory=list)

    def add(self, path: Path, kind: str, control: Json, candidate: Json) -> None:
        shown = _shown(control), _shown(candidate)
        dotted = ".".join(map(str, path))
        both_present = control is not _ABSENT and candidate is not _ABSENT
        critical = any(_within(pattern, path) for pattern in self.shape.critical)
        # What is critical is neither volatile nor mere wording, whatever else the shape says of it.
        loose = both_present and not critical
        mask = next((mask for mask in self.shape.masks if matches(mask.path, path)), None) if loose else None
        if mask is not None and allows(mask, control, candidate):
            self.masked.append(MaskedDifference(self.where, dotted, f"{mask.path} is {mask.predicate}", *shown))
            return
        is_message = loose and any(matches(pattern, path) for pattern in self.shape.messages)
        if is_message and _is_wording(control, candidate):
            self.messages.append(Difference(self.where, dotted, "wording", *shown))
            return
        self.differences.append(Difference(self._place(path, control, candidate), dotted, kind, *shown, critical))

    def _place(self, path: Path, control: Json, candidate: Json) -> str:
        """`raw` for what only the text of an answer shows. In the state such a thing is a change as any other."""
        bent = isinstance(control, Verbatim) or isinstance(candidate, Verbatim)
        repeated = any(isinstance(step, str) and step.startswith(REPEATED) for step in path)
        return "raw" if self.where == "body" and (bent or repeated) else self.where


def compare_answers(
    shape: Shape, control: Answer, candidate: Answer, control_names: Names, candidate_names: Names
) -> Compared:
    """Status, declared headers, raw body and parsed body of two answers.

    Equal bytes are no shortcut: twins have names of their own, so a candidate that repeats control's very bytes may
    be answering with the other twin.
    """
    return (
        _compare_status(control, candidate)
        + _compare_headers(shape, control, candidate, control_names, candidate_names)
        + _compare_bodies(shape, control, candidate, control_names, candidate_names)
    )


def compare_values(shape: Shape, where: str, control: Json, candidate: Json) -> Compared:
    """Two normalised documents, path by path, typed: 1, 1.0 and true are three values, absent is not null."""
    if canonical(control) == canonical(candidate):
        return Compared()
    sorting = _Sorting(shape, where)
    for path, kind, old, new in _places(control, candidate):
        sorting.add(path, kind, old, new)
    return Compared(tuple(sorting.differences), tuple(sorting.masked), tuple(sorting.messages))


def _compare_status(control: Answer, candidate: Answer) -> Compared:
    if control.status == candidate.status:
        return Compared()
    kind = "status class" if control.status // 100 != candidate.status // 100 else "status"
    return Compared((Difference("status", "", kind, str(control.status), str(candidate.status)),))


def _compare_headers(
    shape: Shape, control: Answer, candidate: Answer, control_names: Names, candidate_names: Names
) -> Compared:
    differences = []
    sides = ((control, control_names), (candidate, candidate_names))
    for name in shape.headers:
        old, new = (_named(answer, name, names) for answer, names in sides)
        if old != new:
            control_text, candidate_text = (", ".join(values) if values else _ABSENT_TEXT for values in (old, new))
            differences.append(Difference("header", name, "header", control_text, candidate_text))
    return Compared(tuple(differences))


def _named(answer: Answer, header: str, names: Names) -> list[str]:
    """The values of a header with the names in them replaced."""
    replaced = names.in_address if header in _ADDRESSES else names.in_text
    return [replaced(value) for key, value in answer.headers if key == header]


def _compare_bodies(
    shape: Shape, control: Answer, candidate: Answer, control_names: Names, candidate_names: Names
) -> Compared:
    if _are_alike(control, candidate, control_names, candidate_names):
        return Compared()
    parsed: list[Json] = []
    for answer, names in ((control, control_names), (candidate, candidate_names)):
        try:
            parsed.append(normalise(parse(answer), shape, names))
        except Unparsable:
            return _compare_texts(control, candidate, control_names, candidate_names)
    return compare_values(shape, "body", *parsed)


def _are_alike(control: Answer, candidate: Answer, control_names: Names, candidate_names: Names) -> bool:
    """True when the bodies are one text once each side's own ids are tokens: then nothing need be parsed."""
    if control.body_is_base64 or candidate.body_is_base64 or len(control.body) != len(candidate.body):
        return False
    old = control_names.in_json_text(control.body)
    return old is not None and old == candidate_names.in_json_text(candidate.body)


def _compare_texts(control: Answer, candidate: Answer, control_names: Names, candidate_names: Names) -> Compared:
    old, new = control_names.in_text(_text(control)), candidate_names.in_text(_text(candidate))
    if old == new and control.body_is_base64 == candidate.body_is_base64:
        return Compared()
    return Compared((Difference("raw", "", "not JSON on both sides", _cut(old), _cut(new)),))


def _text(answer: Answer) -> str:
    """The body as text; bytes that are no UTF-8 one by one, so that names in them are found."""
    return answer.raw.decode("latin-1") if answer.body_is_base64 else answer.body


_Place = tuple[Path, str, Json, Json]


def _places(control: Json, candidate: Json) -> list[_Place]:
    """The places where two values differ, by DeepDiff with every shortcut that could hide one turned off.

    Lists are held against each other position by position: DeepDiff's matching of items goes by `==`, for which 1 and
    true are one. What it is silent about all the same (0.0 and -0.0) is added, so that no difference hides behind
    another one that a mask allows.
    """
    control, candidate = _differing(control, candidate)
    found: Any = DeepDiff(
        control,
        candidate,
        view="tree",
        threshold_to_diff_deeper=0,
        ignore_order=False,
        ignore_numeric_type_changes=False,
        ignore_type_in_groups=[],
        ignore_private_variables=False,
        zip_ordered_iterables=True,
        verbose_level=2,
    )
    places: list[_Place] = []
    for report, items in found.items():
        for item in items:
            path = tuple(item.path(output_format="list"))
            old = _ABSENT if report.endswith("_added") else item.t1
            new = _ABSENT if report.endswith("_removed") else item.t2
            places.append((path, report.replace("_", " "), old, new))
    told = frozenset(path for path, *_ in places)
    places += _untold(control, candidate, told, ())
    return sorted(places, key=lambda place: [str(step) for step in place[0]])


def _differing(control: Json, candidate: Json) -> tuple[Json, Json]:
    """Both values without what they have in common, so that the cost goes by what differs. Places keep their paths:
    a list of the same length keeps its positions, one of another length is kept whole."""
    if isinstance(control, dict) and isinstance(candidate, dict):
        pairs = {
            key: (control.get(key, _ABSENT), candidate.get(key, _ABSENT)) for key in control.keys() | candidate.keys()
        }
        kept = {key: _differing_pair(*pair) for key, pair in pairs.items() if not _same(*pair)}
        return (
            {key: old for key, (old, _) in kept.items() if old is not _ABSENT},
            {key: new for key, (_, new) in kept.items() if new is not _ABSENT},
        )
    if isinstance(control, list) and isinstance(candidate, list) and len(control) == len(candidate):
        items = [
            (None, None) if _same(old, new) else _differing_pair(old, new)
            for old, new in zip(control, candidate, strict=True)
        ]
        return [old for old, _ in items], [new for _, new in items]
    return control, candidate


def _differing_pair(old: Json, new: Json) -> tuple[Json, Json]:
    return (old, new) if old is _ABSENT or new is _ABSENT else _differing(old, new)


def _same(old: Json, new: Json) -> bool:
    return old is not _ABSENT and new is not _ABSENT and canonical(old) == canonical(new)


def _untold(control: Json, candidate: Json, told: Set[Path], path: Path) -> Iterator[_Place]:
    """The differences that lie neither at nor below one of the places told."""
    if path in told:
        return
    if isinstance(control, dict) and isinstance(candidate, dict):
        for key in control.keys() | candidate.keys():
            yield from _untold(control.get(key, _ABSENT), candidate.get(key, _ABSENT), told, (*path, key))
    elif isinstance(control, list) and isinstance(candidate, list):
        for index, (old, new) in enumerate(zip_longest(control, candidate, fillvalue=_ABSENT)):
            yield from _untold(old, new, told, (*path, index))
    elif control is _ABSENT or candidate is _ABSENT or canonical(control) != canonical(candidate):
        yield path, "value", control, candidate


def _within(pattern: str, path: Path) -> bool:
    """True when the path is the place that the pattern names, or lies inside it."""
    return matches(pattern, path[: len(pattern.split(".")) if pattern else 0])


def _is_wording(control: Json, candidate: Json) -> bool:
    """True for two texts for people, unless one speaks of a twin that the other one does not know of.

    A text may leave out whom it speaks of; to speak of somebody else instead is no matter of wording.
    """
    if not all(isinstance(text, str) and text.strip() != "" for text in (control, candidate)):
        return False
    old, new = (set(_TOKEN.findall(text)) for text in (control, candidate))
    return not old or new <= old


def _shown(value: Json) -> str:
    if value is _ABSENT:
        return _ABSENT_TEXT
    return _cut(str(value) if isinstance(value, Verbatim) else canonical(value).decode())


def _cut(text: str) -> str:
    if len(text) <= _SHOWN_CHARACTERS:
        return text
    return say("{start}… ({length} characters)", start=text[:_SHOWN_CHARACTERS], length=len(text))
