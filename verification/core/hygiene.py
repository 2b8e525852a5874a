"""Masks that must not be trusted: never used, expired, over a critical place, or so broad that a fault passes them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import zip_longest

from verification.core.cases import Catalog, Mask, Shape
from verification.core.judgement import CaseResult, MaskUse
from verification.core.masks import allows, meets
from verification.core.model import Finding, Json, Verdict
from verification.core.said import say

_NARROWER = (Mask("", "timestamp", "", ""), Mask("", "pattern", "", "", pattern=r"-?\d+(\.\d+)?"),
             Mask("", "pattern", "", "", pattern=r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"))  # fmt: skip
"""Forms that a text may have; a mask that lets such a text become any other is too broad."""


def declared_masks(catalog: Catalog) -> tuple[tuple[str, Mask, Shape], ...]:
    """Every mask with the endpoint or reading that it belongs to and the shape that it stands in."""
    shapes = [(item.id, shape) for item in catalog.endpoints for shape in (item.shape, item.error_shape)]
    shapes += [(name, reading.shape) for name, reading in catalog.readings.items()]
    return tuple((place, mask, shape) for place, shape in shapes for mask in shape.masks)


def is_expired(mask: Mask, today: date) -> bool:
    """True from the day on that the mask names."""
    return mask.expires is not None and mask.expires <= today


def without_expired(catalog: Catalog, today: date) -> Catalog:
    """The catalog as it compares on that day: an expired mask allows nothing."""

    def kept(shape: Shape) -> Shape:
        return replace(shape, masks=tuple(mask for mask in shape.masks if not is_expired(mask, today)))

    if not any(is_expired(mask, today) for _, mask, _ in declared_masks(catalog)):
        return catalog
    endpoints = tuple(
        replace(item, shape=kept(item.shape), error_shape=kept(item.error_shape)) for item in catalog.endpoints
    )
    readings = {name: replace(reading, shape=kept(reading.shape)) for name, reading in catalog.readings.items()}
    return replace(catalog, endpoints=endpoints, readings=readings)


def judge_masks(
    catalog: Catalog, uses: Sequence[MaskUse], cases: Sequence[CaseResult], today: date
) -> Iterator[Finding]:
    """What is wrong with the masks of a run: each such finding names the mask and keeps the run from being promoted.

    A mask is called unused only where every case that could have used it was compared and equal; where some were not,
    other findings name them, and may be why it did not fire.
    """
    complete = _equal_whole(catalog, cases)
    fired = {(use.endpoint, use.path, use.predicate): use for use in uses}
    for place, mask, shape in dict.fromkeys(declared_masks(catalog)):
        use = fired.get((place, mask.path, mask.predicate))
        hidden = hidden_by(mask.path, shape)
        if hidden is not None:
            reason = say("it may cover {hidden!r}, which is marked critical", hidden=hidden)
            yield _finding("mask.hides-critical", place, mask, reason)
        if is_expired(mask, today):
            reason = say("it expired on {expires}; {owner} may renew it", expires=mask.expires, owner=mask.owner)
            yield _finding("mask.expired", place, mask, reason)
        elif (use is None or use.fired == 0) and place in complete:
            yield _finding("mask.unused", place, mask, "it never fired though every case was compared; take it out")
        passing = next(_passing_examples(mask, use), None) if use is not None else None
        if passing is not None:
            reason = say("it still allows {passing}; name a narrower predicate", passing=passing)
            yield _finding("mask.too-broad", place, mask, reason)


def _finding(rule: str, place: str, mask: Mask, reason: str) -> Finding:
    title = say("Mask {path} is {predicate} ({place})", path=mask.path, predicate=mask.predicate, place=place)
    return Finding(rule, Verdict.INCONCLUSIVE, title, reason)


def _equal_whole(catalog: Catalog, cases: Sequence[CaseResult]) -> set[str]:
    """The endpoints all of whose cases are equal, and the readings that only such endpoints make."""
    counted = {(case.endpoint, case.case) for case in cases if case.result == "EQUAL"}
    whole = {item.id for item in catalog.endpoints if all((item.id, case.id) in counted for case in item.cases)}
    reading_them = {name: {item.id for item in catalog.endpoints if name in item.reads} for name in catalog.readings}
    return whole | {name for name, readers in reading_them.items() if readers and readers <= whole}


def hidden_by(path: str, shape: Shape) -> str | None:
    """The critical place that a mask on this path may cover; None when it covers none."""
    return next((critical for critical in shape.critical if _may_hide(path, critical)), None)


def _may_hide(path: str, critical: str) -> bool:
    """True when some place lies on `path` and on or below `critical`."""
    steps, outer = path.split("."), critical.split(".")
    return len(steps) >= len(outer) and all(
        "*" in (step, other) or step == other for step, other in zip_longest(steps[: len(outer)], outer)
    )


def _passing_examples(mask: Mask, use: MaskUse) -> Iterator[str]:
    """The same beside what was seen in the run."""
    if use.example is None:
        return
    try:
        control, candidate = json.loads(use.example.control), json.loads(use.example.candidate)
    except ValueError:
        # Shown values are cut; a cut one cannot be mutated.
        return
    yield from passing_mutants(mask, control, candidate)


def passing_mutants(mask: Mask, control: Json, candidate: Json) -> Iterator[str]:
    """Over-breadth by mutation: values that are plainly another thing than what was seen and that the mask allows."""
    for mutant in _mutants(candidate):
        if allows(mask, control, mutant):
            yield say("{mutant} beside {control}", mutant=json.dumps(mutant), control=json.dumps(control))


def _mutants(value: Json) -> Iterator[Json]:
    """Absent is no value; a mask is never asked about it."""
    others: tuple[Json, ...] = (None, True, 0, 7, 0.5, "", "x", [], {})
    for other in others:
        if type(other) is not type(value):
            yield other
    yield [value]
    yield {"value": value}
    if isinstance(value, str):
        yield ""
        if any(meets(form, value) for form in _NARROWER):
            yield "x"
