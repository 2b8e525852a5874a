"""`junit.xml` in the xunit1 form. Whatever is not PROMOTE is a failure: a skipped test reads as green."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from verification.core.judgement import Judgement
from verification.core.model import Verdict
from verification.reporting import plain
from verification.reporting.judged_item import JudgedItem, judged_items

_SUITE = "release gate"


def render(judgement: Judgement) -> bytes:
    """The page as UTF-8; control characters, which XML forbids, are shown as escapes."""
    items = judged_items(judgement)
    failures = sum(item.verdict is not Verdict.PROMOTE for item in items)
    counts = {"tests": str(len(items)), "failures": str(failures), "errors": "0", "skipped": "0", "time": "0"}
    root = ElementTree.Element("testsuites", {"name": _SUITE, **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": _SUITE, **counts})
    suite.set("timestamp", plain.visible(judgement.manifest.started_at))
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in _properties(judgement):
        ElementTree.SubElement(properties, "property", name=name, value=plain.visible(value))
    for item in items:
        suite.append(_testcase(item))
    ElementTree.indent(root)
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _testcase(item: JudgedItem) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=f"gate.{item.group}", name=plain.visible(item.name), time="0")
    if item.verdict is not Verdict.PROMOTE:
        first = item.reasons[0].partition("\n")[0] if item.reasons else item.verdict.value
        failure = ElementTree.SubElement(case, "failure", type=item.verdict.value, message=plain.visible(first))
        failure.text = "\n".join(plain.block(reason) for reason in item.reasons)
    return case


def _properties(judgement: Judgement) -> Iterator[tuple[str, str]]:
    manifest = judgement.manifest
    yield "verdict", judgement.verdict.value
    yield "run", manifest.run_id
    yield "seed", str(manifest.seed)
    yield "target", manifest.target
    yield "stages", ", ".join(f"{percent} %" for percent in manifest.stages)
    yield "commit", manifest.commit or "not a checkout"
