"""Load evidence -> P95 changes on three clocks, for every stage, endpoint and cell, and what they decide.

From the intended start is what a user feels, queueing included; from sending is what one answer took. Both must be
proven, and either may alarm. The server's own time is told by the code on trial: it may alarm, and promotes nothing.

Alarms share alpha: over the scopes equally, over the clocks by weight (Genovese, Roeder and Wasserman, False discovery
control with p-value weighting, Biometrika 2006), for a fault that only one of the later two sees is rare.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from verification.core.decision import decided_change
from verification.core.exceedance import Stratum
from verification.core.judge.stage_load import CAPPED, StageLoad
from verification.core.judgement import LatencyRow
from verification.core.latency import P95Change, p95_change
from verification.core.model import Clock, Finding, Verdict
from verification.core.policy import LatencyPolicy
from verification.core.said import Said, say

ALARM_SHARE = {Clock.INTENDED: 0.8, Clock.SENT: 0.1, Clock.SERVER: 0.1}
"""Of alpha, for each clock."""
JUDGED = (Clock.INTENDED, Clock.SENT)
"""The clocks on which a change must be proven acceptable."""
_ALARMS = (Verdict.HOLD, Verdict.ROLLBACK)
_NAMES = {
    Clock.INTENDED: "",
    Clock.SENT: say(" from sending"),
    Clock.SERVER: say(" by the server's own clock"),
}


Strata = Mapping[tuple[int, str, Clock], Stratum]
"""(percent, endpoint, clock) -> its time blocks."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a P95 change is asked of: a stage, an endpoint over all stages (percent None), or a cell of both."""

    percent: int | None
    endpoint: str | None
    must_be_proven: bool

    def of(self, stages: Sequence[StageLoad]) -> list[StageLoad]:
        """The stages that it is made of, 0 % only where that is named."""
        return [one for one in stages if one.percent == self.percent or (self.percent is None and one.percent > 0)]

    def strata(self, known: Strata, clock: Clock) -> list[Stratum]:
        """One for each endpoint and stage."""
        return [
            stratum
            for (percent, name, of_clock), stratum in known.items()
            if of_clock is clock
            and (percent == self.percent or (self.percent is None and percent > 0))
            and self.endpoint in (None, name)
        ]


def scopes_of(stages: Sequence[StageLoad]) -> list[Scope]:
    """Stages and endpoints, which must be proven, then the cells, which may only alarm."""
    real = [stage for stage in stages if stage.percent > 0]
    endpoints = dict.fromkeys(endpoint for stage in real for endpoint in stage.endpoints)
    scopes = [Scope(stage.percent, None, True) for stage in real]
    # With one stage, an endpoint over all stages is the endpoint within that stage.
    scopes += [Scope(None if len(real) > 1 else real[0].percent, name, True) for name in endpoints]
    if len(real) > 1:
        scopes += [Scope(stage.percent, name, False) for stage in real for name in stage.endpoints]
    return scopes


def strata_of(stages: Sequence[StageLoad]) -> Strata:
    """The time blocks of every stage and endpoint on every clock that was told."""
    return {
        (stage.percent, name, clock): stage.stratum(name, clock)
        for clock in Clock
        for stage in stages
        for name in stage.endpoints
        if clock in JUDGED or stage.has_server_times(name)
    }


def alarm_tests(stages: int, endpoints: int, clock: Clock) -> float:
    """The number that alpha is divided by for an alarm of one scope on this clock: scopes over the clock's share."""
    return (stages + endpoints + (stages * endpoints if stages > 1 else 0)) / ALARM_SHARE[clock]


def judge_latency(stages: Sequence[StageLoad], policy: LatencyPolicy) -> tuple[list[LatencyRow], list[Finding]]:
    """Every stage and endpoint must be proven; stages, endpoints and cells may alarm, corrected for their number."""
    rows: list[LatencyRow] = []
    findings: list[Finding] = []
    scopes, known = scopes_of(stages), strata_of(stages)
    asked = len({scope.percent for scope in scopes} - {None}), len({scope.endpoint for scope in scopes} - {None})
    for scope in scopes:
        whole = all(stage.is_whole for stage in scope.of(stages))
        changes = {
            clock: decided_change(scope.strata(known, clock), policy, tests=alarm_tests(*asked, clock), whole=whole)
            for clock in Clock
            if clock in JUDGED or scope.strata(known, clock)
        }
        told = changes.get(Clock.SERVER)
        rows.append(LatencyRow(scope.percent, scope.endpoint, changes[Clock.INTENDED], changes[Clock.SENT], told))
        of_scope = scope.of(stages)
        held_back = sum(stage.held_back(scope.endpoint) for stage in of_scope)
        findings += _findings(scope, changes, sum(stage.measured_s for stage in of_scope), held_back)
    baseline_rows, noise = _judge_baseline(stages, known, policy)
    return rows + baseline_rows, findings + noise


