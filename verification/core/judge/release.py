"""A stage of a release: looks, feedback and the gate's run -> one verdict, what is still missing, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from verification.core.judge.figures import judge_figures
from verification.core.judge.watching import forward_steps, judge_backend, judge_looks_taken
from verification.core.model import Finding, Verdict, worst
from verification.core.policy import Policy
from verification.core.release.amounts import amounts
from verification.core.release.amounts import missing as missing_of
from verification.core.release.judgement import Action, Missing, StageJudgement
from verification.core.release.plan import PlannedStage, ReleasePlan
from verification.core.release.standing import Standing
from verification.core.said import joined, say


def judge_stage(standing: Standing, plan: ReleasePlan, policy: Policy, now: datetime) -> StageJudgement:
    """The verdict of the present stage at this moment; INCONCLUSIVE where there is none to judge."""
    if standing.began_at is None:
        return _not_begun(standing, plan)
    figures, findings = judge_figures(standing, plan, policy)
    findings += _astray(standing)
    is_gated = standing.gate is not None and standing.gate.verdict is Verdict.PROMOTE
    findings += judge_backend(standing.looks, standing.percent, is_gated=is_gated)
    findings += _feedback(standing, plan)
    findings += _gate(standing)
    missing: tuple[Missing, ...] = ()
    stage = plan.stage(standing.percent)
    if stage is None:
        # It can come to no good end, and still to a bad one.
        findings.append(_no_stage(standing.percent, say("this percent is none of the plan")))
    else:
        hours = (now - standing.began_at - forward_steps(standing.looks)) / timedelta(hours=1)
        findings += judge_looks_taken(standing.looks, stage, plan, standing.began_at, now)
        missing = missing_of(amounts(standing, stage, plan, hours))
        findings += _window(stage, hours, missing, findings)
    verdict = worst(finding.verdict for finding in findings) if findings else Verdict.PROMOTE
    found = tuple(sorted(findings, key=lambda finding: -finding.verdict.rank))
    action = _action(verdict, standing, plan, missing)
    return StageJudgement(standing.percent, verdict, found, missing, action, figures)


def _not_begun(standing: Standing, plan: ReleasePlan) -> StageJudgement:
    """Nothing to judge, except a rollback of which nobody knows where it has led."""
    finding, action = _no_stage(0, say("no stage of the plan has begun")), Action("begin", plan.percents[0])
    last = standing.rolled_back
    if last is not None and not last.is_proven:
        why = "; ".join(last.detail) or say("no reason is known")
        reason = say("it is not proven that legacy serves everything again: {why}", why=why)
        title = say("Rollback from {percent} %", percent=last.former)
        finding = Finding("release.rollback", Verdict.ROLLBACK, title, reason)
        action = Action("roll-back", 0)
    for astray in _astray(standing):
        finding, action = astray, Action("roll-back", 0)
    return StageJudgement(0, finding.verdict, (finding,), (), action, ())


def _astray(standing: Standing) -> Iterator[Finding]:
    """The last start came to nothing, and so did the way back: the backend may stand at any percent."""
    last = standing.started
    if last is not None and not last.is_proven and not last.is_back:
        title = say("Start of {percent} %", percent=last.percent)
        yield Finding("release.start", Verdict.ROLLBACK, title, last.detail, stage_percent=standing.percent)


def _no_stage(percent: int, reason: str) -> Finding:
    title = say("Stage {percent} %", percent=percent)
    return Finding("release.stage", Verdict.INCONCLUSIVE, title, reason, stage_percent=percent)


def _feedback(standing: Standing, plan: ReleasePlan) -> Iterator[Finding]:
    for one in standing.open_feedback:
        serious = one.added.severity == "serious"
        verdict = plan.serious_feedback if serious else Verdict.PROMOTE
        title = say(
            "Feedback {id} (serious, {source})" if serious else "Feedback {id} (minor, {source})",
            id=one.added.id,
            source=one.added.source,
        )
        yield Finding("release.feedback", verdict, title, one.added.text, one.added.endpoint)


def _gate(standing: Standing) -> Iterator[Finding]:
    gate, percent = standing.gate, standing.percent
    if gate is not None and gate.verdict is not Verdict.PROMOTE:
        title = say("Run of the gate {run}", run=gate.run_id)
        reason = joined("; ", gate.reasons) or say("it gave no reason")
        yield Finding("release.gate", gate.verdict, title, reason, stage_percent=percent)


def _window(
    stage: PlannedStage, hours: float, missing: Sequence[Missing], findings: Sequence[Finding]
) -> Iterator[Finding]:
    title = say("Window of the {percent} % stage", percent=stage.percent)
    for one in missing:
        yield Finding("release.missing", Verdict.INCONCLUSIVE, title, one.told, stage_percent=stage.percent)
    unproven = missing or any(finding.verdict is not Verdict.PROMOTE for finding in findings)
    if hours > stage.most_hours and unproven:
        reason = say(
            "{hours:.1f} h have passed, at most {most:g} h are planned, and the stage is not proven",
            hours=hours,
            most=stage.most_hours,
        )
        yield Finding("release.overdue", Verdict.HOLD, title, reason, stage_percent=stage.percent)


def _action(verdict: Verdict, standing: Standing, plan: ReleasePlan, missing: Sequence[Missing]) -> Action:
    percent, gate = standing.percent, standing.gate
    if verdict is Verdict.ROLLBACK:
        return Action("roll-back", 0)
    if verdict is Verdict.HOLD:
        return Action("analyse", plan.percents[0])
    if verdict is Verdict.INCONCLUSIVE:
        if plan.stage(percent) is None:
            return Action("begin", plan.percents[0])
        lacks = {one.what for one in missing}
        # Waiting mends neither a run that is missing nor one that could not decide.
        undecided = gate is not None and gate.verdict is not Verdict.PROMOTE
        return Action("run-gate" if lacks == {"gate"} or (undecided and not lacks) else "wait", percent)
    following = plan.after(percent)
    return Action("done", percent) if following is None else Action("promote", following.percent)
