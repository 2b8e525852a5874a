"""Thresholds that contradict each other are refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from verification.core.policy import LatencyPolicy, Policy, RatePolicy


def test_the_defaults_are_the_release_plans_thresholds() -> None:
    policy = Policy()
    assert (policy.latency.hold_ratio, policy.latency.rollback_ratio) == (1.2, 1.5)
    assert (policy.rates.hold_error_rate, policy.rates.rollback_error_rate) == (0.01, 0.05)


@pytest.mark.parametrize("ratios", [(1.5, 1.5), (1.6, 1.5), (1.0, 1.5)])
def test_a_hold_margin_must_lie_below_the_rollback_margin(ratios: tuple[float, float]) -> None:
    with pytest.raises(ValidationError, match="hold_ratio"):
        LatencyPolicy(hold_ratio=ratios[0], rollback_ratio=ratios[1])


def test_a_hold_rate_must_lie_below_the_rollback_rate() -> None:
    with pytest.raises(ValidationError, match="hold_error_rate"):
        RatePolicy(hold_error_rate=0.05, rollback_error_rate=0.05)


@pytest.mark.parametrize("limit", [float("inf"), float("nan"), "nan"])
def test_a_limit_that_nothing_can_reach_is_refused(limit: Any) -> None:
    with pytest.raises(ValidationError, match="floor_ms"):
        LatencyPolicy(floor_ms=limit)
    with pytest.raises(ValidationError, match="exposure_alarm"):
        RatePolicy(exposure_alarm=limit)


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="ratio"):
        LatencyPolicy(ratio=2)  # type: ignore[call-arg]  # that is the point
