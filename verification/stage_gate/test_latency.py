"""Is the rewrite as fast? Measured alone: never beside other tests, never in the backend's process."""

from __future__ import annotations

import pytest

from verification.gate import Gate

pytestmark = [pytest.mark.stage_gate, pytest.mark.latency_alone]


def test_latency(gate: Gate, percent: int) -> None:
    gate.measure(percent)
    gate.require(gate.judge_stage(percent))
