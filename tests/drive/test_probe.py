"""Twins are made through control, each side starts alike, and what was made is removed or named."""

from __future__ import annotations

import httpx
import pytest

from tests.drive.service import CASE, CATALOG, ENDPOINT, LIST, MAKE, TWIN, Service
from verification.core.cases import Twin
from verification.core.errors import TargetError
from verification.core.journal import Entry, Making
from verification.core.model import Arm, Comparison, Reading, Request
from verification.core.parity import judge_comparison
from verification.drive.probe import MAX_ATTEMPTS, Prober
from verification.drive.state import trimmed


def prober(service: Service) -> Prober:
    return Prober(service.caller(), CATALOG, "tag", seed=1)


def compared(service: Service) -> list[Comparison]:
    return [comparison for comparison, _ in prober(service).compare(ENDPOINT, CASE)]


def test_an_honest_service_is_equal_and_left_as_it_was() -> None:
    service = Service({"stranger": {"id": "stranger", "on": True}})
    (comparison,) = compared(service)
    outcome = judge_comparison(CATALOG, comparison)
    assert (outcome.findings, outcome.counts) == ((), True)
    assert set(service.cameras) == {"stranger"}


def test_set_up_readings_and_clean_up_go_through_control() -> None:
    service = Service()
    compared(service)
    others = [line for line in service.asked if "/off" not in line and line.endswith("true")]
    assert others == ["GET /cameras true"] * 3
    assert len([line for line in service.asked if line.startswith("DELETE") and line.endswith("false")]) == 3


def test_a_write_is_read_before_after_and_across() -> None:
    (comparison,) = compared(Service())
    moments = [[reading.moment for reading in probe.readings] for probe in comparison.probes]
    assert moments == [["before", "after", "cross"]] * 3


def test_the_order_of_the_sides_follows_the_seed() -> None:
    orders = {
        tuple(
            probe.side for probe in Prober(Service().caller(), CATALOG, "t", seed).compare(ENDPOINT, CASE)[0][0].probes
        )
        for seed in range(12)
    }
    again = [probe.side for probe in compared(Service())[0].probes]
    assert len(orders) > 1
    assert again == [probe.side for probe in compared(Service())[0].probes]


def test_a_difference_of_the_candidate_is_never_tried_again() -> None:
    def break_candidate(request: httpx.Request) -> httpx.Response | None:
        if "/off" in request.url.path and request.url.params["force_domain"] == "true":
            return httpx.Response(200, json={"ok": False}, headers={"x-served-by": "domain"})
        return None

    assert len(compared(Service(interfere=break_candidate))) == 1


def test_a_control_that_disagrees_with_itself_is_tried_again_a_few_times() -> None:
    numbers = iter(range(100))

    def count(request: httpx.Request) -> httpx.Response | None:
        if "/off" in request.url.path:
            served = {"true": "domain", "false": "legacy"}[request.url.params["force_domain"]]
            return httpx.Response(200, json={"n": next(numbers)}, headers={"x-served-by": served})
        return None

    attempts = compared(Service(interfere=count))
    assert [comparison.attempt for comparison in attempts] == list(range(1, MAX_ATTEMPTS + 1))


