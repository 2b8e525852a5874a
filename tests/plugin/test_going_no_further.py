"""After a load that says ROLLBACK, somebody's backend is taken to no higher percent; one of ours is measured on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from verification import gate
from verification.core.model import Finding, Verdict
from verification.settings import Settings

MEASURED: list[int] = []


def gate_of(settings: Settings, monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> gate.Gate:
    """A gate that measures nothing, and whose judge says these."""
    made = object.__new__(gate.Gate)
    made.settings, made.stages = settings, (10, 25, 50)
    nothing: Any = SimpleNamespace(run_dir=Path(), pause=lambda: None, record=lambda _: None)
    made.run = made.campaign = nothing
    made._rate_per_s = made._rolled_back_at = None
    MEASURED.clear()
    run = SimpleNamespace(evidence=None, catalog=None, policy=None)
    monkeypatch.setattr(gate, "read_run", lambda _: run)
    monkeypatch.setattr(gate, "judge_stage", lambda *_: SimpleNamespace(findings=list(findings)))
    monkeypatch.setattr(gate, "measure_stage", lambda _s, _d, percent, *_, **__: MEASURED.append(percent))
    return made


NAMED = Settings.model_validate({"target": {"url": "http://127.0.0.1:9"}})
SLOW = Finding("latency.p95", Verdict.ROLLBACK, "P95", "too slow")


@pytest.mark.parametrize(
    ("settings", "finding", "measured"),
    [
        (NAMED, SLOW, [25]),
        (Settings(), SLOW, [25, 50]),
        (NAMED, Finding("latency.p95", Verdict.HOLD, "P95", "slower"), [25, 50]),
    ],
    ids=["somebody's", "ours", "no rollback"],
)
def test_a_load_that_says_rollback_is_the_last_of_somebodys_backend(
    settings: Settings, finding: Finding, measured: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = gate_of(settings, monkeypatch, finding)
    made.measure(25)
    made.judge_stage(25)
    if measured == [25]:
        with pytest.raises(pytest.fail.Exception, match="not measured at 50 %: the load at 25 % says ROLLBACK"):
            made.measure(50)
    else:
        made.measure(50)
    assert measured == MEASURED


def test_what_all_stages_owe_together_fails_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    together = [Finding(rule, Verdict.INCONCLUSIVE, "x", "open") for rule in ("latency.p95", "latency.interference")]
    own = Finding("load.generator", Verdict.INCONCLUSIVE, "x", "lag")
    assert gate_of(NAMED, monkeypatch, *together, own, SLOW).judge_stage(25) == [own, SLOW]
