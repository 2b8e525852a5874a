"""Noise proposes the narrowest mask that allows all that was seen, and none where no honest one is known."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.judge.builders import CATALOG, OTHER, THING, UNMASKED, comparison, exchange, probe
from verification.core.cases import Catalog, Mask, Shape
from verification.core.masks import allows
from verification.core.model import Arm, Comparison, Json
from verification.core.proposal import Proposal, propose_masks

ANY_STATUS = replace(
    UNMASKED,
    endpoints=tuple(
        replace(item, cases=tuple(replace(case, status=None) for case in item.cases), error_shape=Shape())
        for item in UNMASKED.endpoints
    ),
)


def noisy(first: Any, second: Any, *, status: int = 200, field: str = "stamp") -> Comparison:
    """Control answers once with the one value and once with the other."""
    old, new = (exchange(Arm.CONTROL, {"ok": True, field: value}, status) for value in (first, second))
    return comparison(exchange(Arm.CANDIDATE), control=old, again=new)


def learned(*comparisons: Comparison, catalog: Catalog = UNMASKED) -> list[Proposal]:
    return list(propose_masks(catalog, comparisons, "us"))


def mask_of(*comparisons: Comparison) -> Mask:
    (proposal,) = learned(*comparisons)
    assert proposal.mask is not None, proposal.objection
    assert (proposal.owner, proposal.part, proposal.path) == (THING, "shape", "stamp")
    return proposal.mask


@pytest.mark.parametrize(
    ("first", "second", "mask"),
    [
        (True, False, Mask("stamp", "boolean", "", "")),
        (3, 900, Mask("stamp", "integer", "", "", minimum=1)),
        (0, 900, Mask("stamp", "integer", "", "", minimum=0)),
        (-3, 900, Mask("stamp", "integer", "", "")),
        (0.5, 1.5, Mask("stamp", "number", "", "", minimum=0)),
        ("2026-11-24T00:00:00Z", "2026-11-24T00:00:02Z", Mask("stamp", "timestamp", "", "", maximum=60)),
        ("2026-11-24T00:00:00Z", "2026-11-24T00:00:20Z", Mask("stamp", "timestamp", "", "", maximum=200)),
        ("17", "4", Mask("stamp", "pattern", "", "", pattern=r"\d+")),
        ("0.25", "-1.5", Mask("stamp", "pattern", "", "", pattern=r"-?\d+\.\d+")),
        ("deadbeef", "0badcafe", Mask("stamp", "pattern", "", "", pattern="[0-9a-f]{8}")),
        ("one", "two", Mask("stamp", "text", "", "")),
    ],
)
def test_the_narrowest_predicate_that_allows_what_was_seen_is_proposed(first: Json, second: Json, mask: Mask) -> None:
    assert replace(mask_of(noisy(first, second)), reason="", owner="") == mask


def test_a_proposal_says_how_often_it_was_seen_and_who_answers_for_it() -> None:
    mask = mask_of(noisy(1, 2), noisy(3, 4), noisy(5, 5))
    assert "in 2 pairs" in mask.reason
    assert mask.owner == "us"


SAME_FORM = st.one_of(
    st.lists(st.integers(), min_size=2, max_size=8, unique=True),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=8, unique_by=repr),
    st.lists(
        st.datetimes().map(lambda at: f"{at:%Y-%m-%dT%H:%M:%S}".rjust(19, "0")), min_size=2, max_size=8, unique=True
    ),
    st.lists(st.text("0123456789abcdef", min_size=8, max_size=8), min_size=2, max_size=8, unique=True),
    st.lists(st.text("abc xyz", min_size=1).filter(str.strip), min_size=2, max_size=8, unique=True),
)


@given(SAME_FORM)
def test_a_proposed_mask_allows_all_that_it_was_learned_from_and_no_other_type(values: list[Any]) -> None:
    pairs = list(zip(values[::2], values[1::2], strict=False))
    (proposal,) = learned(*(noisy(*pair) for pair in pairs))
    if proposal.mask is None:
        assert "would still allow" in (proposal.objection or "")
        return
    for first, second in pairs:
        assert allows(proposal.mask, first, second)
        for other in (None, True, [first], {"a": first}, ""):
            assert not allows(proposal.mask, first, other)


@pytest.mark.parametrize(
    ("first", "second", "objection"),
    [
        (1, "1", "no common type and form"),
        ([1], {"a": 1}, "no common type and form"),
        ("2026-11-24T00:00:00Z", "soon", "would still allow"),
        ("x" * 500, "y" * 500, "too long"),
    ],
)
def test_what_has_no_honest_predicate_gets_no_mask(first: Json, second: Json, objection: str) -> None:
    found = learned(noisy(first, second))
    assert [proposal.mask for proposal in found] == [None] * len(found)
    assert objection in (found[0].objection or "")


def test_an_absent_field_gets_no_mask() -> None:
    old, new = exchange(Arm.CONTROL, {"ok": True, "a": 1}), exchange(Arm.CONTROL, {"ok": True})
    (proposal,) = learned(comparison(exchange(Arm.CANDIDATE), control=old, again=new))
    assert (proposal.mask, "absent" in (proposal.objection or "")) == (None, True)


def test_a_critical_place_gets_no_mask() -> None:
    old, new = exchange(Arm.CONTROL, {"ok": 1}), exchange(Arm.CONTROL, {"ok": 2})
    (proposal,) = learned(comparison(exchange(Arm.CANDIDATE), control=old, again=new))
    assert (proposal.mask, "'ok', which is marked critical" in (proposal.objection or "")) == (None, True)


def test_a_status_or_a_whole_body_gets_no_mask() -> None:
    created = exchange(Arm.CONTROL, status=201)
    status = comparison(exchange(Arm.CANDIDATE), control=exchange(Arm.CONTROL), again=created)
    whole = comparison(
        exchange(Arm.CANDIDATE), control=exchange(Arm.CONTROL, [1]), again=exchange(Arm.CONTROL, {"a": 1})
    )
    for found in (learned(status, catalog=ANY_STATUS), learned(whole)):
        assert [proposal.mask for proposal in found] == [None]
        assert "only a field" in (found[0].objection or "")


def test_what_a_mask_allows_already_is_not_proposed_again() -> None:
    assert learned(noisy("one", "two"), catalog=CATALOG) == []


def test_positions_and_ids_become_a_star_and_places_are_counted_together() -> None:
    bodies = [{"ok": True, "list": [{"at": number}, {"at": -number}]} for number in (1, 2)]
    old, new = (exchange(Arm.CONTROL, body) for body in bodies)
    (proposal,) = learned(comparison(exchange(Arm.CANDIDATE), control=old, again=new))
    assert (proposal.path, proposal.seen) == ("list.*.at", 2)


def test_a_place_in_the_state_belongs_to_its_reading() -> None:
    plain = exchange(Arm.CONTROL)
    sides = zip(("control", "control-again", "candidate"), (1, 2, 3), strict=True)
    probes = tuple(
        probe(side, exchange(Arm.CANDIDATE) if side == "candidate" else plain, ({"id": "a", "n": n},))
        for side, n in sides
    )
    (proposal,) = learned(Comparison(THING, "plain", probes))
    assert (proposal.owner, proposal.part, proposal.path) == (
        "things",
        "shape",
        "items.*.n",
    ) or proposal.path == "items.a.n"


def test_an_error_answer_has_a_shape_of_its_own() -> None:
    (proposal,) = learned(noisy(1, 2, status=404), catalog=ANY_STATUS)
    assert (proposal.owner, proposal.part) == (THING, "error_shape")


def test_proposals_come_in_the_order_of_their_places() -> None:
    found = learned(replace(noisy(1, 2), endpoint=THING), replace(noisy(1, 2), endpoint=OTHER), noisy(1, 2, field="a"))
    assert [(proposal.owner, proposal.path) for proposal in found] == [(OTHER, "stamp"), (THING, "a"), (THING, "stamp")]
    assert json.dumps([proposal.seen for proposal in found]) == "[1, 1, 1]"
