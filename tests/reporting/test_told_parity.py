"""What the judge says of answers, states, sequences, races, masks and the comparator is told whole in Chinese."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date

import pytest

from tests.core.judge.builders import ASK, CATALOG, MASK, THING, comparison, exchange, manifest, silent
from tests.core.judge.builders import probe as probe_of
from tests.core.score import ground
from tests.core.test_race import CANDIDATE, CONTROL, RACES, SERIAL, A, round_of
from verification.core.cases import Catalog, Mask
from verification.core.divergence import judge_sequence
from verification.core.documents import MAX_DEPTH
from verification.core.judge.parity import ParityJudgement, judge_parity
from verification.core.judge.races import judge_races
from verification.core.judge.score import score_comparator, score_findings
from verification.core.judge.sequences import judge_search
from verification.core.masks import limits
from verification.core.model import Arm, Comparison, Exchange, Finding, Reading
from verification.core.policy import AcceptedDifference, Policy
from verification.core.records import Evidence
from verification.core.score.answer import answer_mutants
from verification.core.score.result import Survivor
from verification.core.score.state import state_mutants
from verification.core.sequences import Passage, Sequence, SequenceComparison, SequenceSearch, Step
from verification.reporting.texts import told

TODAY = date(2026, 11, 23)
NAME = re.compile(r"(state|cross|identity|equality):?[ :][a-z]+( (before|after)( [a-z-]+)?)?|call \d")
"""A place as the settings name it, which stays as it is."""
ENGLISH = re.compile(r"[A-Za-z]{2,} [a-z]{2,}")
CHINESE = re.compile("[\u4e00-\u9fff]")
PLAIN = exchange(Arm.CONTROL)
OTHER_BODY = {"ok": False, "fps": 1, "a": 1, "b": 1, "c": 1}
OTHERWISE = exchange(Arm.CANDIDATE, OTHER_BODY)


def left_in_english(sentence: str) -> str | None:
    """What a Chinese reader would get in English; None where it is nothing."""
    chinese = told(sentence, "zh")
    return None if CHINESE.search(chinese) and not ENGLISH.search(NAME.sub("", chinese)) else chinese


def compared(*comparisons: Comparison, repetitions: int = 1, policy: Policy | None = None) -> ParityJudgement:
    evidence = Evidence(manifest(repetitions=repetitions), comparisons=comparisons)
    return judge_parity(evidence, CATALOG, policy or Policy(), TODAY)


def fps(number: int, *, control: int, again: int, candidate: int) -> Comparison:
    answers = [exchange(arm, {"ok": True, "fps": value}) for arm, value in
               ((Arm.CONTROL, control), (Arm.CONTROL, again), (Arm.CANDIDATE, candidate))]  # fmt: skip
    return comparison(answers[2], control=answers[0], again=answers[1], repetition=number)


def with_probe(side: str, **changes: object) -> Comparison:
    plain = comparison(exchange(Arm.CANDIDATE))
    return replace(plain, probes=tuple(
        replace(one, **changes) if one.side == side else one for one in plain.probes))  # type: ignore[arg-type]  # fmt: skip


def unread(side: str, moment: str, found: Exchange) -> Comparison:
    readings = probe_of(side, PLAIN).readings
    return with_probe(side, readings=tuple(
        replace(one, exchange=found) if one.moment == moment else one for one in readings))  # fmt: skip


def text(body: str) -> Exchange:
    assert PLAIN.answer is not None
    return replace(PLAIN, answer=replace(PLAIN.answer, body=body))


def accepted(expires: date) -> Policy:
    entry = AcceptedDifference(endpoint=THING, path="ok", reason="团队约定", owner="us", expires=expires)
    return Policy(accepted=(entry,))


COMPARISONS: dict[str, Callable[[], ParityJudgement]] = {
    "a difference in many places": lambda: compared(comparison(OTHERWISE)),
    "another state": lambda: compared(comparison(exchange(Arm.CANDIDATE), items=({"id": "a"},))),
    "another status": lambda: compared(comparison(exchange(Arm.CANDIDATE, status=500))),
    "accepted": lambda: compared(
        comparison(exchange(Arm.CANDIDATE, {"ok": False})), policy=accepted(date(2026, 11, 30))
    ),
    "accepted until yesterday": lambda: compared(
        comparison(exchange(Arm.CANDIDATE, {"ok": False})),
        policy=accepted(date(2026, 11, 22)),
    ),
    "in one repetition of many": lambda: compared(comparison(OTHERWISE, repetition=2), repetitions=9),
    "noise": lambda: compared(fps(1, control=1, again=2, candidate=3)),
    "noise in another repetition": lambda: compared(
        fps(1, control=1, again=2, candidate=1), fps(2, control=1, again=1, candidate=2), repetitions=2
    ),
    "more than noise": lambda: compared(
        fps(1, control=1, again=2, candidate=1),
        *(fps(number, control=1, again=1, candidate=2) for number in range(2, 20)),
        repetitions=19,
    ),
    "less than enough": lambda: compared(
        fps(1, control=1, again=2, candidate=1),
        *(fps(number, control=1, again=1, candidate=2) for number in range(2, 5)),
        repetitions=4,
    ),
    "no candidate": lambda: compared(comparison(silent(Arm.CANDIDATE))),
    "no control": lambda: compared(comparison(exchange(Arm.CANDIDATE), control=silent(Arm.CONTROL))),
    "a sick control": lambda: compared(comparison(exchange(Arm.CANDIDATE), control=exchange(Arm.CONTROL, status=500))),
    "a side missing": lambda: compared(replace(comparison(exchange(Arm.CANDIDATE)), probes=())),
    "a case unknown": lambda: compared(replace(comparison(exchange(Arm.CANDIDATE)), case="gone")),
    "a lost fixture": lambda: compared(with_probe("control", exchange=None, failure="x")),
    "a fallback": lambda: compared(comparison(exchange(Arm.CANDIDATE, served="legacy"))),
    "a witness that is silent": lambda: compared(comparison(exchange(Arm.CANDIDATE, served=None))),
    "a witness of neither": lambda: compared(comparison(exchange(Arm.CANDIDATE, served="proxy"))),
    "another arm": lambda: compared(comparison(exchange(Arm.CONTROL))),
    "a fallback of a read across": lambda: compared(
        unread("candidate", "cross", exchange(Arm.CANDIDATE, {"items": []}, served="legacy"))
    ),
    "no readings": lambda: compared(with_probe("candidate", readings=())),
    "a reading before that failed": lambda: compared(
        unread("control", "before", exchange(Arm.CONTROL, {"items": []}, 500))
    ),
    "a reading after without items": lambda: compared(unread("control", "after", PLAIN)),
    "a reading too deep": lambda: compared(unread("control", "after", text("[" * MAX_DEPTH * 2 + "]" * MAX_DEPTH * 2))),
    "no mask used": lambda: compared(comparison(exchange(Arm.CANDIDATE))),
}


@pytest.mark.parametrize("what", COMPARISONS)
def test_what_is_said_of_comparisons_is_told_in_chinese(what: str) -> None:
    found = COMPARISONS[what]()
    assert found.findings
    said = [finding.reason for finding in found.findings] + [case.reason for case in found.cases if case.reason]
    said += [finding.accepted for finding in found.findings if finding.accepted]
    said += [difference.kind for finding in found.findings for difference in finding.differences]
    said += [row.decision for row in found.fields]
    assert not list(filter(None, map(left_in_english, said)))


NARROW = replace(MASK, path="ok", predicate="integer", minimum=1, maximum=2, group="pid")
TIME = Mask("at", "timestamp", "", "", maximum=2, resolution=0.1, expires=TODAY)
ANY = Mask("stamp", "pattern", "", "", pattern=".*")


def test_what_is_said_of_masks_is_told_in_chinese() -> None:
    masks = (NARROW, TIME, ANY)
    first = CATALOG.endpoints[0]
    catalog = replace(CATALOG, endpoints=(replace(first, shape=replace(first.shape, masks=masks)),))
    answers = [exchange(arm, {"ok": True, "stamp": value}) for arm, value in
               ((Arm.CONTROL, "2026-11-24T00:00:00Z"), (Arm.CANDIDATE, "2026-11-24T00:00:01Z"))]  # fmt: skip
    evidence = Evidence(manifest(), comparisons=(comparison(answers[1], control=answers[0]),))
    found = judge_parity(evidence, catalog, Policy(), TODAY)
    about = [finding for finding in found.findings if finding.rule.startswith("mask.")]
    assert {finding.rule for finding in about} == {
        "mask.hides-critical", "mask.expired", "mask.unused", "mask.too-broad"}  # fmt: skip
    said = [text for finding in about for text in (finding.title, finding.reason)] + [limits(mask) for mask in masks]
    assert not list(filter(None, map(left_in_english, said)))


STEP = Step("plain", ASK, THING)
SEARCH = SequenceSearch("sequence:routed:things:1", 1, 10, 3, 200, 1.5, "done")


def passage(side: str, *sent: Exchange, **changes: object) -> Passage:
    readings = probe_of(side, PLAIN).readings
    return replace(Passage(side, (), sent, readings), **changes)  # type: ignore[arg-type]


def sequences() -> Iterator[Finding]:
    good, control = exchange(Arm.CANDIDATE), (PLAIN,) * 8
    sick = (*control[:7], silent(Arm.CONTROL))
    trial, again = passage("candidate", *(good,) * 7, OTHERWISE), passage("control-again", *control)
    base = passage("control", *control)
    failed = exchange(Arm.CONTROL, status=500)
    for key, passages in (
        ("retry:x", (base, again, trial)),
        ("retry:x", (base, trial)),
        ("retry:x", (trial,)),
        ("retry:x", (base, passage("control-again", *control[:7], exchange(Arm.CONTROL, OTHER_BODY)), trial)),
        ("retry:x", (base, passage("candidate", *(good,) * 7, silent(Arm.CANDIDATE)))),
        ("retry:x", (base, passage("candidate", good))),
        ("retry:x", (base, passage("candidate", exchange(Arm.CANDIDATE, served="legacy")))),
        ("retry:x", (base, passage("candidate", exchange(Arm.CANDIDATE, served=None)))),
        ("retry:x", (base, passage("candidate", failure="夹具丢失"))),
        ("retry:x", (passage("control", failure="夹具丢失"), trial)),
        ("retry:x", (passage("control", *sick), trial)),
        ("retry:x", (passage("control", PLAIN), trial)),
        ("retry:x", (passage("control", *control, readings=()), trial)),
        ("retry:x", (passage("control", *control, readings=(Reading("things", "before", failed),)), trial)),
        ("retry:x", (passage("control", *control, readings=(Reading("things", "after", failed),)), trial)),
        ("certificate:x", (passage("control", *control[:7], failed), trial)),
    ):
        walked = Sequence(key, (), (STEP,) * 8, (Arm.CANDIDATE,) * 8, ("things",))
        outcome = judge_sequence(CATALOG, SequenceComparison(walked, passages))
        assert outcome.findings
        yield from outcome.findings
    for ended in ("done", "out of time"):
        yield from judge_search(replace(SEARCH, ended=ended))


def test_what_is_said_of_sequences_is_told_in_chinese() -> None:
    found = [finding.reason for finding in sequences()]
    assert len(found) == 18
    assert not list(filter(None, map(left_in_english, found)))


def races() -> Iterator[Finding]:
    named = replace(RACES, races={"meet": replace(RACES.races["meet"], title="两个调用相遇")})
    unset = replace(CONTROL, failure="x")
    unwitnessed = round_of(Arm.CANDIDATE, A, exchange(Arm.CANDIDATE, served=None))
    for rounds in (
        (*SERIAL, CONTROL, round_of(Arm.CANDIDATE, A, A)),
        (*SERIAL, CONTROL, replace(CANDIDATE, readings=round_of(Arm.CANDIDATE, items=[{"id": "x"}]).readings)),
        (*SERIAL, round_of(Arm.CONTROL, A, A), CANDIDATE),
        (*SERIAL, CONTROL, round_of(Arm.CANDIDATE, A, silent(Arm.CANDIDATE))),
        (*SERIAL, CONTROL, round_of(Arm.CANDIDATE, A)),
        (*SERIAL, CANDIDATE),
        (CONTROL, CANDIDATE),
        (*SERIAL, unset),
        (*SERIAL, round_of(Arm.CONTROL, A, silent(Arm.CONTROL))),
        (*SERIAL, CONTROL, unwitnessed),
    ):
        found = list(judge_races(named, rounds))
        assert found
        yield from found


def test_what_is_said_of_races_is_told_in_chinese() -> None:
    found = list(races())
    assert len(found) == 10
    assert not list(filter(None, map(left_in_english, [text for one in found for text in (one.title, one.reason)])))


AS_SENT = re.compile(r"null|\d+|[a-z]+/[a-z]+|[A-Z]+/[A-Z]+|[a-z]+-[a-z]+(=\d+)?|[A-Z]+-[A-Z]+|/elsewhere")
"""What a mistake puts in a header's or a status's place, and JSON's null."""


