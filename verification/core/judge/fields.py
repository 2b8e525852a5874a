"""The fields of one endpoint that differed at all: more often on the candidate than in control's own noise?"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

from verification.core.judgement import FieldParity
from verification.core.model import Difference, Finding, Verdict, worst
from verification.core.outcome import CaseOutcome
from verification.core.paired import Field, FieldTest, Pair, field_of, fields_of, paired_tests, pairs_needed
from verification.core.policy import DifferencePolicy
from verification.core.said import Said, say
from verification.core.weight import weight_of

DIFFERENCE, ABOVE_NOISE, WITHIN_NOISE = "difference", "above noise", "within noise"


def judge_fields(
    endpoint: str, outcomes: Sequence[CaseOutcome], noisy: Collection[Field], policy: DifferencePolicy
) -> list[FieldParity]:
    """Every field that differed, with its test. One that control's noise never touches is a plain difference."""
    rows = []
    for test in paired_tests(_pairs(outcomes)):
        above = test.adjusted_p < policy.alpha
        decision = DIFFERENCE if test.field not in noisy else ABOVE_NOISE if above else WITHIN_NOISE
        rows.append(FieldParity(endpoint, test, decision))
    return rows


def field_findings(
    rows: Sequence[FieldParity],
    outcomes: Sequence[CaseOutcome],
    undecided: Collection[Field],
    policy: DifferencePolicy,
    repetitions: int,
) -> list[Finding]:
    """A finding for each noisy field that differs above its noise, and for the others that left a case undecided."""
    findings = []
    level = policy.alpha / max(1, len(rows))
    for row in rows:
        if row.decision == ABOVE_NOISE:
            found = _places(outcomes, row.test.field)
            verdict = worst(weight_of(difference) for difference in found)
            reason = say("{counts}: more than noise explains", counts=_counts(row.test, len(rows)))
            findings.append(_finding(row, verdict, reason, found, policy.alpha))
        elif row.decision == WITHIN_NOISE and row.test.candidate and row.test.field in undecided:
            found = _places(outcomes, row.test.field)
            reason = _explained(row.test, _counts(row.test, len(rows)), level, repetitions)
            findings.append(_finding(row, Verdict.INCONCLUSIVE, reason, found, policy.alpha))
    return findings


def _pairs(outcomes: Iterable[CaseOutcome]) -> list[Pair]:
    """First attempts that came to a comparison. Reads across arms are left out: control's noise has none."""
    return [
        Pair(fields_of(d for d in outcome.differences if not d.where.startswith("cross")), fields_of(outcome.noise))
        for outcome in outcomes
        if outcome.attempt == 1 and outcome.seen is not None
    ]


def _places(outcomes: Iterable[CaseOutcome], field: Field) -> tuple[Difference, ...]:
    """The places of the field at which the candidate differed, each once."""
    found: dict[str, Difference] = {}
    for outcome in outcomes:
        for difference in outcome.differences:
            if field_of(difference) == field:
                found.setdefault(difference.path, difference)
    return tuple(found.values())


def _counts(test: FieldTest, fields: int) -> Said:
    return say(
        "{field} differs in {candidate} of {pairs} pairs against {noise} of {pairs} in the noise of control "
        "({only_candidate} on the candidate only, {only_noise} in the noise only; p = {p:.2g}, Holm over {family})",
        field=test.name,
        candidate=test.candidate,
        pairs=test.pairs,
        noise=test.noise,
        only_candidate=test.only_candidate,
        only_noise=test.only_noise,
        p=test.adjusted_p,
        family=say("{fields} field" if fields == 1 else "{fields} fields", fields=fields),
    )


def _explained(test: FieldTest, counts: Said, level: float, repetitions: int) -> Said:
    needed = pairs_needed(test, level)
    if not needed:
        return say("{counts}: noise explains it", counts=counts)
    return say(
        "{counts}: noise explains it; at these rates about {needed} pairs would prove it a difference "
        "(--repeat {again})",
        counts=counts,
        needed=needed,
        again=math.ceil(needed / test.pairs * repetitions),
    )


def _finding(row: FieldParity, verdict: Verdict, reason: str, found: tuple[Difference, ...], alpha: float) -> Finding:
    test = row.test
    numbers = {
        "pairs": test.pairs,
        "candidate": test.candidate,
        "noise": test.noise,
        "only_candidate": test.only_candidate,
        "only_noise": test.only_noise,
        "p_value": test.p_value,
        "adjusted_p": test.adjusted_p,
        "alpha": alpha,
    }
    title = say("{endpoint} · {field}", endpoint=row.endpoint, field=test.name)
    return Finding("parity.noisy-field", verdict, title, reason, row.endpoint, numbers=numbers, differences=found)
