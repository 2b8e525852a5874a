"""Nothing that steers or hides gets out, and everything else stays."""

from __future__ import annotations

import unicodedata

import pytest

from verification.core.errors import GateError, TargetError
from verification.core.printable import block, visible


def test_no_control_or_format_character_of_unicode_gets_out() -> None:
    steering = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    for code in range(0x110000):
        if (
            unicodedata.category(chr(code)) in steering
            and not 0x600 <= code < 0x920
            and code not in range(0x110BD, 0x1D200)
        ):
            assert visible(chr(code)) != chr(code), hex(code)


def test_values_that_look_alike_can_be_told_apart() -> None:
    values = ["a b", "a\xa0b", "ab", "a\u200bb", "a\xadb", "a\ufeffb"]
    assert len({visible(value) for value in values}) == len(values)
    assert all(visible(value).isprintable() for value in values)


def test_ordinary_text_of_any_language_stays() -> None:
    text = "Überprüfung, 摄像头 камера कैमरा 🎥 'quoted' \\d"
    assert visible(text) == text
    assert block(text) == text


def test_a_block_keeps_its_lines_and_nothing_else() -> None:
    assert block("a\n\tb\r\n\x1b[2J") == "a\n\tb\\r\n\\x1b[2J"
    assert "\n" not in visible("a\nb")


@pytest.mark.parametrize(
    ("character", "shown"), [("\x85", "\\x85"), ("\u202e", "\\u202e"), ("\U000e0001", "\\U000e0001")]
)
def test_a_character_that_hides_is_shown_by_its_code(character: str, shown: str) -> None:
    assert visible(f"a{character}b") == f"a{shown}b"


def test_a_message_for_a_person_steers_no_terminal_whatever_it_quotes() -> None:
    """Whoever catches an error prints it: the command line, pytest, Locust."""
    error = TargetError("it said:\n\x1b[2J\u202e")
    assert str(error) == "it said:\n\\x1b[2J\\u202e"
    assert str(GateError()) == ""
