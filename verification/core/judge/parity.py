"""Comparisons -> findings, a result per case, counts per endpoint, and how often each mask fired."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import groupby

from verification.core.cases import Catalog
from verification.core.expectation import latest
from verification.core.hygiene import declared_masks, judge_masks, without_expired
from verification.core.judge.fields import ABOVE_NOISE, field_findings, judge_fields
from verification.core.judgement import CaseResult, EndpointParity, FieldParity, MaskUse
from verification.core.masks import limits, matches
from verification.core.model import Difference, Finding, MaskedDifference, Verdict
from verification.core.outcome import UNDECIDED_RULES, CaseOutcome, Noise, case_findings, noise_of
from verification.core.paired import Field, fields_of
from verification.core.parity import judge_comparison
from verification.core.policy import AcceptedDifference, Policy
from verification.core.rates import difference_rate_bound
from verification.core.records import Evidence
from verification.core.said import joined, say

Repetitions = list[list[CaseOutcome]]
"""The repetitions of one case, each a list of attempts."""


@dataclass(frozen=True, slots=True)
class ParityJudgement:
    """What the comparisons say."""

    findings: tuple[Finding, ...]
    cases: tuple[CaseResult, ...]
    endpoints: tuple[EndpointParity, ...]
    masks: tuple[MaskUse, ...]
    leftovers: tuple[str, ...]
    fields: tuple[FieldParity, ...]


@dataclass(slots=True)
class _Judging:
    """Judges endpoint by endpoint; the noise of all cases of an endpoint is known before the first is judged."""

    policy: Policy
    today: date
    owed_repetitions: int
    findings: list[Finding] = field(default_factory=list)
    cases: list[CaseResult] = field(default_factory=list)
    endpoints: list[EndpointParity] = field(default_factory=list)
    fields: list[FieldParity] = field(default_factory=list)

    def add(self, endpoint: str, cases: list[Repetitions]) -> None:
        """Judge all cases of one endpoint."""
        outcomes = [outcome for repetitions in cases for attempts in repetitions for outcome in attempts]
        noisy, policy = noise_of(outcomes), self.policy.differences
        rows = judge_fields(endpoint, outcomes, noisy, policy)
        undecided: set[Field] = set()
        results: list[CaseResult] = []
        for repetitions in cases:
            own = noise_of(outcome for attempts in repetitions for outcome in attempts)
            result, found = self._case(repetitions, Noise(own, noisy))
            results.append(result)
            self.findings += found
            undecided |= {name for f in found if f.rule in UNDECIDED_RULES for name in fields_of(f.differences)}
        about_fields = field_findings(rows, outcomes, undecided, policy, self.owed_repetitions)
        self.findings += [self._accepted(finding) for finding in about_fields]
        self.cases += results
        self.fields += rows
        pairs = sum(attempts[-1].counts for repetitions in cases for attempts in repetitions)
        self.endpoints.append(_endpoint_row(endpoint, results, pairs, rows))

    def _case(self, repetitions: Repetitions, noise: Noise) -> tuple[CaseResult, list[Finding]]:
        found = [self._accepted(finding) for finding in case_findings(repetitions, noise)]
        found += self._missing(repetitions)
        each = [
            _result(attempts[-1].counts, [self._accepted(finding) for finding in case_findings([attempts], noise)])[0]
            for attempts in repetitions
        ]
        outcome = repetitions[-1][-1]
        result, reason = _result(all(attempts[-1].counts for attempts in repetitions), found)
        count = sum(len(finding.differences) for finding in found if _speaks_against(finding))
        row = CaseResult(
            *(outcome.endpoint, outcome.case, result, reason, count, len(outcome.masked)),
            repetitions=len(repetitions),
            equal_repetitions=each.count("EQUAL"),
        )
        return row, found

    def _missing(self, repetitions: Repetitions) -> list[Finding]:
        """Every repetition is owed."""
        there = {attempts[-1].repetition for attempts in repetitions}
        missing = [number for number in range(1, self.owed_repetitions + 1) if number not in there]
        if not missing:
            return []
        endpoint, case = repetitions[0][0].endpoint, repetitions[0][0].case
        which = ", ".join(map(str, missing[:5]))
        if len(missing) > 5:
            which = say("{repetitions} and {more} more", repetitions=which, more=len(missing) - 5)
        reason = say(
            "{missing} of {owed} repetitions are missing: {which}",
            missing=len(missing),
            owed=self.owed_repetitions,
            which=which,
        )
        title, numbers = say("{endpoint} · {case}", endpoint=endpoint, case=case), {"missing": len(missing)}
        return [Finding("evidence.missing", Verdict.INCONCLUSIVE, title, reason, endpoint, case, numbers=numbers)]

    def _accepted(self, finding: Finding) -> Finding:
        return _accept(finding, self.policy.accepted, self.today)


def judge_parity(evidence: Evidence, catalog: Catalog, policy: Policy, today: date) -> ParityJudgement:
    """Judge every comparison, count the results, and see whether the masks deserve to be believed."""
    declared, catalog = catalog, without_expired(catalog, today)
    judging = _Judging(policy, today, evidence.manifest.repetitions)
    compared = latest(evidence.comparisons)
    masked: list[tuple[str, MaskedDifference]] = []
    for endpoint in catalog.endpoints:
        cases = []
        for case in endpoint.cases:
            comparisons = compared.pop((endpoint.id, case.id), [])
            outcomes = [judge_comparison(catalog, comparison) for comparison in comparisons]
            if outcomes:
                cases.append([list(group) for _, group in groupby(outcomes, key=lambda one: one.repetition)])
        judging.add(endpoint.id, cases)
        masked += [(endpoint.id, use) for case in cases for attempts in case for use in attempts[-1].masked]
    for key in compared:
        reason = say(
            "the evidence has the case {case!r} of {endpoint}, the run's catalog has not", case=key[1], endpoint=key[0]
        )
        judging.findings.append(Finding("evidence.missing", Verdict.INCONCLUSIVE, key[0], reason, *key))
    masks = _mask_uses(declared, masked)
    judging.findings += judge_masks(declared, masks, judging.cases, today)
    leftovers = [left for comparison in evidence.comparisons for probe in comparison.probes for left in probe.leftover]
    return ParityJudgement(
        tuple(judging.findings),
        tuple(judging.cases),
        tuple(judging.endpoints),
        masks,
        tuple(leftovers),
        tuple(judging.fields),
    )


def _accept(finding: Finding, accepted: tuple[AcceptedDifference, ...], today: date) -> Finding:
    """An accepted finding weighs nothing and says who accepted it; all its places must be accepted, and still be.

    Only what speaks against the release can be accepted: a note needs no pardon, and control's own noise means that
    nothing was proven, which nobody can sign away.
    """
    if not finding.differences or finding.verdict not in (Verdict.HOLD, Verdict.ROLLBACK):
        return finding
    used = [acceptance(finding.endpoint, difference, accepted, today) for difference in finding.differences]
    if any(acceptance is None for acceptance in used):
        return finding
    entries = [acceptance for acceptance in used if acceptance is not None]
    expired = [entry for entry in entries if entry.expires < today]
    if expired:
        reason = say(
            "{reason} (was accepted by {owner}, expired on {expires})",
            reason=finding.reason,
            owner=expired[0].owner,
            expires=expired[0].expires,
        )
        return replace(finding, reason=reason)
    each = [
        say("{owner} until {expires}: {reason}", owner=entry.owner, expires=entry.expires, reason=entry.reason)
        for entry in entries
    ]
    return replace(finding, accepted=joined("; ", dict.fromkeys(each)))


def acceptance(
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


def _speaks_against(finding: Finding) -> bool:
    return finding.accepted is None and finding.verdict in (Verdict.HOLD, Verdict.ROLLBACK)


def _result(counts: bool, findings: list[Finding]) -> tuple[str, str]:
    """EQUAL, DIFFERENT or INCONCLUSIVE, and why."""
    different = [finding for finding in findings if _speaks_against(finding)]
    open_ = [finding for finding in findings if finding.verdict is Verdict.INCONCLUSIVE]
    if different:
        return "DIFFERENT", different[0].reason
    if open_ or not counts:
        return "INCONCLUSIVE", open_[0].reason if open_ else "it proves nothing"
    return "EQUAL", ""


def _endpoint_row(endpoint: str, cases: list[CaseResult], pairs: int, rows: list[FieldParity]) -> EndpointParity:
    equal, different, open_ = (
        sum(case.result == result for case in cases) for result in ("EQUAL", "DIFFERENT", "INCONCLUSIVE")
    )
    equal_pairs = sum(case.equal_repetitions for case in cases)
    differs = different or any(row.decision == ABOVE_NOISE for row in rows)
    bound = difference_rate_bound(equal_pairs) if equal_pairs and not differs else None
    masked = sum(case.masked for case in cases)
    return EndpointParity(endpoint, len(cases), equal, different, open_, masked, bound, pairs, equal_pairs)


def _mask_uses(catalog: Catalog, masked: list[tuple[str, MaskedDifference]]) -> tuple[MaskUse, ...]:
    """Every mask of the catalog with its count, the ones that never fired too."""
    fired: dict[tuple[str, str], list[MaskedDifference]] = defaultdict(list)
    for endpoint, use in masked:
        owner = use.where.split()[1] if " " in use.where else endpoint
        fired[owner, use.mask].append(use)
    declared = [(place, mask) for place, mask, _ in declared_masks(catalog)]
    uses = []
    for place, mask in dict.fromkeys(declared):
        found = fired.get((place, f"{mask.path} is {mask.predicate}"), [])
        example = found[0] if found else None
        said = (mask.reason, mask.owner, len(found), example, limits(mask), mask.expires)
        uses.append(MaskUse(place, mask.path, mask.predicate, *said))
    return tuple(uses)
