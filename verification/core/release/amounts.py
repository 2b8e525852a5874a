"""How much of what the plan wants to see of a stage is there."""

from __future__ import annotations

from dataclasses import dataclass

from verification.core.model import Arm
from verification.core.release.judgement import Missing, Wanted
from verification.core.release.looks import total_of
from verification.core.release.plan import PlannedStage, ReleasePlan
from verification.core.release.standing import Standing


@dataclass(frozen=True, slots=True)
class Amount:
    """Hours, looks, candidate requests or runs of the gate: how many are there, and how many are needed."""

    what: Wanted
    there: float
    needed: float

    @property
    def is_enough(self) -> bool:
        """Whether nothing of it is missing."""
        return self.there >= self.needed

    @property
    def share(self) -> float:
        """How much of it is there, from 0 to 1."""
        return min(1.0, max(0.0, self.there / self.needed))


def amounts(standing: Standing, stage: PlannedStage, plan: ReleasePlan, hours: float) -> tuple[Amount, ...]:
    """All that must be met before the stage is left upwards; `hours` have passed since it began."""
    answered = [look for look in standing.looks if look.is_answered]
    found = (
        Amount("hours", hours, stage.least_hours),
        Amount("looks", len(answered), stage.looks),
        Amount("requests", total_of(answered, Arm.CANDIDATE).requests, stage.requests),
    )
    return (*found, Amount("gate", int(standing.gate is not None), 1)) if plan.needs_gate else found


def missing(of: tuple[Amount, ...]) -> tuple[Missing, ...]:
    """What is not there yet."""
    return tuple(Missing(one.what, one.there, one.needed) for one in of if not one.is_enough)
