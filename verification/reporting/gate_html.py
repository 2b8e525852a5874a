"""`gate.html` and `gate.zh.html`: the decision on one page, down to the single differing field, without a script."""

from __future__ import annotations

from dataclasses import dataclass

from verification.core.judge.score import LOWEST_SHARE
from verification.core.judgement import Counterexample, Distribution, Judgement, LatencyRow
from verification.core.model import Finding, Verdict
from verification.core.records import Evidence
from verification.core.said import say
from verification.core.sequences import digest
from verification.reporting import plain, svg
from verification.reporting.counterexamples import commands
from verification.reporting.detail import Details
from verification.reporting.matrix import Cell, Line, Matrix, arrange
from verification.reporting.page import environment
from verification.reporting.texts import LANGUAGES, Lang, text

MOST_FINDINGS = 200
"""Findings shown with all their detail; how many more there are stands below them."""
MOST_PLACES = 40
"""Differing places shown for one finding."""
_MOST_NOTES = 300
_MOST_LEFTOVERS = 500


@dataclass(frozen=True, slots=True)
class _Other:
    """The same page in another language."""

    file: str
    language: str
    name: str


def file_name(lang: Lang) -> str:
    """How the page of that language is named in the run's folder."""
    return "gate.html" if lang == "en" else f"gate.{lang}.html"


def render(judgement: Judgement, evidence: Evidence, lang: Lang = "en") -> bytes:
    """The page as UTF-8."""
    others = [one for one in LANGUAGES if one != lang]
    matrix = arrange(judgement)
    details = Details(evidence, lang)
    weighty = [f for f in judgement.findings if f.verdict is not Verdict.PROMOTE and f.accepted is None]
    page = (
        environment(lang)
        .get_template("gate.html.j2")
        .render(
            j=judgement,
            manifest=judgement.manifest,
            headline=text(f"verdict.{judgement.verdict}", lang),
            meaning=plain.MEANING[judgement.verdict.value],
            next_step=plain.NEXT_STEP[judgement.verdict.value],
            accepted=details.of(f for f in judgement.findings if f.accepted is not None),
            findings=details.of(weighty[:MOST_FINDINGS]),
            findings_left_out=max(0, len(weighty) - MOST_FINDINGS),
            notes=_notes(judgement),
            counterexamples=_counterexamples(judgement),
            matrix=matrix,
            axis=_axis(matrix),
            forests=_forests(matrix),
            charts=_charts(judgement),
            decisions=plain.DECISIONS,
            noisy_fields=plain.noisy_fields(judgement),
            lowest_score=LOWEST_SHARE,
            most_places=MOST_PLACES,
            most_notes=_MOST_NOTES,
            most_leftovers=_MOST_LEFTOVERS,
            others=[_Other(file_name(one), text("language", one), text("language-name", one)) for one in others],
        )
    )
    return page.encode("utf-8")


def _axis(matrix: Matrix) -> svg.Axis:
    """Wide enough for every point, and for the intervals that weigh; an open cell may run off the edge."""
    cells = [cell for line in matrix.lines for cell in line.cells if cell is not None]
    points = [cell.row.change.change for cell in cells]
    weighing = [cell.row.change for cell in cells if cell.weight is not None]
    return svg.axis_for([*points, *(change.low for change in weighing), *(change.high for change in weighing)])


def _notes(judgement: Judgement) -> list[Finding]:
    return [f for f in judgement.findings if f.verdict is Verdict.PROMOTE and f.accepted is None]


def _forests(matrix: Matrix) -> list[tuple[str, bool, list[tuple[str, Cell]]]]:
    """(title, shown at once, rows): whole stages, the endpoints over all stages, then each stage's endpoints."""
    whole = [line for line in matrix.lines if line.endpoint is None]
    single = [line for line in matrix.lines if line.endpoint is not None]
    stages: list[tuple[str, Cell]] = [
        (say("At {percent} %", percent=column), cell)
        for line in whole
        for column, cell in zip(matrix.columns, line.cells, strict=True)
        if cell is not None and column is not None
    ]
    forests: list[tuple[str, bool, list[tuple[str, Cell]]]] = [("Each stage, all endpoints", True, stages)]
    several = None in matrix.columns
    for index, column in enumerate(matrix.columns):
        rows = _cells(single, index)
        title = "Each endpoint, all stages" if column is None else say("Each endpoint at {percent} %", percent=column)
        alarming = any(cell.weight not in (None, Verdict.PROMOTE) for _, cell in rows)
        forests.append((title, column is None or alarming or not several, rows))
    return [forest for forest in forests if forest[2]]


def _cells(lines: list[Line], index: int) -> list[tuple[str, Cell]]:
    return [(line.endpoint or "", cell) for line in lines if (cell := line.cells[index]) is not None]


_MOST_COUNTEREXAMPLES = 20


def _counterexamples(judgement: Judgement) -> list[tuple[Counterexample, str, list[str]]]:
    """Each with the name of its file and its commands; the shortest first."""
    found = {digest(one.sequence): one for one in judgement.counterexamples}
    shortest = sorted(found.items(), key=lambda item: (-item[1].verdict.rank, len(item[1].sequence.steps)))
    manifest = judgement.manifest
    return [(one, f"{name}.json", commands(one, manifest)) for name, one in shortest[:_MOST_COUNTEREXAMPLES]]


Chart = tuple[Distribution, svg.Curves, LatencyRow | None]


def _charts(judgement: Judgement) -> list[tuple[int, list[Chart], list[Chart]]]:
    """(stage, the chart of all endpoints, the charts of single ones), each with the P95s that belong to it."""
    rows = {(row.stage_percent, row.endpoint): row for row in judgement.latency}
    stages: dict[int, tuple[list[Chart], list[Chart]]] = {}
    for found in judgement.distributions:
        drawn = svg.curves(found.edges_ms, found.control, found.candidate)
        if drawn is None:
            continue
        whole, single = stages.setdefault(found.stage_percent, ([], []))
        chart = (found, drawn, rows.get((found.stage_percent, found.endpoint)))
        (whole if found.endpoint is None else single).append(chart)
    return [(percent, *charts) for percent, charts in sorted(stages.items())]
