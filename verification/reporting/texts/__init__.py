"""The one table of the texts that the suite's reports show, in English and Simplified Chinese.

The table lies beside this file as TOML: `[named]` holds texts that code chooses by a name, in both languages; `[words]`
holds everything else, English -> Chinese, as gettext's catalogs do. What stands in braces is filled in. What a backend
or a person said is no text of ours and is shown as it was said.
"""

# ruff: noqa: RUF001  # Chinese has punctuation of its own

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from verification.core.said import Said

Lang = Literal["en", "zh"]
LANGUAGES: tuple[Lang, ...] = get_args(Lang)

SHEETS = tuple(sorted(Path(__file__).parent.glob("*.toml")))


def _section(name: str) -> dict[str, object]:
    """A section of the table out of all its sheets, no two of which hold the same text: a test holds that."""
    sheets = [tomllib.loads(sheet.read_text(encoding="utf-8")) for sheet in SHEETS]
    return {key: text for sheet in sheets for key, text in sheet.get(name, {}).items()}


NAMED: Mapping[str, Mapping[Lang, str]] = _section("named")  # type: ignore[assignment]  # held by a test
"""Name -> language -> text."""
WORDS: Mapping[str, str] = _section("words")  # type: ignore[assignment]  # held by a test
"""English -> Chinese."""


def text(name: str, lang: Lang, /, **values: object) -> str:
    """A text by its name, filled in; KeyError where the table has none."""
    return NAMED[name][lang].format(**values)


_SIGNS = ((", ", "、"), ("; ", "；"), (": ", "："))
"""What stands between the parts of a sentence that has no words of its own."""


def told(sentence: str, lang: Lang) -> str:
    """A sentence of the judge in that language; text that the table does not know as it stands.

    Only what is known to be ours may be told: a name that a backend or a person gave may well be a word of the table.
    """
    if lang == "en":
        return sentence
    if not isinstance(sentence, Said) or not sentence.values:
        return WORDS.get(sentence, sentence)
    words = WORDS.get(sentence.words)
    if words is None:
        words = sentence.words
        for sign, ours in _SIGNS:
            words = words.replace(sign, ours)
    return _filled(words, {name: quoted(value, lang) for name, value in sentence.values.items()})


def quoted(value: object, lang: Lang) -> object:
    """What stands in a sentence or beside one: told where it is a sentence itself, else as somebody else said it."""
    return told(value, lang) if isinstance(value, Said) else value


_CHINESE = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")


def _filled(words: str, values: Mapping[str, object]) -> str:
    """As `str.format`, without the space that parts Chinese from a number or a name where a value is Chinese itself."""
    fill, made = string.Formatter(), ""
    for literal, name, shown, conversion in fill.parse(words):
        if literal.startswith(" ") and _CHINESE.match(made[-1:]) and _CHINESE.match(literal[1:]):
            literal = literal[1:]  # noqa: PLW2901
        value = ""
        if name is not None:
            given, _ = fill.get_field(name, (), values)
            value = fill.format_field(fill.convert_field(given, conversion), shown or "")
        if literal.endswith(" ") and _CHINESE.match(literal[-2:]) and _CHINESE.match(value):
            literal = literal[:-1]  # noqa: PLW2901
        made += literal + value
    return made
