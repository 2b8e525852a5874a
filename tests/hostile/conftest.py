"""One run against every hostile target, shared by the tests that look at its evidence and at its reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hostile.gathering import gather
from verification.core.judgement import Judgement
from verification.evidence import Run, read_run
from verification.run import conclude


@dataclass(frozen=True)
class HostileRun:
    """The run's folder, what stands in it, and what was judged of it; its allure results lie in `allure` below it."""

    run_dir: Path
    run: Run
    judgement: Judgement

    def text(self, name: str) -> str:
        return (self.run_dir / name).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> HostileRun:
    run_dir = tmp_path_factory.mktemp("hostile") / "run"
    gather(run_dir)
    judgement = conclude(run_dir, run_dir / "allure")
    return HostileRun(run_dir, read_run(run_dir), judgement)
