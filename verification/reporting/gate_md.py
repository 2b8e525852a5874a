"""`gate.md`: a CI summary. GitHub drops a summary over 1,024 KiB whole, so this one is cut long before."""

from __future__ import annotations

import re

from verification.core.judgement import Judgement
from verification.reporting import plain

MOST_BYTES = 200 * 1024
_MOST_FINDINGS = 60
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~&-])")


def render(judgement: Judgement) -> bytes:
    """The page as UTF-8; cut with a note where it would grow too long."""
    manifest = judgement.manifest
    lines = [f"# Release gate: {judgement.verdict.value}", "", plain.NEXT_STEP[judgement.verdict.value], ""]
    lines += [f"- {_text(reason)}" for reason in judgement.reasons]
    lines += ["", f"Target {_text(manifest.target)}, run {_text(manifest.run_id)}, seed {manifest.seed}.", ""]
    accepted = [finding for finding in judgement.findings if finding.accepted]
    if accepted:
        lines += ["## Accepted differences", ""]
        lines += [f"- {_text(f.title)}: {_text(f.reason)} (accepted: {_text(f.accepted or '')})" for f in accepted]
        lines.append("")
    lines += _latency_table(judgement) + _parity_table(judgement) + _findings(judgement)
    if judgement.not_measured:
        lines += ["## Not measured", ""]
        lines += [f"- {_text(what)}: {_text(why)}" for what, why in judgement.not_measured]
    return _cut("\n".join(lines) + "\n")


def _latency_table(judgement: Judgement) -> list[str]:
    stages = sorted({row.stage_percent for row in judgement.latency if row.stage_percent is not None})
    if not stages:
        return []
    cells = {(row.endpoint, row.stage_percent): row for row in judgement.latency}
    endpoints = [None, *dict.fromkeys(row.endpoint for row in judgement.latency if row.endpoint is not None)]
    lines = ["## P95 change", "", "| endpoint | " + " | ".join(f"{percent} %" for percent in stages) + " |"]
    lines.append("|---" * (len(stages) + 1) + "|")
    for endpoint in endpoints:
        shown = []
        for percent in stages:
            row = cells.get((endpoint, percent))
            shown.append("" if row is None else f"{plain.change(row.change.change)} {_mark(row.change.verdict.value)}")
        lines.append(f"| {_text(endpoint or 'all')} | " + " | ".join(shown) + " |")
    return [*lines, ""]


def _mark(verdict: str) -> str:
    return {"ROLLBACK": "**ROLLBACK**", "HOLD": "**HOLD**"}.get(verdict, "")


def _parity_table(judgement: Judgement) -> list[str]:
    lines = ["## Comparison", "", "| endpoint | cases | equal | different | inconclusive | masked |", "|---" * 6 + "|"]
    for row in judgement.parity:
        counts = (row.cases, row.equal, row.different, row.inconclusive, row.masked)
        lines.append(f"| {_text(row.endpoint)} | " + " | ".join(map(str, counts)) + " |")
    return [*lines, ""]


def _findings(judgement: Judgement) -> list[str]:
    weighty = [f for f in judgement.findings if f.verdict.rank > 0 and f.accepted is None]
    if not weighty:
        return []
    lines = ["## Findings", ""]
    shown = weighty[:_MOST_FINDINGS]
    lines += [f"- **{f.verdict.value}** {_text(f.rule)}: {_text(f.title)}: {_text(f.reason)}" for f in shown]
    if len(weighty) > _MOST_FINDINGS:
        lines.append(f"- {len(weighty) - _MOST_FINDINGS} more in gate.json")
    return [*lines, ""]


def _text(text: str) -> str:
    """Backend-provided text as text: no markup, no HTML, no line of its own."""
    return _MARKUP.sub(r"\\\1", plain.visible(text)).replace("\\<", "&lt;").replace("\\>", "&gt;")


def _cut(page: str) -> bytes:
    data = page.encode("utf-8", "replace")
    if len(data) <= MOST_BYTES:
        return data
    note = "\n\nCut here: the rest is in gate.html and gate.json.\n"
    return data[: MOST_BYTES - len(note)].decode("utf-8", "ignore").encode() + note.encode()
