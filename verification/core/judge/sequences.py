"""Sequences -> findings, the rollback certificate, the searches, and the counterexamples to send again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from verification.core.cases import Catalog
from verification.core.divergence import SequenceOutcome, judge_sequence
from verification.core.expectation import certificate_key, certified_operations
from verification.core.judgement import CertificateRow, Counterexample, SearchRow
from verification.core.model import Arm, Finding, Verdict, worst
from verification.core.records import Evidence
from verification.core.said import say
from verification.core.sequences import TRIAL_SIDE, SequenceSearch


@dataclass(frozen=True, slots=True)
class SequenceJudgement:
    """What the sequences say."""

    findings: tuple[Finding, ...]
    certificate: tuple[CertificateRow, ...]
    searches: tuple[SearchRow, ...]
    counterexamples: tuple[Counterexample, ...]
    leftovers: tuple[str, ...]


def judge_sequences(evidence: Evidence, catalog: Catalog) -> SequenceJudgement:
    """Judge every sequence that was walked, and every search by how it ended."""
    findings: list[Finding] = []
    counterexamples: list[Counterexample] = []
    outcomes: dict[str, list[SequenceOutcome]] = {}
    for comparison in evidence.sequences:
        outcome = judge_sequence(catalog, comparison)
        outcomes.setdefault(outcome.key, []).append(outcome)
        findings += outcome.findings
        trial = comparison.side(TRIAL_SIDE)
        if outcome.diverged and trial is not None:
            worst_one = max(outcome.findings, key=lambda finding: finding.verdict.rank)
            counterexamples.append(
                Counterexample(outcome.key, worst_one.verdict, worst_one.reason, comparison.sequence, trial.exchanges)
            )
    findings += [finding for search in evidence.searches for finding in judge_search(search)]
    return SequenceJudgement(
        tuple(findings),
        _certificate(catalog, outcomes),
        tuple(SearchRow(s.key, s.examples_tried, s.steps_sent, s.ended) for s in evidence.searches),
        tuple(counterexamples),
        tuple(left for comparison in evidence.sequences for walk in comparison.passages for left in walk.leftover),
    )


def judge_search(search: SequenceSearch) -> list[Finding]:
    """A search that was cut short proves less than the run owes."""
    if search.ended in ("diverged", "unproven") or search.examples_tried >= search.examples_asked:
        return []
    reason = say(
        "{tried} of {asked} sequences were tried before its time was up ({seconds:.0f} s); raise sequences.max_seconds "
        "or lower sequences.examples"
        if search.ended == "out of time"
        else "{tried} of {asked} sequences were tried, more could not be drawn; take another seed",
        tried=search.examples_tried,
        asked=search.examples_asked,
        seconds=search.seconds,
    )
    numbers = {"tried": search.examples_tried, "asked": search.examples_asked}
    return [Finding("evidence.missing", Verdict.INCONCLUSIVE, search.key, reason, numbers=numbers)]


def _certificate(catalog: Catalog, outcomes: Mapping[str, list[SequenceOutcome]]) -> tuple[CertificateRow, ...]:
    """Every operation both ways; empty where the run walked none of them."""
    rows = [
        CertificateRow(
            resource.name,
            operation,
            *(_cell(outcomes.get(certificate_key(resource.name, operation, first), [])) for first in Arm),
        )
        for resource in catalog.resources.values()
        for operation in certified_operations(resource)
    ]
    walked = any(key.startswith("certificate:") for key in outcomes)
    return tuple(rows) if walked else ()


def _cell(outcomes: list[SequenceOutcome]) -> Verdict:
    if not outcomes or not all(outcome.counts for outcome in outcomes):
        found = [finding.verdict for outcome in outcomes for finding in outcome.findings]
        return worst([Verdict.INCONCLUSIVE, *found])
    return worst([Verdict.PROMOTE, *(finding.verdict for outcome in outcomes for finding in outcome.findings)])
