"""A release as its ledger would tell it, made by hand: by default all is well, and each test spoils one thing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np

from verification.core.histogram import TOP_BIN, bin_of
from verification.core.judge.figures import judge_figures
from verification.core.judge.release import judge_stage
from verification.core.model import Arm, Finding, Verdict
from verification.core.policy import Policy
from verification.core.release.events import Counters, Event, FeedbackAdded, GateRun, Look, RolledBack, Seen, Started
from verification.core.release.judgement import Figure, StageJudgement
from verification.core.release.plan import PlannedStage, ReleasePlan
from verification.core.release.standing import Feedback, Standing, standing

BEGAN = datetime(2026, 11, 23, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
READS = ("GET /cameras", "GET /alerts/rules")
PLAN = ReleasePlan()
STAGE = PLAN.stages[0]
POLICY = Policy()
LOOKS = 25
"""One each hour of the first stage's shortest window, the one at its end included."""


def after(hours: float) -> datetime:
    """So many hours after the stage began."""
    return BEGAN + timedelta(hours=hours)


@cache
def times(seed: int, requests: int, errors: int = 0, ratio: float = 1.0) -> dict[int, int]:
    """A histogram around 20 ms, errors beyond every time."""
    found: dict[int, int] = {TOP_BIN: errors} if errors else {}
    rng = np.random.default_rng(seed)
    for value in 20.0 * ratio * np.exp(0.2 * rng.standard_normal(requests - errors)):
        found[bin_of(float(value))] = found.get(bin_of(float(value)), 0) + 1
    return found


def seen(arm: Arm, *, read: str = READS[0], seed: int = 0, requests: int = 25, errors: int = 0, ratio: float = 1.0,
         **served: int) -> Seen:  # fmt: skip
    """One read on one arm; by default its own implementation has served all that was answered."""
    own = "domain" if arm is Arm.CANDIDATE else "legacy"
    counts = {"legacy": 0, "domain": 0, "unwitnessed": 0, own: requests - errors, **served}
    return Seen(read, arm, requests, errors, times=times(seed, requests, errors, ratio), **counts)


def both(slot: int, *, errors: int = 0, control_errors: int = 0, ratio: float = 1.0, requests: int = 25,
         reads: Iterable[str] = READS) -> tuple[Seen, ...]:  # fmt: skip
    """Each read on both arms."""
    found = []
    for number, read in enumerate(reads):
        seed = 1000 * abs(slot) + 10 * number
        found.append(seen(Arm.CONTROL, read=read, seed=seed, requests=requests, errors=control_errors))
        found.append(seen(Arm.CANDIDATE, read=read, seed=seed + 1, requests=requests, errors=errors, ratio=ratio))
    return tuple(found)


def look(slot: int, *, percent: int = 10, **changes: Any) -> Look:
    """A look on time, at which all was well."""
    due = after(slot)
    domain = percent * 40 // 100
    plain = Look(percent, slot, due, due, 3.0, both(slot), natural_legacy=40 - domain, natural_domain=domain,
                 health="healthy", counters=Counters(500 * slot, 0, None, None), consistent=True,
                 fallback_lines=0)  # fmt: skip
    return replace(plain, **changes)


def looks(number: int = LOOKS, **changes: Any) -> tuple[Look, ...]:
    """One after the other, from the first of the stage on."""
    return tuple(look(slot, **changes) for slot in range(number))


def seeing(number: int = LOOKS, **changes: Any) -> list[Look]:
    """Looks with these errors of each read on each arm."""
    return [look(slot, seen=both(slot, **changes)) for slot in range(number)]


def with_look(taken: Sequence[Look], slot: int, **changes: Any) -> tuple[Look, ...]:
    """The same looks, one of them changed."""
    return tuple(replace(one, **changes) if one.slot == slot else one for one in taken)


def gate(
    verdict: Verdict = Verdict.PROMOTE, *, ran_at: datetime | None = None, percent: int = 10, **changes: Any
) -> GateRun:
    """A run of the gate within the stage."""
    return replace(GateRun(percent, "run-1", ran_at or after(1), verdict, ()), **changes)


def started(percent: int = 10, *, former: int = 0, is_proven: bool = True) -> Started:
    """The backend was put at a percent, or was to be."""
    return Started(percent, former, "maria", is_proven, "the witness showed the share", 4.0)


def rolled_back(former: int = 10, *, is_proven: bool = True, detail: tuple[str, ...] = ()) -> RolledBack:
    """Everything was sent to legacy again."""
    return RolledBack(former, "maria", "errors", is_proven, detail, 2.0)


def feedback(severity: Any = "serious", *, id: str = "f1", text: str = "the list is empty") -> FeedbackAdded:  # noqa: A002
    """A word of a user."""
    return FeedbackAdded(id, severity, text, "hotline", READS[0])


def told(*events: Event, at: datetime = BEGAN) -> Standing:
    """Where the release stands after these events, all told at the same time."""
    return standing((number, at, event) for number, event in enumerate(events, start=1))


def stands(taken: Sequence[Look] | None = None, **changes: Any) -> Standing:
    """In the first stage, with a run of the gate that promotes; ready to be left upwards."""
    plain = Standing(10, BEGAN, 1, looks() if taken is None else tuple(taken), gate())
    return replace(plain, **changes)


def judged(
    where: Standing | None = None, *, hours: float = 24, plan: ReleasePlan = PLAN, policy: Policy = POLICY
) -> StageJudgement:
    """The verdict so many hours after the stage began."""
    return judge_stage(stands() if where is None else where, plan, policy, after(hours))


def figures_of(
    taken: Sequence[Look], policy: Policy = POLICY, **changes: Any
) -> tuple[dict[str, Figure], list[Finding]]:
    """The figures by name, and what they come to."""
    figures, findings = judge_figures(stands(taken, **changes), PLAN, policy)
    return {figure.name: figure for figure in figures}, findings


def rules(of: StageJudgement | Iterable[Finding]) -> set[tuple[str, Verdict]]:
    """What was found, and how it weighs."""
    found = of.findings if isinstance(of, StageJudgement) else of
    return {(finding.rule, finding.verdict) for finding in found}


def reason_of(of: StageJudgement | Iterable[Finding], rule: str) -> str:
    """The words of the only finding of a rule."""
    found = of.findings if isinstance(of, StageJudgement) else of
    (reason,) = [finding.reason for finding in found if finding.rule == rule]
    return reason


def open_word(severity: Any = "serious", **changes: Any) -> Feedback:
    """An open word of feedback as the release stands."""
    return Feedback(feedback(severity, **changes), BEGAN)


def stage_of(**changes: Any) -> PlannedStage:
    """The first stage of the usual plan, changed."""
    return PlannedStage(**{**STAGE.model_dump(), **changes})
