"""The plan of a release: which percents it passes, how long each is observed, and what must have been seen by then."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from verification.core.model import Verdict
from verification.core.policy import Frozen

Hours = Annotated[float, Field(ge=1e-6, le=24 * 365)]
"""From 3.6 ms on: what is shorter would be no time at all to a clock."""


class PlannedStage(Frozen):
    """One percent of the plan. Window *and* samples must both be met before the next one."""

    percent: Annotated[int, Field(ge=1, le=100)]
    least_hours: Hours
    """The stage is not left upwards before."""
    most_hours: Hours
    """Where it has not proven itself by then, it is analysed, and 10 % run again, or rolled back."""
    looks: Annotated[int, Field(ge=1, le=100_000)]
    """Least number of looks that found the backend answering on both arms."""
    requests: Annotated[int, Field(ge=1)]
    """Least number of candidate requests over these looks."""
    every_hours: Hours = 1.0
    """From one look to the next."""

    @model_validator(mode="after")
    def window_is_possible(self) -> Self:
        """A window that ends before it may end, or is too short for its looks, could never be passed."""
        if self.least_hours > self.most_hours:
            raise ValueError(f"least_hours = {self.least_hours:g} is more than most_hours = {self.most_hours:g}")
        # Not of the hours: 0.3 / 0.1 is less than 3.
        room = self.most // self.every + 1
        if self.looks > room:
            raise ValueError(
                f"looks = {self.looks} do not fit: every {self.every_hours:g} h there are {room} of them within "
                f"most_hours = {self.most_hours:g}"
            )
        return self

    @property
    def least(self) -> timedelta:
        """Shortest observation."""
        return timedelta(hours=self.least_hours)

    @property
    def most(self) -> timedelta:
        """Longest observation."""
        return timedelta(hours=self.most_hours)

    @property
    def every(self) -> timedelta:
        """From one look to the next."""
        return timedelta(hours=self.every_hours)


USUAL_STAGES = (
    PlannedStage(percent=10, least_hours=24, most_hours=48, looks=22, requests=1000),
    PlannedStage(percent=25, least_hours=72, most_hours=120, looks=65, requests=2000),
    PlannedStage(percent=50, least_hours=168, most_hours=240, looks=150, requests=3000),
    PlannedStage(percent=100, least_hours=168, most_hours=336, looks=150, requests=3000),
)
"""One to two days, three to five, a week, one to two weeks."""


class ReleasePlan(Frozen):
    """The stages of a release, upwards, and what may stand in its way beside what is measured."""

    stages: Annotated[tuple[PlannedStage, ...], Field(min_length=1)] = USUAL_STAGES
    serious_feedback: Verdict = Verdict.ROLLBACK
    """What an open serious word of feedback comes to."""
    needs_gate: bool = True
    """Whether a stage is passed only with a gate's run (`pytest -m stage_gate`) at its percent that says PROMOTE."""
    most_missed_share: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of the looks that may be missing; with more, nobody knows what happened meanwhile."""

    @field_validator("stages")
    @classmethod
    def stages_ascend(cls, stages: tuple[PlannedStage, ...]) -> tuple[PlannedStage, ...]:
        """A release moves upwards, each percent once."""
        percents = [stage.percent for stage in stages]
        if percents != sorted(set(percents)):
            raise ValueError(f"percents {percents} must ascend, each once")
        return stages

    @property
    def percents(self) -> tuple[int, ...]:
        """Of the stages, upwards."""
        return tuple(stage.percent for stage in self.stages)

    def stage(self, percent: int) -> PlannedStage | None:
        """The stage at this percent; None where the plan has none."""
        return next((stage for stage in self.stages if stage.percent == percent), None)

    def after(self, percent: int) -> PlannedStage | None:
        """The next stage above this percent; None after the last."""
        return next((stage for stage in self.stages if stage.percent > percent), None)
