"""Flag, rollback, monitoring, races and mishaps -> findings."""

from __future__ import annotations

import json
from collections.abc import Iterator

from verification.core.arms import implementation, is_fallback, is_proven
from verification.core.judgement import DrillRow, ExposureRow
from verification.core.model import Arm, Exchange, Finding, Implementation, Json, Verdict
from verification.core.policy import RatePolicy
from verification.core.rates import exposure_evalue, exposure_interval, exposure_p_value
from verification.core.records import Drill, Evidence, Exposure, ForcedCall, Monitoring, Usage

_HEALTH_KEYS = {"status", "timestamp", "checks"}
_METRICS_KEYS = {"timestamp", "requests", "domain_service", "response_time", "errors", "data_consistency"}


def judge_exposure(exposure: Exposure, source: str, policy: RatePolicy) -> tuple[ExposureRow, Iterator[Finding]]:
    """Hold the share that was served by the candidate against the percent that was set."""
    total = exposure.legacy + exposure.domain
    low, high = exposure_interval(exposure.domain, total) if total else (0.0, 1.0)
    percent = exposure.stage_percent
    share = exposure.domain / total if total else 0.0
    off = total > 0 and _does_not_fit(exposure.domain, total, percent / 100, policy)
    verdict = Verdict.HOLD if off else Verdict.PROMOTE if total else Verdict.INCONCLUSIVE
    row = ExposureRow(percent, source, exposure.domain, total, share, low, high, verdict)
    return row, _exposure_findings(row, exposure)


_LOOKS_OF_A_RUN = 10
"""A burst and the natural blocks at each of five stages."""


def _does_not_fit(domain: int, total: int, share: float, policy: RatePolicy) -> bool:
    """The e-value sees small deviations in many requests, the exact test large ones in few."""
    exact = exposure_p_value(domain, total, share) * _LOOKS_OF_A_RUN * policy.exposure_alarm <= 1
    return exact or exposure_evalue(domain, total, share) >= policy.exposure_alarm


def _exposure_findings(row: ExposureRow, exposure: Exposure) -> Iterator[Finding]:
    title = f"Share of the candidate at {row.stage_percent} % ({row.source})"
    numbers = {"share": row.share, "low": row.low, "high": row.high, "requests": row.total}
    if row.verdict is Verdict.HOLD:
        reason = (
            f"{row.domain} of {row.total} unforced requests were served by domain: {row.share:.1%} "
            f"(95 % interval {row.low:.1%} to {row.high:.1%}) where {row.stage_percent} % is set"
        )
        yield Finding("flag.exposure", row.verdict, title, reason, stage_percent=row.stage_percent, numbers=numbers)
    if exposure.unknown:
        reason = f"{exposure.unknown} of {row.total + exposure.unknown} unforced answers carried no usable witness"
        yield Finding("witness.absent", Verdict.INCONCLUSIVE, title, reason, stage_percent=row.stage_percent)


def judge_forced(call: ForcedCall) -> Iterator[Finding]:
    """A forced arm must be obeyed; forcing control is a way of rolling back."""
    exchange, percent = call.exchange, call.stage_percent
    title = f"{call.endpoint} forced to {exchange.arm.value} at {percent} %"
    if call.drill == "rollback-global":
        return
    served = implementation(exchange.served_by)
    if exchange.answer is None:
        verdict = Verdict.ROLLBACK if exchange.arm is Arm.CANDIDATE else Verdict.INCONCLUSIVE
        rule = "candidate.crash" if exchange.arm is Arm.CANDIDATE else "control.unhealthy"
        reason = f"no answer: {exchange.failure}"
        yield Finding(rule, verdict, title, reason, call.endpoint, stage_percent=percent)
    elif served is None:
        reason = "the answer carried no usable witness"
        yield Finding("witness.absent", Verdict.INCONCLUSIVE, title, reason, call.endpoint, stage_percent=percent)
    elif is_fallback(exchange):
        reason = "legacy answered: force_domain=true is ignored, or the rewrite fell back"
        yield Finding("flag.force", Verdict.HOLD, title, reason, call.endpoint, stage_percent=percent)
    elif not is_proven(exchange):
        reason = "domain answered although force_domain=false was sent: rolling back per request does not work"
        yield Finding("flag.force", Verdict.ROLLBACK, title, reason, call.endpoint, stage_percent=percent)


