"""Races -> findings: an outcome that no order of the calls has on control is the release's own doing."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from verification.core.cases import Catalog, RaceSpec, Shape
from verification.core.compare import compare_values
from verification.core.judgement import RaceRow
from verification.core.model import Arm, Difference, Finding, Verdict, worst
from verification.core.proof import disproof
from verification.core.race import Outcome, is_complete, lost, outcome
from verification.core.records import RaceRound
from verification.core.said import say
from verification.core.weight import places


def judge_races(catalog: Catalog, rounds: tuple[RaceRound, ...]) -> Iterator[Finding]:
    """Every race of the catalog that was run."""
    for spec in catalog.races.values():
        own = [found for found in rounds if found.race == spec.name]
        if own:
            yield from _judge_race(catalog, spec, own)


def race_rows(catalog: Catalog, rounds: tuple[RaceRound, ...]) -> tuple[RaceRow, ...]:
    """For the report: rounds and different outcomes of each race that was run. Too few rounds are never a PROMOTE."""
    rows = []
    for spec in catalog.races.values():
        own = [found for found in rounds if found.race == spec.name]
        if not own:
            continue
        seen = {
            kind: [outcome(catalog, spec, found) for found in own if _kind(found) == kind and is_complete(spec, found)]
            for kind in ("serial", Arm.CANDIDATE.value)
        }
        serial, candidate = set(seen["serial"]), seen[Arm.CANDIDATE.value]
        found_verdicts = [finding.verdict for finding in judge_races(catalog, tuple(own))]
        enough = Verdict.PROMOTE if len(candidate) >= spec.rounds else Verdict.INCONCLUSIVE
        verdict = worst([enough, *found_verdicts])
        strange = len(set(candidate) - serial)
        rows.append(RaceRow(spec.name, spec.title, len(spec.calls), len(candidate), len(serial), strange, verdict))
    return tuple(rows)


def _kind(found: RaceRound) -> str:
    return "serial" if found.order else found.arm.value


def _judge_race(catalog: Catalog, spec: RaceSpec, rounds: list[RaceRound]) -> Iterator[Finding]:
    void = _void(spec, rounds)
    if void is not None:
        yield void
        return
    crashed = next((e for found in rounds for e in found.exchanges if e.answer is None), None)
    if crashed is not None:
        asked = crashed.request
        reason = say(
            "{method} {path} got no answer in a race: {failure}",
            method=asked.method,
            path=asked.path,
            failure=crashed.failure,
        )
        yield _finding(spec, "candidate.crash", Verdict.ROLLBACK, reason)
        return
    serial = [outcome(catalog, spec, found) for found in rounds if found.order]
    control, candidate = (
        [outcome(catalog, spec, found) for found in rounds if not found.order and found.arm is arm] for arm in Arm
    )
    if not serial:
        unsent = "the calls were not sent one after the other, so nothing tells what may come"
        yield _finding(spec, "evidence.missing", Verdict.INCONCLUSIVE, unsent)
    elif not control:
        unsent = "the calls were not sent at once on control, so nothing tells what may come"
        yield _finding(spec, "evidence.missing", Verdict.INCONCLUSIVE, unsent)
    elif any(found not in serial for found in control):
        sick = "calls sent at once have outcomes on control that no order of them has, so it is no measure here"
        yield _finding(spec, "control.unhealthy", Verdict.INCONCLUSIVE, sick)
    else:
        strange = [found for found in candidate if found not in serial]
        if strange:
            yield _strange(spec, serial, strange, len(candidate))


def _void(spec: RaceSpec, rounds: list[RaceRound]) -> Finding | None:
    """Why the rounds prove nothing; None when they do."""
    for found in rounds:
        if found.failure:
            reason = say("it could not be set up: {failure}", failure=found.failure)
            return _finding(spec, "control.unhealthy", Verdict.INCONCLUSIVE, reason)
        unanswered = [exchange for exchange in found.exchanges if exchange.answer is None]
        if unanswered and found.arm is Arm.CONTROL:
            reason = say("control gave no answer in a race: {failure}", failure=unanswered[0].failure)
            return _finding(spec, "control.unhealthy", Verdict.INCONCLUSIVE, reason)
        unproven = next(filter(None, (disproof(found.arm, exchange) for exchange in found.exchanges)), None)
        if unproven:
            return _finding(spec, "witness.absent", Verdict.INCONCLUSIVE, unproven)
        if not unanswered and not is_complete(spec, found):
            return _finding(spec, "evidence.missing", Verdict.INCONCLUSIVE, "a round lacks calls or readings")
    return None


def _strange(spec: RaceSpec, serial: list[Outcome], strange: list[Outcome], rounds: int) -> Finding:
    is_lost = any(lost(serial, found) for found in strange)
    worst_one = next((found for found in strange if lost(serial, found)), strange[0])
    near = next((known for known in serial if known.answers == worst_one.answers), serial[0])
    differences = _differences(near, worst_one)
    reason = say(
        "{race}: the answers are those of an order of the calls, the state is not, in {strange} of {rounds} rounds on "
        "candidate: {places}"
        if is_lost
        else "{race}: no order of the calls answers so, in {strange} of {rounds} rounds on candidate: {places}",
        race=spec.title,
        strange=len(strange),
        rounds=rounds,
        places=places(differences),
    )
    rule = "race.lost-update" if is_lost else "race.outcome"
    return _finding(spec, rule, Verdict.ROLLBACK, reason, differences)


def _differences(near: Outcome, seen: Outcome) -> tuple[Difference, ...]:
    """What the nearest admissible outcome has otherwise."""
    found = compare_values(Shape(), "state", orjson.loads(near.state), orjson.loads(seen.state)).differences
    for number, (old, new) in enumerate(zip(near.answers, seen.answers, strict=True), start=1):
        found += compare_values(Shape(), f"call {number}", orjson.loads(old), orjson.loads(new)).differences
    return found


def _finding(
    spec: RaceSpec, rule: str, verdict: Verdict, reason: str, differences: tuple[Difference, ...] = ()
) -> Finding:
    return Finding(rule, verdict, say("Race: {race}", race=spec.name), reason, differences=differences)
