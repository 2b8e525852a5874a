"""One case, three probes -> what differs, what was masked, and whether the comparison counts at all."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from verification.core.arms import is_fallback
from verification.core.cases import Catalog, Endpoint, Shape
from verification.core.compare import Compared, compare_answers, compare_values
from verification.core.documents import Unparsable, normalise, parse
from verification.core.equality import Groups, add, unequal, values_of
from verification.core.memory import Memory
from verification.core.model import (
    Answer,
    Arm,
    Comparison,
    Difference,
    Finding,
    Probe,
    Reading,
    Verdict,
)
from verification.core.outcome import CaseOutcome
from verification.core.proof import (
    ARM_OF_SIDE,
    candidate_failure,
    disproof,
    fell_back,
    missing_readings,
    unproven_by,
    unusable_control,
)
from verification.core.said import say
from verification.core.state import changes, crossings, names_of, read, reading_shape

SIDES = tuple(ARM_OF_SIDE)


def judge_comparison(catalog: Catalog, comparison: Comparison, memory: Memory | None = None) -> CaseOutcome:
    """Compare the probes of one case: answers, states, reads across arms, and the witnesses that make it count.

    A `memory` spares work where comparisons of one catalog share probes or readings.
    """
    memory = Memory() if memory is None else memory
    endpoint = catalog.endpoint(comparison.endpoint)
    case = next((case for case in endpoint.cases if case.id == comparison.case), None)
    report = _Report(comparison)
    probes = [comparison.side(side) for side in SIDES]
    control, again, candidate = probes
    if control is None or again is None or candidate is None or case is None:
        missing = [side for side, probe in zip(SIDES, probes, strict=True) if probe is None]
        reason = say("the comparison lacks {sides}", sides=", ".join(missing) or say("its catalog entry"))
        return report.void("control.unhealthy", reason)
    lost = next((probe for probe in probes if probe is not None and probe.exchange is None), None)
    if lost is not None:
        reason = say("the case could not be set up ({side}): {failure}", side=lost.side, failure=lost.failure)
        return report.void("control.unhealthy", reason)
    unusable = unusable_control(catalog, case, (control, again), candidate, memory)
    if unusable:
        return report.void(*unusable)
    crash = candidate_failure(candidate)
    if crash:
        reason = say("control answers, candidate does not: {crash}", crash=crash)
        report.add("candidate.crash", Verdict.ROLLBACK, reason)
        return report.outcome(proven=True)
    if fell_back(candidate):
        report.add("witness.fallback", Verdict.HOLD, "the request was put on candidate and legacy answered it")
        return report.outcome(proven=False)
    unproven = unproven_by(catalog, candidate)
    if unproven:
        return report.void("witness.absent", unproven)
    trio = (control, again, candidate)
    for probe in trio:
        absent = missing_readings(catalog, endpoint, probe)
        if absent:
            return report.void("evidence.missing", say("{side} lacks {readings}", side=probe.side, readings=absent))
    crossed = report.add_cross_witnesses([r for probe in trio for r in probe.readings if r.moment == "cross"])
    noise = memory.once("noise", (control, again), lambda: _compare_probes(catalog, endpoint, control, again, memory))
    seen = _compare_probes(catalog, endpoint, control, candidate, memory)
    return report.outcome(proven=crossed, seen=seen, noise=noise.differences)


def _compare_probes(catalog: Catalog, endpoint: Endpoint, control: Probe, other: Probe, memory: Memory) -> Compared:
    old, new = _answer(control), _answer(other)
    # The control arm decides which shape applies: an unexpected success is then a difference in status and body.
    shape = endpoint.shape if old.status < 400 else endpoint.error_shape
    names = names_of(control, memory), names_of(other, memory)
    compared = memory.once("answers", (shape, old, new, *names), lambda: compare_answers(shape, old, new, *names))
    sides = (control.readings, other.readings, *names)
    compared += memory.once("states", sides, lambda: _compare_states(catalog, control, other, memory))
    if other.side == "candidate":
        for probe in (control, other):
            compared += memory.once(
                "crossings",
                (probe.side, probe.readings, probe.names),
                partial(_compare_crossings, catalog, probe, memory),
            )
    return compared + _compare_equalities(catalog, shape, control, other, memory)


def _answer(probe: Probe) -> Answer:
    answer = probe.exchange.answer if probe.exchange else None
    if answer is None:
        raise ValueError(f"probe {probe.side} has no answer")
    return answer


def _compare_states(catalog: Catalog, control: Probe, other: Probe, memory: Memory) -> Compared:
    """Differences of the differences: what the request did on one side against what it did on the other."""
    old, new = (
        memory.once("changes", (probe.readings, probe.names), partial(changes, catalog.readings, probe, memory))
        for probe in (control, other)
    )
    compared = Compared()
    for name in sorted(old | new):
        found = compare_values(reading_shape(catalog.readings[name]), f"state {name}", old.get(name), new.get(name))
        # Wording inside the state is data, not a message.
        compared += Compared(found.differences + found.messages, found.masked)
    return compared


def _compare_crossings(catalog: Catalog, probe: Probe, memory: Memory) -> Compared:
    """The state that the probe left, as control reads it against as candidate reads it: no mask is needed."""
    compared = Compared()
    for name, (by_control, by_candidate) in crossings(catalog.readings, probe, memory).items():
        compared += compare_values(Shape(), f"cross {name} after {probe.side}", by_control, by_candidate)
    return compared


def _compare_equalities(catalog: Catalog, shape: Shape, control: Probe, other: Probe, memory: Memory) -> Compared:
    """Values of one mask group that are equal on the control side must be equal on the other side, and no more.

    The same holds for the twins' ids: what names two things on one side only is no id of either.
    """
    differences = _compare_ids(control, other)
    old, new = (
        memory.once("groups", (probe, shape), partial(_groups, catalog, shape, probe, memory))
        for probe in (control, other)
    )
    differences += unequal(old, new)
    return Compared(tuple(differences))


def _compare_ids(control: Probe, other: Probe) -> list[Difference]:
    """Tokens that share their id with another token on one side and not on the other."""
    old, new = dict(control.names), dict(other.names)
    differences = []
    shared = sorted(set(old) & set(new))
    for token in shared:
        was, now = ([name for name in shared if names[name] == names[token]] for names in (old, new))
        if was != now:
            before, after = (say("an id of {tokens}", tokens=", ".join(found)) for found in (was, now))
            differences.append(Difference("identity", token, "id", before, after))
    return differences


def _groups(catalog: Catalog, shape: Shape, probe: Probe, memory: Memory) -> Groups:
    groups: Groups = {}
    answer, names = _answer(probe), names_of(probe, memory)
    with suppress(Unparsable):  # an empty answer, for example; the readings still name their values
        add(groups, "answer", values_of(shape, normalise(parse(answer), shape, names)))
    for reading in probe.readings:
        if reading.moment != "cross":
            spec = catalog.readings[reading.name]
            value = read(spec, probe, reading, memory)
            found = memory.once("group", (spec, reading, names), partial(values_of, reading_shape(spec), value))
            add(groups, f"{reading.name} {reading.moment}", found)
    return groups


class _Report:
    """Collects what is to be said of one comparison beside its places."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self.circumstances: list[Finding] = []

    def add(self, rule: str, verdict: Verdict, reason: str) -> None:
        endpoint, case = self.comparison.endpoint, self.comparison.case
        title = say("{endpoint} · {case}", endpoint=endpoint, case=case)
        self.circumstances.append(Finding(rule, verdict, title, reason, endpoint, case))

    def add_cross_witnesses(self, readings: list[Reading]) -> bool:
        """One finding where the reads across arms did not cross; True when all did."""
        fallen = next((reading for reading in readings if is_fallback(reading.exchange)), None)
        unproven = next(filter(None, (disproof(Arm.CANDIDATE, reading.exchange) for reading in readings)), None)
        if fallen is not None:
            reason = say(
                "the read {reading!r} across arms was put on candidate and legacy answered it", reading=fallen.name
            )
            self.add("witness.fallback", Verdict.HOLD, reason)
        elif unproven is not None:
            self.add("witness.absent", Verdict.INCONCLUSIVE, unproven)
        return unproven is None

    def void(self, rule: str, reason: str) -> CaseOutcome:
        """The comparison proves nothing, for this reason."""
        self.add(rule, Verdict.INCONCLUSIVE, reason)
        return self.outcome(proven=False)

    def outcome(self, *, proven: bool, seen: Compared | None = None, noise: tuple[Difference, ...] = ()) -> CaseOutcome:
        one = self.comparison
        return CaseOutcome(
            one.endpoint, one.case, one.repetition, one.attempt, proven, tuple(self.circumstances), seen, noise
        )
