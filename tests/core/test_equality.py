"""What is equal on one side must be equal on the other, where equality says something, whatever the values are."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.judge.builders import CATALOG, OTHER, THING, UNMASKED, comparison, exchange
from verification.core.cases import Catalog, Mask, Shape
from verification.core.equality import Groups, add, unequal, values_of
from verification.core.model import Arm, Difference, Exchange, Verdict
from verification.core.parity import judge_comparison

PID = Mask("*.pid", "integer", "a new one each start", "us", minimum=1, group="pid")
TIMES = Shape(masks=(Mask("created", "timestamp", "", ""), Mask("updated", "timestamp", "", "")))
NOW, LATER = "2026-11-24T10:00:00.123456+00:00", "2026-11-24T10:00:00.123457+00:00"


def test_only_values_that_a_mask_speaks_of_belong_to_its_group() -> None:
    found = values_of(Shape(masks=(PID,)), {"a": {"pid": 5}, "b": {"pid": 0}, "c": {"pid": None, "at": "x"}})
    assert found == {"pid": {("a", "pid"): b"5"}}


@pytest.mark.parametrize(
    ("predicate", "value", "belongs"),
    [
        ("timestamp", NOW, True),
        ("timestamp", "2026-11-24T10:00:00Z", False),
        ("timestamp", "2026-11-24T10:00:00.123Z", False),
        ("timestamp", "2026-11-24 10:00:00.123456", True),
        ("text", "f00dcafe", True),
        ("text", "f00dcaf", False),
        ("integer", 123456789, False),
        ("number", 0.123456789, False),
        ("boolean", True, False),
    ],
)
def test_without_a_declared_group_only_what_is_hardly_equal_by_chance_counts(
    predicate: str, value: Any, belongs: bool
) -> None:
    found = values_of(Shape(masks=(Mask("a", predicate, "", ""),)), {"a": value})
    assert (found != {}) is belongs


def test_of_a_clock_that_moves_in_steps_nothing_follows_from_equal_times() -> None:
    shape = Shape(masks=(Mask("a", "timestamp", "", "", resolution=0.01),))
    assert values_of(shape, {"a": NOW}) == {}


def groups(**documents: Any) -> Groups:
    found: Groups = {}
    for name, value in documents.items():
        add(found, name, values_of(TIMES, value))
    return found


def times(created: str, updated: str) -> dict[str, str]:
    return {"created": created, "updated": updated}


def test_a_pattern_of_equality_that_is_broken_is_told_with_its_place() -> None:
    found = list(unequal(groups(answer=times(NOW, NOW)), groups(answer=times(NOW, LATER))))
    assert found == [
        Difference("equality", "answer.updated", "no group", "equal to answer.created", "equal to answer.updated")
    ]


def test_a_pattern_holds_across_the_documents_of_a_probe() -> None:
    old = groups(before={"updated": NOW}, after={"updated": NOW})
    new = groups(before={"updated": NOW}, after={"updated": LATER})
    assert [difference.path for difference in unequal(old, new)] in (["after.updated"], ["before.updated"])


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.permutations(range(4)))
def test_other_values_in_the_same_pattern_are_no_difference(pattern: list[int], renamed: list[int]) -> None:
    shape = Shape(masks=(Mask("*", "integer", "", "", group="id"),))
    old, new = (
        {"id": {("x", *k): v for k, v in values_of(shape, side)["id"].items()}}
        for side in (
            {str(place): number for place, number in enumerate(pattern)},
            {str(place): renamed[number] for place, number in enumerate(pattern)},
        )
    )
    assert list(unequal(old, new)) == []


def catalog() -> Catalog:
    endpoints = tuple(
        type(item)(item.id, item.method, item.path, item.writes, TIMES, TIMES, item.reads, item.cases, item.load)
        for item in CATALOG.endpoints
    )
    return Catalog(endpoints, {}, UNMASKED.readings, {})


def sent(arm: Arm, created: str, updated: str) -> Exchange:
    return exchange(arm, {"ok": True, **times(created, updated)})


def judged(control: tuple[str, str], again: tuple[str, str], candidate: tuple[str, str], name: str = THING) -> Any:
    return judge_comparison(
        catalog(),
        comparison(
            sent(Arm.CANDIDATE, *candidate),
            control=sent(Arm.CONTROL, *control),
            again=sent(Arm.CONTROL, *again),
            name=name,
        ),
    )


def test_a_candidate_that_forgets_that_two_moments_are_one_is_held() -> None:
    outcome = judged((NOW, NOW), (LATER, LATER), (NOW, LATER), OTHER)
    assert [(finding.rule, finding.verdict) for finding in outcome.findings] == [("parity.equality", Verdict.HOLD)]


def test_a_control_that_does_so_itself_is_noise() -> None:
    assert judged((NOW, NOW), (NOW, LATER), (NOW, LATER)).noise


def test_two_hundred_honest_pairs_in_whole_seconds_never_alarm() -> None:
    """The clock may turn to the next second between any two moments, on either side."""
    drawn = random.Random(7)  # reproducible, not secret
    for _ in range(200):
        moments = [(f"2026-11-24T10:00:{s:02}Z", f"2026-11-24T10:00:{s + drawn.randint(0, 1):02}Z") for s in (1, 2, 3)]
        outcome = judged(moments[0], moments[1], moments[2])
        assert (outcome.findings, outcome.noise) == ((), ())
