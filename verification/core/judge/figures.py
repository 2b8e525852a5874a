"""The figures that a release is held against at a stage: errors, P95, the share of the rewrite; and who served.

Everything here may be asked after every look, for weeks: errors and latency by evidence that may be looked at as often
as one likes (`core.rates`, `core.sequential`), alpha shared over the stages of the plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verification.core.exceedance import Stratum
from verification.core.histogram import total
from verification.core.judge.release_errors import judge_errors
from verification.core.latency import P95Change, floor_note, p95_change
from verification.core.model import Arm, Finding, Verdict, worst
from verification.core.policy import LatencyPolicy, Policy
from verification.core.rates import exposure_evalue, exposure_interval
from verification.core.release.events import GateRun, Look
from verification.core.release.judgement import Figure
from verification.core.release.looks import ArmTotal, asked_in, moved, reads_of, strata_of, total_of
from verification.core.release.plan import ReleasePlan
from verification.core.release.standing import Standing
from verification.core.said import say
from verification.core.sequential import decide

_ALARMS = (Verdict.HOLD, Verdict.ROLLBACK)
_MOST_RESTARTS = 5
"""More look like several processes that each count for themselves; then no difference says anything."""
_Bounded = tuple[float | None, float | None, float | None]
"""A share with its bounds."""


def judge_figures(standing: Standing, plan: ReleasePlan, policy: Policy) -> tuple[tuple[Figure, ...], list[Finding]]:
    """The four figures of the plan, each held against its target and its threshold."""
    whole, verdict, findings = judge_errors(standing, plan, policy.rates, _of_others(standing.looks))
    findings += _witness_findings(standing, policy)
    p95, of_p95 = _latency(standing, plan, policy)
    share, of_share = _exposure(standing, policy)
    rates = policy.rates
    # Of no requests no rate is known.
    nothing: _Bounded = (None, None, None)
    errors: _Bounded = (whole.rate, whole.low, whole.high) if whole.requests else nothing
    success: _Bounded = (1 - whole.rate, 1 - whole.high, 1 - whole.low) if whole.requests else nothing
    figures = (
        Figure("error_rate", *errors, rates.hold_error_rate, rates.rollback_error_rate, verdict),
        Figure("success_rate", *success, 1 - rates.hold_error_rate, 1 - rates.rollback_error_rate, verdict),
        p95,
        share,
    )
    return figures, [*findings, *of_p95, *of_share]


def _witness_findings(standing: Standing, policy: Policy) -> Iterator[Finding]:
    """Who served the requests that were put on an arm."""
    percent, looks = standing.percent, standing.looks
    candidate, control = total_of(looks, Arm.CANDIDATE), total_of(looks, Arm.CONTROL)
    if candidate.legacy > policy.rates.fallback_hold_share * candidate.requests:
        served = {"legacy": candidate.legacy, "requests": candidate.requests}
        reason = say("legacy served {legacy} of {requests} requests that were put on candidate", **served)
        yield Finding("witness.fallback", Verdict.HOLD, "Fallback", reason, stage_percent=percent)
    if control.domain:
        reason = say(
            "domain served {domain} requests that were forced to control: the way back by request does not work",
            domain=control.domain,
        )
        yield Finding("flag.force", Verdict.ROLLBACK, "Forcing control", reason, stage_percent=percent)
    # Answers that no count names have no witness either.
    unnamed = sum(
        max(arm.unwitnessed, arm.requests - arm.errors - arm.legacy - arm.domain) for arm in (candidate, control)
    )
    yield from _unnamed(
        unnamed, candidate.requests + control.requests, say("that were put on an arm"), standing, policy
    )
    natural = sum(look.natural_unwitnessed for look in looks)
    asked = natural + sum(look.natural_legacy + look.natural_domain for look in looks)
    yield from _unnamed(natural, asked, say("that were put on none"), standing, policy)
    untimed = sum(abs(one.requests - total(one.times)) for look in looks for one in look.seen)
    if untimed:
        reason = say("{untimed} requests have no time, or two", untimed=untimed)
        yield Finding("evidence.missing", Verdict.INCONCLUSIVE, "Times", reason, stage_percent=percent)


def _unnamed(unnamed: int, asked: int, which: str, standing: Standing, policy: Policy) -> Iterator[Finding]:
    """Answers without a witness. A single one within weeks does not end a stage: no more than may be errors."""
    if unnamed:
        too_many = unnamed > policy.rates.hold_error_rate * asked
        verdict = Verdict.INCONCLUSIVE if too_many else Verdict.PROMOTE
        reason = say(
            "{unnamed} of {asked} requests {which} got no usable witness, so nobody knows who served them",
            unnamed=unnamed,
            asked=asked,
            which=which,
        )
        yield Finding("witness.absent", verdict, "Witness", reason, stage_percent=standing.percent)


def latency_scopes(looks: Sequence[Look]) -> list[tuple[str, list[Stratum]]]:
    """What a change of the P95 is judged of: all reads together, and each where there are several."""
    strata = strata_of(looks)
    single = [(say("of {read}", read=read), [one]) for read, one in zip(reads_of(looks), strata, strict=True)]
    return [(say("of all reads"), strata), *(single if len(single) > 1 else [])]


def latency_alarm_alpha(scopes: int, plan: ReleasePlan, policy: LatencyPolicy) -> float:
    """At which one scope of one stage alarms, so that all scopes of all stages together keep to the policy's alpha."""
    return policy.alpha / len(plan.stages) / scopes


