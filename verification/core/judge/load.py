"""Load evidence -> P95 changes, error rates, exposure and the health of the measuring itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from verification.core.histogram import Histogram, axis_of, edge_ms, total
from verification.core.judge.flag import judge_exposure
from verification.core.judge.forecast import judge_population
from verification.core.judge.interference import judge_interference
from verification.core.judge.latency import judge_latency
from verification.core.judge.measuring import doubts, lag_and_cpu
from verification.core.judge.stage_load import CAPPED, STREAMS, StageLoad, gather
from verification.core.judgement import (
    Distribution,
    ExposureRow,
    ForecastRow,
    InterferenceRow,
    LatencyRow,
    LoadRow,
    PopulationRow,
    RateRow,
)
from verification.core.model import Finding, Verdict
from verification.core.policy import Policy
from verification.core.rates import RateBound, error_rate
from verification.core.records import Evidence, Exposure
from verification.core.said import Said, say


@dataclass(slots=True)
class LoadJudgement:
    """What the load says."""

    findings: list[Finding] = field(default_factory=list)
    latency: list[LatencyRow] = field(default_factory=list)
    distributions: list[Distribution] = field(default_factory=list)
    interference: list[InterferenceRow] = field(default_factory=list)
    population: list[PopulationRow] = field(default_factory=list)
    forecast: list[ForecastRow] = field(default_factory=list)
    rates: list[RateRow] = field(default_factory=list)
    exposures: list[ExposureRow] = field(default_factory=list)
    load: list[LoadRow] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)


def judge_load(evidence: Evidence, policy: Policy, endpoints: Sequence[str] = ()) -> LoadJudgement:
    """Judge latency, rates and exposure of every stage, and whether the measuring can be believed.

    `endpoints` are those that every stage owes.
    """
    stages = gather(evidence)
    result = LoadJudgement()
    for stage in stages:
        result.findings += _not_asked(stage, endpoints)
        _judge_measuring(stage, policy, result)
        _judge_rates(stage, policy, result)
        _judge_witness(stage, policy, result)
        _describe(stage, result)
    result.latency, found = judge_latency(stages, policy.latency)
    result.findings += found
    result.interference, found = judge_interference(stages, policy.latency)
    result.findings += found
    seed = evidence.manifest.seed
    result.population, result.forecast, found = judge_population(stages, policy.latency, seed)
    result.findings += found
    return result


def _not_asked(stage: StageLoad, endpoints: Sequence[str]) -> Iterator[Finding]:
    """Endpoints of the catalog that the load left out, and planned ones that an arm was never asked for."""
    title = say("Load at {percent} %", percent=stage.percent)
    planned = stage.start.endpoints if stage.start is not None else tuple(endpoints)
    left_out = [name for name in endpoints if name not in planned]
    if left_out:
        reason = say(
            "{count} of {total} endpoints were left out of the load: {names}",
            count=len(left_out),
            total=len(endpoints),
            names=", ".join(left_out),
        )
        yield Finding("evidence.missing", Verdict.INCONCLUSIVE, title, reason, stage_percent=stage.percent)
    if stage.start is None or stage.end is None or stage.end.aborted is not None:
        return
    for name in planned:
        silent = [stream for stream in STREAMS if not stage.sum(stream, name).requests]
        if silent:
            reason = say("{endpoint} was never asked on {stream}", endpoint=name, stream=silent[0])
            if len(silent) > 1:
                reason = say("{endpoint} was never asked on control and candidate", endpoint=name)
            yield Finding("evidence.missing", Verdict.INCONCLUSIVE, title, reason, name, None, stage.percent)


def _judge_measuring(stage: StageLoad, policy: Policy, result: LoadJudgement) -> None:
    """Whether the measuring itself can be believed, and how it went."""
    percent, start, end = stage.percent, stage.start, stage.end
    title = say("Load at {percent} %", percent=percent)
    result.findings += [
        Finding(rule, Verdict.INCONCLUSIVE, title, reason, stage_percent=percent)
        for rule, reason in doubts(stage, policy.load)
    ]
    if end is None:
        return
    for endpoint, skipped in end.skipped.items():
        reason = say(
            "{skipped} arrivals of {endpoint} were not sent: {why}", skipped=skipped, endpoint=endpoint, why=CAPPED
        )
        result.findings.append(Finding("load.generator", Verdict.PROMOTE, title, reason, endpoint, None, percent))
    result.leftovers += end.leftover
    fallbacks = 0 if percent == 0 else stage.sum("candidate").legacy
    lag, cpu = lag_and_cpu(end)
    result.load.append(
        LoadRow(
            stage_percent=percent,
            rate_per_s=start.rate_per_s if start else 0.0,
            scheduled=end.scheduled,
            finished=end.finished,
            dropped=end.dropped,
            blocks=len({block for block, *_ in stage.bins}),
            workers=len(end.workers),
            lag_p95_ms=lag,
            cpu_percent=cpu,
            fallbacks=fallbacks,
        )
    )


def _judge_rates(stage: StageLoad, policy: Policy, result: LoadJudgement) -> None:
    """Both arms must prove their error rate over all endpoints; single endpoints and natural traffic only alarm.

    A stage that was aborted because nobody answered any more says nothing of either arm: that is the finding then.
    """
    if stage.end is None or stage.end.aborted is not None:
        return
    blameless, of_control = True, dict[str | None, RateBound]()
    for stream in STREAMS:
        for endpoint in (None, *stage.endpoints):
            counts = stage.sum(stream, endpoint)
            if counts.requests == 0 and endpoint is not None:
                continue
            alpha = policy.rates.alpha if endpoint is None else policy.rates.alpha / max(1, len(stage.endpoints))
            bound = error_rate(
                counts.errors,
                counts.requests,
                policy.rates,
                prove=endpoint is None,
                alarm_alpha=alpha,
                repeatedly=not stage.is_whole,
            )
            row = RateRow(stage.percent, endpoint, stream, bound)
            if stream == "control":
                of_control[endpoint] = bound
                blameless = blameless and bound.verdict not in _ALARMS
            _tell_rate(
                row,
                result,
                on_trial=stream == "candidate" and stage.percent > 0 and _blames(bound, of_control.get(endpoint)),
            )
    natural = stage.sum("natural")
    if natural.requests:
        bound = error_rate(natural.errors, natural.requests, policy.rates, prove=False, repeatedly=not stage.is_whole)
        # Users meet both arms: their errors speak against the candidate only where control alone has none.
        row = RateRow(stage.percent, None, "natural", bound)
        _tell_rate(row, result, on_trial=blameless and stage.percent > 0)


def _blames(candidate: RateBound, control: RateBound | None) -> bool:
    """Whether candidate's errors speak against it: where control fails as well, only if it is proven to fail more."""
    return control is None or control.verdict not in _ALARMS or candidate.low > control.high


