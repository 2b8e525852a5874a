"""What of a run is on its target: known by its journal, shown by the target's readings, and nothing else touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from verification.core.cases import (
    Case,
    Catalog,
    Endpoint,
    LoadSpec,
    ReadingSpec,
    RequestSpec,
    ResourceSpec,
    Shape,
)
from verification.core.journal import (
    Cleanup,
    Entry,
    Made,
    Making,
    Survey,
    Thing,
    Unmade,
    forget,
    is_readable,
    keys_shown,
    marks,
    may_be_ours,
    still_left,
    survey,
)
from verification.core.model import Arm, Json

PREFIX = "gate-1a2b-"
ONE, TWO = "gate-1a2b-main001-000001", "gate-1a2b-main001-000002"

CAMERA = ResourceSpec(
    "camera",
    RequestSpec("POST", "/cameras", body={"id": "{self}", "source": "rtsp://h/{self}"}, has_body=True),
    None,
    {},
    (RequestSpec("DELETE", "/cameras/{self}"),),
    (),
)
RULE = ResourceSpec(
    "rule",
    RequestSpec("POST", "/rules", body={"name": "{self}", "zone": {"name": "{self}"}, "n": [1]}, has_body=True),
    "id",
    {},
    (),
    (RequestSpec("PUT", "/rules/{self}", body={"enabled": False}, has_body=True),),
)
RUN_BODY = RequestSpec("POST", "/rules", body={"note": "{run}"}, has_body=True)
LISTED = RequestSpec("POST", "/rules", body=["{run}"], has_body=True)
MAKE = Endpoint(
    "POST /rules", "POST", "/rules", True, Shape(), Shape(), (), (Case("a", "", (), RUN_BODY, 200),),
    LoadSpec(1, (LISTED,), None, "rule"),
)  # fmt: skip
READ = replace(MAKE, id="GET /rules", load=LoadSpec(1, (), None))
CAMERAS = ReadingSpec("cameras", RequestSpec("GET", "/cameras"), "cameras", "id", ordered=False, shape=Shape())
STATUSES = ReadingSpec("statuses", RequestSpec("POST", "/status"), "", None, ordered=False, shape=Shape())
RULES = ReadingSpec("rules", RequestSpec("GET", "/rules"), "", "id", ordered=True, shape=Shape())
ELSEWHERE = ReadingSpec("elsewhere", RequestSpec("GET", "/search"), "", "id", ordered=True, shape=Shape())
CATALOG = Catalog(
    (MAKE, READ),
    {"camera": CAMERA, "rule": RULE},
    {"cameras": CAMERAS, "statuses": STATUSES, "rules": RULES, "elsewhere": ELSEWHERE},
    {},
)


def seen(*entries: Entry, cameras: Json = None, catalog: Catalog = CATALOG, **readings: Json) -> Survey:
    shown = {**({} if cameras is None else {"cameras": {"cameras": cameras}}), **readings}
    return survey(catalog, entries, shown, PREFIX)


def rule(number: int, *, enabled: bool = True, **fields: Json) -> Json:
    return {"id": number, "enabled": enabled, **fields}


def test_what_was_announced_and_is_there_is_to_be_undone_and_what_is_not_there_is_gone() -> None:
    found = seen(Making("camera", (ONE, TWO)), cameras=[{"id": ONE}, {"id": "stranger"}])
    assert found.to_undo == (Thing("camera", ONE),)
    assert found.gone == (Thing("camera", TWO),)
    assert (found.neutral, found.unknown) == ((), ())


def test_what_no_reading_lists_is_tried() -> None:
    assert seen(Making("camera", (ONE,))).to_undo == (Thing("camera", ONE),)
    assert seen(Making("camera", (ONE,)), cameras="no list").to_undo == (Thing("camera", ONE),)
    assert seen(Made("rule", "7"), elsewhere=[]).to_undo == (Thing("rule", "7"),)


def test_what_was_undone_is_settled_wherever_the_line_stands_and_is_found_again_where_it_is_there_again() -> None:
    lines = (Unmade("camera", ONE), Making("camera", (ONE,)))
    assert seen(*lines, cameras=[]) == Survey((), (), (), ())
    assert seen(*lines, cameras=[{"id": ONE}]).to_undo == (Thing("camera", ONE),)


def test_an_object_of_statuses_shows_what_has_an_id_of_ours_and_never_a_learned_id() -> None:
    found = seen(Making("camera", (ONE,)), Made("rule", "7"), statuses={ONE: {"running": True}, "7": {"name": "x"}})
    assert found.to_undo == (Thing("rule", "7"), Thing("camera", ONE))


def test_look_alikes_are_nobodys_but_told_where_they_bear_the_runs_prefix() -> None:
    longer = f"{ONE}2"
    items: Json = [{"id": longer}, {"id": "gate-1a2b"}, {"id": "gate-ffff-main001-000001"}, {"id": "x", "name": TWO}]
    found = seen(Making("camera", (ONE,)), Making("rule", (ONE,)), cameras=items)
    assert found.to_undo == ()
    assert found.unknown == (f"{longer} in reading 'cameras'", "x in reading 'cameras'")


def test_a_rule_whose_id_nobody_learned_is_known_by_its_name_wherever_the_run_wrote_it() -> None:
    making = Making("rule", (ONE,))
    named: list[Json] = [rule(1, name=ONE), rule(2, name="x", zone={"name": f"{ONE} ✓"}), rule(3, note=f"{ONE}@x")]
    others: list[Json] = [rule(4, name=f"{ONE}0"), rule(5, name="x", zone=ONE), rule(6, name=5), rule(7, name="✓")]
    found = seen(making, rules=[*named, *others])
    assert found.to_undo == tuple(Thing("rule", str(number)) for number in (1, 2, 3))
    assert found.unknown == ("4 in reading 'rules'",)


def test_a_series_of_names_is_known_whatever_its_number() -> None:
    items: list[Json] = [rule(1, name="gate-1a2b-w0-load-17"), rule(2, name="gate-1a2b-w0-load-x"), rule(3, name=ONE)]
    found = seen(Making("rule", ("gate-1a2b-w0-load-*",)), rules=items)
    assert found.to_undo == (Thing("rule", "1"),)
    assert found.unknown == ("2 in reading 'rules'", "3 in reading 'rules'")


def test_a_name_of_one_kind_makes_nothing_of_another_kind_ours() -> None:
    found = seen(Making("camera", (ONE,)), cameras=[], rules=[rule(1, name=ONE)])
    assert found.to_undo == ()
    assert found.unknown == ("1 in reading 'rules'",)


def test_what_shows_that_it_is_neutral_needs_nothing() -> None:
    found = seen(Making("rule", (ONE,)), rules=[rule(1, name=ONE, enabled=False), rule(2, name=ONE)])
    assert (found.neutral, found.to_undo) == ((Thing("rule", "1"),), (Thing("rule", "2"),))
    assert seen(Making("rule", (ONE,)), rules=[{"id": 1, "name": ONE, "enabled": 0}]).neutral == ()


def test_a_rule_that_was_renamed_is_known_by_its_id() -> None:
    renamed = rule(7, name="renamed")
    assert seen(Made("rule", "7"), rules=[renamed]).to_undo == (Thing("rule", "7"),)
    assert seen(Made("rule", "7"), elsewhere=[renamed], rules=[]).gone == (Thing("rule", "7"),)


def test_a_settled_id_that_is_not_as_the_run_left_it_is_somebody_elses_now() -> None:
    lines = (Made("rule", "7"), Unmade("rule", "7"))
    assert seen(*lines, rules=[rule(7, name="reused")]) == Survey((), (), (), ())
    assert seen(*lines, rules=[rule(7, name="renamed", enabled=False)]).neutral == (Thing("rule", "7"),)


def test_what_cannot_show_that_it_is_neutral_is_neutralised_once() -> None:
    silent = replace(RULE, neutralise=(RequestSpec("PUT", "/rules/{self}/off"),))
    catalog = replace(CATALOG, resources={"rule": silent})
    lines = (Making("rule", (ONE,)), Made("rule", "7"))
    assert seen(*lines, rules=[rule(7, name=ONE)], catalog=catalog).to_undo == (Thing("rule", "7"),)
    again = seen(*lines, Unmade("rule", "7"), rules=[rule(7, name=ONE)], catalog=catalog)
    assert (again.to_undo, again.neutral) == ((), (Thing("rule", "7"),))
    raw = replace(RULE, neutralise=(RequestSpec("PUT", "/rules/{self}", raw_body="{}"),))
    assert seen(*lines, rules=[rule(7, name=ONE)], catalog=replace(CATALOG, resources={"rule": raw})).neutral == ()


def test_a_kind_that_the_catalog_does_not_know_is_nobodys() -> None:
    assert seen(Making("zone", (ONE,)), cameras=[]) == Survey((), (), (), ())


def test_readings_of_another_form_show_nothing() -> None:
    assert seen(rules=[1, {"name": ONE}], statuses=[], cameras=None) == Survey((), (), (), ())
    assert not is_readable(CAMERAS, {"other": []})
    assert not is_readable(STATUSES, [])
    assert is_readable(RULES, [])


def test_marks_are_where_a_request_writes_the_name_first() -> None:
    assert marks(CATALOG, "rule") == ("name", "zone.name", "note")
    assert marks(CATALOG, "camera") == ("id",)


def test_leftovers_told_by_the_run_are_held_against_what_was_cleaned_up_since() -> None:
    told = ["camera a (clean-up failed: 503)", "rule 1 (cannot be deleted; neutralised)", "camera b (failed)"]
    cleanup = Cleanup(datetime.now(UTC), ("camera a",), ("rule 1", "rule 2"), ("camera c (503)",))
    assert still_left(told, []) == told
    assert still_left(told, [cleanup]) == [
        "camera b (failed)",
        "rule 1 (cannot be deleted; neutralised)",
        "rule 2 (cannot be deleted; neutralised)",
        "camera c (503)",
    ]


def test_where_states_part_each_side_is_held_against_its_own_readings_whatever_the_ids() -> None:
    lines = (Making("camera", (ONE,)), Making("camera", (ONE,), Arm.CANDIDATE), Made("rule", "7", Arm.CANDIDATE))
    settled = (*lines, Unmade("camera", ONE))
    shown: dict[str, Json] = {"cameras": {"cameras": [{"id": ONE}, {"id": TWO}]}}
    assert [str(thing) for thing in survey(CATALOG, lines, shown, PREFIX).to_undo] == [f"camera {ONE}"]
    candidate = survey(CATALOG, settled, shown, PREFIX, Arm.CANDIDATE)
    assert [str(thing) for thing in candidate.to_undo] == ["rule 7 on candidate", f"camera {ONE} on candidate"]
    assert candidate.unknown == (f"{TWO} in reading 'cameras' on candidate",)
    assert survey(CATALOG, settled, {"cameras": {"cameras": []}}, PREFIX).gone == ()
    assert CATALOG.homes == (Arm.CONTROL,)
    assert replace(CATALOG, separate_state=True).homes == (Arm.CONTROL, Arm.CANDIDATE)


def test_nothing_is_noted_for_a_target_that_is_thrown_away() -> None:
    forget(Making("camera", (ONE,)))
    assert str(Thing("camera", ONE)) == f"camera {ONE}"


def test_the_ids_that_a_reading_shows_are_nobodys_of_ours() -> None:
    spec = ReadingSpec("rules", RequestSpec("GET", "/rules"), "rules", "id", ordered=False, shape=Shape())
    known = keys_shown(spec, {"rules": [{"id": 7}, {"id": "x"}, {"name": "none"}]})
    assert known == {"7", "x"}
    assert keys_shown(spec, []) == frozenset()
    assert may_be_ours("8", known)
    for told in ("7", "", ".", ".."):
        assert not may_be_ours(told, known)
