"""Thresholds and required evidence: everything that the judge's decisions depend on beside the evidence."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

DEFAULT_STAGES = (0, 10, 25, 50, 100)

Share = Annotated[float, Field(gt=0, lt=1)]
Ratio = Annotated[float, Field(gt=1, le=10)]


class Frozen(BaseModel):
    """Base of every policy part: immutable; unknown keys and limits without an end (inf, nan) are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LatencyPolicy(Frozen):
    """P95 change: margins as ratios candidate / control, significance, and what a measurement needs to count."""

    hold_ratio: Ratio = 1.2
    rollback_ratio: Ratio = 1.5
    alpha: Share = 0.01
    floor_ms: Annotated[float, Field(ge=0)] = 1.0
    floor_share: Share = 0.1
    min_blocks: Annotated[int, Field(ge=2)] = 20
    min_shared_share: Share = 0.8
    min_exceedances: Annotated[float, Field(gt=0)] = 10.0
    interference_ratio: Ratio = 1.2

    @model_validator(mode="after")
    def margins_are_ordered(self) -> LatencyPolicy:
        """A hold margin above the rollback margin would make HOLD unreachable."""
        if self.hold_ratio >= self.rollback_ratio:
            raise ValueError(f"hold_ratio {self.hold_ratio} must lie below rollback_ratio {self.rollback_ratio}")
        return self


class RatePolicy(Frozen):
    """Error rates as shares. What counts as an error: transport failures, time-outs and the statuses listed."""

    hold_error_rate: Share = 0.01
    rollback_error_rate: Share = 0.05
    alpha: Share = 0.01
    error_status_from: Annotated[int, Field(ge=400, le=600)] = 500
    exposure_alarm: Annotated[float, Field(gt=1)] = 1000.0
    fallback_hold_share: Annotated[float, Field(ge=0, lt=1)] = 0.0

    @model_validator(mode="after")
    def rates_are_ordered(self) -> RatePolicy:
        """A hold rate above the rollback rate would make HOLD unreachable."""
        if self.hold_error_rate >= self.rollback_error_rate:
            raise ValueError(
                f"hold_error_rate {self.hold_error_rate} must lie below rollback_error_rate {self.rollback_error_rate}"
            )
        return self


class LoadPolicy(Frozen):
    """When the load generator, not the target, was the bottleneck."""

    max_dropped_share: Share = 0.01
    max_lag_share: Share = 0.05
    lag_floor_ms: Annotated[float, Field(ge=0)] = 1.0
    """Scheduling lag below this never counts, whatever the share of the P95."""
    max_clock_step_s: Annotated[float, Field(gt=0)] = 0.5
    """More than any steering of a clock moves it within a stage."""
    max_warm_up_ratio: Annotated[float, Field(gt=1)] = 4.0
    """The target is still warming up where each of the first blocks has so many times its share of slow requests."""
    max_cpu_percent: Annotated[float, Field(gt=0, le=100)] = 90.0


class DifferencePolicy(Frozen):
    """When a field in which control disagrees with itself differs too often on the candidate: the level of the test
    over all such fields of one endpoint."""

    alpha: Share = 0.01


class AcceptedDifference(Frozen):
    """A difference that a named person accepted until a date; it stays visible and expires into its old weight."""

    endpoint: str
    path: str
    reason: Annotated[str, Field(min_length=3)]
    owner: Annotated[str, Field(min_length=1)]
    expires: date


class Policy(Frozen):
    """The whole policy; the defaults are the release plan's thresholds."""

    latency: LatencyPolicy = LatencyPolicy()
    rates: RatePolicy = RatePolicy()
    load: LoadPolicy = LoadPolicy()
    accepted: tuple[AcceptedDifference, ...] = ()
    differences: DifferencePolicy = DifferencePolicy()
