"""A stage's errors over the looks: is the rate of the whole stage proven good, and does the candidate fail since some
look?
"""

from __future__ import annotations

from verification.core.late_errors import late_errors
from verification.core.model import Arm, Finding, Verdict
from verification.core.onset import onsets
from verification.core.policy import RatePolicy
from verification.core.rates import RateBound, error_rate
from verification.core.release.looks import errors_of
from verification.core.release.plan import ReleasePlan
from verification.core.release.standing import Standing


def errors_alarm_alpha(plan: ReleasePlan, policy: RatePolicy) -> float:
    """At which the errors of one stage alarm, so that all stages together keep to the policy's alpha."""
    return policy.alpha / len(plan.stages)


def judge_errors(standing: Standing, plan: ReleasePlan, policy: RatePolicy) -> tuple[RateBound, Verdict, list[Finding]]:
    """The candidate's errors over the reads of all looks, the verdict on them, and the findings.

    HOLD and ROLLBACK are proven since some look (`core.late_errors`): a rate over all looks would thin errors that
    begin on the fourth day with the three good days before. PROMOTE is proven of all looks together.
    """
    candidate, control = (errors_of(standing.looks, arm) for arm in (Arm.CANDIDATE, Arm.CONTROL))
    alarm_alpha = errors_alarm_alpha(plan, policy)
    whole = error_rate(
        sum(errors for errors, _ in candidate),
        sum(requests for _, requests in candidate),
        policy,
        prove=True,
        alarm_alpha=alarm_alpha * onsets(0)[0].share,
        repeatedly=True,
    )
    failing = late_errors(candidate, control, policy, alarm_alpha=alarm_alpha)
    blamed = next((one for one in failing if one.blames_candidate), None)
    percent = standing.percent
    findings, verdict = [], whole.verdict
    if blamed is not None:
        bound, verdict = blamed.candidate, blamed.candidate.verdict
        since = f"from look {standing.looks[blamed.since].slot} on " if blamed.since else ""
        numbers = {"errors": bound.errors, "requests": bound.requests, "low": bound.low}
        findings.append(
            Finding(
                "rates.errors",
                verdict,
                "Errors on candidate",
                since + bound.reason,
                stage_percent=percent,
                numbers=numbers,
            )
        )
    elif failing:
        verdict = Verdict.INCONCLUSIVE
    elif verdict is not Verdict.PROMOTE:
        numbers = {"errors": whole.errors, "requests": whole.requests, "low": whole.low}
        findings.append(
            Finding(
                "rates.errors", verdict, "Errors on candidate", whole.reason, stage_percent=percent, numbers=numbers
            )
        )
    for one in late_errors(control, candidate, policy, alarm_alpha=alarm_alpha)[:1]:
        title = "Errors on control"
        reason = one.candidate.reason
        findings.append(Finding("control.unhealthy", Verdict.INCONCLUSIVE, title, reason, stage_percent=percent))
    return whole, verdict, findings
