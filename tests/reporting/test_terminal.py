"""The terminal's last lines: stages, verdict, reasons, path; nothing in them steers the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reporting import sample
from verification.core.model import Verdict
from verification.reporting.terminal import summary_lines

RUN = Path("reports/20260301-101500-4711")


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_verdict_its_reasons_and_the_path_come_last(verdict: Verdict) -> None:
    judged = sample.judgement(verdict)
    lines = summary_lines(judged, RUN)
    assert lines[-1] == f"report: {RUN / 'gate.html'}"
    assert lines[-1 - len(judged.reasons) : -1] == [f"  - {reason}" for reason in judged.reasons]
    assert lines[-2 - len(judged.reasons)].startswith(f"{verdict.value}: ")


def test_every_stage_has_a_line_with_its_interval() -> None:
    lines = summary_lines(sample.judgement(), RUN)
    stages = [line for line in lines if "candidate against control" in line]
    assert [line.split("%")[0].strip() for line in stages] == ["10", "25", "50", "100"]
    assert "-0.9 %" in stages[0]
    assert "(-6.5 % to +5.0 %)" in stages[0]
    assert any("control against control" in line for line in lines)


def test_accepted_differences_are_not_passed_over() -> None:
    assert any("1 accepted" in line for line in summary_lines(sample.judgement(), RUN))


def test_an_empty_run_says_what_is_wrong() -> None:
    assert any(line.startswith("INCONCLUSIVE: ") for line in summary_lines(sample.empty(), RUN))


def test_colour_is_used_only_when_told() -> None:
    judged = sample.judgement(Verdict.HOLD)
    assert "\x1b" not in "".join(summary_lines(judged, RUN))
    painted = [line for line in summary_lines(judged, RUN, colour=True) if "\x1b" in line]
    assert len(painted) == 1
    assert painted[0].startswith("\x1b[1;33mHOLD\x1b[0m: ")


def test_hostile_text_cannot_steer_the_terminal() -> None:
    lines = summary_lines(sample.hostile()[0], Path("reports/\x1b[2J\nrun"))
    assert len(lines) == len(summary_lines(sample.judgement(Verdict.ROLLBACK), RUN))
    assert all(line.isprintable() for line in lines)
