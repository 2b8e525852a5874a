"""What was judged, one by one, as pages of test results list it. Nothing that weighs is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from verification.core.judgement import CaseResult, DrillRow, ExposureRow, Judgement, LatencyRow
from verification.core.model import Finding, Verdict, worst
from verification.reporting import plain
from verification.reporting.matrix import LATENCY_RULES

_DRILL_RULES = {
    "rollback-request": "rollback.request",
    "rollback-global": "rollback.global",
    "refuse-percent": "flag.refuse",
}


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """One judged thing, its worst verdict, and why."""

    group: str
    """`gate`, `parity`, `latency`, `flag`, `drill` or `finding`."""
    name: str
    """Reads like a test's id: `test_parity[POST /alerts/rules-minimal]`."""
    verdict: Verdict
    reasons: tuple[str, ...]
    endpoint: str | None = None
    case: str | None = None
    stage_percent: int | None = None
    repetition: int | None = None
    """The repetition of the case in which its first finding was first seen, where the case was repeated."""


def judged_items(judgement: Judgement) -> list[JudgedItem]:
    """The verdict first, then cases, latency scopes, flag checks and drills, then findings that belong to none."""
    weighing = [f for f in judgement.findings if f.accepted is None and f.verdict is not Verdict.PROMOTE]
    items = [JudgedItem("gate", "test_verdict", judgement.verdict, judgement.reasons)]
    left = _Findings(weighing)
    items += [_case(case, left) for case in judgement.cases]
    items += [_latency(row, left) for row in judgement.latency]
    items += [_exposure(row, left) for row in judgement.exposures]
    items += [_drill(row, left) for row in judgement.drills]
    return [*items, *(_finding(finding) for finding in left.rest)]


@dataclass(slots=True)
class _Findings:
    """The findings that no item has taken yet."""

    rest: list[Finding] = field(default_factory=list)

    def take(self, belongs: Callable[[Finding], bool]) -> list[Finding]:
        taken = [finding for finding in self.rest if belongs(finding)]
        self.rest = [finding for finding in self.rest if not belongs(finding)]
        return taken


def _case(case: CaseResult, left: _Findings) -> JudgedItem:
    own = left.take(lambda f: (f.endpoint, f.case) == (case.endpoint, case.case))
    verdict, reasons = _weight(own)
    if not own and case.result != "EQUAL":
        verdict, reasons = Verdict.INCONCLUSIVE, (f"{case.result}: {case.reason}",)
    name = f"test_parity[{case.endpoint}-{case.case}]"
    repetition = own[0].numbers.get("first_repetition") if own else None
    return JudgedItem("parity", name, verdict, reasons, case.endpoint, case.case, repetition=repetition)


def _latency(row: LatencyRow, left: _Findings) -> JudgedItem:
    """The judge's findings decide: a single cell that stays open weighs nothing."""
    scope = (row.endpoint, row.stage_percent)
    own = left.take(lambda f: f.rule in LATENCY_RULES and (f.endpoint, f.stage_percent) == scope)
    stage = "all stages" if row.stage_percent is None else f"{row.stage_percent} %"
    name = f"test_latency[{row.endpoint or 'all endpoints'}-{stage}]"
    return JudgedItem("latency", name, *_weight(own), row.endpoint, None, row.stage_percent)


def _exposure(row: ExposureRow, left: _Findings) -> JudgedItem:
    own = left.take(
        lambda f: (
            f.rule == "flag.exposure" and f.stage_percent == row.stage_percent and f.title.endswith(f"({row.source})")
        )
    )
    verdict, reasons = _weight(own)
    if not own and row.verdict is not Verdict.PROMOTE:
        verdict, reasons = row.verdict, (f"{row.domain} of {row.total} requests were served by domain",)
    name = f"test_exposure[{row.stage_percent} %-{row.source}]"
    return JudgedItem("flag", name, verdict, reasons, stage_percent=row.stage_percent)


def _drill(row: DrillRow, left: _Findings) -> JudgedItem:
    own = left.take(lambda f: f.rule == _DRILL_RULES.get(row.name) and f.stage_percent == row.stage_percent)
    verdict, reasons = _weight(own)
    if not own and row.verdict is not Verdict.PROMOTE:
        verdict, reasons = row.verdict, (row.detail,)
    return JudgedItem("drill", f"test_drill[{row.name}]", verdict, reasons, stage_percent=row.stage_percent)


def _finding(finding: Finding) -> JudgedItem:
    verdict, reasons = _weight([finding])
    name = f"test_{finding.rule}[{finding.title}]"
    return JudgedItem("finding", name, verdict, reasons, finding.endpoint, finding.case, finding.stage_percent)


def _weight(findings: list[Finding]) -> tuple[Verdict, tuple[str, ...]]:
    verdict = worst([Verdict.PROMOTE, *(finding.verdict for finding in findings)])
    return verdict, tuple(_sentence(finding) for finding in findings)


def _sentence(finding: Finding) -> str:
    places = "".join(f"\n  {d.where} {d.path}: {d.control} -> {d.candidate}" for d in finding.differences[:20])
    return f"{finding.verdict.value} {finding.rule}: {finding.title}: {plain.visible(finding.reason)}{places}"
