"""A run writes down what it owes; what it leaves out by decision has a reason."""

from __future__ import annotations

from dataclasses import replace

from tests.core.judge.builders import CASE, CATALOG, comparison, endpoint, exchange, look, manifest
from verification.core.cases import Catalog, RequestSpec, ResourceSpec
from verification.core.expectation import Scope, attempts_at, covered, latest, owed
from verification.core.model import Arm
from verification.core.records import Drill, Evidence, Exposure, ForcedCall, LoadEnd, RaceRound, Usage

DERIVED = replace(CASE, id="derived-x", derived=True)
MORE = Catalog((replace(endpoint(), cases=(CASE, DERIVED)),), {}, {}, {})
FULL = Scope((0, 10, 25, 50, 100), owned=True, quick=False, may_restart=False, ramp=True)


def test_a_full_run_on_an_owned_backend_leaves_nothing_out() -> None:
    keys, omitted = owed(MORE, FULL)
    assert omitted == {}
    assert {"parity:GET /things:plain", "parity:GET /things:derived-x", "sequence:routed:things:1"} <= set(keys)
    assert {f"{kind}:{percent}" for kind in ("load", "flag:exposure", "flag:force") for percent in FULL.stages} <= set(
        keys
    )
    assert {"flag:refuse", "rollback:request", "rollback:global", "monitoring:usage"} <= set(keys)
    assert len(keys) == len(set(keys))


def test_a_load_without_a_ramp_says_that_the_knee_is_not_known() -> None:
    for scope in (replace(FULL, ramp=False), replace(FULL, stages=(10, 25))):
        assert "load:knee" in owed(MORE, scope)[1]


def test_an_endpoint_that_is_not_asked_stands_among_what_was_left_out() -> None:
    keys, omitted = owed(replace(MORE, disabled={"DELETE /things": "it deletes"}), FULL)
    assert omitted == {"endpoint:DELETE /things": "it deletes"}
    assert keys == owed(MORE, FULL)[0]


def test_the_short_form_says_what_it_leaves_out() -> None:
    keys, omitted = owed(MORE, replace(FULL, quick=True))
    assert {"parity:derived", "sequence:drawn", "load:0", "load:25", "load:50", "load:knee"} == set(omitted)
    assert {"load:10", "load:100"} <= set(keys)


def test_the_short_form_of_one_stage_still_measures_it() -> None:
    keys, _ = owed(MORE, replace(FULL, quick=True, stages=(25,)))
    assert "load:25" in keys


def test_a_named_backend_is_neither_restarted_nor_given_broken_percents() -> None:
    keys, omitted = owed(MORE, Scope((25,), owned=False, quick=False, may_restart=False))
    assert not {"flag:refuse", "rollback:global"} & set(keys)
    stages = {"stage:0", "stage:10", "stage:50", "stage:100"}
    assert {"flag:refuse", "rollback:global", "load:knee", *stages} == set(omitted)
    allowed, _ = owed(MORE, Scope((25,), owned=False, quick=False, may_restart=True))
    assert "rollback:global" in allowed


def test_evidence_covers_its_keys() -> None:
    calls = tuple(ForcedCall("force", 10, item.id, exchange(arm)) for item in CATALOG.endpoints for arm in Arm)
    half = ForcedCall("force", 25, "GET /things", exchange(Arm.CONTROL))
    drilled = ForcedCall("rollback-request", 50, "GET /things", exchange(Arm.CONTROL))
    evidence = Evidence(
        manifest(),
        comparisons=(comparison(exchange(Arm.CANDIDATE)),),
        races=(RaceRound("unknown", Arm.CONTROL, (), (), (), ()),),
        exposures=(Exposure(10, 1, 1, 0),),
        load_ends=(LoadEnd(10, 1, 1, 0, (), (), (), None),),
        monitoring=(look("before"),),
        drills=(Drill("refuse-percent", 0, ok=True, seconds=None, detail=""),),
        usage=(Usage(10, "forced", 1, 1, 1, 1), Usage(10, "natural", 1, 1, 1, 1)),
        forced=(*calls, half, drilled),
    )
    assert covered(evidence, CATALOG) == {
        "parity:GET /things:plain",
        "flag:exposure:10",
        "load:10",
        "monitoring:before",
        "flag:refuse",
        "monitoring:usage",
        "flag:force:10",
    }


def test_half_of_the_usage_evidence_covers_nothing() -> None:
    assert covered(Evidence(manifest(), usage=(Usage(10, "forced", 1, 1, 1, 1),)), CATALOG) == frozenset()


def test_attempts_come_in_the_order_of_their_numbers() -> None:
    second, first = comparison(exchange(Arm.CANDIDATE), attempt=2), comparison(exchange(Arm.CANDIDATE), attempt=1)
    assert [found.attempt for found in latest([second, first])["GET /things", "plain"]] == [1, 2]


def test_repetitions_come_first_and_their_attempts_within() -> None:
    order = [(2, 1), (1, 2), (1, 1), (3, 1)]
    mixed = [comparison(exchange(Arm.CANDIDATE), repetition=rep, attempt=attempt) for rep, attempt in order]
    found = latest(mixed)["GET /things", "plain"]
    assert [(one.repetition, one.attempt) for one in found] == sorted(order)
    assert [one.attempt for one in attempts_at(found, 1)] == [1, 2]
    assert [one.repetition for one in attempts_at(found, None)] == [3]
    assert attempts_at([], None) == []


def test_where_each_side_has_a_state_of_its_own_nothing_is_owed_across_the_arms() -> None:
    writing = replace(endpoint(), writes=True, cases=(CASE,))
    resource = ResourceSpec("thing", RequestSpec("POST", "/things"), None, {}, (RequestSpec("DELETE", "/x"),), ())
    shared = Catalog((writing,), {"thing": resource}, {}, {})
    apart = replace(shared, separate_state=True)
    keys, omitted = owed(apart, FULL)
    assert "across arms" in omitted
    assert not [key for key in keys if key.startswith(("certificate:", "sequence:routed"))]
    assert [key for key in keys if key.startswith("retry:")] == ["retry:GET /things:candidate-then-candidate"]
    assert [key for key in owed(shared, FULL)[0] if key.startswith(("certificate:", "sequence:routed"))]


def test_without_a_flag_there_is_no_share_to_see_and_no_way_back_to_drill() -> None:
    keys, omitted = owed(MORE, replace(FULL, stages=(100,), flag=False))
    assert not [key for key in keys if key.startswith(("flag:", "rollback:", "monitoring:usage"))]
    assert "monitoring:before" in keys
    assert "flag" in omitted
    assert not [what for what in omitted if what.startswith("stage:")]


def test_what_the_settings_say_is_not_there_is_not_owed_and_is_told() -> None:
    keys, omitted = owed(MORE, replace(FULL, monitoring=False, witnesses=False))
    assert not [key for key in keys if key.startswith(("monitoring:", "witness:"))]
    assert "monitoring" in omitted