_ALARMS = (Verdict.HOLD, Verdict.ROLLBACK)


def _tell_rate(row: RateRow, result: LoadJudgement, *, on_trial: bool) -> None:
    result.rates.append(row)
    bound = row.bound
    if bound.verdict is Verdict.PROMOTE:
        return
    rule, verdict = ("rates.errors", bound.verdict) if on_trial else ("control.unhealthy", Verdict.INCONCLUSIVE)
    numbers = {"errors": bound.errors, "requests": bound.requests, "low": bound.low, "high": bound.high}
    title = _errors_of(row)
    result.findings.append(Finding(rule, verdict, title, bound.reason, row.endpoint, None, row.stage_percent, numbers))


def _errors_of(row: RateRow) -> Said:
    """Whose errors they are; those of natural traffic are of all endpoints."""
    endpoint, stream, percent = row.endpoint, row.stream, row.stage_percent
    if stream == "natural":
        return say("Errors of all endpoints in natural traffic at {percent} %", percent=percent)
    if endpoint is None:
        return say("Errors of all endpoints on {stream} at {percent} %", stream=stream, percent=percent)
    return say("Errors of {endpoint} on {stream} at {percent} %", endpoint=endpoint, stream=stream, percent=percent)


def _judge_witness(stage: StageLoad, policy: Policy, result: LoadJudgement) -> None:
    """Requests assigned to an arm must have been served by its implementation; natural ones in the set share."""
    percent = stage.percent
    for endpoint in stage.endpoints:
        for stream in STREAMS:
            counts = stage.sum(stream, endpoint)
            title = say(
                "{endpoint} on {stream} under load at {percent} %", endpoint=endpoint, stream=stream, percent=percent
            )
            put_on_control = stream == "control" or percent == 0
            answered = counts.legacy + counts.domain + counts.unwitnessed
            if put_on_control and counts.domain:
                reason = say(
                    "domain served {count} of {answered} requests that were forced to control",
                    count=counts.domain,
                    answered=answered,
                )
                result.findings.append(Finding("flag.force", Verdict.ROLLBACK, title, reason, endpoint, None, percent))
            if not put_on_control and counts.legacy > policy.rates.fallback_hold_share * answered:
                reason = say(
                    "legacy served {count} of {answered} requests that were put on candidate",
                    count=counts.legacy,
                    answered=answered,
                )
                result.findings.append(
                    Finding("witness.fallback", Verdict.HOLD, title, reason, endpoint, None, percent)
                )
            if counts.unwitnessed:
                reason = say(
                    "{count} of {answered} answers carried no usable witness",
                    count=counts.unwitnessed,
                    answered=answered,
                )
                result.findings.append(
                    Finding("witness.absent", Verdict.INCONCLUSIVE, title, reason, endpoint, None, percent)
                )
    if not stage.plans("natural"):
        return
    natural = stage.sum("natural")
    exposure = Exposure(percent, natural.legacy, natural.domain, natural.unwitnessed)
    row, findings = judge_exposure(exposure, "load", policy.rates, shares=list(stage.natural_shares.values()))
    result.exposures.append(row)
    result.findings += findings


def _describe(stage: StageLoad, result: LoadJudgement) -> None:
    """Distributions: numbers for the reader, no decision."""
    for endpoint in (None, *stage.endpoints):
        arms = [stage.pooled("mixed", stream, endpoint) for stream in STREAMS]
        if all(map(total, arms)):
            result.distributions.append(_distribution(stage.percent, endpoint, *arms))


def _distribution(percent: int, endpoint: str | None, control: Histogram, candidate: Histogram) -> Distribution:
    # A time that is none has no place on the axis; that it was there is a finding of its own.
    axis = axis_of((control, candidate))
    shares = [(*(arm.on(axis)[:-1] / total(arm)).tolist(), 0.0) for arm in (control, candidate)]
    return Distribution(percent, endpoint, tuple(edge_ms(number) for number in axis), *shares)