def drill_row(drill: Drill, calls: tuple[ForcedCall, ...]) -> DrillRow:
    """One drill with how many endpoints came back."""
    own = [call for call in calls if call.drill == drill.name]
    back = sum(implementation(call.exchange.served_by) is Implementation.LEGACY for call in own)
    verdict = Verdict.PROMOTE if drill.ok else _DRILLS[drill.name][0]
    return DrillRow(drill.name, drill.stage_percent, back, len(own), drill.seconds, verdict, drill.detail)


_DRILLS = {
    "rollback-request": (Verdict.ROLLBACK, "rollback.request", "Rolling back per request"),
    "rollback-global": (Verdict.ROLLBACK, "rollback.global", "Rolling back for everyone"),
    "refuse-percent": (Verdict.HOLD, "flag.refuse", "Refusing a broken percent"),
}


def judge_drill(drill: Drill) -> Iterator[Finding]:
    """A drill that failed."""
    verdict, rule, title = _DRILLS[drill.name]
    if not drill.ok:
        yield Finding(rule, verdict, title, f"it does not work: {drill.detail}", stage_percent=drill.stage_percent)


def judge_usage(usage: Usage, *, owned: bool) -> Iterator[Finding]:
    """The backend's own counters are the second witness: they must have moved as the first one says."""
    title = f"Usage counters against the witness ({usage.kind} requests)"
    counted = {"domain": usage.counted_domain, "legacy": usage.counted_legacy}
    seen = {"domain": usage.witnessed_domain, "legacy": usage.witnessed_legacy}
    if None in counted.values():
        reason = "the metrics name no usage_count and old_count; count both implementations to have a second witness"
        yield Finding("monitoring.usage", Verdict.INCONCLUSIVE, title, reason, stage_percent=usage.stage_percent)
        return
    # Others use a named backend too, so there its counters may move further, never less.
    off = [
        name
        for name, value in counted.items()
        if value is None or (value != seen[name] if owned else value < seen[name])
    ]
    if off:
        shown = ", ".join(f"{name}: counted {counted[name]}, witnessed {seen[name]}" for name in off)
        reason = f"the two witnesses disagree ({shown})"
        yield Finding("monitoring.usage", Verdict.INCONCLUSIVE, title, reason, stage_percent=usage.stage_percent)


def judge_monitoring(looks: tuple[Monitoring, ...]) -> Iterator[Finding]:
    """Shape of both endpoints at every look, health, and whether the data became inconsistent."""
    before = next((look for look in looks if look.moment == "before"), None)
    for look in looks:
        for name, exchange, keys in (
            ("health", look.health, _HEALTH_KEYS),
            ("metrics", look.metrics, _METRICS_KEYS),
        ):
            body = _object(exchange)
            missing = sorted(keys - body.keys()) if body else sorted(keys)
            if missing:
                reason = f"/monitoring/{name} {look.moment}: {_said(exchange)}, without {', '.join(missing)}"
                yield Finding(
                    "monitoring.shape", Verdict.HOLD, f"Monitoring {name}", reason, stage_percent=look.stage_percent
                )
        yield from _judge_health(look, before)
        yield from _judge_consistency(look, before)


def _judge_health(look: Monitoring, before: Monitoring | None) -> Iterator[Finding]:
    status = _object(look.health).get("status")
    if status in ("healthy", None):
        return
    already = before is look or (before is not None and _object(before.health).get("status") == status)
    verdict = Verdict.INCONCLUSIVE if already else Verdict.ROLLBACK
    reason = f"health says {status!r} {look.moment}" + (
        ", before anything was sent" if already else ", it was healthy before"
    )
    yield Finding("monitoring.health", verdict, "Health of the backend", reason, stage_percent=look.stage_percent)


