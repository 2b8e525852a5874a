from __future__ import annotations

import json
from dataclasses import replace

import pytest

from loadtests.pools import Pools
from loadtests.reply import Reply
from verification.core.cases import Catalog, Endpoint, LoadSpec, PoolSpec, ReadingSpec, RequestSpec, ResourceSpec, Shape
from verification.core.errors import TargetError
from verification.core.model import Arm, Request

CAMERA = ResourceSpec(
    "camera",
    RequestSpec("POST", "/cameras", body={"id": "{self}"}, has_body=True),
    None,
    {"running": (RequestSpec("POST", "/cameras/{self}/start"),)},
    (RequestSpec("POST", "/cameras/{self}/stop"), RequestSpec("DELETE", "/cameras/{self}")),
    (),
)
RULE = ResourceSpec(
    "rule",
    RequestSpec("POST", "/alerts/rules", body={"name": "{self}"}, has_body=True),
    "id",
    {},
    (),
    (RequestSpec("PUT", "/alerts/rules/{self}", body={"enabled": False}, has_body=True),),
)


def endpoint(name: str, pool: str | None, creates: str | None = None) -> Endpoint:
    method, path = name.split(" ")
    load = LoadSpec(1.0, (RequestSpec(method, path),), pool, creates)
    return Endpoint(name, method, path, True, Shape(), Shape(), (), (), load)


START = endpoint("POST /cameras/{id}/start", "moving")
UPDATE = endpoint("PUT /alerts/rules/{id}", "rules")
CREATE = endpoint("POST /alerts/rules", None, "rule")
CATALOG = Catalog(
    (START, UPDATE, CREATE),
    {"camera": CAMERA, "rule": RULE},
    {},
    {
        "moving": PoolSpec("moving", "camera", "camera", 3, ("running",)),
        "rules": PoolSpec("rules", "rule", "rule", 2, ()),
    },
)


class Backend:
    """Answers 200 with a running id, unless the request is one that it refuses."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.arms: list[Arm] = []
        self.refused: dict[str, int] = {}
        self.bodies: dict[str, str] = {}

    def __call__(self, request: Request, arm: Arm) -> Reply:
        asked = f"{request.method} {request.path}"
        self.asked.append(asked)
        self.arms.append(arm)
        status = self.refused.get(asked, 200)
        body = self.bodies.get(asked, json.dumps({"id": len(self.asked)}))
        return Reply(status, body, "legacy", None, None, timed_out=False, sent_at_s=0.0, done_at_s=0.1, length=0)


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def pools(backend: Backend) -> Pools:
    return Pools(CATALOG, backend, "gate-run-w0", 10, remembers=True)


def test_twins_carry_the_runs_name_and_are_brought_into_their_state(pools: Pools, backend: Backend) -> None:
    (source,) = pools.fill([START])
    assert source.twins == ("gate-run-w0-moving-0", "gate-run-w0-moving-1", "gate-run-w0-moving-2")
    assert backend.asked.count("POST /cameras") == 3
    assert "POST /cameras/gate-run-w0-moving-2/start" in backend.asked


def test_an_id_that_the_target_chooses_is_learned(pools: Pools) -> None:
    (source,) = pools.fill([UPDATE])
    assert source.twins == ("1", "2")


def test_there_are_never_more_twins_than_allowed(backend: Backend) -> None:
    pools = Pools(CATALOG, backend, "gate-run-w0", 1, remembers=True)
    assert len(pools.fill([START])[0].twins) == 1


def test_everything_made_is_removed_in_reverse_and_only_once(pools: Pools, backend: Backend) -> None:
    pools.fill([START])
    backend.asked.clear()
    assert pools.remove() == ()
    assert [asked for asked in backend.asked if asked.startswith("DELETE")] == [
        f"DELETE /cameras/gate-run-w0-moving-{number}" for number in (2, 1, 0)
    ]
    backend.asked.clear()
    assert pools.remove() == ()
    assert backend.asked == []


def test_a_twin_that_is_gone_already_is_not_left_over_but_one_that_stays_is_named(
    pools: Pools, backend: Backend
) -> None:
    pools.fill([START])
    backend.refused = {
        "DELETE /cameras/gate-run-w0-moving-0": 404,
        "DELETE /cameras/gate-run-w0-moving-1": 500,
    }
    assert pools.remove() == ("camera gate-run-w0-moving-1 (could not be removed)",)


def test_what_cannot_be_deleted_is_neutralised_and_counted(pools: Pools, backend: Backend) -> None:
    pools.fill([UPDATE, CREATE])
    pools.created("rule", '{"id": 77}', Arm.CONTROL)
    pools.created("rule", '{"id": 78}', Arm.CONTROL)
    backend.refused = {"PUT /alerts/rules/78": 500}
    left = pools.remove()
    assert "PUT /alerts/rules/77" in backend.asked
    assert left[:2] == ("rule 2 (neutralised)", "rule 1 (neutralised)")
    assert left[2] == "2 x rule named gate-run-w0-*, 1 of them neutralised"


def test_a_creation_whose_answer_tells_no_id_is_counted_as_not_neutralised(pools: Pools) -> None:
    pools.created("rule", "not JSON", Arm.CONTROL)
    pools.created("rule", '{"id": ".."}', Arm.CONTROL)
    pools.created("rule", '{"id": true}', Arm.CONTROL)
    assert pools.remove() == ("3 x rule named gate-run-w0-*, not neutralised",)


def test_what_an_embedded_target_created_is_only_counted(backend: Backend) -> None:
    forgetful = Pools(CATALOG, backend, "gate-run-w0", 1, remembers=False)
    forgetful.created("rule", '{"id": 1}', Arm.CONTROL)
    assert forgetful.remove() == ("1 x rule named gate-run-w0-*, not neutralised",)
    assert backend.asked == []


RULES = ReadingSpec("rules", RequestSpec("GET", "/alerts/rules"), "rules", "id", ordered=False, shape=Shape())
READABLE = replace(CATALOG, readings={"rules": RULES})


def test_an_id_that_was_there_before_is_not_believed_and_nothing_of_it_is_changed(backend: Backend) -> None:
    """A candidate that answers with somebody's rule must not make the clean-up disable it."""
    backend.bodies = {"GET /alerts/rules": '{"rules": [{"id": 7}, {"id": 8}]}'}
    pools = Pools(READABLE, backend, "gate-run-w0", 1, remembers=True)
    pools.fill([CREATE])
    pools.created("rule", '{"id": 7}', Arm.CANDIDATE)
    pools.created("rule", '{"id": 9}', Arm.CANDIDATE)
    assert pools.remove() == (
        "1 x rule named gate-run-w0-*, 1 of them neutralised",
        "1 x rule named gate-run-w0-*, not neutralised",
    )
    assert [asked for asked in backend.asked if asked.startswith("PUT")] == ["PUT /alerts/rules/9"]


