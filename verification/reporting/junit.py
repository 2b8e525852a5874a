"""`junit.xml` in the xunit1 form. Whatever is not PROMOTE is a failure: a skipped test reads as green."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from verification.core.judgement import Judgement
from verification.core.model import Finding, Verdict
from verification.reporting import plain

_SUITE = "release gate"


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """One line of a test page: what was judged, its worst verdict, and why."""

    group: str
    name: str
    verdict: Verdict
    reasons: tuple[str, ...]


def judged_items(judgement: Judgement) -> list[JudgedItem]:
    """Cases, latency scopes and every other finding as items, the verdict itself first. Nothing weighty is left out."""
    items = [JudgedItem("gate", "test_verdict", judgement.verdict, judgement.reasons)]
    rest = [finding for finding in judgement.findings if finding.accepted is None]
    for case in judgement.cases:
        own = [f for f in rest if (f.endpoint, f.case) == (case.endpoint, case.case)]
        items.append(_item("parity", f"test_parity[{case.endpoint}-{case.case}]", own))
    for row in judgement.latency:
        own = [
            f for f in rest if f.rule in _LATENCY and (f.endpoint, f.stage_percent) == (row.endpoint, row.stage_percent)
        ]
        stage = "all stages" if row.stage_percent is None else f"{row.stage_percent} %"
        items.append(_item("latency", f"test_latency[{row.endpoint or 'all endpoints'}-{stage}]", own))
    for drill in judgement.drills:
        name = f"test_drill[{drill.name}]"
        reasons = () if drill.verdict is Verdict.PROMOTE else (drill.detail,)
        items.append(JudgedItem("drill", name, drill.verdict, reasons))
    seen = {reason for item in items[1:] for reason in item.reasons}
    others = [f for f in rest if f.verdict is not Verdict.PROMOTE and _line(f) not in seen]
    return items + [_item("finding", f"test_{finding.rule}[{finding.title}]", [finding]) for finding in others]


_LATENCY = frozenset({"latency.p95", "control.noise"})


def _item(group: str, name: str, findings: list[Finding]) -> JudgedItem:
    weighty = [finding for finding in findings if finding.verdict is not Verdict.PROMOTE]
    verdict = max((finding.verdict for finding in weighty), key=lambda v: v.rank, default=Verdict.PROMOTE)
    return JudgedItem(group, name, verdict, tuple(_line(finding) for finding in weighty))


def _line(finding: Finding) -> str:
    return f"{finding.verdict.value} {finding.rule}: {finding.title}: {finding.reason}"


def render(judgement: Judgement) -> bytes:
    """The page; control characters, which XML forbids, are shown as escapes."""
    items = judged_items(judgement)
    failures = sum(item.verdict is not Verdict.PROMOTE for item in items)
    counts = {"tests": str(len(items)), "failures": str(failures), "errors": "0", "skipped": "0"}
    root = ElementTree.Element("testsuites", {"name": _SUITE, **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": _SUITE, **counts})
    suite.set("timestamp", judgement.manifest.started_at)
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in _properties(judgement):
        ElementTree.SubElement(properties, "property", name=name, value=plain.visible(value))
    for item in items:
        case = ElementTree.SubElement(suite, "testcase", classname=f"gate.{item.group}", name=plain.visible(item.name))
        case.set("time", "0")
        if item.verdict is not Verdict.PROMOTE:
            failure = ElementTree.SubElement(case, "failure", type=item.verdict.value)
            failure.set("message", plain.visible(item.reasons[0] if item.reasons else item.verdict.value))
            failure.text = "\n".join(plain.visible(reason) for reason in item.reasons)
    ElementTree.indent(root)
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _properties(judgement: Judgement) -> Iterator[tuple[str, str]]:
    manifest = judgement.manifest
    yield "verdict", judgement.verdict.value
    yield "run", manifest.run_id
    yield "seed", str(manifest.seed)
    yield "target", manifest.target
