"""What a run left is undone: asked of the target, told whatever became of it, and never more than that."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from tests.core.test_journal import CATALOG, ONE, PREFIX, TWO
from verification.core.journal import Entry, Made, Making, Unmade
from verification.core.redact import Redactor
from verification.drive.caller import Caller
from verification.drive.sweeper import Sweeper, Swept

READS = ("GET /cameras", "POST /status", "GET /rules", "GET /search")


@dataclass
class Target:
    """Cameras and rules that can be listed, and a place to interfere."""

    cameras: set[str] = field(default_factory=set)
    rules: dict[int, bool] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    interfere: Callable[[str], int | None] = lambda _: None

    def answer(self, request: httpx.Request) -> httpx.Response:
        asked = f"{request.method} {request.url.path}"
        assert request.url.params["force_domain"] == "false", "everything goes through control"
        if asked not in READS:
            self.asked.append(asked)
        status = self.interfere(asked)
        if status == 0:
            raise httpx.ConnectError("nobody is there")
        return httpx.Response(status, json={"detail": "no"}) if status else self._do(request, asked)

    def _do(self, request: httpx.Request, asked: str) -> httpx.Response:
        if asked == "GET /cameras":
            return httpx.Response(200, json={"cameras": [{"id": name} for name in sorted(self.cameras)]})
        if asked == "POST /status":
            return httpx.Response(200, json={})
        if asked == "GET /search":
            return httpx.Response(200, json=[])
        if asked == "GET /rules":
            found = [{"id": number, "name": ONE, "enabled": on} for number, on in self.rules.items()]
            return httpx.Response(200, json=found)
        last = asked.rsplit("/", 1)[1]
        if request.method == "DELETE":
            known = last in self.cameras
            self.cameras.discard(last)
            return httpx.Response(200 if known else 404, json={})
        self.rules[int(last)] = json.loads(request.content)["enabled"]
        return httpx.Response(200, json={})


def swept(target: Target, *entries: Entry, noted: list[Entry] | None = None) -> Swept:
    caller = Caller("http://service", Redactor(b"salt"), transport=httpx.MockTransport(target.answer))
    return Sweeper(caller, CATALOG, ([] if noted is None else noted).append).sweep(entries, PREFIX)


def test_cameras_are_removed_rules_neutralised_and_strangers_left_alone() -> None:
    target, noted = Target({ONE, "stranger"}, {7: True, 8: False}), list[Entry]()
    done = swept(target, Making("camera", (ONE, TWO)), Making("rule", (ONE,)), noted=noted)
    assert (done.removed, done.neutralised, done.neutral_before) == ([f"camera {ONE}"], ["rule 7"], ["rule 8"])
    assert (done.gone, done.left) == ([f"camera {TWO}"], [])
    assert (target.cameras, target.rules) == ({"stranger"}, {7: False, 8: False})
    assert target.asked == [f"DELETE /cameras/{ONE}", "PUT /rules/7"]
    assert set(noted) == {Unmade("camera", ONE), Unmade("camera", TWO), Unmade("rule", "7")}


def test_a_second_time_sends_no_write() -> None:
    target, noted = Target({ONE}, {7: True}), list[Entry]()
    entries = (Making("camera", (ONE,)), Making("rule", (ONE,)))
    swept(target, *entries, noted=noted)
    target.asked.clear()
    done = swept(target, *entries, *noted)
    assert target.asked == []
    assert (done.removed, done.neutralised, done.gone, done.left) == ([], [], [], [])


def test_what_the_last_request_of_a_killed_run_makes_afterwards_is_found_in_the_next_look() -> None:
    target = Target({ONE})

    def arrive(asked: str) -> None:
        if asked == f"DELETE /cameras/{ONE}":
            target.cameras.add(TWO)

    target.interfere = arrive
    done = swept(target, Making("camera", (ONE, TWO)))
    assert f"camera {TWO}" in done.removed
    assert target.cameras == set()


def test_what_is_refused_is_left_with_the_targets_own_words() -> None:
    target = Target({ONE}, {7: True}, interfere=lambda asked: None if asked in READS else 503)
    done = swept(target, Making("camera", (ONE,)), Making("rule", (ONE,)))
    assert done.left[0].startswith(f"camera {ONE} (could not be removed: DELETE /cameras/{ONE} answered 503")
    assert done.left[1].startswith("rule 7 (could not be neutralised: PUT /rules/7 answered 503")
    assert (done.removed, done.neutralised) == ([], [])


def test_a_removal_that_is_granted_and_not_done_is_no_removal() -> None:
    done = swept(Target({ONE}, interfere=lambda asked: None if asked in READS else 200), Making("camera", (ONE,)))
    assert done.removed == []
    assert done.left == [f"camera {ONE} (it was undone and is there again)"]


def test_a_reading_that_fails_is_told_and_what_the_journal_names_is_tried() -> None:
    target = Target(interfere=lambda asked: 500 if asked == "GET /cameras" else None)
    done = swept(target, Making("camera", (ONE,)), Made("rule", "7"))
    assert target.asked == [f"DELETE /cameras/{ONE}"]
    assert done.gone == ["rule 7", f"camera {ONE}"]
    assert len(done.left) == 1
    assert done.left[0].startswith("whatever reading 'cameras' would show (it could not be read: GET /cameras answered")


def test_a_target_that_is_gone_is_asked_a_few_times_only() -> None:
    count = []
    target = Target(interfere=lambda asked: count.append(asked) or 0)  # type: ignore[func-returns-value]  # append
    done = swept(target, Making("camera", tuple(f"{ONE[:-1]}{number}" for number in range(9))))
    assert len(count) == 3
    assert sum(words.startswith("camera ") for words in done.left) == 9
    assert any("does not answer any more" in words for words in done.left)


def test_an_item_with_the_runs_prefix_that_its_journal_does_not_know_is_told_and_not_touched() -> None:
    target = Target({f"{PREFIX}somebody"})
    done = swept(target, Making("camera", (ONE,)))
    assert target.asked == []
    assert done.left == [f"{PREFIX}somebody in reading 'cameras' (not in the run's journal, so it was left alone)"]
