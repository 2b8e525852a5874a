"""A stage of a release: looks, feedback and the gate's run -> one verdict, what is still missing, and what to do.

Everything here may be asked after every look, for weeks: errors and latency by evidence that may be looked at as often
as one likes (`core.rates`, `core.sequential`), alpha shared over the stages of the plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from verification.core.exceedance import Stratum
from verification.core.judge.release_errors import judge_errors
from verification.core.judge.watching import judge_backend, judge_looks_taken
from verification.core.latency import floor_note, p95_change
from verification.core.model import Arm, Finding, Verdict, worst
from verification.core.policy import LatencyPolicy, Policy
from verification.core.rates import exposure_evalue, exposure_interval
from verification.core.release.judgement import Action, Figure, Missing, StageJudgement
from verification.core.release.looks import Moved, moved, strata_of, total_of
from verification.core.release.plan import PlannedStage, ReleasePlan
from verification.core.release.standing import Standing
from verification.core.sequential import decide

_ALARMS = (Verdict.HOLD, Verdict.ROLLBACK)


def judge_stage(standing: Standing, plan: ReleasePlan, policy: Policy, now: datetime) -> StageJudgement:
    """The verdict of the present stage at this moment; INCONCLUSIVE where there is none to judge."""
    stage = plan.stage(standing.percent)
    if stage is None or standing.began_at is None:
        reason = "no stage of the plan has begun" if standing.began_at is None else "this percent is none of the plan"
        finding = Finding("release.stage", Verdict.INCONCLUSIVE, f"Stage {standing.percent} %", reason)
        return StageJudgement(standing.percent, finding.verdict, (finding,), (), _start(plan.after(0)), ())
    hours = (now - standing.began_at).total_seconds() / 3600
    figures, findings = _measured(standing, plan, policy)
    findings += judge_backend(standing.looks, standing.percent)
    findings += judge_looks_taken(standing.looks, stage, plan, standing.began_at, now)
    findings += _feedback(standing, plan)
    findings += _gate(standing)
    missing = tuple(_missing(standing, stage, plan, hours))
    findings += _window(stage, hours, missing, findings)
    verdict = worst(finding.verdict for finding in findings) if findings else Verdict.PROMOTE
    found = tuple(sorted(findings, key=lambda finding: -finding.verdict.rank))
    return StageJudgement(standing.percent, verdict, found, missing, _action(verdict, stage, plan, missing), figures)


def _measured(standing: Standing, plan: ReleasePlan, policy: Policy) -> tuple[tuple[Figure, ...], list[Finding]]:
    """The four figures of the plan, each held against its target and its threshold."""
    errors, verdict, findings = judge_errors(standing, plan, policy.rates)
    findings += _served(standing)
    p95, of_p95 = _latency(standing, plan, policy)
    share, of_share = _exposure(standing, policy)
    rates = policy.rates
    figures = (
        Figure("error_rate", errors.rate, errors.low, errors.high, rates.hold_error_rate, rates.rollback_error_rate,
               verdict),
        Figure("success_rate", 1 - errors.rate, 1 - errors.high, 1 - errors.low, 1 - rates.hold_error_rate,
               1 - rates.rollback_error_rate, verdict),
        p95,
        share,
    )  # fmt: skip
    return figures, [*findings, *of_p95, *of_share]


def _served(standing: Standing) -> Iterator[Finding]:
    """Who answered the requests that were put on an arm."""
    percent = standing.percent
    total = total_of(standing.looks, Arm.CANDIDATE)
    if total.legacy:
        reason = f"legacy served {total.legacy} of {total.requests} requests that were put on candidate"
        yield Finding("witness.fallback", Verdict.HOLD, "Fallback", reason, stage_percent=percent)
    wrong = total_of(standing.looks, Arm.CONTROL).domain
    if wrong:
        reason = f"domain served {wrong} requests that were forced to control: the way back by request does not work"
        yield Finding("flag.force", Verdict.ROLLBACK, "Forcing control", reason, stage_percent=percent)
    unnamed = sum(total_of(standing.looks, arm).unwitnessed for arm in Arm)
    if unnamed:
        reason = f"{unnamed} answers of the looks carried no usable witness, so nobody knows who served them"
        yield Finding("witness.absent", Verdict.INCONCLUSIVE, "Witness", reason, stage_percent=percent)


def latency_scopes(strata: Sequence[Stratum]) -> list[tuple[str, Sequence[Stratum]]]:
    """What a change of the P95 is judged of: all reads together, and each where there are several."""
    return [("all reads", strata), *([("this read", [one]) for one in strata] if len(strata) > 1 else [])]


def latency_alarm_alpha(scopes: int, plan: ReleasePlan, policy: LatencyPolicy) -> float:
    """At which one scope of one stage alarms, so that all scopes of all stages together keep to the policy's alpha."""
    return policy.alpha / len(plan.stages) / scopes


