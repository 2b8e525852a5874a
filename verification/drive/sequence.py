"""Walks through a sequence on both sides from the same starting state; everything it makes is removed again."""

from __future__ import annotations

from collections.abc import Sequence as Ordered
from dataclasses import dataclass, field, replace

from verification.catalog.placeholders import ABSENT, RUN
from verification.catalog.requests import fill
from verification.core.cases import Catalog
from verification.core.divergence import SequenceOutcome, judge_sequence
from verification.core.documents import member
from verification.core.errors import TargetError
from verification.core.model import Arm, Exchange, Reading
from verification.core.records import Record
from verification.core.redact import redact_text
from verification.core.sequences import (
    AGAIN_SIDE,
    CONTROL_SIDE,
    TRIAL_SIDE,
    Passage,
    Sequence,
    SequenceComparison,
    Step,
    home_of,
    redacted,
    trial_arms,
)
from verification.drive.caller import Caller, json_body
from verification.drive.state import keys_in, trimmed
from verification.drive.twins import LiveTwin, Workshop

_NOBODY = "999999999"
"""Stands for what an earlier step should have created and did not; no resource has this id."""


@dataclass(slots=True)
class _Passing:
    """What a passage holds while it is under way."""

    home: Arm
    names: dict[str, str]
    live: list[LiveTwin] = field(default_factory=list)
    known: frozenset[str] = frozenset()
    """What was there before the first step, and so is nobody's of ours beside the twins."""
    exchanges: list[Exchange] = field(default_factory=list)


class Walker:
    """Walks through sequences on one target."""

    def __init__(self, caller: Caller, catalog: Catalog, workshop: Workshop) -> None:
        self._caller, self._catalog, self._workshop = caller, catalog, workshop

    def compare(self, sequence: Sequence, control: Passage | None = None) -> tuple[SequenceComparison, SequenceOutcome]:
        """Control (unless it was walked already) and trial; where they differ, control once more, to know the noise."""
        passages = (control or self.walk(sequence, CONTROL_SIDE), self.walk(sequence, TRIAL_SIDE))
        comparison = SequenceComparison(sequence, passages)
        outcome = judge_sequence(self._catalog, comparison)
        if any(finding.rule == "evidence.missing" for finding in outcome.findings):
            comparison = SequenceComparison(sequence, (*passages, self.walk(sequence, AGAIN_SIDE)))
            outcome = judge_sequence(self._catalog, comparison)
        return comparison, outcome

    def walk(self, sequence: Sequence, side: str) -> Passage:
        """One passage, from the starting state to the clean-up. It ends early where nothing answers any more."""
        home = home_of(self._catalog, sequence, side)
        try:
            twins = self._workshop.make(sequence.given, home)
        except TargetError as error:
            return Passage(side, (), (), (), failure=str(error))
        passing = _Passing(home, {ABSENT: self._workshop.new_name(), RUN: self._workshop.new_name()}, list(twins))
        passing.names.update((twin.token, twin.actual) for twin in twins)
        for resource in dict.fromkeys(step.creates for step in sequence.steps):
            if resource is not None:
                self._workshop.announce(resource, home, passing.names[RUN])
        readings = self._read(sequence.reads, "before", home)
        passing.known = keys_in(readings, self._catalog.readings)
        for step, arm in zip(sequence.steps, trial_arms(sequence, side), strict=True):
            self._take(step, arm, passing)
            if passing.exchanges[-1].answer is None:
                break
        readings += self._read(sequence.reads, "after", home)
        if not self._catalog.separate_state:
            readings += self._read(sequence.reads, "cross", Arm.CANDIDATE)
        leftover = self._workshop.remove(passing.live)
        names = passing.names
        kept = trimmed(readings, self._catalog.readings, frozenset(names.values()))
        return Passage(side, tuple(names.items()), tuple(passing.exchanges), kept, leftover=tuple(leftover))

    def _take(self, step: Step, arm: Arm, passing: _Passing) -> None:
        request = fill(step.request, _Known(passing.names))
        exchange = self._caller.call(request, arm)
        passing.exchanges.append(exchange)
        if exchange.answer is None or exchange.answer.status >= 300:
            return
        learned = [(token, found) for path, token in step.learns if (found := _at(json_body(exchange), path))]
        passing.names.update(learned)
        if step.creates is not None:
            made = [(RUN, passing.names[RUN])] if not step.learns else learned
            is_new = self._workshop.is_new
            own = [(token, actual) for token, actual in made if is_new(actual, passing.home, passing.known)]
            passing.live += [self._workshop.adopt(token, step.creates, actual, passing.home) for token, actual in own]
        if step.removes is not None:
            passing.live = [twin for twin in passing.live if twin.token != step.removes]

    def _read(self, names: Ordered[str], moment: str, arm: Arm) -> list[Reading]:
        return [
            Reading(name, moment, self._caller.call(fill(self._catalog.readings[name].request, {}), arm))
            for name in names
        ]


class _Known(dict[str, str]):
    """Token -> id; what was not created after all is an id of nobody."""

    def __missing__(self, token: str) -> str:
        return _NOBODY


def _at(body: object, path: str) -> str | None:
    """The id at a dotted path of an answer, as text; None where there is none."""
    found = member(body, path)
    return str(found) if isinstance(found, int | str) and not isinstance(found, bool) else None


def keepable(record: Record) -> Record:
    """A sequence holds requests as the catalog words them, secrets and all; this is what of it may be kept."""
    if isinstance(record, SequenceComparison):
        return replace(record, sequence=redacted(record.sequence, redact_text))
    return record
