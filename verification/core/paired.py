"""Whether a field differs on the candidate more often than control differs from itself: an exact paired test.

A pair is the first attempt of one repetition of one case: its three probes tell whether the candidate differs from
control at a place (A against B), and whether control differs from itself there (A against A'). The sides are sent in
an order that the seed shuffles, so if the candidate behaves as control does, B and A' may be exchanged, and a place
where only one of them differs is as likely the one as the other. Hence McNemar's test in its exact form: of the
discordant pairs, those with a difference on the candidate only are binomial with probability 1/2. (Q. McNemar, "Note
on the sampling error of the difference between correlated proportions or percentages", Psychometrika 12, 1947.)

Later attempts are not counted: they are made only where control disagreed with itself, and a number of pairs that
depends on what was seen would make the test inexact.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy.special import bdtrc

from verification.core.model import Difference

Field = tuple[str, str]
"""(where, path) of a place with every number in the path replaced by `*`: `body`, `items.*.fps`."""

_MOST_PAIRS_PLANNED = 100_000


@dataclass(frozen=True, slots=True)
class Pair:
    """The fields at which the candidate differs from control, and those at which control differs from itself."""

    candidate: frozenset[Field]
    noise: frozenset[Field]


@dataclass(frozen=True, slots=True)
class FieldTest:
    """One field of one endpoint over all pairs. `p_value` is one-sided; `adjusted_p` is Holm's over the fields."""

    where: str
    path: str
    pairs: int
    candidate: int
    """Pairs in which the candidate differs from control."""
    noise: int
    """Pairs in which control differs from itself."""
    only_candidate: int
    only_noise: int
    p_value: float
    adjusted_p: float

    @property
    def field(self) -> Field:
        """The field that was tested."""
        return self.where, self.path

    @property
    def name(self) -> str:
        """The field as a person reads it: `body:items.*.fps`, or `status`, which has no path."""
        return f"{self.where}:{self.path}" if self.path else self.where


def field_of(difference: Difference) -> Field:
    """The field of a place. All positions and numeric keys are one: items trade places, and it has more pairs."""
    steps = difference.path.split(".")
    return difference.where, ".".join("*" if step.isdecimal() else step for step in steps)


def fields_of(differences: Iterable[Difference]) -> frozenset[Field]:
    """The fields of several places."""
    return frozenset(field_of(difference) for difference in differences)


def exact_p_value(only_candidate: int, only_noise: int) -> float:
    """Chance of at least so many of the discordant pairs on the candidate's side, if both sides behave alike."""
    discordant = only_candidate + only_noise
    return float(bdtrc(only_candidate - 1, discordant, 0.5)) if discordant else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the order given: each may be held against alpha, and the chance that any of them is wrong
    stays below alpha however they depend on each other. (S. Holm, "A simple sequentially rejective multiple test
    procedure", Scandinavian Journal of Statistics 6, 1979.)
    """
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def paired_tests(pairs: Sequence[Pair]) -> list[FieldTest]:
    """Every field of one endpoint that differed at all, in the order of its name.

    Fields without any difference are not among those adjusted for: which fields they are does not depend on which of
    two sides differs, so leaving them out keeps the test exact.
    """
    counts: dict[Field, list[int]] = defaultdict(lambda: [0, 0, 0])
    for pair in pairs:
        for field in pair.candidate | pair.noise:
            on_candidate, in_noise = field in pair.candidate, field in pair.noise
            for index, counted in enumerate((on_candidate and in_noise, not in_noise, not on_candidate)):
                counts[field][index] += counted
    fields = sorted(counts)
    p_values = [exact_p_value(*counts[field][1:]) for field in fields]
    tests = []
    for (where, path), p_value, adjusted in zip(fields, p_values, holm(p_values), strict=True):
        both, only_candidate, only_noise = counts[where, path]
        seen = both + only_candidate, both + only_noise
        tests.append(FieldTest(where, path, len(pairs), *seen, only_candidate, only_noise, p_value, adjusted))
    return tests


def pairs_needed(test: FieldTest, level: float) -> int:
    """Pairs that would bring the p-value to `level` if the rates stayed as they were seen; 0 where no number would."""
    if test.only_candidate <= test.only_noise:
        return 0
    times = 1
    while exact_p_value(times * test.only_candidate, times * test.only_noise) > level:
        times += 1
        if times * test.pairs > _MOST_PAIRS_PLANNED:
            return 0
    return times * test.pairs
