"""Endpoint by stage: comparison and P95 change as the pages arrange them. Orders, computes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from verification.core.judgement import EndpointParity, Judgement, LatencyRow
from verification.core.model import Verdict

LATENCY_RULES = frozenset({"latency.p95", "latency.server", "control.noise"})


@dataclass(frozen=True, slots=True)
class Cell:
    """One P95 change with its weight in the verdict: a single cell that is not proven weighs nothing (None)."""

    row: LatencyRow
    weight: Verdict | None


@dataclass(frozen=True, slots=True)
class Line:
    """One endpoint (None: all of them) with its comparison and its cells in the order of `Matrix.columns`."""

    endpoint: str | None
    parity: EndpointParity | None
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Columns are stages in percent; None stands for all stages together and comes first when there is such a row."""

    columns: tuple[int | None, ...]
    lines: tuple[Line, ...]


def arrange(judgement: Judgement) -> Matrix:
    """Lines in the catalog's order, all endpoints first."""
    weights = {
        (finding.endpoint, finding.stage_percent): finding.verdict
        for finding in reversed(judgement.findings)  # worst first: the worst of a scope is what stays
        if finding.rule in LATENCY_RULES and finding.accepted is None
    }
    cells = {
        (row.endpoint, row.stage_percent): Cell(row, _weight(row, weights.get((row.endpoint, row.stage_percent))))
        for row in judgement.latency
    }
    stages = {percent for _, percent in cells if percent is not None} | set(judgement.manifest.stages)
    together: tuple[int | None, ...] = (None,) if any(percent is None for _, percent in cells) else ()
    columns = (*together, *sorted(stages))
    parity = {row.endpoint: row for row in judgement.parity}
    measured = dict.fromkeys(endpoint for endpoint, _ in cells if endpoint is not None)
    lines = [
        Line(endpoint, parity.get(endpoint or ""), tuple(cells.get((endpoint, column)) for column in columns))
        for endpoint in (None, *dict.fromkeys([*parity, *measured]))
    ]
    return Matrix(columns, tuple(lines))


def _weight(row: LatencyRow, found: Verdict | None) -> Verdict | None:
    """What the judge made of the scope; where it made nothing of an open one, that one need not be proven."""
    if found is not None:
        return found
    return Verdict.PROMOTE if row.change.verdict is Verdict.PROMOTE else None
