"""Evidence in one fixed order: workers write side by side, and a judgement must not depend on who was faster."""

from __future__ import annotations

from dataclasses import replace

from verification.core.cases import Catalog
from verification.core.records import Evidence

_MOMENTS = ("before", "after", "rolled-back")


def in_order(evidence: Evidence, catalog: Catalog) -> Evidence:
    """The same records, comparisons as the catalog lists its cases, everything else by stage and name.

    What is small is ordered by all that it says; large records by what names them, equal names by what they hold.
    """
    known = [(item.id, case.id) for item in catalog.endpoints for case in item.cases]
    place = {key: number for number, key in enumerate(known)}
    endpoints = {item.id: number for number, item in enumerate(catalog.endpoints)}
    last = len(known)
    return replace(
        evidence,
        comparisons=tuple(
            sorted(
                evidence.comparisons,
                key=lambda one: (
                    *(place.get((one.endpoint, one.case), last), one.endpoint, one.case),
                    *(one.repetition, one.attempt),
                ),
            )
        ),
        exposures=tuple(sorted(evidence.exposures, key=lambda one: (one.stage_percent, one.domain, one.legacy))),
        forced=tuple(
            sorted(evidence.forced, key=lambda one: (one.stage_percent, one.drill, one.endpoint, one.exchange.arm))
        ),
        drills=tuple(sorted(evidence.drills, key=lambda one: (one.name, one.stage_percent, one.detail))),
        monitoring=tuple(sorted(evidence.monitoring, key=lambda one: (_moment(one.moment), one.stage_percent))),
        usage=tuple(sorted(evidence.usage, key=lambda one: (one.stage_percent, one.kind, repr(one)))),
        witness_checks=tuple(
            sorted(evidence.witness_checks, key=lambda one: (endpoints.get(one.endpoint, last), repr(one)))
        ),
        races=tuple(sorted(evidence.races, key=repr)),
        sequences=tuple(sorted(evidence.sequences, key=lambda one: (one.sequence.key, repr(one)))),
        searches=tuple(sorted(evidence.searches, key=lambda one: (one.key, repr(one)))),
        leftovers=tuple(sorted(evidence.leftovers, key=repr)),
        cleanups=tuple(sorted(evidence.cleanups, key=lambda one: one.ended_at)),
        mishaps=tuple(sorted(evidence.mishaps, key=repr)),
        run_ends=tuple(sorted(evidence.run_ends, key=repr)),
        ramps=tuple(sorted(evidence.ramps, key=repr)),
        load_starts=tuple(sorted(evidence.load_starts, key=repr)),
        load_blocks=tuple(sorted(evidence.load_blocks, key=lambda one: (one.stage_percent, one.block, one.worker))),
        load_favours=tuple(sorted(evidence.load_favours, key=repr)),
        load_ends=tuple(sorted(evidence.load_ends, key=repr)),
        torn_files=tuple(sorted(evidence.torn_files)),
    )


def _moment(name: str) -> int:
    return _MOMENTS.index(name) if name in _MOMENTS else len(_MOMENTS)