def _findings(scope: Scope, changes: dict[Clock, P95Change], measured_s: float, held_back: int) -> Iterator[Finding]:
    """The worst of the clocks; a later one is told where it says worse than those before it.

    `measured_s` is how long the scope's stages were measured, `held_back` how many of its arrivals a cap held back.
    """
    worst = Verdict.PROMOTE
    for clock, change in changes.items():
        verdict = change.verdict
        if clock is Clock.SERVER:
            # What users do not feel is no reason to go back.
            verdict = Verdict.HOLD if verdict in _ALARMS else Verdict.PROMOTE
        if verdict.rank <= worst.rank or not (verdict in _ALARMS or scope.must_be_proven):
            continue
        worst = verdict
        yield _finding(scope, clock, change, verdict, measured_s, held_back)


def _missing_minutes(change: P95Change, measured_s: float) -> float | None:
    """How long the missing requests take at the rate at which those that are there came; None where nothing lacks."""
    there = min(change.requests_control, change.requests_candidate)
    return change.missing_per_arm * measured_s / there / 60 if there and measured_s and change.missing_per_arm else None


def _finding(
    scope: Scope, clock: Clock, change: P95Change, verdict: Verdict, measured_s: float, held_back: int
) -> Finding:
    numbers = {
        "change": change.change,
        "low": change.low,
        "high": change.high,
        "control_p95_ms": change.control_p95_ms,
        "candidate_p95_ms": change.candidate_p95_ms,
        "requests_control": change.requests_control,
        "requests_candidate": change.requests_candidate,
        "missing_per_arm": change.missing_per_arm,
    }
    reason, minutes = change.reason, _missing_minutes(change, measured_s)
    if verdict is Verdict.INCONCLUSIVE and held_back:
        enough = 2 * (min(change.requests_control, change.requests_candidate) + change.missing_per_arm)
        reason = say(
            "{reason}; {held_back} arrivals were not sent: {why}; a proof needs about {enough} for each stage",
            reason=reason,
            held_back=held_back,
            why=CAPPED,
            enough=enough,
        )
    if verdict is Verdict.INCONCLUSIVE and minutes is not None:
        numbers["missing_minutes"] = minutes
        reason = say("{reason}; about {minutes:.1f} minutes at the present rate", reason=reason, minutes=minutes)
    rule = "latency.server" if clock is Clock.SERVER else "latency.p95"
    return Finding(rule, verdict, _title(scope, clock), reason, scope.endpoint, None, scope.percent, numbers)


def _title(scope: Scope, clock: Clock) -> Said:
    what = say("P95 of {endpoint}", endpoint=scope.endpoint) if scope.endpoint else say("P95 of All endpoints")
    when = say("over all stages") if scope.percent is None else say("at {percent} %", percent=scope.percent)
    return say("{what} {when}{clock}", what=what, when=when, clock=_NAMES[clock])


def _judge_baseline(
    stages: Sequence[StageLoad], known: Strata, policy: LatencyPolicy
) -> tuple[list[LatencyRow], list[Finding]]:
    """Control against control must not alarm, whichever stream is the slower one: where it does, or where it could not
    be asked, no other number of this run can be believed."""
    rows: list[LatencyRow] = []
    findings: list[Finding] = []
    baseline = next((stage for stage in stages if stage.percent == 0), None)
    if baseline is None:
        return rows, findings
    scopes = [Scope(0, name, False) for name in (None, *baseline.endpoints)]
    alarm_alpha = policy.alpha / len(scopes) / len(JUDGED) / 2
    for scope in scopes:
        strata = [scope.strata(known, clock) for clock in JUDGED]
        changes, turned = (
            [p95_change(of_clock, policy, alarm_alpha=alarm_alpha) for of_clock in each]
            for each in (strata, [[one.turned for one in of_clock] for of_clock in strata])
        )
        rows.append(LatencyRow(0, scope.endpoint, *changes))
        for clock, change, back in zip(JUDGED, changes, turned, strict=True):
            alarmed = change.verdict in _ALARMS or back.verdict in _ALARMS
            if alarmed or (scope.endpoint is None and not change.testable):
                findings.append(_noise(scope.endpoint, clock, change, alarmed=alarmed))
                break
    return rows, findings


def _noise(endpoint: str | None, clock: Clock, change: P95Change, *, alarmed: bool) -> Finding:
    title = say("Control against control{clock}: all endpoints", clock=_NAMES[clock])
    if endpoint is not None:
        title = say("Control against control{clock}: {endpoint}", clock=_NAMES[clock], endpoint=endpoint)
    if not alarmed:
        reason = say("two equal streams cannot be compared at 0 %: {why}", why=change.reason)
    elif change.verdict in _ALARMS:
        reason = say("two equal streams differ at 0 %: {why}", why=change.reason)
    else:
        reason = say(
            "two equal streams differ at 0 %: {seen}the one that stands for candidate is proven to be faster by more "
            "than the hold margin",
            seen=change.seen,
        )
    return Finding("control.noise", Verdict.INCONCLUSIVE, title, reason, endpoint, None, 0)
