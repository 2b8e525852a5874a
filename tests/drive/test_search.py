"""A search draws from its seed alone, walks what it draws, shrinks what diverges, and says how it ended."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest

from tests.drive.service import CATALOG, ENDPOINT, Service
from verification.core.cases import Case, RequestSpec, Twin
from verification.core.divergence import judge_sequence
from verification.core.expectation import SEARCHES
from verification.core.judge.sequences import judge_search
from verification.core.model import Arm, Verdict
from verification.core.sequences import Sequence, SequenceComparison, SequenceSearch, Step, digest
from verification.drive import search as drive_search
from verification.drive.search import Budget, Search, share_of
from verification.drive.sequence import Walker
from verification.drive.twins import Workshop

KEY = "sequence:routed:cameras:1"
GIVEN = (Twin("camera", "camera"),)
SWITCHES = tuple(
    replace(
        ENDPOINT,
        id=f"POST /cameras/{{id}}/{name}",
        path=f"/cameras/{{id}}/{name}",
        cases=(
            Case("plain", "", GIVEN, RequestSpec("POST", f"/cameras/{{camera}}/{name}"), 200),
            Case("unknown", "", GIVEN, RequestSpec("POST", f"/cameras/{{absent}}/{name}"), 404),
        ),
    )
    for name in ("on", "off")
)
HOME = replace(CATALOG, endpoints=SWITCHES)
BUDGET = Budget(examples=12, steps=20, max_seconds=60, shrink_seconds=60)


@dataclass
class Hunt:
    """One search on a service of its own, and what it left."""

    service: Service = field(default_factory=Service)
    recorded: list[SequenceComparison] = field(default_factory=list)
    summary: SequenceSearch | None = None
    telling: SequenceComparison | None = None

    def run(self, seed: int = 1, budget: Budget = BUDGET, *, is_routed: bool = True) -> Hunt:
        caller = self.service.caller()
        walk = Walker(caller, HOME, Workshop(caller, HOME, "tag")).compare
        search = Search(KEY, HOME, SWITCHES, is_routed, seed, budget, walk, self.recorded.append)
        self.summary, self.telling = search.run()
        return self

    @property
    def ended(self) -> SequenceSearch:
        assert self.summary is not None
        return self.summary

    @property
    def found(self) -> Sequence:
        assert self.telling is not None
        return self.telling.sequence

    @property
    def drawn(self) -> list[str]:
        return [digest(comparison.sequence) for comparison in self.recorded]


def switch(request: httpx.Request) -> tuple[str, str, bool] | None:
    """(camera, on or off, is candidate) of a request that switches a camera."""
    parts = request.url.path.split("/")
    if len(parts) != 4 or request.method != "POST":
        return None
    return parts[2], parts[3], request.url.params["force_domain"] == "true"


def grudge() -> Service:
    """A camera that candidate has switched off, and control has switched on since, is gone for candidate."""
    off_by_candidate: set[str] = set()
    back: set[str] = set()

    def interfere(request: httpx.Request) -> httpx.Response | None:
        match switch(request):
            case (camera, "off", True) if camera in back:
                return httpx.Response(404, json={"detail": "unknown"}, headers={"x-served-by": "domain"})
            case (camera, "off", True):
                off_by_candidate.add(camera)
            case (camera, "on", False) if camera in off_by_candidate:
                back.add(camera)
        return None

    return Service(interfere=interfere)


def test_the_same_seed_draws_the_same_sequences_and_another_seed_others() -> None:
    first, again, other = Hunt().run(seed=5), Hunt().run(seed=5), Hunt().run(seed=6)
    assert len(set(first.drawn)) > 1
    assert first.drawn == again.drawn
    assert first.service.asked == again.service.asked
    assert first.drawn != other.drawn


def test_the_same_seed_finds_the_same_counterexample() -> None:
    found = [digest(Hunt(grudge()).run(seed=seed).found) for seed in (5, 5)]
    assert found[0] == found[1]


@pytest.mark.parametrize("seed", range(5))
def test_what_diverges_is_shrunk_to_the_steps_and_the_routing_that_it_takes(seed: int) -> None:
    hunt = Hunt(grudge()).run(seed)
    assert hunt.ended.ended == "diverged"
    steps = [(step.request.path.rsplit("/", 1)[1], arm) for step, arm in _steps(hunt.found)]
    assert steps == [("off", Arm.CANDIDATE), ("on", Arm.CONTROL), ("off", Arm.CANDIDATE)]
    assert hunt.telling is not None
    outcome = judge_sequence(HOME, hunt.telling)
    assert [(finding.rule, finding.verdict) for finding in outcome.findings] == [
        ("sequence.diverged", Verdict.ROLLBACK)
    ]
    assert hunt.recorded[-1] is hunt.telling
    assert sum(judge_sequence(HOME, one).diverged for one in hunt.recorded) == 1, (
        "of the shrinking only its end is kept"
    )
    assert hunt.service.cameras == {}


def _steps(sequence: Sequence) -> list[tuple[Step, Arm]]:
    return list(zip(sequence.steps, sequence.routing, strict=True))


def test_without_time_to_shrink_what_was_found_is_kept_as_it_was_drawn() -> None:
    hunt = Hunt(grudge()).run(budget=replace(BUDGET, shrink_seconds=0))
    assert hunt.ended.ended == "diverged"
    assert len(hunt.found.steps) > 3
    assert hunt.telling is not None
    assert judge_sequence(HOME, hunt.telling).diverged


def test_an_honest_service_is_searched_to_the_end_and_every_sequence_is_recorded() -> None:
    hunt = Hunt().run()
    assert (hunt.ended.ended, hunt.telling) == ("done", None)
    assert (hunt.ended.examples_asked, hunt.ended.seed) == (BUDGET.examples, 1)
    assert hunt.ended.examples_tried == BUDGET.examples
    assert len(hunt.recorded) == 2 * hunt.ended.examples_tried, "each routing and its opposite"
    sent = [line for line in hunt.service.asked if line.startswith("POST /cameras/")]
    assert hunt.ended.steps_sent == len(sent)
    assert max(len(comparison.sequence.steps) for comparison in hunt.recorded) <= BUDGET.steps
    assert judge_search(hunt.ended) == []


def test_a_routing_and_its_opposite_share_the_passage_on_control() -> None:
    recorded = Hunt().run().recorded
    for one, other in zip(recorded[::2], recorded[1::2], strict=True):
        assert all(a is not b for a, b in zip(one.sequence.routing, other.sequence.routing, strict=True))
        assert one.side("control") is other.side("control")


def test_a_search_on_candidate_puts_every_step_there() -> None:
    hunt = Hunt().run(is_routed=False)
    assert {arm for comparison in hunt.recorded for arm in comparison.sequence.routing} == {Arm.CANDIDATE}
    assert len(hunt.recorded) == hunt.ended.examples_tried


def test_a_search_that_runs_out_of_time_is_inconclusive_and_named() -> None:
    hunt = Hunt().run(budget=replace(BUDGET, max_seconds=0))
    assert (hunt.ended.ended, hunt.ended.examples_tried, hunt.service.asked) == ("out of time", 0, [])
    (finding,) = judge_search(hunt.ended)
    assert (finding.rule, finding.verdict, finding.title) == ("evidence.missing", Verdict.INCONCLUSIVE, KEY)
    assert "0 of 12 sequences were tried before its time was up" in finding.reason
    assert "sequences.max_seconds" in finding.reason


def test_ctrl_c_while_hypothesis_draws_ends_the_run_and_not_only_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    bound, drawn = drive_search._bound, itertools.count()

    def interrupted(*words: Any) -> dict[str, str]:
        if next(drawn) == BUDGET.steps + 5:
            raise KeyboardInterrupt
        return bound(*words)

    monkeypatch.setattr(drive_search, "_bound", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Hunt().run(budget=replace(BUDGET, examples=1))


def test_a_search_without_a_witness_ends_at_once_and_proves_nothing() -> None:
    def unsigned(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(200, json={"ok": True}) if switch(request) else None

    hunt = Hunt(Service(interfere=unsigned)).run()
    assert (hunt.ended.ended, hunt.ended.examples_tried) == ("unproven", 1)
    assert hunt.telling is not None
    outcome = judge_sequence(HOME, hunt.telling)
    assert (outcome.counts, [finding.rule for finding in outcome.findings]) == (False, ["witness.absent"])
    assert hunt.recorded == [hunt.telling]


def test_the_examples_are_shared_by_endpoints_and_searches_and_none_gets_none() -> None:
    catalog = replace(HOME, endpoints=(*SWITCHES, *CATALOG.endpoints))
    hundred = replace(BUDGET, examples=100)
    routed = share_of(hundred, catalog, SWITCHES, is_routed=True)
    assert routed == replace(hundred, examples=100 * 2 // 4 // SEARCHES)
    assert share_of(hundred, catalog, SWITCHES, is_routed=False).examples == round(0.4 * routed.examples)
    assert share_of(replace(BUDGET, examples=1), catalog, SWITCHES, is_routed=False).examples == 1