def _latency(standing: Standing, plan: ReleasePlan, policy: Policy) -> tuple[Figure, list[Finding]]:
    """The P95 of all reads together and of each, looked at after every look.

    A gate's run at this percent that promotes has proven it already; then looks may only alarm.
    """
    strata, latency = strata_of(standing.looks), policy.latency
    scopes = latency_scopes(strata)
    alarm_alpha = latency_alarm_alpha(len(scopes), plan, latency)
    is_proven = standing.gate is not None and standing.gate.verdict is Verdict.PROMOTE
    findings: list[Finding] = []
    whole = p95_change(strata, latency)
    verdicts = []
    for name, of in scopes:
        found = decide(of, latency, alarm_alpha=alarm_alpha, kept_alpha=latency.alpha, hours_apart=True)
        verdict, during = found.verdict, ""
        change = whole if of is strata else p95_change(of, latency)
        if verdict in _ALARMS and found.block is not None:
            # Over the whole stage a fault of its last hours hardly shows.
            change = p95_change([one.part(found.since, found.block) for one in of], latency)
            first, last = (standing.looks[at].slot for at in (found.since, found.block - 1))
            during = f"looks {first} to {last}: "
            verdict = Verdict.PROMOTE if floor_note(change.control_p95_ms, change.change, latency) else verdict
        if of is strata and verdict in _ALARMS:
            whole = change
        verdicts.append(verdict)
        if verdict in _ALARMS or (verdict is Verdict.INCONCLUSIVE and not is_proven):
            said = {
                Verdict.ROLLBACK: "more than the rollback margin is proven",
                Verdict.HOLD: "more than the hold margin is proven, more than the rollback margin is not",
                Verdict.INCONCLUSIVE: f"not decided by {change.blocks} looks with both arms",
            }[verdict]
            reason = f"{during}{change.seen}{said}"
            numbers = {"change": change.change, "low": change.low, "high": change.high}
            title = f"P95 of {name} over the looks"
            findings.append(
                Finding("latency.p95", verdict, title, reason, stage_percent=standing.percent, numbers=numbers)
            )
    value, low, high, verdict = whole.change, whole.low, whole.high, worst(verdicts)
    gate = standing.gate
    if gate is not None and gate.p95_change is not None and verdict not in _ALARMS:
        # Thousands of requests of a load say more than the few of the looks.
        value, low, high, verdict = gate.p95_change, gate.p95_low, gate.p95_high, gate.verdict
    limits = latency.hold_ratio - 1, latency.rollback_ratio - 1
    return Figure("p95_change", value, low, high, *limits, verdict), findings


def _exposure(standing: Standing, policy: Policy) -> tuple[Figure, list[Finding]]:
    """The share that the rewrite serves, of requests that nobody put on an arm."""
    looks, percent = standing.looks, standing.percent
    domain, legacy = sum(one.natural_domain for one in looks), sum(one.natural_legacy for one in looks)
    findings = []
    verdict = Verdict.PROMOTE if domain + legacy else Verdict.INCONCLUSIVE
    for source, new, old in (("asked by the looks", domain, legacy), ("of the users", *_of_users(standing))):
        e_value = exposure_evalue(new, new + old, percent / 100)
        if e_value >= policy.rates.exposure_alarm:
            verdict = Verdict.HOLD
            low, high = exposure_interval(new, new + old)
            served = f"domain served {new} of {new + old} requests {source}"
            reason = f"{served} ({low:.1%} to {high:.1%}) where {percent} % is set"
            findings.append(Finding("flag.exposure", verdict, "Share of the candidate", reason, stage_percent=percent))
    if not domain + legacy and looks:
        reason = "no unforced answer told who served it, so it is not known which share the rewrite has"
        title = "Share of the candidate"
        findings.append(Finding("flag.exposure", Verdict.INCONCLUSIVE, title, reason, stage_percent=percent))
    total = domain + legacy
    low, high = exposure_interval(domain, total) if total else (0.0, 1.0)
    share = domain / total if total else None
    return Figure("share", share, low, high, percent / 100, None, verdict), findings