def _judge_consistency(look: Monitoring, before: Monitoring | None) -> Iterator[Finding]:
    state = _consistency(look)
    if state is None or state.get("consistent") is True:
        return
    was_bad = before is look or (before is not None and (_consistency(before) or {}).get("consistent") is not True)
    issues = state.get("issues_count")
    if was_bad and (before is None or not _more_issues(state, _consistency(before) or {})):
        verdict, words = Verdict.INCONCLUSIVE, "was inconsistent before the run already"
    else:
        verdict, words = Verdict.ROLLBACK, "got worse during the run"
    counts = f"{state.get('db_count')} in the database, {state.get('yaml_count')} in the file"
    reason = f"data_consistency {words}: {issues} issues, {counts}"
    yield Finding(
        "monitoring.consistency", verdict, "Consistency of the data", reason, stage_percent=look.stage_percent
    )


def _more_issues(now: dict[str, Json], before: dict[str, Json]) -> bool:
    new, old = now.get("issues_count"), before.get("issues_count")
    return isinstance(new, int) and isinstance(old, int) and new > old


def _consistency(look: Monitoring) -> dict[str, Json] | None:
    state = _object(look.metrics).get("data_consistency")
    return state if isinstance(state, dict) else None


def _object(exchange: Exchange) -> dict[str, Json]:
    if exchange.answer is None or exchange.answer.body_is_base64:
        return {}
    try:
        body = json.loads(exchange.answer.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _said(exchange: Exchange) -> str:
    return f"status {exchange.answer.status}" if exchange.answer else f"no answer ({exchange.failure})"


def judge_races(evidence: Evidence) -> Iterator[Finding]:
    """A change that was answered ok must be there afterwards, whatever raced beside it."""
    lost = {arm: [r for r in evidence.races if r.side == arm.value and r.applied < r.answered_ok] for arm in Arm}
    failed = {arm: [r for r in evidence.races if r.side == arm.value and r.answered_ok < r.calls] for arm in Arm}
    for rounds, what in ((lost, "are lost"), (failed, "failed")):
        if rounds[Arm.CONTROL]:
            reason = f"racing changes {what} on the control arm too ({rounds[Arm.CONTROL][0].name})"
            yield Finding("control.unhealthy", Verdict.INCONCLUSIVE, "Racing writes", reason)
        elif rounds[Arm.CANDIDATE]:
            first = rounds[Arm.CANDIDATE][0]
            gone = first.answered_ok - first.applied if what == "are lost" else first.calls - first.answered_ok
            reason = f"{gone} of {first.calls} changes sent at once {what} on candidate, none on control ({first.name})"
            yield Finding("race.lost-update", Verdict.ROLLBACK, "Racing writes", reason)


def judge_mishaps(evidence: Evidence) -> Iterator[Finding]:
    """What kept evidence from being gathered."""
    for mishap in evidence.mishaps:
        during = f" during {mishap.during}" if mishap.during else ""
        reason = f"{mishap.detail}{during}"
        title = mishap.what.replace("-", " ").capitalize()
        rule = f"mishap.{mishap.what}"
        verdict = (
            Verdict.ROLLBACK
            if mishap.what == "backend-died" and _candidate_was_asked(evidence)
            else Verdict.INCONCLUSIVE
        )
        yield Finding(rule, verdict, title, reason, stage_percent=mishap.stage_percent)


def _candidate_was_asked(evidence: Evidence) -> bool:
    """True when the last answerless exchange of the comparisons was the candidate's: it took the backend down."""
    for comparison in evidence.comparisons:
        for probe in comparison.probes:
            if probe.exchange is not None and probe.exchange.answer is None:
                return probe.exchange.arm is Arm.CANDIDATE
    return False


def judge_log(evidence: Evidence) -> Iterator[Finding]:
    """Fallbacks that only the log tells."""
    lines = sum(log.fallback_lines for log in evidence.logs)
    if lines:
        reason = f"the backend's log has {lines} lines that tell of legacy answering for domain"
        yield Finding("witness.fallback", Verdict.HOLD, "Fallbacks in the log", reason, numbers={"lines": lines})
