"""The one table of the texts that the suite's reports show, in English and Simplified Chinese.

The table lies beside this file as TOML: `[named]` holds texts that code chooses by a name, in both languages; `[words]`
holds everything else, English -> Chinese, as gettext's catalogs do. What stands in braces is filled in. What a backend
or a person said is no text of ours and is shown as it was said.
"""

# ruff: noqa: RUF001  # Chinese has punctuation of its own

from __future__ import annotations

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

    What is filled in is told only where it is a sentence itself: a name that a backend or a person gave may well be
    a word of the table.
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
    told_of = {name: told(one, lang) if isinstance(one, Said) else one for name, one in sentence.values.items()}
    return words.format(**told_of)
