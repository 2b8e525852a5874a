"""One sequence, two ways through it -> where they part, and what that weighs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce

from verification.core.arms import is_fallback
from verification.core.cases import Catalog, Shape
from verification.core.compare import Compared, compare_answers, compare_values
from verification.core.documents import Names, Unparsable, normalise, parse
from verification.core.equality import Groups, add, unequal, values_of
from verification.core.memory import Memory
from verification.core.model import Answer, Arm, Difference, Exchange, Finding, Probe, Verdict, worst
from verification.core.proof import disproof
from verification.core.said import Said, joined, say
from verification.core.sequences import (
    AGAIN_SIDE,
    CONTROL_SIDE,
    TRIAL_SIDE,
    Passage,
    Sequence,
    SequenceComparison,
    home_of,
    trial_arms,
)
from verification.core.state import changes, crossings, document, reading_shape, unreadable
from verification.core.weight import places, weigh

RULES = {
    "sequence": "sequence.diverged",
    "replay": "sequence.diverged",
    "retry": "retry.diverged",
    "certificate": "certificate.failed",
}
"""Kind of a sequence's key -> the rule of a divergence."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where two passages part: the number of the step from 0, None for the state that is left at the end."""

    step: int | None
    difference: Difference

    @property
    def place(self) -> tuple[int | None, str, str]:
        """What identifies the place, to be held against the noise."""
        return (self.step, self.difference.where, self.difference.path)


@dataclass(frozen=True, slots=True)
class SequenceOutcome:
    """The findings of one sequence. `counts` is False where it proves nothing."""

    key: str
    findings: tuple[Finding, ...]
    counts: bool

    @property
    def diverged(self) -> bool:
        """True when the release did something else than control."""
        return any(finding.rule in _TRIAL_RULES for finding in self.findings)


_TRIAL_RULES = {*RULES.values(), "candidate.crash"}


def judge_sequence(catalog: Catalog, comparison: SequenceComparison) -> SequenceOutcome:
    """Compare the passages step by step and by the state they leave; what control alone does twice differently is
    noise."""
    sequence, trial = comparison.sequence, comparison.side(TRIAL_SIDE)
    control, again = comparison.side(CONTROL_SIDE), comparison.side(AGAIN_SIDE)
    if control is None or trial is None:
        return _void(sequence, "evidence.missing", "a passage is missing")
    sick = _sickness(catalog, sequence, control) or (_sickness(catalog, sequence, again) if again else None)
    if sick or trial.failure:
        unmade = say("{side}: {failure}", side=trial.side, failure=trial.failure)
        return _void(sequence, "control.unhealthy", sick or unmade)
    for arm, exchange, passage in _asked(catalog, comparison):
        unproven = disproof(arm, exchange)
        if is_fallback(exchange):
            finding = _finding(sequence, "witness.fallback", Verdict.HOLD, _fallback_words(exchange))
            return SequenceOutcome(sequence.key, (finding,), counts=False)
        if unproven:
            reason = say("{unproven} ({side})", unproven=unproven, side=passage.side)
            return _void(sequence, "witness.absent", reason)
    crash = _crash(sequence, trial)
    if crash:
        return SequenceOutcome(sequence.key, (crash,), counts=True)
    seen = _divergences(catalog, sequence, control, trial)
    if not seen:
        return SequenceOutcome(sequence.key, (), counts=True)
    if again is None:
        return _void(sequence, "evidence.missing", "the passages differ and control was not walked again")
    noise = {divergence.place for divergence in _divergences(catalog, sequence, control, again)}
    real = [divergence for divergence in seen if divergence.place not in noise]
    if not real:
        where = places([divergence.difference for divergence in seen])
        return _void(sequence, "control.noise", say("control disagrees with itself at {places}", places=where))
    return SequenceOutcome(sequence.key, (_judged(sequence, real),), counts=True)