def _latency(standing: Standing, plan: ReleasePlan, policy: Policy) -> tuple[Figure, list[Finding]]:
    """The P95 of all reads together and of each, looked at after every look.

    All together must be proven, each may only alarm: the few requests of looks cannot prove each of them, which is what
    the gate is for. A run of it at this percent that promotes has proven all; then looks may only alarm.
    """
    latency, scopes = policy.latency, latency_scopes(standing.looks)
    alarm_alpha = latency_alarm_alpha(len(scopes), plan, latency)
    is_proven = standing.gate is not None and standing.gate.verdict is Verdict.PROMOTE
    judged = [_judge_scope(of, standing.looks, latency, alarm_alpha) for _, of in scopes]
    findings = []
    for number, ((name, _), (verdict, change, reason)) in enumerate(zip(scopes, judged, strict=True)):
        # A read that is not decided by itself is no doubt of the whole.
        is_open = verdict is Verdict.INCONCLUSIVE and number == 0 and not is_proven
        if verdict in _ALARMS or is_open or (verdict is Verdict.PROMOTE and reason):
            numbers = {"change": change.change, "low": change.low, "high": change.high}
            title = say("P95 {scope} over the looks", scope=name)
            findings.append(
                Finding("latency.p95", verdict, title, reason, stage_percent=standing.percent, numbers=numbers)
            )
    verdict = worst([judged[0][0], *(one for one, _, _ in judged[1:] if one in _ALARMS)])
    return _p95_figure(standing.gate, judged[0][1], verdict, latency), findings


def _judge_scope(
    of: Sequence[Stratum], looks: Sequence[Look], policy: LatencyPolicy, alarm_alpha: float
) -> tuple[Verdict, P95Change, str]:
    """Verdict of one scope, the change that it speaks of, and why; no reason where it is simply proven."""
    change = p95_change(of, policy)
    if not change.testable:
        # Times that are none, or arms that were not asked side by side: the looks may not speak.
        return Verdict.INCONCLUSIVE, change, change.reason
    found = decide(of, policy, alarm_alpha=alarm_alpha, kept_alpha=policy.alpha, hours_apart=True)
    if found.verdict is Verdict.PROMOTE:
        return found.verdict, change, ""
    if found.verdict is Verdict.INCONCLUSIVE or found.block is None:
        reason = say("{seen}not decided by {looks} looks with both arms", seen=change.seen, looks=change.blocks)
        return Verdict.INCONCLUSIVE, change, reason
    # Over the whole stage a fault of its last hours hardly shows.
    change = p95_change([one.part(found.since, found.block) for one in of], policy)
    first, last = (looks[at].slot for at in (found.since, found.block - 1))
    proven = say(
        "more than the hold margin is proven, more than the rollback margin is not"
        if found.verdict is Verdict.HOLD
        else "more than the rollback margin is proven"
    )
    floored = floor_note(change.control_p95_ms, change.change, policy)
    said = {"seen": change.seen, "proven": proven, "floored": floored}
    reason = say("looks {first} to {last}: {seen}{proven}{floored}", first=first, last=last, **said)
    return Verdict.PROMOTE if floored else found.verdict, change, reason


