"""A sequence is walked on both sides from the same state, as it is routed, and leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace

import httpx

from tests.drive.service import CATALOG, ENDPOINT, MAKE, Service
from verification.core.cases import RequestSpec, Twin
from verification.core.model import Arm, Verdict
from verification.core.sequences import CONTROL_SIDE, TRIAL_SIDE, Passage, Sequence, Step
from verification.drive.sequence import Walker
from verification.drive.twins import Workshop

OLD, NEW = Arm.CONTROL, Arm.CANDIDATE
OFF = Step("off", RequestSpec("POST", "/cameras/{camera}/off"), ENDPOINT.id)
ON = Step("on", RequestSpec("POST", "/cameras/{camera}/on"))
RULE = Step("rule", RequestSpec("POST", "/rules", body={}, has_body=True), MAKE.id, (("id", "made1"),), "rule")
CHANGE = Step("change", RequestSpec("PUT", "/rules/{made1}"))
DELETE = Step("delete", RequestSpec("DELETE", "/cameras/{camera}"), removes="camera")


def sequence(*steps: tuple[Step, Arm]) -> Sequence:
    taken, routing = zip(*steps, strict=True)
    return Sequence("sequence:routed:cameras:1", (Twin("camera", "camera"),), taken, routing, ("cameras",))


def walker(service: Service) -> Walker:
    caller = service.caller()
    return Walker(caller, CATALOG, Workshop(caller, CATALOG, "tag"))


def signed(request: httpx.Request, status: int, body: object) -> httpx.Response:
    served = {"true": "domain", "false": "legacy"}[request.url.params["force_domain"]]
    return httpx.Response(status, json=body, headers={"x-served-by": served})


def posts(service: Service, path: str) -> list[str]:
    """The arms on which a path was asked, by what was forced."""
    return [line.rsplit(" ", 1)[1] for line in service.asked if line.split()[1].endswith(path)]


def test_an_honest_service_walks_both_ways_alike_and_is_left_as_it_was() -> None:
    service = Service({"stranger": {"id": "stranger", "on": True}})
    comparison, outcome = walker(service).compare(sequence((ON, NEW), (OFF, OLD), (ON, NEW)))
    assert (outcome.findings, outcome.counts, outcome.diverged) == ((), True, False)
    assert [passage.side for passage in comparison.passages] == [CONTROL_SIDE, TRIAL_SIDE]
    assert set(service.cameras) == {"stranger"}


def test_each_step_goes_to_its_arm_on_the_trial_and_to_control_before_it() -> None:
    service = Service()
    walker(service).compare(sequence((ON, NEW), (OFF, OLD), (ON, OLD), (OFF, NEW)))
    assert posts(service, "/on") == ["false", "false", "true", "false"]
    assert posts(service, "/off") == ["false", "false", "false", "true"]


def test_the_state_is_read_before_and_after_by_control_and_across_by_candidate() -> None:
    comparison, _ = walker(Service()).compare(sequence((ON, NEW)))
    for passage in comparison.passages:
        assert [reading.moment for reading in passage.readings] == ["before", "after", "cross"]
        assert [reading.exchange.served_by for reading in passage.readings] == ["legacy", "legacy", "domain"]


def test_a_passage_on_control_that_is_there_already_is_not_walked_again() -> None:
    service = Service()
    known = walker(service).walk(sequence((OFF, NEW)), CONTROL_SIDE)
    service.asked.clear()
    comparison, outcome = walker(service).compare(sequence((OFF, NEW)), known)
    assert posts(service, "/off") == ["true"]
    assert comparison.passages[0] is known
    assert outcome.counts


def test_a_divergence_is_held_against_control_walked_once_more() -> None:
    def forget(request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("/off") and request.url.params["force_domain"] == "true":
            return signed(request, 200, {"ok": True, "id": request.url.path.split("/")[2]})
        return None

    comparison, outcome = walker(Service(interfere=forget)).compare(sequence((ON, OLD), (OFF, NEW)))
    assert [passage.side for passage in comparison.passages] == ["control", "candidate", "control-again"]
    assert (outcome.diverged, outcome.counts) == (True, True)
    (finding,) = outcome.findings
    assert (finding.rule, finding.verdict) == ("sequence.diverged", Verdict.ROLLBACK)
    assert {difference.where for difference in finding.differences} == {"state cameras"}


def test_what_control_does_differently_by_itself_is_no_divergence() -> None:
    numbers = iter(range(100))

    def count(request: httpx.Request) -> httpx.Response | None:
        return signed(request, 200, {"n": next(numbers)}) if request.url.path.endswith("/off") else None

    _, outcome = walker(Service(interfere=count)).compare(sequence((OFF, NEW)))
    assert (outcome.diverged, outcome.counts) == (False, False)
    assert [(f.rule, f.verdict) for f in outcome.findings] == [("control.noise", Verdict.INCONCLUSIVE)]


def test_a_passage_ends_where_nothing_answers_and_cleans_up_all_the_same() -> None:
    def hang_up(request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("/off") and request.url.params["force_domain"] == "true":
            raise httpx.RemoteProtocolError("gone", request=request)
        return None

    service = Service(interfere=hang_up)
    comparison, outcome = walker(service).compare(sequence((ON, OLD), (OFF, NEW), (ON, NEW)))
    trial = comparison.side(TRIAL_SIDE)
    assert trial is not None
    assert [exchange.answer is None for exchange in trial.exchanges] == [False, True]
    assert [(f.rule, f.verdict) for f in outcome.findings] == [("candidate.crash", Verdict.ROLLBACK)]
    assert service.cameras == {}


def test_a_starting_state_that_cannot_be_made_is_told_and_nothing_is_sent() -> None:
    def refuse(request: httpx.Request) -> httpx.Response | None:
        return signed(request, 500, {}) if (request.method, request.url.path) == ("POST", "/cameras") else None

    service = Service(interfere=refuse)
    comparison, outcome = walker(service).compare(sequence((OFF, NEW)))
    assert all("twin 'camera' (camera)" in (passage.failure or "") for passage in comparison.passages)
    assert posts(service, "/off") == []
    assert [(f.rule, f.verdict, outcome.counts) for f in outcome.findings] == [
        ("control.unhealthy", Verdict.INCONCLUSIVE, False)
    ]


def named(passage: Passage, token: str) -> str | None:
    return dict(passage.names).get(token)


def test_an_id_that_a_step_learns_is_used_by_later_steps_and_what_was_made_is_neutralised() -> None:
    service = Service()
    passage = walker(service).walk(sequence((RULE, NEW), (CHANGE, OLD)), TRIAL_SIDE)
    assert named(passage, "made1") == "1"
    assert "PUT /rules/1 false" in service.asked
    assert passage.leftover == ("rule 1 (cannot be deleted; neutralised)",)


def test_what_no_step_has_made_is_an_id_of_nobody() -> None:
    service = Service()
    passage = walker(service).walk(sequence((CHANGE, NEW)), TRIAL_SIDE)
    assert [exchange.request.path for exchange in passage.exchanges] == ["/rules/999999999"]


def test_a_creation_that_failed_is_neither_learned_nor_cleaned_up() -> None:
    def refuse(request: httpx.Request) -> httpx.Response | None:
        return signed(request, 422, {"id": 7}) if (request.method, request.url.path) == ("POST", "/rules") else None

    passage = walker(Service(interfere=refuse)).walk(sequence((RULE, NEW)), TRIAL_SIDE)
    assert named(passage, "made1") is None
    assert passage.leftover == ()


def test_what_a_step_has_removed_is_not_removed_again() -> None:
    service = Service()
    passage = walker(service).walk(sequence((DELETE, NEW)), TRIAL_SIDE)
    assert passage.leftover == ()
    assert len([line for line in service.asked if line.startswith("DELETE")]) == 1
    kept = walker(service).walk(replace(sequence((DELETE, NEW)), steps=(replace(DELETE, removes=None),)), TRIAL_SIDE)
    assert "clean-up failed" in kept.leftover[0]
