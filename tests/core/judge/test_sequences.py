"""Sequences judged: findings, the rollback certificate, searches that were cut short, and counterexamples."""

from __future__ import annotations

from dataclasses import replace

from tests.core.judge.builders import ASK, CATALOG, THING, exchange, manifest, silent
from verification.core.cases import RequestSpec, ResourceSpec
from verification.core.expectation import Scope, certificate_key, covered, owed
from verification.core.judge.sequences import judge_search, judge_sequences
from verification.core.model import Arm, Reading, Verdict
from verification.core.records import Evidence, RaceRound
from verification.core.sequences import Passage, Sequence, SequenceComparison, SequenceSearch, Step

RESOURCE = ResourceSpec("thing", ASK, None, {"on": (ASK,)}, (RequestSpec("DELETE", "/things/{self}"),), ())
WITH_RESOURCE = replace(CATALOG, resources={"thing": RESOURCE})
STEP = Step("plain", ASK, THING)


def walked(key: str, *, body: object = None, control: bool = True, answers: bool = True) -> SequenceComparison:
    readings = tuple(
        Reading("things", moment, exchange(arm, {"items": []}))
        for moment, arm in (("before", Arm.CONTROL), ("after", Arm.CONTROL), ("cross", Arm.CANDIDATE))
    )
    sent = exchange(Arm.CANDIDATE, body or {"ok": True}) if answers else silent(Arm.CANDIDATE)
    passages = [Passage("candidate", (), (sent,), readings, leftover=("thing 7",))]
    if control:
        plain = (exchange(Arm.CONTROL),)
        passages += [Passage(side, (), plain, readings) for side in ("control", "control-again")]
    return SequenceComparison(Sequence(key, (), (STEP,), (Arm.CANDIDATE,), ("things",)), tuple(passages))


SEARCH = SequenceSearch("sequence:routed:things:1", 1, 10, 10, 200, 1.5, "done")


def test_a_divergence_is_a_finding_and_a_counterexample() -> None:
    found = judge_sequences(Evidence(manifest(), sequences=(walked("retry:x", body={"ok": False}),)), CATALOG)
    assert [(f.rule, f.verdict) for f in found.findings] == [("retry.diverged", Verdict.ROLLBACK)]
    assert [(c.key, c.verdict, len(c.exchanges)) for c in found.counterexamples] == [("retry:x", Verdict.ROLLBACK, 1)]
    assert found.leftovers == ("thing 7",)


def test_what_proves_nothing_is_no_counterexample() -> None:
    found = judge_sequences(Evidence(manifest(), sequences=(walked("retry:x", control=False),)), CATALOG)
    assert [f.verdict for f in found.findings] == [Verdict.INCONCLUSIVE]
    assert (found.counterexamples, found.certificate) == ((), ())


def test_a_search_that_ran_out_of_time_proves_less_than_is_owed() -> None:
    cut = replace(SEARCH, ended="out of time", examples_tried=3)
    assert judge_search(SEARCH) == []
    assert [(f.rule, f.verdict) for f in judge_search(cut)] == [("evidence.missing", Verdict.INCONCLUSIVE)]
    found = judge_sequences(Evidence(manifest(), searches=(SEARCH, cut)), CATALOG)
    assert [(row.examples, row.ended) for row in found.searches] == [(10, "done"), (3, "out of time")]
    assert len(found.findings) == 1


def test_a_search_that_tried_less_than_asked_is_not_done_whatever_it_says() -> None:
    short = judge_search(replace(SEARCH, examples_tried=SEARCH.examples_asked - 1))
    assert [(finding.rule, finding.verdict) for finding in short] == [("evidence.missing", Verdict.INCONCLUSIVE)]
    assert "another seed" in short[0].reason
    assert judge_search(replace(SEARCH, examples_tried=1, ended="diverged")) == []


def test_the_certificate_has_a_cell_for_each_operation_and_direction() -> None:
    keys = {arm: certificate_key("thing", "on", arm) for arm in Arm}
    sequences = (
        walked(keys[Arm.CONTROL]),
        walked(keys[Arm.CANDIDATE], body={"ok": False}),
        walked(certificate_key("thing", "create", Arm.CONTROL), control=False),
    )
    found = judge_sequences(Evidence(manifest(), sequences=sequences), WITH_RESOURCE)
    assert [(row.operation, row.old_then_new, row.new_then_old) for row in found.certificate] == [
        ("create", Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE),
        ("on", Verdict.PROMOTE, Verdict.ROLLBACK),
        ("remove", Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE),
    ]


def test_sequences_searches_and_races_are_owed_and_covered_by_their_own_keys() -> None:
    keys, _ = owed(WITH_RESOURCE, Scope((10,), owned=True, quick=False, may_restart=False, replays=("replay:1a",)))
    assert {"replay:1a", f"retry:{THING}:candidate-then-control", "certificate:thing:remove:control"} <= set(keys)
    assert sum(key.startswith("sequence:") for key in keys) == 4
    evidence = Evidence(
        manifest(), sequences=(walked("retry:x"), walked("sequence:routed:things:2")), searches=(SEARCH,)
    )
    assert covered(evidence, CATALOG) == {"retry:x", "sequence:routed:things:1"}


def test_half_a_race_covers_nothing() -> None:
    from tests.core.test_race import CANDIDATE, CONTROL, RACES, SERIAL

    def keys(*rounds: RaceRound) -> frozenset[str]:
        return covered(Evidence(manifest(), races=rounds), RACES)

    assert keys(*SERIAL, CONTROL) == frozenset()
    assert keys(CONTROL, CANDIDATE) == frozenset()
    assert keys(*SERIAL, CONTROL, CANDIDATE) == {"race:meet"}
    assert "race:meet" in owed(RACES, Scope((10,), owned=True, quick=False, may_restart=False))[0]
