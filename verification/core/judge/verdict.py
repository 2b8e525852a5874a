"""All parts together: what is owed and absent, what was found, and the worst of it as the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from verification.core.cases import Catalog
from verification.core.expectation import covered
from verification.core.journal import still_left
from verification.core.judge.duration import duration_s
from verification.core.judge.flag import (
    drill_row,
    judge_drill,
    judge_exposure,
    judge_forced,
    judge_log,
    judge_mishaps,
    judge_monitoring,
    judge_usage,
)
from verification.core.judge.knee import judge_knee, knee_row
from verification.core.judge.load import judge_load
from verification.core.judge.order import in_order
from verification.core.judge.parity import judge_parity
from verification.core.judge.races import judge_races, race_rows
from verification.core.judge.score import score_comparator, score_findings
from verification.core.judge.sequences import judge_sequences
from verification.core.judge.witness import SMALLEST_CHANGE, judge_witness, witness_row
from verification.core.judgement import ExposureRow, Judgement
from verification.core.model import Finding, Verdict, worst
from verification.core.policy import Policy
from verification.core.records import Evidence
from verification.core.said import say

_SHOWN_REASONS, _SHOWN_MISSING = 8, 5
_MANY, _SHOWN_OF_MANY = 10, 2


def judge(evidence: Evidence, catalog: Catalog, policy: Policy) -> Judgement:
    """The verdict of a run and everything that supports it. Missing evidence is a finding; the worst finding wins.

    The order in which the records were written does not matter. Expiry dates are held against the day the run started,
    so that judging again later gives the same verdict.
    """
    evidence = in_order(evidence, catalog)
    parity = judge_parity(evidence, catalog, policy, date.fromisoformat(evidence.manifest.started_at[:10]))
    load = judge_load(evidence, policy, [endpoint.id for endpoint in catalog.endpoints])
    sequences = judge_sequences(evidence, catalog)
    exposures: list[ExposureRow] = []
    findings: list[Finding] = [*parity.findings, *sequences.findings, *load.findings]
    for exposure in evidence.exposures:
        row, found = judge_exposure(exposure, "flag", policy.rates)
        exposures.append(row)
        findings += found
    findings += judge_races(catalog, evidence.races)
    findings += judge_knee(evidence)
    scores = score_comparator(catalog, evidence.comparisons, evidence.races)
    findings += score_findings(scores)
    owned = evidence.manifest.owned
    findings += [finding for check in evidence.witness_checks for finding in judge_witness(check, owned=owned)]
    findings += _judge_rest(evidence)
    findings += _judge_completeness(evidence, catalog)
    findings.sort(key=lambda finding: (finding.accepted is not None, -finding.verdict.rank))
    weighing = [finding for finding in findings if finding.accepted is None]
    verdict = worst([Verdict.PROMOTE, *(finding.verdict for finding in weighing)])
    left = [*parity.leftovers, *sequences.leftovers, *load.leftovers]
    left += [name for record in evidence.leftovers for name in record.names]
    left += [name for found in evidence.races for name in found.leftover]
    left = still_left(left, evidence.cleanups)
    return Judgement(
        verdict=verdict,
        reasons=_reasons(verdict, weighing, evidence),
        findings=tuple(findings),
        cases=parity.cases,
        parity=parity.endpoints,
        masks=parity.masks,
        latency=tuple(load.latency),
        distributions=tuple(load.distributions),
        interference=tuple(load.interference),
        population=tuple(load.population),
        forecast=tuple(load.forecast),
        rates=tuple(load.rates),
        exposures=(*exposures, *load.exposures),
        drills=tuple(drill_row(drill, evidence.forced) for drill in evidence.drills),
        load=tuple(load.load),
        not_measured=tuple(sorted(evidence.manifest.omitted.items())),
        leftovers=tuple(left),
        thresholds=_thresholds(policy),
        manifest=evidence.manifest,
        fields=parity.fields,
        certificate=sequences.certificate,
        searches=sequences.searches,
        counterexamples=sequences.counterexamples,
        races=race_rows(catalog, evidence.races),
        scores=scores,
        witnesses=tuple(witness_row(check, owned=owned) for check in evidence.witness_checks),
        knee=knee_row(evidence),
        duration_s=duration_s(evidence),
    )


def judge_stage(evidence: Evidence, catalog: Catalog, policy: Policy, percent: int) -> Judgement:
    """The verdict on the load of one stage alone, as if nothing else were owed."""
    manifest = replace(evidence.manifest, stages=(percent,), expected=(f"load:{percent}",), omitted={})
    starts, blocks, ends = evidence.load_starts, evidence.load_blocks, evidence.load_ends
    alone = Evidence(
        manifest,
        load_starts=tuple(start for start in starts if start.stage_percent == percent),
        load_blocks=tuple(block for block in blocks if block.stage_percent == percent),
        load_favours=tuple(one for one in evidence.load_favours if one.stage_percent == percent),
        load_ends=tuple(end for end in ends if end.stage_percent == percent),
        mishaps=tuple(m for m in evidence.mishaps if (m.stage_percent, m.during) == (percent, "load")),
        torn_files=evidence.torn_files,
    )
    return judge(alone, catalog, policy)


def _judge_rest(evidence: Evidence) -> Iterator[Finding]:
    for call in evidence.forced:
        yield from judge_forced(call)
    for drill in evidence.drills:
        yield from judge_drill(drill, evidence.forced)
    for usage in evidence.usage:
        yield from judge_usage(usage, owned=evidence.manifest.owned)
    yield from judge_monitoring(evidence.monitoring)
    yield from judge_mishaps(evidence)
    yield from judge_log(evidence)


_NOT_MEASURED = {
    "parity": say("Not measured: parity"),
    "sequence": say("Not measured: sequence"),
    "retry": say("Not measured: retry"),
    "certificate": say("Not measured: certificate"),
    "replay": say("Not measured: replay"),
    "race": say("Not measured: race"),
    "flag": say("Not measured: flag"),
    "rollback": say("Not measured: rollback"),
    "monitoring": say("Not measured: monitoring"),
    "witness": say("Not measured: witness"),
    "load": say("Not measured: load"),
}


def _judge_completeness(evidence: Evidence, catalog: Catalog) -> Iterator[Finding]:
    """What is owed and not there, grouped by kind so that the reason can be read."""
    there = covered(evidence, catalog)
    missing = [key for key in evidence.manifest.expected if key not in there]
    for kind, count in Counter(key.split(":", 1)[0] for key in missing).items():
        names = [key.split(":", 1)[-1] for key in missing if key.split(":", 1)[0] == kind]
        owed = sum(key.split(":", 1)[0] == kind for key in evidence.manifest.expected)
        title = _NOT_MEASURED.get(kind) or say("Not measured: {kind}", kind=kind)
        reason = say(
            "{count} of {owed} pieces of evidence are missing: {shown} and {more} more"
            if count > _SHOWN_MISSING
            else "{count} of {owed} pieces of evidence are missing: {shown}",
            count=count,
            owed=owed,
            shown=", ".join(names[:_SHOWN_MISSING]),
            more=count - _SHOWN_MISSING,
        )
        yield Finding("evidence.missing", Verdict.INCONCLUSIVE, title, reason, numbers={"missing": count})
    loads = [key for key in evidence.manifest.expected if key.startswith("load:")]
    if loads == ["load:0"]:
        reason = say("only 0 % was measured, where every request goes to control: candidate was under no load")
        yield Finding("evidence.missing", Verdict.INCONCLUSIVE, "Not measured: candidate under load", reason)
    if not evidence.manifest.expected:
        yield Finding(
            "evidence.missing", Verdict.INCONCLUSIVE, "Nothing expected", "the run was set to measure nothing"
        )
    for name in evidence.torn_files:
        reason = say("{name} ends in the middle of a record: the process that wrote it was killed", name=name)
        yield Finding("evidence.torn", Verdict.INCONCLUSIVE, "Evidence cut off", reason)


def _reasons(verdict: Verdict, findings: list[Finding], evidence: Evidence) -> tuple[str, ...]:
    if verdict is Verdict.PROMOTE:
        stages = ", ".join(f"{percent} %" for percent in evidence.manifest.stages)
        return (
            say(
                "All {count} pieces of evidence are there and none speaks against ({stages}).",
                count=len(evidence.manifest.expected),
                stages=stages,
            ),
        )
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.verdict is verdict:
            by_rule.setdefault(finding.rule, []).append(finding)
    sentences = [sentence for found in by_rule.values() for sentence in _sentences(found)]
    more = len(sentences) - _SHOWN_REASONS
    rest = (say("{more} more findings of the same weight.", more=more),) if more > 0 else ()
    return (*sentences[:_SHOWN_REASONS], *rest)


def _sentences(found: list[Finding]) -> list[str]:
    """The findings of one rule; many of them are a few and a number, first what tells how to mend them."""
    mends_first = sorted(found, key=lambda finding: SMALLEST_CHANGE not in finding.reason)
    told = (say("{title}: {reason}.", title=finding.title, reason=finding.reason) for finding in mends_first)
    said: list[str] = list(dict.fromkeys(told))
    if len(said) <= _MANY:
        return said
    more = len(said) - _SHOWN_OF_MANY
    return [*said[:_SHOWN_OF_MANY], say("{more} more places of the same kind ({rule}).", more=more, rule=found[0].rule)]


def _thresholds(policy: Policy) -> dict[str, float]:
    return {
        "p95_hold_percent": round((policy.latency.hold_ratio - 1) * 100, 6),
        "p95_rollback_percent": round((policy.latency.rollback_ratio - 1) * 100, 6),
        "error_rate_hold_percent": round(policy.rates.hold_error_rate * 100, 6),
        "error_rate_rollback_percent": round(policy.rates.rollback_error_rate * 100, 6),
        "significance_percent": round(policy.latency.alpha * 100, 6),
        "floor_ms": policy.latency.floor_ms,
        "min_blocks": policy.latency.min_blocks,
    }
