"""What the comparisons of one case say: one by one, and together over its attempts and repetitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from verification.core.compare import Compared
from verification.core.model import Difference, Finding, MaskedDifference, Verdict
from verification.core.paired import Field, field_of, fields_of
from verification.core.said import say
from verification.core.weight import places, weigh, weight_of

UNDECIDED_RULES = frozenset({"control.noise", "parity.excused"})
"""Findings that leave a case undecided because of noise."""


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """One comparison: where the sides disagree, where control disagrees with itself, and what else is to be said."""

    endpoint: str
    case: str
    repetition: int
    attempt: int
    proven: bool
    """False where something other than noise keeps it from proving anything (no witness, lost fixture)."""
    circumstances: tuple[Finding, ...]
    """What is to be said beside the places: a crash, a fallback, a missing witness, a sick control."""
    seen: Compared | None
    """Control against candidate; None where it did not come to a comparison."""
    noise: tuple[Difference, ...]
    """Where control disagrees with itself."""

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Where the candidate disagrees with control, noisy places included."""
        return self.seen.differences if self.seen else ()

    @property
    def messages(self) -> tuple[Difference, ...]:
        """Where only the wording differs."""
        return self.seen.messages if self.seen else ()

    @property
    def masked(self) -> tuple[MaskedDifference, ...]:
        """What a mask allowed."""
        return self.seen.masked if self.seen else ()

    @property
    def counts(self) -> bool:
        """False when it proves nothing."""
        return self.proven and not self.noise

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What this comparison says alone."""
        return tuple(case_findings([[self]]))


@dataclass(frozen=True, slots=True)
class Noise:
    """The fields in which control disagreed with itself: in the case itself, and in any case of its endpoint."""

    case: frozenset[Field]
    endpoint: frozenset[Field]

    def excuses(self, difference: Difference) -> bool:
        """True where one difference proves nothing and the paired test has to decide.

        What would roll back is excused by its own case only: a hiccup of control in one case must not soften a lost
        state in another.
        """
        field = field_of(difference)
        return field in self.case or (field in self.endpoint and weight_of(difference) is Verdict.HOLD)


def noise_of(outcomes: Iterable[CaseOutcome]) -> frozenset[Field]:
    """The fields in which control disagreed with itself, in any attempt."""
    return frozenset(field for outcome in outcomes for field in fields_of(outcome.noise))


def case_findings(repetitions: Sequence[Sequence[CaseOutcome]], noise: Noise | None = None) -> list[Finding]:
    """The findings of one case over its repetitions, each a list of attempts; what is alike is told once, counted.

    The last attempt of a repetition counts. Of earlier ones counts what speaks against the release and is no noise.
    `noise` is what the whole endpoint showed; without it, what the case itself shows.
    """
    final = [attempts[-1] for attempts in repetitions]
    earlier = [outcome for attempts in repetitions for outcome in attempts[:-1]]
    everything = [*earlier, *final]
    own = noise_of(everything)
    known = noise or Noise(own, own)
    telling = _Telling(final[0].endpoint, final[0].case, len(repetitions))
    circumstances = [(o.repetition, f) for o in earlier for f in o.circumstances if f.verdict in _AGAINST]
    circumstances += [(o.repetition, f) for o in final for f in o.circumstances]
    return [
        *telling.circumstances(circumstances),
        *telling.places(weigh, [(o.repetition, d) for o in everything for d in o.differences if not known.excuses(d)]),
        *telling.places(_wording, [(o.repetition, d) for o in final for d in o.messages]),
        *telling.places(_excused, [(o.repetition, d) for o in everything for d in _excused_in(o, known)]),
        *telling.places(_noise, [(o.repetition, d) for o in final for d in o.noise]),
    ]


_AGAINST = (Verdict.HOLD, Verdict.ROLLBACK)
_Make = Callable[[str, str, tuple[Difference, ...]], list[Finding]]


@dataclass(frozen=True, slots=True)
class _Telling:
    """Says in how many repetitions a thing was seen; pairs are (repetition, what was seen in it)."""

    endpoint: str
    case: str
    repetitions: int

    def circumstances(self, seen: Iterable[tuple[int, Finding]]) -> Iterator[Finding]:
        """One finding of each rule and verdict."""
        groups: dict[tuple[str, Verdict], list[tuple[int, Finding]]] = {}
        for repetition, finding in seen:
            groups.setdefault((finding.rule, finding.verdict), []).append((repetition, finding))
        for group in groups.values():
            yield self._counted(group[0][1], {repetition for repetition, _ in group})

    def places(self, make: _Make, seen: Iterable[tuple[int, Difference]]) -> Iterator[Finding]:
        """The findings that `make` makes of the places, each place once with the values first seen there."""
        first: dict[tuple[str, str, str], Difference] = {}
        seen_in: dict[tuple[str, str, str], set[int]] = {}
        for repetition, difference in seen:
            key = _key(difference)
            first.setdefault(key, difference)
            seen_in.setdefault(key, set()).add(repetition)
        if first:
            for finding in make(self.endpoint, self.case, tuple(first.values())):
                yield self._counted(finding, {n for d in finding.differences for n in seen_in[_key(d)]})

    def _counted(self, finding: Finding, seen_in: set[int]) -> Finding:
        if self.repetitions == 1:
            return finding
        numbers = {"seen_in": len(seen_in), "repetitions": self.repetitions, "first_repetition": min(seen_in)}
        reason = say(
            "{reason} (in {seen} of {repetitions} repetitions)",
            reason=finding.reason,
            seen=len(seen_in),
            repetitions=self.repetitions,
        )
        return replace(finding, reason=reason, numbers={**finding.numbers, **numbers})


def _key(difference: Difference) -> tuple[str, str, str]:
    return difference.where, difference.path, difference.kind


def _excused_in(outcome: CaseOutcome, noise: Noise) -> list[Difference]:
    """Differences that prove nothing though control agreed with itself there this time."""
    here = fields_of(outcome.noise)
    return [d for d in outcome.differences if noise.excuses(d) and field_of(d) not in here]


def _wording(endpoint: str, case: str, found: tuple[Difference, ...]) -> list[Finding]:
    reason = say("another wording: {places}", places=places(found))
    return _one("parity.message", Verdict.PROMOTE, reason, endpoint, case, found)


def _excused(endpoint: str, case: str, found: tuple[Difference, ...]) -> list[Finding]:
    reason = say(
        "differs where control disagrees with itself at other times: {places}; one pair proves nothing there",
        places=places(found),
    )
    return _one("parity.excused", Verdict.INCONCLUSIVE, reason, endpoint, case, found)


def _noise(endpoint: str, case: str, found: tuple[Difference, ...]) -> list[Finding]:
    reason = say(
        "control disagrees with itself at {places}; mask it with a reason or mend the case", places=places(found)
    )
    return _one("control.noise", Verdict.INCONCLUSIVE, reason, endpoint, case, found)


def _one(
    rule: str, verdict: Verdict, reason: str, endpoint: str, case: str, found: tuple[Difference, ...]
) -> list[Finding]:
    title = say("{endpoint} · {case}", endpoint=endpoint, case=case)
    return [Finding(rule, verdict, title, reason, endpoint, case, differences=found)]
