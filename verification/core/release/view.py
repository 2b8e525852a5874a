"""What a report or `status` shows of a release: everything is counted here, so that writers only write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from verification.core.errors import UsageError
from verification.core.judge.release import judge_stage
from verification.core.judge.watching import forward_steps
from verification.core.model import Verdict
from verification.core.policy import Policy
from verification.core.redact import redact_text
from verification.core.release.amounts import Amount, amounts
from verification.core.release.call import PLAIN, Call
from verification.core.release.chain import FIRST, Line, broken
from verification.core.release.events import Decided, Event, Found, GateRun, Judged, Look, RolledBack, Started, Told
from verification.core.release.judgement import Action, StageJudgement
from verification.core.release.plan import PlannedStage, ReleasePlan
from verification.core.release.standing import Feedback, PassedStage, Standing, standing, standing_at_end_of

_SHOWN = (Started, Look, GateRun, Judged, Decided, RolledBack, Told)
"""What was done, beside findings and feedback, which are told by themselves."""


@dataclass(frozen=True, slots=True)
class StageProgress:
    """One stage of the plan and how far it is."""

    stage: PlannedStage
    state: Literal["done", "running", "to-do", "skipped", "rolled-back", "again"]
    """`again`: it ran, and the release has gone below it since."""
    began_at: datetime | None = None
    """Of its last run, like all that follows; None where it never ran."""
    ended_at: datetime | None = None
    hours: float | None = None
    looks: int | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was done; looks one after the other are one step."""

    number: int
    """Of its (first) line in the ledger."""
    at: datetime
    event: Event
    until: datetime
    """When the last of its looks was taken."""
    looks: int = 0
    answered: int = 0
    """Looks that both arms answered."""


@dataclass(frozen=True, slots=True)
class ReleaseView:
    """A release at one moment, and one of its stages: as it runs, or as it stood at its end."""

    now: datetime
    target: str
    """Without secrets."""
    plan: ReleasePlan
    release: Standing
    """As it stands now."""
    stage: Standing
    """As it stood at the end of the stage that was asked for; the same as `release` while that runs."""
    ended_at: datetime | None
    """When the stage that was asked for was left; None while it runs, and where none was asked for."""
    judgement: StageJudgement
    """Of the stage that was asked for, at its end or now."""
    action: Action
    """What to do now, whatever stage was asked for."""
    amounts: tuple[Amount, ...]
    progress: tuple[StageProgress, ...]
    call: Call
    """How the suite was called for it."""
    steps: tuple[Step, ...]
    """What was done in the stage; in the whole release where none was asked for and none runs."""
    gone: tuple[Found, ...]
    """What was found in the stage and is not found any more."""
    feedback: tuple[Feedback, ...]
    """All that came in before the end of the stage, as it is known now."""
    rolled_back: Step | None
    """The rollback after which nothing was started."""
    failed_start: Step | None
    """The last try to start a stage, where it came to nothing and nothing has moved since."""
    ledger: str
    last_line: int
    last_hash: str
    wrong: tuple[str, ...]
    """What is wrong with the ledger's chain; nothing where it is whole."""

    @property
    def command(self) -> str:
        """The exact words to type for `action`."""
        return self.call.command(self.action)

    @property
    def planned(self) -> PlannedStage | None:
        """The stage as the plan has it; None at 0 % and at a percent that is none of the plan."""
        return self.plan.stage(self.stage.percent)

    @property
    def hours(self) -> float | None:
        """How long the stage has run, or did; None where there is none."""
        return None if self.stage.began_at is None else _hours(self.stage.began_at, self.ended_at or self.now)

    @property
    def is_finished(self) -> bool:
        """Whether the last stage of the plan has passed."""
        return self.action.kind == "done"


def last_stage(release: Standing) -> int | None:
    """The percent that runs, else the one that ran last; None before the first stage. A report is of this by itself."""
    if release.began_at is not None:
        return release.percent
    return release.passed[-1].percent if release.passed else None


