"""`gate.html`: the decision on one page, down to the single differing field. Self-contained, no script, no request."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from verification.core.arms import force_query
from verification.core.judgement import Judgement, LatencyRow
from verification.core.model import Comparison, Exchange, Finding, Verdict
from verification.core.records import Evidence
from verification.reporting import plain, svg

MOST_FINDINGS = 200
_MOST_BODY_CHARACTERS = 6000


@dataclass(frozen=True, slots=True)
class ShownExchange:
    """One exchange as the page shows it."""

    title: str
    status: str
    served_by: str
    curl: str
    request_body: str
    body: str


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """One finding with the exchanges of the case it speaks of."""

    finding: Finding
    exchanges: tuple[ShownExchange, ...]


def render(judgement: Judgement, evidence: Evidence) -> bytes:
    """The page as UTF-8."""
    cases = {(comparison.endpoint, comparison.case): comparison for comparison in evidence.comparisons}
    weighty = [f for f in judgement.findings if f.verdict is not Verdict.PROMOTE and f.accepted is None]
    page = (
        _environment()
        .get_template("gate.html.j2")
        .render(
            j=judgement,
            manifest=judgement.manifest,
            next_step=plain.NEXT_STEP[judgement.verdict.value],
            accepted=[
                _shown(f, cases, judgement.manifest.target) for f in judgement.findings if f.accepted is not None
            ],
            findings=[_shown(f, cases, judgement.manifest.target) for f in weighty[:MOST_FINDINGS]],
            findings_left_out=max(0, len(weighty) - MOST_FINDINGS),
            notes=[f for f in judgement.findings if f.verdict is Verdict.PROMOTE],
            matrix=_matrix(judgement),
            stages=_stages(judgement),
            rows_of=lambda percent: [row for row in judgement.latency if row.stage_percent == percent],
            endpoint_rows=[row for row in judgement.latency if row.stage_percent is None],
        )
    )
    return page.encode("utf-8", "replace")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("verification.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        change=plain.change, share=plain.share, ms=plain.milliseconds, seconds=plain.seconds, visible=plain.visible
    )
    environment.globals.update(
        interval=plain.interval,
        bar=svg.bar,
        axis=svg.axis,
        curves=svg.curves,
        curve_width=svg.CURVE_WIDTH,
        curve_height=svg.CURVE_HEIGHT,
    )
    return environment


def _stages(judgement: Judgement) -> list[int]:
    measured = {row.stage_percent for row in judgement.latency if row.stage_percent is not None}
    return sorted(measured | set(judgement.manifest.stages))


def _matrix(judgement: Judgement) -> list[tuple[str, object, dict[int | None, LatencyRow]]]:
    """(endpoint, its comparison counts, stage -> P95 change); the whole stage first."""
    found: dict[str, dict[int | None, LatencyRow]] = {}
    for row in judgement.latency:
        found.setdefault(row.endpoint or "", {})[row.stage_percent] = row
    parity = {row.endpoint: row for row in judgement.parity}
    names = ["", *dict.fromkeys([*parity, *(name for name in found if name)])]
    return [(name, parity.get(name), found.get(name, {})) for name in names]


def _shown(finding: Finding, cases: dict[tuple[str, str], Comparison], target: str) -> ShownFinding:
    comparison = cases.get((finding.endpoint or "", finding.case or ""))
    if comparison is None:
        return ShownFinding(finding, ())
    exchanges = [
        _shown_exchange(side, probe.exchange, target)
        for side in ("control", "candidate")
        if (probe := comparison.side(side)) is not None and probe.exchange is not None
    ]
    return ShownFinding(finding, tuple(exchanges))


def _shown_exchange(side: str, exchange: Exchange, target: str) -> ShownExchange:
    answer = exchange.answer
    return ShownExchange(
        title=side,
        status=str(answer.status) if answer else "no answer",
        served_by=exchange.served_by or "nobody named",
        curl=curl(exchange, target),
        request_body=_cut(exchange.request.body or ""),
        body=_cut(answer.body if answer else exchange.failure or ""),
    )


def curl(exchange: Exchange, target: str) -> str:
    """The request as a quoted command to read and to paste; only a stand-in for the host where the backend was ours."""
    request = exchange.request
    base = target if target.startswith("http") else "http://127.0.0.1:8000"
    query = urlencode([*request.query, *force_query(exchange.arm)])
    words = ["curl", "-i", "-X", request.method, f"{base}{request.path}?{query}"]
    if request.content_type is not None:
        words += ["-H", f"Content-Type: {request.content_type}"]
    if request.body is not None:
        words += ["--data-binary", _cut(request.body)]
    return plain.visible(shlex.join(words))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_BODY_CHARACTERS else f"{text[:_MOST_BODY_CHARACTERS]}… ({len(text)} characters)"
