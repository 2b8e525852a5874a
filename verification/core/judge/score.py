"""How many mistakes of each endpoint the comparator sees, which it does not, and which make no difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from verification.core.cases import Catalog, Endpoint
from verification.core.expectation import latest
from verification.core.judge.races import judge_races
from verification.core.memory import Memory
from verification.core.model import Arm, Comparison, Difference, Finding, Verdict
from verification.core.outcome import CaseOutcome
from verification.core.parity import judge_comparison
from verification.core.records import RaceRound
from verification.core.said import say
from verification.core.score.answer import answer_mutants
from verification.core.score.lock import lost_changes
from verification.core.score.mutant import Mutant, Situation
from verification.core.score.result import ComparatorScore, LeftOut, Survivor
from verification.core.score.state import state_mutants

LOWEST_SHARE = 0.98
"""A comparator that sees less of an endpoint's mistakes is not to be believed about that endpoint."""


@dataclass(slots=True)
class _Tally:
    """What was counted of one endpoint."""

    endpoint: str
    mutants: int = 0
    survivors: list[Survivor] = field(default_factory=list)
    left_out: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    cases: list[str] = field(default_factory=list)
    operators: dict[str, int] = field(default_factory=dict)

    def leave_out(self, operator: str, reason: str, place: str) -> None:
        self.left_out.setdefault((operator, reason), []).append(place)

    def count(self, operator: str, place: str, what: str, case: str, *, seen: bool) -> None:
        self.mutants += 1
        self.operators[operator] = self.operators.get(operator, 0) + 1
        if not seen:
            self.survivors.append(Survivor(operator, place, what, case))

    def score(self) -> ComparatorScore:
        left_out = [LeftOut(*key, len(places), places[0]) for key, places in sorted(self.left_out.items())]
        return ComparatorScore(
            self.endpoint,
            self.mutants,
            self.mutants - len(self.survivors),
            tuple(self.survivors),
            tuple(left_out),
            tuple(self.cases),
            dict(sorted(self.operators.items())),
        )


def score_comparator(
    catalog: Catalog, comparisons: Iterable[Comparison], races: tuple[RaceRound, ...] = ()
) -> tuple[ComparatorScore, ...]:
    """A score for every endpoint that was compared, in the catalog's order.

    The mistakes are made in cases that came out equal: first those that succeeded, and of each case what no earlier
    one had. An endpoint without any such case has no mutants, and nothing is said of it.
    """
    attempts = latest(comparisons)
    scores = []
    for endpoint in catalog.endpoints:
        own = [repetitions[-1] for key, repetitions in attempts.items() if key[0] == endpoint.id]
        if own:
            tally = _Tally(endpoint.id)
            _count_comparisons(tally, catalog, endpoint, own)
            _count_races(tally, catalog, races)
            scores.append(tally.score())
    return tuple(scores)


def score_findings(scores: Iterable[ComparatorScore]) -> Iterator[Finding]:
    """What a low score means: an endpoint's comparison that overlooks mistakes proves nothing."""
    for score in scores:
        if score.mutants and score.share < LOWEST_SHARE:
            first = score.survivors[0]
            reason = say(
                "the comparison sees {seen} of {mutants} generated mistakes ({share:.1%}, needed are {needed:.0%}); it "
                "overlooks for example {operator} at {place} ({what})",
                seen=score.killed,
                mutants=score.mutants,
                share=score.share,
                needed=LOWEST_SHARE,
                operator=first.operator,
                place=first.place,
                what=first.what,
            )
            numbers = {"mutants": score.mutants, "killed": score.killed, "needed": LOWEST_SHARE}
            title = say("Comparator · {endpoint}", endpoint=score.endpoint)
            yield Finding(
                "comparator.score", Verdict.INCONCLUSIVE, title, reason, score.endpoint, first.case, numbers=numbers
            )


def _count_comparisons(tally: _Tally, catalog: Catalog, endpoint: Endpoint, comparisons: list[Comparison]) -> None:
    situations = [found for one in comparisons if (found := _situation(catalog, endpoint, one)) is not None]
    situations.sort(key=lambda found: found[0].answer.status)
    visited: set[str] = set()

    def new(thing: str) -> bool:
        known = thing in visited
        visited.add(thing)
        return not known

    every = [situation for situation, _, _ in situations]
    for situation, untouched, memory in situations:
        before = tally.mutants
        others = [other for other in every if other is not situation]
        for mutant in (*answer_mutants(situation, others, new), *state_mutants(situation, new)):
            _count(tally, catalog, situation, mutant, untouched, memory)
        if tally.mutants > before:
            tally.cases.append(situation.comparison.case)


def _situation(
    catalog: Catalog, endpoint: Endpoint, comparison: Comparison
) -> tuple[Situation, CaseOutcome, Memory] | None:
    """The comparison as a ground for mistakes; None where it is not equal to begin with."""
    memory = Memory()
    outcome = judge_comparison(catalog, comparison, memory)
    candidate = comparison.side("candidate")
    exchange = candidate.exchange if candidate else None
    answer = exchange.answer if exchange else None
    proven = outcome.counts and not _against(outcome)
    if not proven or candidate is None or exchange is None or answer is None:
        return None
    return Situation(catalog, endpoint, comparison, candidate, exchange, answer), outcome, memory


def _count(
    tally: _Tally, catalog: Catalog, situation: Situation, mutant: Mutant, untouched: CaseOutcome, memory: Memory
) -> None:
    if mutant.candidate is None:
        tally.leave_out(mutant.operator, mutant.excuse or "", mutant.place)
        return
    probes = tuple(mutant.candidate if one.side == "candidate" else one for one in situation.comparison.probes)
    outcome = judge_comparison(catalog, replace(situation.comparison, probes=probes), memory.page())
    seen = _against(outcome) or (mutant.is_wording and _worded(outcome) != _worded(untouched))
    tally.count(mutant.operator, mutant.place, mutant.what, situation.comparison.case, seen=seen)


def _against(outcome: CaseOutcome) -> bool:
    return any(finding.verdict is not Verdict.PROMOTE for finding in outcome.findings)


def _worded(outcome: CaseOutcome) -> tuple[Difference, ...]:
    """What the notes on wording say."""
    return tuple(d for finding in outcome.findings if finding.rule == "parity.message" for d in finding.differences)


def _count_races(tally: _Tally, catalog: Catalog, races: tuple[RaceRound, ...]) -> None:
    """What is lost when calls meet belongs to the endpoint that the first of them asks."""
    for spec in catalog.races.values():
        rounds = tuple(found for found in races if found.race == spec.name)
        if spec.calls[0].endpoint != tally.endpoint or any(judge_races(catalog, rounds)):
            continue
        grounds = [found for found in rounds if found.order]
        grounds += [found for found in rounds if not found.order and found.arm is Arm.CONTROL][:1]
        for place, excuse, mutant in lost_changes(catalog, spec, rounds):
            if excuse is not None:
                tally.leave_out("lock", excuse, place)
                continue
            seen = any(judge_races(catalog, (*grounds, mutant)))
            tally.count("lock", place, "the change is gone", spec.name, seen=seen)
