"""The last lines on the terminal: the P95 of each stage, the reasons, the verdict and the path."""

from __future__ import annotations

from pathlib import Path

from verification.core.judgement import Judgement
from verification.reporting import plain


def summary_lines(judgement: Judgement, run_dir: Path) -> list[str]:
    """Plain text, a line each; nothing in it can steer a terminal."""
    lines = [""]
    for row in judgement.latency:
        if row.endpoint is None and row.stage_percent is not None:
            found = row.change
            label = "control against control" if row.stage_percent == 0 else "candidate against control"
            lines.append(
                f"  {row.stage_percent:>3} %  P95 {plain.change(found.change):>8}  "
                f"({plain.interval(found.low, found.high)})  {label}"
            )
    equal = sum(row.equal for row in judgement.parity)
    cases = sum(row.cases for row in judgement.parity)
    lines.append(f"  {equal} of {cases} compared cases equal")
    lines.append("")
    lines += [f"  - {plain.visible(reason)}" for reason in judgement.reasons]
    lines += ["", f"{judgement.verdict.value}: {plain.NEXT_STEP[judgement.verdict.value]}"]
    lines.append(f"report: {plain.visible(str(run_dir / 'gate.html'))}")
    return lines
