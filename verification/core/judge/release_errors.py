"""A stage's errors over the looks: is the rate of the whole stage proven good, and does the candidate fail since some
look, at all reads or at one of them? And what the backend has counted itself.

HOLD and ROLLBACK are proven since some look (`core.late_errors`): a rate over all looks would thin errors that begin on
the fourth day with the three good days before. PROMOTE is proven of all looks together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verification.core.late_errors import LateErrors, late_errors
from verification.core.model import Arm, Finding, Verdict
from verification.core.onset import onsets
from verification.core.policy import RatePolicy
from verification.core.rates import RateBound, error_rate
from verification.core.release.events import Look
from verification.core.release.looks import ArmTotal, errors_of, reads_of, write_errors_of
from verification.core.release.plan import ReleasePlan
from verification.core.release.standing import Standing
from verification.core.said import say

_ALARMS = (Verdict.HOLD, Verdict.ROLLBACK)
_ARMS = (Arm.CANDIDATE, Arm.CONTROL)


def errors_alarm_alpha(looks: Sequence[Look], plan: ReleasePlan, policy: RatePolicy) -> float:
    """Of one rate at one stage, so that all rates of all stages together keep to the policy's alpha: that of all reads,
    that of each, that of the writes, and what the backend counts may alarm."""
    return policy.alpha / len(plan.stages) / (2 + len(single_reads(looks)) + _has_writes(looks))


def single_reads(looks: Sequence[Look]) -> list[str]:
    """The reads by themselves; none where there is but one, which is all of them."""
    reads = reads_of(looks)
    return reads if len(reads) > 1 else []


def _has_writes(looks: Sequence[Look]) -> bool:
    return any(look.written.seen for look in looks)


def judge_errors(
    standing: Standing, plan: ReleasePlan, policy: RatePolicy, others: ArmTotal
) -> tuple[RateBound, Verdict, list[Finding]]:
    """The candidate's error rate over the requests of all looks, the verdict on it, and the findings.

    `others` is what the backend counted of everybody else: users also write, looks only where they were told to.
    """
    looks, alarm_alpha = standing.looks, errors_alarm_alpha(standing.looks, plan, policy)
    candidate, control = (errors_of(looks, arm) for arm in (Arm.CANDIDATE, Arm.CONTROL))
    whole = _of_all(candidate, policy, alarm_alpha)
    failing = late_errors(candidate, control, policy, alarm_alpha=alarm_alpha)
    blamed = _blamed(failing)
    title, verdict = say("Errors on candidate"), whole.verdict
    findings: list[Finding] = []
    if blamed is not None:
        verdict = blamed.candidate.verdict
        findings.append(_finding(standing, title, blamed))
    elif failing:
        verdict = Verdict.INCONCLUSIVE
    elif verdict is not Verdict.PROMOTE:
        findings.append(_told(standing, "rates.errors", verdict, title, whole, ""))
    scopes = [(read, [errors_of(looks, arm, read) for arm in _ARMS]) for read in single_reads(looks)]
    if _has_writes(looks):
        scopes.append((say("writes"), [write_errors_of(looks, arm) for arm in _ARMS]))
    for what, (mine, other) in scopes:
        late = _blamed(late_errors(mine, other, policy, alarm_alpha=alarm_alpha))
        if late is not None:
            findings.append(_finding(standing, say("Errors of {read} on candidate", read=what), late))
    fails = late_errors(control, candidate, policy, alarm_alpha=alarm_alpha)
    for one in fails[:1]:
        title = say("Errors on control")
        findings.append(_told(standing, "control.unhealthy", Verdict.INCONCLUSIVE, title, one.candidate, ""))
    findings += _counted(standing, others, policy, alarm_alpha, is_on_trial=not fails)
    return whole, verdict, findings


def _of_all(candidate: Sequence[tuple[int, int]], policy: RatePolicy, alarm_alpha: float) -> RateBound:
    errors, requests = (sum(one[place] for one in candidate) for place in (0, 1))
    first = alarm_alpha * onsets(0)[0].share
    return error_rate(errors, requests, policy, prove=True, alarm_alpha=first, repeatedly=True)


def _blamed(failing: Sequence[LateErrors]) -> LateErrors | None:
    return next((one for one in failing if one.blames_candidate), None)


def _counted(
    standing: Standing, others: ArmTotal, policy: RatePolicy, alarm_alpha: float, *, is_on_trial: bool
) -> Iterator[Finding]:
    """Users meet both arms, so their errors speak against the candidate only where control has none."""
    errors = min(others.errors, others.requests)
    bound = error_rate(errors, others.requests, policy, prove=False, alarm_alpha=alarm_alpha, repeatedly=True)
    if bound.verdict in _ALARMS:
        rule, verdict = ("rates.errors", bound.verdict) if is_on_trial else ("control.unhealthy", Verdict.INCONCLUSIVE)
        yield _told(standing, rule, verdict, say("Errors that the backend counted"), bound, "")


def _finding(standing: Standing, title: str, late: LateErrors) -> Finding:
    since = say("from look {look} on ", look=standing.looks[late.since].slot) if late.since else ""
    return _told(standing, "rates.errors", late.candidate.verdict, title, late.candidate, since)


def _told(standing: Standing, rule: str, verdict: Verdict, title: str, bound: RateBound, since: str) -> Finding:
    numbers = {"errors": bound.errors, "requests": bound.requests, "low": bound.low}
    reason = say("{since}{reason}", since=since, reason=bound.reason)
    return Finding(rule, verdict, title, reason, stage_percent=standing.percent, numbers=numbers)