def test_a_twin_for_which_the_target_tells_an_old_id_is_none(backend: Backend) -> None:
    backend.bodies = {"GET /alerts/rules": '{"rules": [{"id": 2}]}'}
    pools = Pools(READABLE, backend, "gate-run-w0", 1, remembers=True)
    with pytest.raises(TargetError, match="told no new id at 'id'"):
        pools.fill([UPDATE])
    assert pools.remove() == ()


def test_a_target_whose_state_cannot_be_read_is_not_loaded_where_ids_are_to_be_learned(backend: Backend) -> None:
    backend.refused = {"GET /alerts/rules": 500}
    pools = Pools(READABLE, backend, "gate-run-w0", 1, remembers=True)
    with pytest.raises(TargetError, match="read 'rules' before the load"):
        pools.fill([CREATE])


def test_a_set_up_that_fails_half_way_names_the_step_and_still_removes_what_it_made(
    pools: Pools, backend: Backend
) -> None:
    backend.refused = {"POST /cameras/gate-run-w0-moving-1/start": 400}
    with pytest.raises(TargetError, match=r"bring camera gate-run-w0-moving-1 into the state 'running'.*status 400"):
        pools.fill([START])
    pools.remove()
    assert "DELETE /cameras/gate-run-w0-moving-1" in backend.asked


def test_a_silent_target_is_not_asked_again_for_every_twin_but_every_twin_is_named(
    pools: Pools, backend: Backend
) -> None:
    pools.fill([START])
    backend.asked.clear()
    backend.refused = {"POST /cameras/gate-run-w0-moving-2/stop": 0}
    assert [name.split()[1] for name in pools.remove()] == [f"gate-run-w0-moving-{number}" for number in (2, 1, 0)]
    assert len(backend.asked) == 1


def test_twins_of_a_lost_worker_can_be_taken_over(pools: Pools, backend: Backend) -> None:
    pools.fill([START])
    heir = Pools(CATALOG, backend, "", 1, remembers=False)
    heir.adopt(pools.made)
    assert heir.remove() == ()
    assert "DELETE /cameras/gate-run-w0-moving-0" in backend.asked


def test_where_states_part_each_side_has_its_own_twins_under_the_same_names(backend: Backend) -> None:
    pools = Pools(replace(CATALOG, separate_state=True), backend, "gate-run-w0", 10, remembers=True)
    start, update = pools.fill([START, UPDATE])
    assert start.twins == start.twins_of_candidate
    assert update.twins != update.twins_of_candidate
    assert set(backend.arms) == set(Arm)
    assert {arm for _, _, arm in pools.made} == {"control", "candidate"}
    pools.created("rule", '{"id": 99}', Arm.CANDIDATE)
    backend.asked.clear()
    backend.arms.clear()
    pools.remove()
    assert backend.arms[backend.asked.index("PUT /alerts/rules/99")] is Arm.CANDIDATE
    assert backend.asked.count("DELETE /cameras/gate-run-w0-moving-0") == 2


def test_where_the_state_is_shared_twins_are_made_through_control_only(pools: Pools, backend: Backend) -> None:
    (start,) = pools.fill([START])
    assert start.twins_of_candidate == ()
    assert set(backend.arms) == {Arm.CONTROL}


def test_one_id_cannot_be_that_of_two_things(pools: Pools, backend: Backend) -> None:
    """A candidate that tells the same id again and again has made things that nobody can find."""
    for _ in range(3):
        pools.created("rule", '{"id": 77}', Arm.CANDIDATE)
    assert pools.remove() == (
        "1 x rule named gate-run-w0-*, 1 of them neutralised",
        "2 x rule named gate-run-w0-*, not neutralised",
    )
    assert backend.asked.count("PUT /alerts/rules/77") == 1


@pytest.mark.parametrize("body", ["[]", "<html>", '{"rules": {}}'])
def test_a_state_in_another_form_protects_nobody_and_is_refused(backend: Backend, body: str) -> None:
    backend.bodies = {"GET /alerts/rules": body}
    pools = Pools(READABLE, backend, "gate-run-w0", 1, remembers=True)
    with pytest.raises(TargetError, match="another form than the catalog's reading 'rules' says"):
        pools.fill([CREATE])
