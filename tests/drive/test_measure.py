"""A ramp is read back as steps, workers added up, and the rate that it allows is never more than was planned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

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
    monkeypatch: pytest.MonkeyPatch, run_dir: Path, slow_from: float, *, sent: float = 1.0, **end: Any
) -> tuple[float | None, list[Record], Target, LoadPlan]:
    """Two workers that each see half of every step, or what of it was sent; slow from that rate on."""
    target, plans, records = Target(), list[LoadPlan](), list[Record]()

    def run_stage(plan: LoadPlan, folder: Path, _: Progress) -> LoadOutcome:
        plans.append(plan)
        with EvidenceWriter(folder, plan.evidence_name) as writer:
            for worker in ("w0", "w1"):
                for number, rate in enumerate(plan.ramp_rates):
                    bins = {800 if rate >= slow_from else 500: round(sent * rate / 2)}
                    writer.append(LoadBlock(0, number, "control", worker, (cell("control", bins),)))
            writer.append(replace(LoadEnd(0, 1, 1, 0, (), (), (), None), **end))
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
    assert [step.requests for step in ramp.steps] == list(plan.ramp_rates)
    first = plan.ramp_rates[0]
    assert ramp.steps[0] == RampStep(first, round(first), 0, {500: round(first)})


def test_a_ramp_that_sent_half_of_what_was_set_tells_of_the_rates_that_it_reached(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rate, (ramp,), _, plan = asked(monkeypatch, tmp_path, slow_from=1e9, sent=0.5)
    assert isinstance(ramp, Ramp)
    assert ramp.steps[-1].rate_per_s == plan.ramp_rates[-1] / 2
    assert rate == plan.ramp_rates[-1] / 4 < plan.rate_per_s


@pytest.mark.parametrize(
    ("end", "said"), [({"lost_workers": ("w1",)}, "workers were lost: w1"), ({"aborted": "no answer"}, "no answer")]
)
def test_half_a_ramp_tells_nothing_and_is_a_mishap(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, end: dict[str, Any], said: str
) -> None:
    rate, (mishap, ramp), _, _ = asked(monkeypatch, tmp_path, slow_from=1e9, **end)
    assert rate is None
    assert isinstance(mishap, Mishap)
    assert said in mishap.detail
    assert isinstance(ramp, Ramp)
    assert ramp.steps == ()


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