def _of_users(standing: Standing) -> tuple[int, int]:
    """(domain, legacy) that the backend counted between the looks, less what the looks themselves sent.

    (0, 0) where nothing is left, or where the counters leave some of ours out: then they say nothing of users.
    """
    counted: Moved = moved(standing.looks)
    if counted.restarts:
        return 0, 0
    told = [look for look in standing.looks if look.counters is not None]
    # What the last look sent came after it had read the counters.
    own = [one for look in told[:-1] for one in look.seen]
    domain = counted.domain - sum(one.domain for one in own) - sum(look.natural_domain for look in told[:-1])
    legacy = counted.legacy - sum(one.legacy for one in own) - sum(look.natural_legacy for look in told[:-1])
    return (domain, legacy) if domain >= 0 and legacy >= 0 else (0, 0)


def _feedback(standing: Standing, plan: ReleasePlan) -> Iterator[Finding]:
    for one in standing.open_feedback:
        serious = one.added.severity == "serious"
        verdict = plan.serious_feedback if serious else Verdict.PROMOTE
        title = f"Feedback {one.added.id} ({one.added.severity}, {one.added.source})"
        yield Finding("release.feedback", verdict, title, one.added.text, one.added.endpoint)


def _gate(standing: Standing) -> Iterator[Finding]:
    gate, percent = standing.gate, standing.percent
    if gate is not None and gate.verdict is not Verdict.PROMOTE:
        reason = "; ".join(gate.reasons) or "it gave no reason"
        yield Finding("release.gate", gate.verdict, f"Run of the gate {gate.run_id}", reason, stage_percent=percent)


def _missing(standing: Standing, stage: PlannedStage, plan: ReleasePlan, hours: float) -> Iterator[Missing]:
    """What the plan wants to have seen before the stage is left upwards."""
    looks = sum(look.is_answered for look in standing.looks)
    requests = total_of(standing.looks, Arm.CANDIDATE).requests
    if hours < stage.least_hours:
        yield Missing("hours", hours, stage.least_hours)
    if looks < stage.looks:
        yield Missing("looks", looks, stage.looks)
    if requests < stage.requests:
        yield Missing("requests", requests, stage.requests)
    if plan.needs_gate and standing.gate is None:
        yield Missing("gate", 0, 1)


def _window(
    stage: PlannedStage, hours: float, missing: Sequence[Missing], findings: Sequence[Finding]
) -> Iterator[Finding]:
    title = f"Window of the {stage.percent} % stage"
    for one in missing:
        yield Finding("release.missing", Verdict.INCONCLUSIVE, title, one.told, stage_percent=stage.percent)
    unproven = missing or any(finding.verdict is not Verdict.PROMOTE for finding in findings)
    if hours > stage.most_hours and unproven:
        reason = f"{hours:.1f} h have passed, at most {stage.most_hours:g} h are planned, and the stage is not proven"
        yield Finding("release.overdue", Verdict.HOLD, title, reason, stage_percent=stage.percent)


def _action(verdict: Verdict, stage: PlannedStage, plan: ReleasePlan, missing: Sequence[Missing]) -> Action:
    if verdict is Verdict.ROLLBACK:
        return Action("roll-back", 0)
    if verdict is Verdict.HOLD:
        return Action("analyse", plan.stages[0].percent)
    if verdict is Verdict.INCONCLUSIVE:
        only_gate = [one.what for one in missing] == ["gate"]
        return Action("run-gate" if only_gate else "wait", stage.percent)
    following = plan.after(stage.percent)
    return Action("done", stage.percent) if following is None else Action("promote", following.percent)


def _start(first: PlannedStage | None) -> Action:
    return Action("begin", first.percent if first else 0)
