"""The last lines on the terminal: the P95 of each stage, the verdict with its reasons, the path of the report."""

from __future__ import annotations

from pathlib import Path

from verification.core.judgement import Judgement
from verification.core.model import Verdict
from verification.reporting import plain

_COLOURS = {Verdict.PROMOTE: 32, Verdict.INCONCLUSIVE: 35, Verdict.HOLD: 33, Verdict.ROLLBACK: 31}


def summary_lines(judgement: Judgement, run_dir: Path, *, colour: bool = False) -> list[str]:
    """Plain text, a line each; nothing in it can steer a terminal. `colour` paints the verdict, and only that."""
    lines = ["", *_stages(judgement)]
    if judgement.cases:
        equal = sum(case.result == "EQUAL" for case in judgement.cases)
        lines.append(f"  {equal} of {len(judgement.cases)} compared cases equal")
    accepted = sum(finding.accepted is not None for finding in judgement.findings)
    if accepted:
        lines.append(f"  {accepted} accepted differences, on the report's first page")
    verdict = judgement.verdict.value
    painted = f"\x1b[1;{_COLOURS[judgement.verdict]}m{verdict}\x1b[0m" if colour else verdict
    lines += ["", f"{painted}: {plain.NEXT_STEP[verdict]}"]
    lines += [f"  - {plain.visible(reason)}" for reason in judgement.reasons]
    lines.append(f"report: {plain.visible(str(run_dir / 'gate.html'))}")
    return lines


def _stages(judgement: Judgement) -> list[str]:
    lines = []
    for row in sorted(judgement.latency, key=lambda row: row.stage_percent or 0):
        if row.endpoint is None and row.stage_percent is not None:
            found = row.change
            label = "control against control" if row.stage_percent == 0 else "candidate against control"
            interval = f"({plain.interval(found.low, found.high)})"
            lines.append(f"  {row.stage_percent:>3} %  P95 {plain.change(found.change):>13}  {interval:<24}  {label}")
    return lines