def view_of(
    chain: Sequence[Line],
    events: Sequence[tuple[int, datetime, Event]],
    plan: ReleasePlan,
    policy: Policy,
    now: datetime,
    *,
    percent: int | None,
    target: str,
    ledger: str,
    call: Call = PLAIN,
) -> ReleaseView:
    """The release now and its last stage at `percent`; None asks for the release as it stands, stage or not.

    UsageError where no stage at this percent ever began.
    """
    release = standing(events)
    stage = release if percent is None else standing_at_end_of(events, percent)
    if stage is None:
        ran = ", ".join(f"{one} %" for one in sorted(_ran(release))) or "none"
        raise UsageError(f"--stage {percent}: no stage at {percent} % has begun in {ledger}; begun have: {ran}.")
    ended_at = _ended_at(release, stage)
    present = judge_stage(release, plan, policy, now)
    judgement = present if ended_at is None else judge_stage(stage, plan, policy, ended_at)
    action = _action(release, present)
    planned, began_at = plan.stage(stage.percent), stage.began_at
    there: tuple[Amount, ...] = ()
    if planned is not None and began_at is not None:
        there = amounts(stage, planned, plan, _hours(began_at + forward_steps(stage.looks), ended_at or now))
    known = {(one.rule, one.title) for one in judgement.findings}
    by_line = {number: Step(number, at, event, at) for number, at, event in events}
    tries = [step for step in by_line.values() if isinstance(step.event, Started)]
    return ReleaseView(
        now=now,
        target=redact_text(target),
        plan=plan,
        release=release,
        stage=stage,
        ended_at=ended_at,
        judgement=judgement,
        action=action,
        amounts=there,
        progress=tuple(_progress(release, plan, present, action, now)),
        call=call,
        steps=tuple(_steps(events, stage)),
        gone=tuple(one for one in stage.found if (one.rule, one.title) not in known),
        feedback=tuple(one for one in release.feedback if ended_at is None or one.at <= ended_at),
        rolled_back=by_line[release.began_line] if release.rolled_back is not None else None,
        failed_start=tries[-1] if tries and _failed(tries[-1], release) else None,
        ledger=ledger,
        last_line=chain[-1].number if chain else 0,
        last_hash=chain[-1].hash if chain else FIRST,
        wrong=tuple(broken(chain)),
    )


def _ran(release: Standing) -> set[int]:
    running = {release.percent} if release.began_at is not None else set()
    return running | {one.percent for one in release.passed}


def _ended_at(release: Standing, stage: Standing) -> datetime | None:
    if stage.began_line == release.began_line:
        return None
    # The next one that was passed after what the stage itself had behind it is the stage.
    return release.passed[len(stage.passed)].ended_at


def _failed(last_try: Step, release: Standing) -> bool:
    return last_try.number > release.began_line


def _action(release: Standing, present: StageJudgement) -> Action:
    # What is not proven to be back may still serve users.
    back = release.rolled_back
    return Action("roll-back", 0) if back is not None and not back.is_proven else present.action


def _hours(since: datetime, until: datetime) -> float:
    return (until - since).total_seconds() / 3600


def _progress(
    release: Standing, plan: ReleasePlan, present: StageJudgement, action: Action, now: datetime
) -> Iterator[StageProgress]:
    below = _climbed(release)
    last = {one.percent: one for one in release.passed}
    for stage in plan.stages:
        if release.began_at is not None and stage.percent == release.percent:
            hours, looks = _hours(release.began_at, now), len(release.looks)
            state: Literal["done", "running"] = "done" if action.kind == "done" else "running"
            yield StageProgress(stage, state, release.began_at, None, hours, looks, present.verdict)
        elif stage.percent < release.percent:
            passed = below.get(stage.percent)
            yield StageProgress(stage, "skipped") if passed is None else _of(stage, "done", passed)
        elif stage.percent in last:
            before = last[stage.percent]
            yield _of(stage, "rolled-back" if before.rolled_back else "again", before)
        else:
            yield StageProgress(stage, "to-do")


def _of(stage: PlannedStage, state: Literal["done", "rolled-back", "again"], run: PassedStage) -> StageProgress:
    hours = _hours(run.began_at, run.ended_at)
    return StageProgress(stage, state, run.began_at, run.ended_at, hours, run.looks, run.verdict)


def _climbed(release: Standing) -> dict[int, PassedStage]:
    """The stages over which the release came to its present percent since it last stood below or was rolled back."""
    found: dict[int, PassedStage] = {}
    lowest = release.percent
    for one in reversed(release.passed):
        if one.rolled_back or one.percent > lowest:
            break
        lowest = one.percent
        found.setdefault(one.percent, one)
    return found


def _steps(events: Iterable[tuple[int, datetime, Event]], stage: Standing) -> Iterator[Step]:
    """What was done from the beginning of the stage to what ended it; everything where there is no stage."""
    first = stage.began_line if stage.began_at is not None else 0
    looks: Step | None = None
    for number, at, event in events:
        is_other = first and isinstance(event, (Look, GateRun, Judged, Decided)) and event.percent != stage.percent
        if number < first or is_other or not isinstance(event, _SHOWN):
            continue
        if isinstance(event, Look):
            looks = looks or Step(number, event.at, event, event.at)
            looks = replace(looks, until=event.at, looks=looks.looks + 1, answered=looks.answered + event.is_answered)
            continue
        if looks is not None:
            yield looks
            looks = None
        yield Step(number, at, event, at)
        moves = isinstance(event, RolledBack) or (isinstance(event, Started) and event.is_proven)
        if first and number > first and moves:
            return
    if looks is not None:
        yield looks
