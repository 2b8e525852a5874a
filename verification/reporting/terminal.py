"""The last lines on the terminal: the P95 of each stage, the reasons, the verdict and the path."""

from __future__ import annotations

from pathlib import Path

from verification.core.judgement import Judgement
from verification.reporting import plain


def summary_lines(judgement: Judgement, run_dir: Path) -> list[str]:
    """Plain text, a line each; nothing in it can steer a terminal."""
    lines = [""]
    whole = {row.stage_percent: row.change for row in judgement.latency if row.endpoint is None}
    for percent, found in sorted(
        ((key, value) for key, value in whole.items() if key is not None), key=lambda pair: pair[0]
    ):
        label = "control against control" if percent == 0 else "candidate against control"
        limits = plain.interval(found.low, found.high)
        lines.append(f"  {percent:>3} %  P95 {plain.change(found.change):>8}  ({limits})  {label}")
    equal = sum(row.equal for row in judgement.parity)
    cases = sum(row.cases for row in judgement.parity)
    lines.append(f"  {equal} of {cases} compared cases equal")
    lines.append("")
    lines += [f"  - {plain.visible(reason)}" for reason in judgement.reasons]
    lines += ["", f"{judgement.verdict.value}: {plain.NEXT_STEP[judgement.verdict.value]}"]
    lines.append(f"report: {plain.visible(str(run_dir / 'gate.html'))}")
    return lines
