"""Shrinking ends at a sequence of which nothing can be left out, after few trials."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.core.cases import RequestSpec
from verification.core.model import Arm
from verification.core.sequences import Sequence, Step
from verification.drive.shrink import shrink, without

ARMS = st.sampled_from(Arm)


def sequence(names: list[str], routing: list[Arm]) -> Sequence:
    steps = tuple(Step(name, RequestSpec("GET", f"/{name}")) for name in names)
    return Sequence("sequence:x", (), steps, tuple(routing), ())


def holds(found: Sequence, needed: list[tuple[str, Arm | None]]) -> bool:
    """True when the needed steps stand in it in this order, each on its arm where the arm matters."""
    rest = iter(zip((step.title for step in found.steps), found.routing, strict=True))
    return all(any(name == step and wanted in (None, arm) for step, arm in rest) for name, wanted in needed)


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), ARMS), max_size=40),
    st.lists(st.tuples(st.sampled_from("abcdef"), st.just(Arm.CANDIDATE)), min_size=1, max_size=3),
)
def test_only_the_steps_that_matter_are_left(noise: list[tuple[str, Arm]], needed: list[tuple[str, Arm]]) -> None:
    drawn = [*noise, *needed, *noise]
    trials = 0

    def diverges(shorter: Sequence) -> bool:
        nonlocal trials
        trials += 1
        return holds(shorter, list(needed))

    found = shrink(sequence([name for name, _ in drawn], [arm for _, arm in drawn]), diverges)
    assert [(step.title, arm) for step, arm in zip(found.steps, found.routing, strict=True)] == needed
    assert trials <= 40 + 8 * len(drawn)


def test_a_step_that_does_not_need_candidate_goes_to_control() -> None:
    drawn = sequence(list("xaybz"), [Arm.CANDIDATE] * 5)
    found = shrink(drawn, lambda shorter: holds(shorter, [("a", None), ("b", Arm.CANDIDATE)]))
    assert [step.title for step in found.steps] == ["a", "b"]
    assert found.routing == (Arm.CONTROL, Arm.CANDIDATE)


def test_where_each_side_has_a_state_of_its_own_no_step_changes_sides() -> None:
    drawn = sequence(list("xaybz"), [Arm.CANDIDATE] * 5)
    tried: set[Arm] = set()

    def diverges(shorter: Sequence) -> bool:
        tried.update(shorter.routing)
        return holds(shorter, [("a", None), ("b", None)])

    found = shrink(drawn, diverges, separate_state=True)
    assert [step.title for step in found.steps] == ["a", "b"]
    assert tried == {Arm.CANDIDATE}


def test_what_the_trial_raises_ends_the_shrinking() -> None:
    def diverges(_: Sequence) -> bool:
        raise TimeoutError("no time left")

    with pytest.raises(TimeoutError):
        shrink(sequence(["a", "b"], [Arm.CONTROL, Arm.CANDIDATE]), diverges)


def test_steps_are_left_out_with_their_arms() -> None:
    found = without(sequence(list("abc"), [Arm.CONTROL, Arm.CANDIDATE, Arm.CONTROL]), 0, 2)
    assert ([step.title for step in found.steps], found.routing) == (["c"], (Arm.CONTROL,))