def _p95_figure(gate: GateRun | None, looks: P95Change, verdict: Verdict, policy: LatencyPolicy) -> Figure:
    """Thousands of requests of a load say more than the few of the looks, unless these alarm."""
    value, low, high = looks.change, looks.low, looks.high
    if gate is not None and gate.p95_change is not None and verdict not in _ALARMS:
        value, low, high = gate.p95_change, gate.p95_low, gate.p95_high
        verdict = Verdict.PROMOTE
        if gate.verdict is not Verdict.PROMOTE:
            # The run's verdict may come from something else than its P95.
            verdict = _by_bounds(low, high, policy)
    return Figure("p95_change", value, low, high, policy.hold_ratio - 1, policy.rollback_ratio - 1, verdict)


def _by_bounds(low: float | None, high: float | None, policy: LatencyPolicy) -> Verdict:
    # As ratios: 1.2 - 1 is less than 0.2.
    if low is not None and 1 + low > policy.hold_ratio:
        return Verdict.ROLLBACK if 1 + low > policy.rollback_ratio else Verdict.HOLD
    return Verdict.PROMOTE if high is not None and 1 + high < policy.hold_ratio else Verdict.INCONCLUSIVE


def _exposure(standing: Standing, policy: Policy) -> tuple[Figure, list[Finding]]:
    """The share that the rewrite serves, of requests that nobody put on an arm."""
    looks, percent, title = standing.looks, standing.percent, "Share of the candidate"
    domain, legacy = sum(one.natural_domain for one in looks), sum(one.natural_legacy for one in looks)
    asked = domain + legacy
    low, high = exposure_interval(domain, asked) if asked else (0.0, 1.0)
    findings = []
    verdict = Verdict.PROMOTE if asked else Verdict.INCONCLUSIVE
    if exposure_evalue(domain, asked, percent / 100) >= policy.rates.exposure_alarm:
        verdict = Verdict.HOLD
        reason = say(
            "domain served {domain} of {asked} requests asked by the looks ({low:.1%} to {high:.1%}) where {percent} % "
            "is set",
            domain=domain,
            asked=asked,
            low=low,
            high=high,
            percent=percent,
        )
        findings.append(Finding("flag.exposure", verdict, title, reason, stage_percent=percent))
    # Where no flag routes requests, none is sent on no arm, and there is no share to see.
    if not asked and any(look.natural_unwitnessed for look in looks):
        reason = say("no unforced answer told who served it, so it is not known which share the rewrite has")
        findings.append(Finding("flag.exposure", verdict, title, reason, stage_percent=percent))
    others = _of_others(looks)
    new, old = others.domain, others.legacy
    if exposure_evalue(new, new + old, percent / 100) >= policy.rates.exposure_alarm:
        # No alarm: a run of the gate, or users who force an arm themselves, are among them, and nobody can tell which.
        reason = say(
            "the backend counted {new} of {all} requests of others on domain, where {percent} % is set; those that "
            "were put on an arm, as a run of the gate does, are among them",
            new=new,
            all=new + old,
            percent=percent,
        )
        findings.append(Finding("flag.usage", Verdict.PROMOTE, title, reason, stage_percent=percent))
    share = domain / asked if asked else None
    return Figure("share", share, low, high, percent / 100, None, verdict), findings


def _of_others(looks: Sequence[Look]) -> ArmTotal:
    """What the backend counted between the looks, less what the looks themselves sent.

    Nobody is named where it is not known who served ours, or the counters leave some out: then they say nothing of who
    served others.
    """
    counted = moved(looks)
    told = [number for number, look in enumerate(looks) if look.counters is not None]
    # What the last look sent came after it had read the counters.
    between = looks[told[0] : told[-1]] if told else ()
    own = [one for look in between for one in asked_in(look)]
    domain = counted.domain - sum(one.domain for one in own)
    domain -= sum(look.natural_domain + look.compared_domain for look in between)
    legacy = counted.legacy - sum(one.legacy for one in own)
    legacy -= sum(look.natural_legacy + look.compared_legacy for look in between)
    unnamed = sum(one.unwitnessed for one in own) + sum(look.natural_unwitnessed for look in between)
    if counted.restarts or unnamed or min(domain, legacy) < 0:
        domain, legacy = 0, 0
    if counted.restarts > _MOST_RESTARTS:
        return ArmTotal(0, 0, 0, 0, unnamed)
    # After a restart it is not known which of ours are still counted; then all count as the backend says.
    mine = (0, 0) if counted.restarts else (sum(one.requests for one in own), sum(one.errors for one in own))
    requests, errors = max(0, counted.requests - mine[0]), max(0, counted.server_errors - mine[1])
    return ArmTotal(requests, errors, legacy, domain, unnamed)