def _sickness(catalog: Catalog, sequence: Sequence, passage: Passage) -> str | None:
    """Why this passage on control is nothing to hold the release against; None when it is."""
    if passage.failure:
        return say("{side}: {failure}", side=passage.side, failure=passage.failure)
    for step, exchange in zip(sequence.steps, passage.exchanges, strict=False):
        if exchange.answer is None:
            return say("control gave no answer to {step}: {failure}", step=step.title, failure=exchange.failure)
        if sequence.key.startswith("certificate:") and exchange.answer.status >= 300:
            return say("control answered {status} to {step}", status=exchange.answer.status, step=step.title)
    sent, owed = len(passage.exchanges), len(sequence.steps)
    if sent < owed:
        return say("{side} ends after {sent} of {owed} steps", side=passage.side, sent=sent, owed=owed)
    return _unread(catalog, sequence, passage)


def _unread(catalog: Catalog, sequence: Sequence, passage: Passage) -> str | None:
    """Why the readings of a passage on control show no state; None when all do."""
    names = Names(passage.names)
    for reading in passage.readings:
        if reading.moment != "cross":
            spec = catalog.readings[reading.name]
            reason = unreadable(spec, document(spec, reading.exchange, names))
            if reason:
                return say(
                    "the reading {reading!r} before the steps ({side}) failed: {reason}"
                    if reading.moment == "before"
                    else "the reading {reading!r} after the steps ({side}) failed: {reason}",
                    reading=reading.name,
                    side=passage.side,
                    reason=reason,
                )
    there = {(reading.name, reading.moment) for reading in passage.readings}
    absent = [name for name in sequence.reads for moment in ("before", "after") if (name, moment) not in there]
    return say("{side} lacks the reading {reading!r}", side=passage.side, reading=absent[0]) if absent else None


def _asked(catalog: Catalog, comparison: SequenceComparison) -> Iterator[tuple[Arm, Exchange, Passage]]:
    """Every exchange of every passage with the arm that it was to be put on."""
    for passage in comparison.passages:
        for arm, exchange in zip(trial_arms(comparison.sequence, passage.side), passage.exchanges, strict=False):
            yield arm, exchange, passage
        home = home_of(catalog, comparison.sequence, passage.side)
        for reading in passage.readings:
            yield Arm.CANDIDATE if reading.moment == "cross" else home, reading.exchange, passage


def _fallback_words(exchange: Exchange) -> str:
    asked = exchange.request
    return say("{method} {path} was put on candidate and legacy answered it", method=asked.method, path=asked.path)


def _crash(sequence: Sequence, trial: Passage) -> Finding | None:
    """A finding when the release stopped answering where control alone answers."""
    for number, exchange in enumerate(trial.exchanges):
        if exchange.answer is None:
            reason = say(
                "{steps}: no answer to step {number}: {failure}",
                steps=told(sequence),
                number=number + 1,
                failure=exchange.failure,
            )
            return _finding(sequence, "candidate.crash", Verdict.ROLLBACK, reason, endpoint=_endpoint(sequence, number))
    if len(trial.exchanges) < len(sequence.steps):
        return _finding(sequence, "candidate.crash", Verdict.ROLLBACK, "the passage ends before its last step")
    return None


def _divergences(catalog: Catalog, sequence: Sequence, control: Passage, other: Passage) -> list[Divergence]:
    """Every difference, in the order of the steps, those of the final state last. Wording of answers is none."""
    old_names, new_names = Names(control.names), Names(other.names)
    found: list[Divergence] = []
    for number in range(len(sequence.steps)):
        old, new = _answer(control, number), _answer(other, number)
        shape = _shape(catalog, sequence, number, old)
        compared = compare_answers(shape, old, new, old_names, new_names)
        found += [Divergence(number, difference) for difference in compared.differences]
    found += [Divergence(None, difference) for difference in _state(catalog, control, other).differences]
    old_groups, new_groups = (_groups(catalog, sequence, control, passage) for passage in (control, other))
    found += [Divergence(None, difference) for difference in unequal(old_groups, new_groups)]
    return found


def _answer(passage: Passage, number: int) -> Answer:
    answer = passage.exchanges[number].answer
    assert answer is not None, "passages without an answer are judged before"
    return answer


