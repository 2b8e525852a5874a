"""Judges the present stage, writes down what is new of it, and has the webhook told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from verification.core.errors import EvidenceError, UsageError
from verification.core.judge.release import judge_stage
from verification.core.judgement import Judgement
from verification.core.redact import redact_text
from verification.core.release.call import PLAIN
from verification.core.release.events import Decided, Found, GateRun, Judged
from verification.core.release.judgement import StageJudgement
from verification.core.release.standing import Standing
from verification.rollout.call import call_of
from verification.rollout.clock import Clock
from verification.rollout.ledger import Ledger
from verification.rollout.notice import tell_news
from verification.run import judge_run
from verification.settings import Settings


def judge_now(settings: Settings, ledger: Ledger, clock: Clock) -> tuple[StageJudgement, tuple[str, ...]]:
    """The verdict of the present stage; what is new is written down, and the webhook told what it does not know yet, at
    0 % too. With it, why it could not be told.

    EvidenceError where the ledger's chain is broken: what it says cannot be believed.
    """
    if broken := ledger.broken():
        raise EvidenceError(f"{ledger.path}: {broken[0]}. What it says of the release cannot be believed.")
    standing, now = ledger.standing(), clock.now()
    judgement = judge_stage(standing, settings.release.plan, settings.policy, now)
    if standing.began_at is not None:
        _write_down(ledger, standing, judgement, now)
    return judgement, tell_news(settings, ledger, clock)


def _write_down(ledger: Ledger, standing: Standing, judgement: StageJudgement, now: datetime) -> None:
    known = {(one.rule, one.title, one.verdict) for one in standing.found}
    for finding in judgement.findings:
        # What is only missing yet is missing at every look.
        is_new = (finding.rule, finding.title, finding.verdict) not in known and finding.rule != "release.missing"
        if is_new:
            found = Found(standing.percent, finding.rule, finding.verdict, finding.title, finding.reason)
            ledger.append(found, now)
    # As a plain command, whatever was given in this call: else each call would have a new action to tell.
    before, action = standing.judged, PLAIN.command(judgement.action)
    if before is None or (before.verdict, before.action) != (judgement.verdict, action):
        ledger.append(Judged(standing.percent, judgement.verdict, judgement.reasons, action), now)


def take_in_run(settings: Settings, ledger: Ledger, run_dir: Path, clock: Clock) -> GateRun:
    """Write down what a run of the gate says of the present stage, judged again from its folder.

    UsageError where it says nothing of this stage: another backend, another percent, or older than the stage.
    """
    standing = ledger.standing()
    if standing.began_at is None:
        raise UsageError(f"{run_dir}: no stage has begun, so the run can say nothing of one.")
    judgement = judge_run(run_dir)
    manifest = judgement.manifest
    named = redact_text(" and ".join(settings.target.urls))
    if manifest.owned or redact_text(manifest.target) != named:
        raise UsageError(
            f"{run_dir}: the run is of {redact_text(manifest.target)}, and says nothing of {named}. "
            "Run the gate with the same settings, or with --target."
        )
    if standing.percent not in manifest.stages:
        stages = ", ".join(f"{one} %" for one in manifest.stages)
        raise UsageError(
            f"{run_dir}: the run is of {stages}; {standing.percent} % runs. "
            f"`{call_of(settings).gate(standing.percent)}` makes one for it."
        )
    began = datetime.fromisoformat(manifest.started_at)
    began = began if began.tzinfo else began.replace(tzinfo=UTC)
    if began < standing.began_at:
        raise UsageError(f"{run_dir}: the run began at {began}, before the {standing.percent} % stage did.")
    event = _of(judgement, standing.percent, began)
    ledger.append(event, clock.now())
    return event


def _of(judgement: Judgement, percent: int, began: datetime) -> GateRun:
    rows = [row for row in judgement.latency if row.stage_percent == percent and row.endpoint is None]
    change = rows[0].change if rows else None
    measured = (None, None, None) if change is None else (change.change, change.low, change.high)
    reasons = () if not judgement.verdict.rank else judgement.reasons
    return GateRun(percent, judgement.manifest.run_id, began, judgement.verdict, reasons, *measured)


def decide(ledger: Ledger, clock: Clock, decision: str, *, who: str, why: str) -> Decided:
    """Write down what a person made of the verdict."""
    standing = ledger.standing()
    if standing.began_at is None:
        raise UsageError("No stage runs, so there is nothing to decide about.")
    if not why.strip():
        raise UsageError("--why is empty: say why, whoever reads the ledger in a year will want to know.")
    event = Decided(standing.percent, decision, who, why)  # type: ignore[arg-type]  # the command line allows these words only
    ledger.append(event, clock.now())
    return event
