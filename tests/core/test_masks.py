"""A mask is a predicate on both sides: it never hides an absent, null, other-typed or other-formatted value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.core.cases import Mask
from verification.core.masks import PREDICATES, allows, limits, matches, meets


def mask(predicate: str, **arguments: object) -> Mask:
    return Mask("a.b", predicate, "differs by nature", "us", **arguments)  # type: ignore[arg-type]  # the fields named


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("a.b", ("a", "b"), True),
        ("a.*", ("a", "b"), True),
        ("*.0", ("a", 0), True),
        ("a.b", ("a", "b", "c"), False),
        ("a.b", ("a",), False),
        ("", (), True),
        ("id", ("valid",), False),
    ],
)
def test_a_pattern_names_exactly_a_path(pattern: str, path: tuple[str | int, ...], expected: bool) -> None:
    assert matches(pattern, path) is expected


@pytest.mark.parametrize(
    ("rule", "one", "other"),
    [
        (mask("integer"), 1, 2),
        (mask("integer", minimum=1, maximum=9), 1, 9),
        (mask("number"), 1.5, 2.5),
        (mask("text"), "a", "b"),
        (mask("boolean"), True, False),
        (mask("pattern", pattern=r"v\d+"), "v1", "v22"),
        (mask("timestamp"), "2026-11-23T10:00:00Z", "2026-11-23T10:00:05Z"),
        (mask("timestamp", maximum=60), "2026-11-23T10:00:00.123+00:00", "2026-11-23T10:00:30.456+00:00"),
    ],
)
def test_two_values_of_the_same_form_are_allowed(rule: Mask, one: object, other: object) -> None:
    assert allows(rule, one, other)


@pytest.mark.parametrize(
    ("rule", "one", "other"),
    [
        (mask("integer"), 1, 1.0),
        (mask("integer"), 1, True),
        (mask("integer"), 1, "1"),
        (mask("integer"), 1, None),
        (mask("integer", minimum=1), 1, 0),
        (mask("integer", maximum=9), 1, 10),
        (mask("number"), 1.5, 2),
        (mask("text"), "a", " "),
        (mask("text"), "a", None),
        (mask("boolean"), True, 1),
        (mask("pattern", pattern=r"v\d+"), "v1", "v1 and more"),
        (mask("pattern"), "a", "b"),
        (mask("timestamp"), "2026-11-23T10:00:00Z", "2026-11-23T10:00:00+00:00"),
        (mask("timestamp"), "2026-11-23T10:00:00Z", "2026-11-23T10:00:00"),
        (mask("timestamp"), "2026-11-23T10:00:00Z", "2026-11-23 10:00:00Z"),
        (mask("timestamp"), "2026-11-23T10:00:00.123Z", "2026-11-23T10:00:00.123456Z"),
        (mask("timestamp"), "2026-11-23T10:00:00Z", "2026-13-23T10:00:00Z"),
        (mask("timestamp"), "2026-11-23T10:00:00Z", 1763892000),
        (mask("timestamp"), "2026-11-23T10:00:00Z", "soon"),
        (mask("timestamp"), "2026-11-23T10:00:00+00:00", "2026-11-23T10:00:00+0000"),
        (mask("timestamp"), "2026-11-23T10:00:00+00:00", "2026-11-23T11:00:00+01:00"),
        (mask("timestamp"), "2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z "),
        (mask("timestamp"), "2026-11-23T10:00:00Z", "\uff12026-11-23T10:00:00Z"),
        (mask("timestamp"), "2026-11-23T10:00:00Z", ""),
        (mask("timestamp", maximum=60), "2026-11-23T10:00:00Z", "2026-11-23T10:01:01Z"),
    ],
)
def test_another_form_is_never_allowed_on_either_side(rule: Mask, one: object, other: object) -> None:
    assert not allows(rule, one, other)
    assert not allows(rule, other, one)


ANYTHING: st.SearchStrategy[object] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none()) | st.just({})
)


@given(st.sampled_from(sorted(PREDICATES)), ANYTHING, ANYTHING)
def test_no_mask_hides_a_null_a_container_or_another_type(predicate: str, one: object, other: object) -> None:
    rule = mask(predicate, pattern=".*")
    if allows(rule, one, other):
        assert type(one) is type(other)
        assert one is not None
        assert not isinstance(one, list | dict)
        assert meets(rule, one)
        assert meets(rule, other)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (Mask("a", "text", "", ""), ""),
        (Mask("a", "integer", "", "", minimum=1), "at least 1"),
        (Mask("a", "number", "", "", minimum=0, maximum=2.5), "at least 0, at most 2.5"),
        (
            Mask("a", "timestamp", "", "", maximum=120, group="a"),
            "at most 120 s apart, equal where others of 'a' are",
        ),
        (Mask("a", "timestamp", "", ""), ""),
        (Mask("a", "timestamp", "", "", maximum=9, resolution=0.01), "at most 9 s apart, in steps of 0.01 s"),
        (Mask("a", "pattern", "", "", pattern=r"\d+"), r"like \d+"),
    ],
)
def test_a_mask_says_how_narrow_it_is(mask: Mask, words: str) -> None:
    assert limits(mask) == words