def _shape(catalog: Catalog, sequence: Sequence, number: int, control: Answer) -> Shape:
    step = sequence.steps[number]
    if step.endpoint is None:
        return Shape(ids=step.learns)
    endpoint = catalog.endpoint(step.endpoint)
    return endpoint.shape if control.status < 400 else endpoint.error_shape


def _state(catalog: Catalog, control: Passage, other: Passage) -> Compared:
    """Differences of the differences, and for the trial what each arm reads of the state that is left."""
    old, new, memory = _as_probe(control), _as_probe(other), Memory()
    before, after = (changes(catalog.readings, probe, memory) for probe in (old, new))
    compared = Compared()
    for name in sorted(before | after):
        shape = reading_shape(catalog.readings[name])
        found = compare_values(shape, f"state {name}", before.get(name), after.get(name))
        compared += Compared(found.differences + found.messages, found.masked)
    if other.side == TRIAL_SIDE:
        for probe in (old, new):
            for name, (by_control, by_candidate) in crossings(catalog.readings, probe, memory).items():
                compared += compare_values(Shape(), f"cross {name} after {probe.side}", by_control, by_candidate)
    return compared


def _as_probe(passage: Passage) -> Probe:
    return Probe(passage.side, passage.names, None, passage.readings)


def _groups(catalog: Catalog, sequence: Sequence, control: Passage, passage: Passage) -> Groups:
    """Values of each mask group over all answers and readings of a passage."""
    names, groups = Names(passage.names), Groups()
    for number in range(len(sequence.steps)):
        shape = _shape(catalog, sequence, number, _answer(control, number))
        with suppress(Unparsable):
            answer = normalise(parse(_answer(passage, number)), shape, names)
            add(groups, f"step {number + 1}", values_of(shape, answer))
    for reading in passage.readings:
        if reading.moment != "cross":
            spec = catalog.readings[reading.name]
            found = values_of(reading_shape(spec), document(spec, reading.exchange, names))
            add(groups, f"{reading.name} {reading.moment}", found)
    return groups


def _judged(sequence: Sequence, real: list[Divergence]) -> Finding:
    """One finding for the whole sequence: the first step that differs and what is wrong at the end."""
    first = min((d.step for d in real if d.step is not None), default=None)
    shown = [d.difference for d in real if d.step in (first, None)]
    weighed = weigh("", "", tuple(shown))
    verdict = worst(finding.verdict for finding in weighed)
    what = joined("; ", [finding.reason for finding in weighed])
    at = len(sequence.steps) - 1 if first is None else first
    reason = say("{steps}: {what}", steps=told(sequence), what=what)
    rule = RULES[sequence.key.split(":", 1)[0]]
    return _finding(sequence, rule, verdict, reason, tuple(shown), _endpoint(sequence, at))


def told(sequence: Sequence) -> Said:
    """The steps in words, with the arm of each; of a long sequence the last ones."""
    steps = [
        say("{step} on {arm}", step=step.endpoint or step.title, arm=arm.value)
        for step, arm in zip(sequence.steps, sequence.routing, strict=True)
    ]
    more = len(steps) - _TOLD_STEPS
    shown = [say("{more} steps", more=more), *steps[-_TOLD_STEPS:]] if more > 0 else steps
    return reduce(lambda before, step: say("{steps}, then {step}", steps=before, step=step), shown)


_TOLD_STEPS = 6


def _endpoint(sequence: Sequence, number: int) -> str | None:
    return sequence.steps[number].endpoint


def _finding(
    sequence: Sequence,
    rule: str,
    verdict: Verdict,
    reason: str,
    differences: Iterable[Difference] = (),
    endpoint: str | None = None,
) -> Finding:
    return Finding(rule, verdict, sequence.key, reason, endpoint, differences=tuple(differences))


def _void(sequence: Sequence, rule: str, reason: str) -> SequenceOutcome:
    return SequenceOutcome(sequence.key, (_finding(sequence, rule, Verdict.INCONCLUSIVE, reason),), counts=False)
