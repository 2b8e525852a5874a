"""What the comparator's own score came to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Survivor:
    """A generated mistake that the comparator did not see."""

    operator: str
    place: str
    what: str
    case: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Mistakes that make no difference, with the reason; `example` is the first place."""

    operator: str
    reason: str
    places: int
    example: str


@dataclass(frozen=True, slots=True)
class ComparatorScore:
    """How many generated mistakes of the candidate the comparator sees on one endpoint."""

    endpoint: str
    mutants: int
    killed: int
    survivors: tuple[Survivor, ...]
    left_out: tuple[LeftOut, ...]
    cases: tuple[str, ...]
    """The cases in whose evidence the mistakes were made."""
    operators: dict[str, int]
    """Mutants of each operator."""

    @property
    def share(self) -> float:
        """Killed of all, 1.0 where there was none."""
        return self.killed / self.mutants if self.mutants else 1.0
