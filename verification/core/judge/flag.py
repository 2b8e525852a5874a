"""Flag, rollback, races and mishaps -> findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verification.core.arms import implementation, is_fallback, is_proven
from verification.core.judge.monitoring import judge_monitoring, judge_usage
from verification.core.judgement import DrillRow, ExposureRow
from verification.core.model import Arm, Exchange, Finding, Implementation, Probe, Verdict, worst
from verification.core.policy import RatePolicy
from verification.core.rates import (
    dispersion_p_value,
    exposure_evalue,
    exposure_interval,
    exposure_p_value,
    switches_p_value,
)
from verification.core.records import Drill, Evidence, Exposure, ForcedCall, Mishap
from verification.core.said import say

__all__ = [
    "drill_row",
    "judge_drill",
    "judge_exposure",
    "judge_forced",
    "judge_log",
    "judge_mishaps",
    "judge_monitoring",
    "judge_usage",
]


def judge_exposure(
    exposure: Exposure, source: str, policy: RatePolicy, shares: Sequence[tuple[int, int]] = ()
) -> tuple[ExposureRow, Iterator[Finding]]:
    """Hold the share that was served by the candidate against the percent that was set.

    `shares` are (legacy, domain) of moments apart, where they are known: they must not differ more than by chance.
    """
    total = exposure.legacy + exposure.domain
    low, high = exposure_interval(exposure.domain, total) if total else (0.0, 1.0)
    percent = exposure.stage_percent
    share = exposure.domain / total if total else 0.0
    sticky = _is_sticky(exposure, policy) or _parts(shares, policy)
    off = total > 0 and not sticky and _does_not_fit(exposure.domain, total, percent / 100, policy)
    verdict = Verdict.HOLD if off else Verdict.PROMOTE if total and not sticky else Verdict.INCONCLUSIVE
    row = ExposureRow(percent, source, exposure.domain, total, share, low, high, verdict)
    return row, _exposure_findings(row, exposure, sticky=sticky)


_LOOKS_OF_A_RUN = 10
"""A burst and the natural blocks at each of five stages."""


def _does_not_fit(domain: int, total: int, share: float, policy: RatePolicy) -> bool:
    """The e-value sees small deviations in many requests, the exact test large ones in few."""
    exact = exposure_p_value(domain, total, share) * _LOOKS_OF_A_RUN * policy.exposure_alarm <= 1
    return exact or exposure_evalue(domain, total, share) >= policy.exposure_alarm


def _is_sticky(exposure: Exposure, policy: RatePolicy) -> bool:
    """Far fewer changes of the implementation than independent requests have."""
    if exposure.switches is None:
        return False
    chance = switches_p_value(exposure.legacy, exposure.domain, exposure.switches)
    return chance * _LOOKS_OF_A_RUN * policy.exposure_alarm <= 1


def _parts(shares: Sequence[tuple[int, int]], policy: RatePolicy) -> bool:
    """The share differs from moment to moment more than requests that are routed one by one would let it."""
    return dispersion_p_value(shares) * _LOOKS_OF_A_RUN * policy.exposure_alarm <= 1


def _exposure_findings(row: ExposureRow, exposure: Exposure, *, sticky: bool) -> Iterator[Finding]:
    title = say(
        "Share of the candidate at {percent} % (flag)"
        if row.source == "flag"
        else "Share of the candidate at {percent} % (load)"
        if row.source == "load"
        else "Share of the candidate at {percent} % ({source})",
        percent=row.stage_percent,
        source=row.source,
    )
    numbers = {"share": row.share, "low": row.low, "high": row.high, "requests": row.total}
    if sticky:
        seen = (
            say("changed the implementation from one moment to the next more than chance does")
            if exposure.switches is None
            else say("changed the implementation only {switches} times", switches=exposure.switches)
        )
        reason = say(
            "{total} unforced requests {seen}: routing sticks to a resource, a connection or a moment, so natural "
            "traffic here does not show what each user will feel; route each request by itself, or measure with many "
            "users",
            total=row.total,
            seen=seen,
        )
        yield Finding("flag.sticky", Verdict.INCONCLUSIVE, title, reason, stage_percent=row.stage_percent)
    if row.verdict is Verdict.HOLD:
        reason = say(
            "{domain} of {total} unforced requests were served by domain: {share:.1%} "
            "(95 % interval {low:.1%} to {high:.1%}) where {percent} % is set",
            domain=row.domain,
            total=row.total,
            share=row.share,
            low=row.low,
            high=row.high,
            percent=row.stage_percent,
        )
        yield Finding("flag.exposure", row.verdict, title, reason, stage_percent=row.stage_percent, numbers=numbers)
    if exposure.unknown:
        answers = row.total + exposure.unknown
        reason = say(
            "{unknown} of {answers} unforced answers carried no usable witness",
            unknown=exposure.unknown,
            answers=answers,
        )
        yield Finding("witness.absent", Verdict.INCONCLUSIVE, title, reason, stage_percent=row.stage_percent)
    elif not row.total:
        reason = say("no unforced request was answered, so the share is not known")
        yield Finding("evidence.missing", Verdict.INCONCLUSIVE, title, reason, stage_percent=row.stage_percent)


def judge_forced(call: ForcedCall) -> Iterator[Finding]:
    """A forced arm must be obeyed; forcing control is a way of rolling back."""
    exchange, percent = call.exchange, call.stage_percent
    title = say(
        "{endpoint} forced to {arm} at {percent} %", endpoint=call.endpoint, arm=exchange.arm.value, percent=percent
    )
    if call.drill == "rollback-global":
        return
    served = implementation(exchange.served_by)
    if exchange.answer is None:
        verdict = Verdict.ROLLBACK if exchange.arm is Arm.CANDIDATE else Verdict.INCONCLUSIVE
        rule = "candidate.crash" if exchange.arm is Arm.CANDIDATE else "control.unhealthy"
        reason = say("no answer: {failure}", failure=exchange.failure)
        yield Finding(rule, verdict, title, reason, call.endpoint, stage_percent=percent)
    elif served is None:
        reason = say("the answer carried no usable witness")
        yield Finding("witness.absent", Verdict.INCONCLUSIVE, title, reason, call.endpoint, stage_percent=percent)
    elif is_fallback(exchange):
        reason = say("legacy answered: what puts a request on candidate is ignored, or the rewrite fell back")
        yield Finding("flag.force", Verdict.HOLD, title, reason, call.endpoint, stage_percent=percent)
    elif not is_proven(exchange):
        reason = say("domain answered although the request was put on control: rolling back per request does not work")
        yield Finding("flag.force", Verdict.ROLLBACK, title, reason, call.endpoint, stage_percent=percent)


def drill_row(drill: Drill, calls: tuple[ForcedCall, ...]) -> DrillRow:
    """One drill with how many endpoints came back."""
    own = _calls_of(drill, calls)
    back = sum(implementation(call.exchange.served_by) is Implementation.LEGACY for call in own)
    verdict = worst([Verdict.PROMOTE, *(finding.verdict for finding in judge_drill(drill, calls))])
    return DrillRow(drill.name, drill.stage_percent, back, len(own), drill.seconds, verdict, drill.detail)


_DRILLS = {
    "rollback-request": (Verdict.ROLLBACK, "rollback.request", say("Rolling back per request")),
    "rollback-global": (Verdict.ROLLBACK, "rollback.global", say("Rolling back for everyone")),
    "refuse-percent": (Verdict.HOLD, "flag.refuse", say("Refusing a broken percent")),
}


def judge_drill(drill: Drill, calls: tuple[ForcedCall, ...] | None = None) -> Iterator[Finding]:
    """A drill that failed. With its `calls`, what they say decides, not what the drill concluded of them."""
    verdict, rule, title = _DRILLS[drill.name]
    percent = drill.stage_percent
    own = _calls_of(drill, calls or ())
    astray = [call.endpoint for call in own if not _may_be_back(call.exchange)]
    unnamed = [call.endpoint for call in own if _is_unnamed(call.exchange)]
    if astray or not (drill.ok or unnamed):
        reason = say(
            "it does not work: {detail} (not {astray})" if astray else "it does not work: {detail}",
            detail=drill.detail,
            astray=", ".join(astray),
        )
        yield Finding(rule, verdict, title, reason, stage_percent=percent)
    elif unnamed:
        reason = say(
            "the answers of {endpoints} carried no usable witness, so who served is not known",
            endpoints=", ".join(unnamed),
        )
        yield Finding("witness.absent", Verdict.INCONCLUSIVE, title, reason, stage_percent=percent)
    elif calls is not None and not own and drill.name != "refuse-percent":
        reason = say("no endpoint was asked in this drill, so it shows nothing")
        yield Finding("evidence.missing", Verdict.INCONCLUSIVE, title, reason, stage_percent=percent)


def _calls_of(drill: Drill, calls: tuple[ForcedCall, ...]) -> list[ForcedCall]:
    return [call for call in calls if (call.drill, call.stage_percent) == (drill.name, drill.stage_percent)]


def _may_be_back(exchange: Exchange) -> bool:
    """False when it is certain that legacy did not answer."""
    return exchange.answer is not None and implementation(exchange.served_by) is not Implementation.DOMAIN


def _is_unnamed(exchange: Exchange) -> bool:
    return exchange.answer is not None and implementation(exchange.served_by) is None


def judge_mishaps(evidence: Evidence) -> Iterator[Finding]:
    """What kept evidence from being gathered."""
    for mishap in evidence.mishaps:
        reason = mishap.detail
        if mishap.during:
            reason = say(
                "{detail} during load" if mishap.during == "load" else "{detail} during {during}",
                detail=mishap.detail,
                during=mishap.during,
            )
        title = mishap.what.replace("-", " ").capitalize()
        by_candidate = mishap.what == "backend-died" and _died_under_candidate(mishap, evidence)
        rule = "candidate.crash" if by_candidate else f"mishap.{mishap.what}"
        verdict = Verdict.ROLLBACK if by_candidate else Verdict.INCONCLUSIVE
        yield Finding(rule, verdict, title, reason, stage_percent=mishap.stage_percent)


def _died_under_candidate(mishap: Mishap, evidence: Evidence) -> bool:
    """True when, in the case that was under way, the candidate was the first to get no answer.

    Only that case tells: what other cases met, before or on another worker's backend, did not end this one.
    """
    tried = [case for case in evidence.comparisons if f"{case.endpoint} {case.case}" == mishap.during]
    probes = [probe for case in sorted(tried, key=lambda case: case.attempt) for probe in case.probes]
    unanswered = [exchange for probe in probes for exchange in _as_sent(probe) if exchange.answer is None]
    return bool(unanswered) and unanswered[0].arm is Arm.CANDIDATE


def _as_sent(probe: Probe) -> list[Exchange]:
    """The probe's exchanges in the order of their sending: readings across the arms are sent to candidate, too."""
    before = [reading.exchange for reading in probe.readings if reading.moment == "before"]
    own = [] if probe.exchange is None else [probe.exchange]
    return [*before, *own, *(reading.exchange for reading in probe.readings if reading.moment != "before")]


def judge_log(evidence: Evidence) -> Iterator[Finding]:
    """Fallbacks that only the log tells."""
    lines = sum(log.fallback_lines for log in evidence.logs)
    if lines:
        reason = say("the backend's log has {lines} lines that tell of legacy answering for domain", lines=lines)
        yield Finding("witness.fallback", Verdict.HOLD, "Fallbacks in the log", reason, numbers={"lines": lines})