def test_a_twin_that_cannot_be_made_is_a_lost_fixture_and_leaves_nothing() -> None:
    def refuse(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(503, text="no") if request.url.path.endswith("/on") else None

    service = Service(interfere=refuse)
    (comparison,) = compared(service)
    assert all(probe.exchange is None and "503" in (probe.failure or "") for probe in comparison.probes)
    assert service.cameras == {}


def test_what_could_not_be_removed_is_named() -> None:
    def keep(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(500, text="no") if request.method == "DELETE" else None

    (comparison,) = compared(Service(interfere=keep))
    assert all("clean-up failed" in probe.leftover[0] for probe in comparison.probes)


def test_what_two_answers_named_is_removed_once() -> None:
    service = Service()
    workshop = prober(service).workshop
    (camera,) = workshop.make((TWIN,))
    assert workshop.remove([camera, workshop.adopt("made", "camera", camera.actual)]) == []
    assert sum(asked.startswith("DELETE") for asked in service.asked) == 1


def test_what_the_request_itself_created_is_adopted_neutralised_and_named() -> None:
    service = Service()
    found = prober(service).probe(MAKE, MAKE.cases[0], "candidate")
    assert dict(found.names)["rule"] == "1"
    assert found.leftover == ("rule 1 (cannot be deleted; neutralised)",)
    assert "PUT /rules/1 false" in service.asked


def test_an_answer_that_names_no_id_creates_nothing_to_adopt() -> None:
    service = Service(interfere=lambda _: httpx.Response(200, json=["x"], headers={"x-served-by": "domain"}))
    assert prober(service).probe(MAKE, MAKE.cases[0], "candidate").leftover == ()


def test_names_are_of_one_length_so_that_none_begins_another() -> None:
    shop = prober(Service()).workshop
    names = {shop.new_name() for _ in range(50)}
    assert len(names) == 50
    assert len({len(name) for name in names}) == 1


def test_a_learned_id_that_is_not_there_is_told() -> None:
    service = Service(interfere=lambda _: httpx.Response(200, json={}))
    with pytest.raises(TargetError, match="'id'"):
        prober(service).workshop.make((Twin("rule", "rule"),))


def test_readings_keep_what_changed_and_count_the_rest() -> None:
    strangers = {f"s{number}": {"id": f"s{number}", "on": True} for number in range(30)}
    (comparison,) = compared(Service(strangers))
    for probe in comparison.probes:
        for reading in probe.readings:
            assert reading.unchanged == 30
            assert reading.exchange.answer is not None
            assert "s7" not in reading.exchange.answer.body


def test_a_stranger_that_changed_is_kept() -> None:
    service = Service({"s1": {"id": "s1", "on": True}, "s2": {"id": "s2", "on": True}})

    def spill(request: httpx.Request) -> httpx.Response | None:
        if "/off" in request.url.path and request.url.params["force_domain"] == "true":
            service.cameras["s1"]["on"] = False
        return None

    service.interfere = spill
    (comparison,) = compared(service)
    findings = judge_comparison(CATALOG, comparison).findings
    assert [finding.rule for finding in findings] == ["state.changed"]
    assert "s1" in findings[0].reason


def test_readings_of_which_one_failed_are_kept_whole() -> None:
    answers = iter([httpx.Response(200, json={"cameras": [{"id": "a"}]}), httpx.Response(500, text="no")])
    caller = Service(interfere=lambda _: next(answers)).caller()
    ask = Request("GET", "/cameras")
    readings = tuple(Reading("cameras", moment, caller.call(ask, Arm.CONTROL)) for moment in ("before", "after"))
    assert trimmed(readings, {"cameras": LIST}, frozenset()) == readings


def test_everything_is_announced_before_it_is_asked_for_and_settled_after_it_is_undone() -> None:
    service = Service()
    story = service.asked

    def note(entry: Entry) -> None:
        story.append(f"{type(entry).__name__} {entry.resource}")

    Prober(service.caller(), CATALOG, "tag", 1, note).probe(MAKE, MAKE.cases[0], "control")
    before = "GET /cameras false"
    assert story == [before, "Making rule", "POST /rules false", "Made rule", "PUT /rules/1 false", "Unmade rule"]
    story.clear()
    Prober(service.caller(), CATALOG, "tag", 1, note).call_once(ENDPOINT, Arm.CONTROL, force=True)
    assert story[:3] == [before, "Making camera", "POST /cameras false"]
    assert story[-2:] == ["DELETE /cameras/gate-tag-000000 false", "Unmade camera"]


def test_a_twin_that_could_not_be_removed_stays_open_in_the_journal() -> None:
    noted: list[Entry] = []
    service = Service(interfere=lambda request: httpx.Response(500) if request.method == "DELETE" else None)
    Prober(service.caller(), CATALOG, "tag", 1, noted.append).call_once(ENDPOINT, Arm.CONTROL, force=True)
    assert noted == [Making("camera", ("gate-tag-000000",))]
