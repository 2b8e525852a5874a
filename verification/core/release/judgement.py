"""What is said of a stage: the verdict, the four figures of the plan, what is missing, and what to do next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from verification.core.model import Finding, Verdict
from verification.core.said import say


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the figures that the plan watches, as a share, with its bounds; None where nothing is known of it."""

    name: Literal["error_rate", "success_rate", "p95_change", "share"]
    value: float | None
    low: float | None
    high: float | None
    target: float
    """At best: no higher for an error rate and a P95, no lower for a success rate, about this for the share."""
    threshold: float | None
    """Beyond it the release is rolled back; None for the share."""
    verdict: Verdict


Wanted = Literal["hours", "looks", "requests", "gate"]
"""What the plan wants of a stage: time, looks, candidate requests over the looks, a run of the gate."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that the plan wants and that is not there yet."""

    what: Wanted
    there: float
    needed: float

    @property
    def told(self) -> str:
        """In words."""
        if self.what == "gate":
            return say("no run of the gate at this percent is known since the stage began")
        # Rounded down, or all would be there a little before they are.
        there = math.floor(self.there * 10) / 10
        return say(
            "{there:.12g} of {needed:.12g} hours are there"
            if self.what == "hours"
            else "{there:.12g} of {needed:.12g} looks are there"
            if self.what == "looks"
            else "{there:.12g} of {needed:.12g} requests are there",
            there=there,
            needed=self.needed,
        )


@dataclass(frozen=True, slots=True)
class Action:
    """What to do next, and the percent that it leads to or concerns."""

    kind: Literal["begin", "wait", "run-gate", "promote", "done", "analyse", "roll-back"]
    percent: int


@dataclass(frozen=True, slots=True)
class StageJudgement:
    """The verdict of a stage at one moment."""

    percent: int
    verdict: Verdict
    findings: tuple[Finding, ...]
    """The gravest first."""
    missing: tuple[Missing, ...]
    action: Action
    figures: tuple[Figure, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is no better: the findings of its own weight."""
        found = (one for one in self.findings if one.verdict is self.verdict)
        return tuple(say("{title}: {reason}", title=one.title, reason=one.reason) for one in found)

    def figure(self, name: str) -> Figure | None:
        """One of the figures."""
        return next((one for one in self.figures if one.name == name), None)
