"""Work is done once for each object, never for its look-alike, and a page forgets what it learned."""

from __future__ import annotations

from verification.core.memory import Memory


def test_work_is_done_once_for_the_same_things() -> None:
    memory, answers, thing = Memory(), iter(range(9)), ("thing",)
    assert [memory.once("length", (thing,), lambda: next(answers)) for _ in range(3)] == [0, 0, 0]


def test_another_question_and_another_thing_are_worked_out_anew() -> None:
    memory, one, same = Memory(), [1], [1]
    assert memory.once("first", (one,), lambda: "a") == "a"
    assert memory.once("second", (one,), lambda: "b") == "b"
    assert memory.once("first", (same,), lambda: "c") == "c"


def test_nothing_found_is_remembered_too() -> None:
    memory, answers, thing = Memory(), iter([None, 1]), object()
    assert memory.once("what", (thing,), lambda: next(answers)) is None
    assert memory.once("what", (thing,), lambda: next(answers)) is None


def test_a_thing_is_kept_so_that_no_later_one_takes_its_place() -> None:
    memory = Memory()
    found = [memory.once("what", ([number],), lambda number=number: number) for number in range(200)]  # type: ignore[misc]  # mypy infers no type for a lambda with a default
    assert found == list(range(200))


def test_a_page_knows_what_the_memory_knows_and_leaves_nothing_in_it() -> None:
    memory, old, new = Memory(), object(), object()
    memory.once("what", (old,), lambda: "known")
    page = memory.page()
    assert page.once("what", (old,), lambda: "again") == "known"
    assert page.once("what", (new,), lambda: "learned") == "learned"
    assert page.once("what", (new,), lambda: "again") == "learned"
    assert memory.once("what", (new,), lambda: "fresh") == "fresh"


def test_a_page_of_a_page_knows_what_both_know() -> None:
    memory, old, new = Memory(), object(), object()
    memory.once("what", (old,), lambda: "known")
    page = memory.page()
    page.once("what", (new,), lambda: "learned")
    inner = page.page()
    assert [inner.once("what", (thing,), lambda: "again") for thing in (old, new)] == ["known", "learned"]
