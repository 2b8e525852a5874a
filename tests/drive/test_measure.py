"""A ramp is read back as steps, workers added up, and the rate that it allows is never more than was planned."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.judge.builders import cell
from verification.core.knee import RampStep
from verification.core.records import LoadBlock, LoadEnd, Mishap, Ramp, Record
from verification.drive import measure
from verification.drive.load import LoadOutcome, LoadPlan, Progress
from verification.evidence import EvidenceWriter
from verification.settings import Settings


class Target:
    """Stands still, and tells whether it was ended."""

    owned, base_url = True, "http://127.0.0.1:1"
    closed = False

    def set_percent(self, percent: int) -> None:
        assert percent == 0

    def close(self) -> None:
        self.closed = True


def asked(
    monkeypatch: pytest.MonkeyPatch, run_dir: Path, slow_from: float
) -> tuple[float | None, list[Record], Target, LoadPlan]:
    """Two workers that each see half of every step; slow from that rate on."""
    target, plans, records = Target(), list[LoadPlan](), list[Record]()

    def run_stage(plan: LoadPlan, folder: Path, _: Progress) -> LoadOutcome:
        plans.append(plan)
        with EvidenceWriter(folder, plan.evidence_name) as writer:
            for worker in ("w0", "w1"):
                for number, rate in enumerate(plan.ramp_rates):
                    bins = {800 if rate >= slow_from else 500: 30}
                    writer.append(LoadBlock(0, number, "control", worker, (cell("control", bins),)))
            writer.append(LoadEnd(0, 1, 1, 0, (), (), (), None))
        return LoadOutcome(11, None)

    monkeypatch.setattr(measure, "run_stage", run_stage)
    monkeypatch.setattr(measure, "_target", lambda *_: target)
    rate = measure.measure_ramp(Settings(), run_dir, records.append, lambda _: None)
    return rate, records, target, plans[0]


def test_a_target_without_a_knee_is_measured_at_the_planned_rate(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rate, records, target, plan = asked(monkeypatch, tmp_path, slow_from=1e9)
    assert rate == plan.rate_per_s
    assert max(plan.ramp_rates) > 2 * plan.rate_per_s
    assert target.closed
    (ramp,) = records
    assert isinstance(ramp, Ramp)
    assert [step.requests for step in ramp.steps] == [60] * len(plan.ramp_rates)
    assert ramp.steps[0] == RampStep(plan.ramp_rates[0], 60, 0, {500: 60})


def test_below_a_knee_the_rate_is_half_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rate, _, _, plan = asked(monkeypatch, tmp_path, slow_from=200.0)
    knee = max(rate for rate in plan.ramp_rates if rate < 200.0)
    assert rate == knee / 2 < plan.rate_per_s


def test_a_ramp_that_left_nothing_is_a_mishap_and_the_planned_rate_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    target, records = Target(), list[Record]()
    monkeypatch.setattr(measure, "_target", lambda *_: target)
    monkeypatch.setattr(measure, "run_stage", lambda *_: LoadOutcome(2, "no port"))
    assert measure.measure_ramp(Settings(), tmp_path, records.append, lambda _: None) is None
    assert [type(record) for record in records] == [Mishap]
    assert target.closed
