"""What a backend says of its own address is the same on two addresses; what it says of another one is not."""

from __future__ import annotations

import pytest

from verification.core.address import without_own_address

HERE = "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://127.0.0.1:8000/things?page=2", "«address»/things?page=2"),
        ('<http://127.0.0.1:8000/things>; rel="next"', '<«address»/things>; rel="next"'),
        ('{"next": "http:\\/\\/127.0.0.1:8000\\/things"}', '{"next": "«address»\\/things"}'),
        ("HTTP://127.0.0.1:8000", "«address»"),
        ("ws://127.0.0.1:8000/events", "«address»/events"),
        ("see http://127.0.0.1:8000.", "see «address»."),
        ("http://127.0.0.1:80001/things", "http://127.0.0.1:80001/things"),
        ("http://127.0.0.1:8001/things", "http://127.0.0.1:8001/things"),
        ("http://127.0.0.1/things", "http://127.0.0.1/things"),
        ("/things", "/things"),
    ],
)
def test_the_address_that_was_asked_is_replaced_and_no_other(text: str, said: str) -> None:
    assert without_own_address(text, HERE) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://example.org/v1/things", "«address»/things"),
        ("http://example.org/v2/things", "http://example.org/v2/things"),
        ("http://example.org/v10/things", "http://example.org/v10/things"),
        ("http://example.org.uk/v1", "http://example.org.uk/v1"),
        ("http:\\/\\/example.org\\/v1\\/things", "«address»\\/things"),
    ],
)
def test_a_base_path_belongs_to_the_address_and_credentials_do_not(text: str, said: str) -> None:
    assert without_own_address(text, "http://me:secret@example.org/v1/") == said


def test_a_name_goes_on_after_a_dot_and_a_port_after_a_colon() -> None:
    for other in (
        "http://example.org.uk/",
        "http://example.org:8000/",
        "http://example.org-x/",
        "http://example.org@x/",
    ):
        assert without_own_address(other, "http://example.org") == other


@pytest.mark.parametrize("asked", ["https://example.org", "https://example.org:443"])
@pytest.mark.parametrize("said", ["https://example.org/a", "https://example.org:443/a"])
def test_the_usual_port_may_be_left_out_on_either_side(asked: str, said: str) -> None:
    assert without_own_address(said, asked) == "«address»/a"