def test_every_mistake_and_every_excuse_is_told_in_chinese() -> None:
    grounds = [ground.situation(case) for case in ("on", "parts", "nobody")]
    made = [mutant for one in grounds for mutant in (*answer_mutants(one, grounds, lambda _: True),
                                                     *state_mutants(one, lambda _: True))]  # fmt: skip
    said = {mutant.what for mutant in made if not AS_SENT.fullmatch(mutant.what)}
    assert len(said) > 30
    assert not list(filter(None, map(left_in_english, said)))
    excuses = {mutant.excuse for mutant in made if mutant.excuse and "mask" not in mutant.excuse}
    assert len(excuses) > 3
    assert not [excuse for excuse in excuses if not CHINESE.search(told(excuse, "zh"))]


def test_a_low_score_is_told_in_chinese() -> None:
    rounds = (ground.round_of(Arm.CONTROL, (0, 1)), ground.round_of(Arm.CONTROL, (1, 0), done=False), *ground.RACES[2:])
    catalog: Catalog = ground.CATALOG
    (score,) = score_comparator(catalog, [ground.comparison()], rounds)
    low = replace(score, killed=1, survivors=(Survivor("drop", "answer ok", "absent", "on"),))
    (finding,) = score_findings([low])
    said = [finding.title, finding.reason, *(left.reason for left in score.left_out if left.operator == "lock")]
    assert not [sentence for sentence in said if not CHINESE.search(told(sentence, "zh"))]
    assert "漏掉了 answer ok 处的 drop" in told(finding.reason, "zh")
