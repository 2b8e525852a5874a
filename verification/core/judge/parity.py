"""Comparisons -> findings, a result per case, counts per endpoint, and how often each mask fired."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date

from verification.core.cases import Catalog, Mask
from verification.core.expectation import latest
from verification.core.judgement import CaseResult, EndpointParity, MaskUse
from verification.core.masks import matches
from verification.core.model import Difference, Finding, MaskedDifference, Verdict
from verification.core.parity import CaseOutcome, judge_comparison
from verification.core.policy import AcceptedDifference
from verification.core.rates import difference_rate_bound
from verification.core.records import Evidence


@dataclass(frozen=True, slots=True)
class ParityJudgement:
    """What the comparisons say."""

    findings: tuple[Finding, ...]
    cases: tuple[CaseResult, ...]
    endpoints: tuple[EndpointParity, ...]
    masks: tuple[MaskUse, ...]
    leftovers: tuple[str, ...]


def judge_parity(
    evidence: Evidence, catalog: Catalog, accepted: tuple[AcceptedDifference, ...], today: date
) -> ParityJudgement:
    """Judge every comparison and count the results."""
    findings: list[Finding] = []
    cases: list[CaseResult] = []
    masked: list[tuple[str, MaskedDifference]] = []
    known = {(endpoint.id, case.id) for endpoint in catalog.endpoints for case in endpoint.cases}
    for key, attempts in latest(evidence.comparisons).items():
        if key not in known:
            reason = f"the evidence has the case {key[1]!r} of {key[0]}, the run's catalog has not"
            findings.append(Finding("evidence.missing", Verdict.INCONCLUSIVE, key[0], reason, *key))
            continue
        outcomes = [judge_comparison(catalog, comparison) for comparison in attempts]
        found = [_accept(finding, accepted, today) for finding in findings_of_attempts(outcomes)]
        findings += found
        cases.append(_case_result(outcomes[-1], found))
        masked += [(key[0], use) for use in outcomes[-1].masked]
    leftovers = [left for comparison in evidence.comparisons for probe in comparison.probes for left in probe.leftover]
    return ParityJudgement(
        tuple(findings), tuple(cases), _per_endpoint(catalog, cases), _mask_uses(catalog, masked), tuple(leftovers)
    )


def findings_of_attempts(outcomes: list[CaseOutcome]) -> list[Finding]:
    """Findings of the last attempt, and of earlier ones what is not the control arm's own noise."""
    earlier = [
        finding
        for outcome in outcomes[:-1]
        for finding in outcome.findings
        if finding.verdict not in (Verdict.PROMOTE, Verdict.INCONCLUSIVE)
    ]
    return [*earlier, *outcomes[-1].findings]


def _accept(finding: Finding, accepted: tuple[AcceptedDifference, ...], today: date) -> Finding:
    """An accepted finding weighs nothing and says who accepted it; all its places must be accepted, and still be.

    Only what speaks against the release can be accepted: a note needs no pardon, and control's own noise means that
    nothing was proven, which nobody can sign away.
    """
    if not finding.differences or finding.verdict not in (Verdict.HOLD, Verdict.ROLLBACK):
        return finding
    used = [_acceptance(finding.endpoint, difference, accepted, today) for difference in finding.differences]
    if any(acceptance is None for acceptance in used):
        return finding
    entries = [acceptance for acceptance in used if acceptance is not None]
    expired = [entry for entry in entries if entry.expires < today]
    if expired:
        reason = f"{finding.reason} (was accepted by {expired[0].owner}, expired on {expired[0].expires})"
        return replace(finding, reason=reason)
    words = "; ".join(dict.fromkeys(f"{entry.owner} until {entry.expires}: {entry.reason}" for entry in entries))
    return replace(finding, accepted=words)


def _acceptance(
    endpoint: str | None, difference: Difference, accepted: tuple[AcceptedDifference, ...], today: date
) -> AcceptedDifference | None:
    """The entry for this place, one that still holds before an expired one (a renewal may stand below it).

    A place in the body goes by its path alone. Every other kind is accepted by its own name only, `header:location`,
    `state rules:items.*` or `status:` (which has no path), so that neither `*` nor a field named status pardons it.
    """
    kind, path = f"{difference.where}:", tuple(difference.path.split(".")) if difference.path else ()

    def names(entry: AcceptedDifference) -> bool:
        if difference.where == "body":
            return matches(entry.path, path)
        return entry.path.startswith(kind) and matches(entry.path.removeprefix(kind), path)

    found = [entry for entry in accepted if entry.endpoint == endpoint and names(entry)]
    return max(found, key=lambda entry: entry.expires >= today, default=None)


def _case_result(outcome: CaseOutcome, findings: list[Finding]) -> CaseResult:
    weighty = [finding for finding in findings if finding.accepted is None and finding.verdict is not Verdict.PROMOTE]
    different = [finding for finding in weighty if finding.verdict is not Verdict.INCONCLUSIVE]
    if different:
        result, reason = "DIFFERENT", different[0].reason
    elif weighty or not outcome.counts:
        result, reason = "INCONCLUSIVE", weighty[0].reason if weighty else "it proves nothing"
    else:
        result, reason = "EQUAL", ""
    count = sum(len(finding.differences) for finding in different)
    return CaseResult(outcome.endpoint, outcome.case, result, reason, count, len(outcome.masked))


def _per_endpoint(catalog: Catalog, cases: list[CaseResult]) -> tuple[EndpointParity, ...]:
    rows = []
    for endpoint in catalog.endpoints:
        own = [case for case in cases if case.endpoint == endpoint.id]
        equal, different, open_ = (
            sum(case.result == result for case in own) for result in ("EQUAL", "DIFFERENT", "INCONCLUSIVE")
        )
        bound = difference_rate_bound(equal) if equal and not different else None
        masked = sum(case.masked for case in own)
        rows.append(EndpointParity(endpoint.id, len(own), equal, different, open_, masked, bound))
    return tuple(rows)


def _mask_uses(catalog: Catalog, masked: list[tuple[str, MaskedDifference]]) -> tuple[MaskUse, ...]:
    """Every mask of the catalog with its count, the ones that never fired too."""
    fired: dict[tuple[str, str], list[MaskedDifference]] = defaultdict(list)
    for endpoint, use in masked:
        owner = use.where.split()[1] if " " in use.where else endpoint
        fired[owner, use.mask].append(use)
    declared: list[tuple[str, Mask]] = []
    for item in catalog.endpoints:
        declared += [(item.id, mask) for mask in (*item.shape.masks, *item.error_shape.masks)]
    for name, reading in catalog.readings.items():
        declared += [(name, mask) for mask in reading.shape.masks]
    uses = []
    for place, mask in dict.fromkeys(declared):
        found = fired.get((place, f"{mask.path} is {mask.predicate}"), [])
        example = found[0] if found else None
        uses.append(MaskUse(place, mask.path, mask.predicate, mask.reason, mask.owner, len(found), example))
    return tuple(uses)
