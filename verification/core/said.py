"""Sentences of the judge: English text that still knows the words and the values it was made of.

A reader of another language is told the same sentence from a table; gate.json, ledger and terminal have the English.
The table is keyed by the words with their braces, as gettext's catalogs are keyed by their message.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self


class Said(str):
    """A sentence in English, with the words (`{count} of {total} answers …`) and the values that stand in them.

    A value may itself be `Said`. Whatever treats it as text, an f-string too, gets plain text and forgets the rest.
    """

    __slots__ = ("values", "words")
    words: str
    values: dict[str, object]

    def __new__(cls, text: str, words: str | None = None, values: dict[str, object] | None = None) -> Self:
        made = super().__new__(cls, text)
        made.words = text if words is None else words
        made.values = values or {}
        return made

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self  # nothing in it ever changes


def say(words: str, /, **values: object) -> Said:
    """The words filled in; KeyError where a value is missing, as `str.format` has it."""
    return Said(words.format(**values), words, values)


def joined(separator: str, parts: Iterable[str]) -> Said:
    """The parts one after the other, as `separator.join(parts)`, each still known."""
    values: dict[str, object] = {f"p{number}": part for number, part in enumerate(parts)}
    return say(separator.replace("{", "{{").replace("}", "}}").join(f"{{{name}}}" for name in values), **values)
