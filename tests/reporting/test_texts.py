"""One table holds every text that the reports show, in both languages: nothing is missing, nothing is idle."""

# ruff: noqa: RUF001  # Chinese has punctuation of its own

from __future__ import annotations

import ast
import re
import string
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import verification
from verification.core.said import joined, say
from verification.reporting.texts import SHEETS, WORDS, told

CORE = Path(verification.__file__).parent / "core"
CHINESE = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
LETTERS = re.compile("[A-Za-z]{2}")
TOLD = ("reason", "title")
"""What a reader sees of a finding: whatever is given this name in the judge is a sentence of the table."""
PLACES = {"Finding": (2, 3), "_finding": (3,), "void": (1,), "_void": (2,), "add": (2,), "Edit": (1,), "Mutant": (2, 4)}
"""Of what is called: the arguments that a reader sees."""


def filled(words: str) -> set[str]:
    """The places that are filled in, with how they are shown."""
    return {f"{name}:{shown}" for _, name, shown, _ in string.Formatter().parse(words) if name is not None}


def bare(words: str) -> str:
    """The words without the places that are filled in."""
    return "".join(text for text, *_ in string.Formatter().parse(words))


def literals(node: ast.expr) -> Iterator[str]:
    """Every way in which the expression is a text that stands in the source."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*literals(node.body), *literals(node.orelse))
    elif isinstance(node, ast.JoinedStr):
        yield f"an f-string in FILE, line {node.lineno}, forgets what it was made of; use say()"


def sentences(source: str) -> Iterator[str]:
    """What the source says with `say`, and gives as a reason or title."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
            yield from literals(node.args[0])
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield from (
                one for at in PLACES.get(name, ()) for given in node.args[at : at + 1] for one in literals(given)
            )
        elif isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id in TOLD for to in node.targets):
            yield from literals(node.value)


SENTENCES = {
    sentence.replace("FILE", path.name): str(path.relative_to(CORE))
    for path in sorted(CORE.rglob("*.py"))
    for sentence in sentences(path.read_text(encoding="utf-8"))
    if LETTERS.search(bare(sentence))
}


def test_the_judges_sentences_are_found() -> None:
    assert len(SENTENCES) > 100


@pytest.mark.parametrize("sentence", SENTENCES)
def test_every_sentence_of_the_judge_stands_in_the_table(sentence: str) -> None:
    assert sentence in WORDS, f"{SENTENCES[sentence]} says it; texts/judge-*.toml must have it"


@pytest.mark.parametrize("words", WORDS)
def test_a_text_fills_in_the_same_places_in_both_languages(words: str) -> None:
    assert filled(WORDS[words]) == filled(words)


def test_no_text_stands_in_two_sheets() -> None:
    sheets = [tomllib.loads(sheet.read_text(encoding="utf-8")) for sheet in SHEETS]
    held = Counter((section, key) for sheet in sheets for section, texts in sheet.items() for key in texts)
    assert len(sheets) > 2
    assert [key for key, times in held.items() if times > 1] == []


def test_chinese_texts_are_chinese_and_english_ones_are_not() -> None:
    assert not [words for words in WORDS if CHINESE.search(words)]
    assert not [words for words in WORDS.values() if not CHINESE.search(words)]


def test_a_sentence_is_told_with_all_that_stands_in_it() -> None:
    both = joined("; ", [say("at least {low}", low=say("no bounds")), say("{title}: {reason}", title="a", reason="b")])
    assert both == "at least no bounds; a: b"
    assert told(both, "zh") == "至少无界限；a：b"
    assert told(both, "en") == both


def test_what_somebody_else_said_is_told_as_it_was_said() -> None:
    assert told("a word of a backend", "zh") == "a word of a backend"
    assert "candidate" in WORDS
    assert told(say("at least {low}", low="candidate"), "zh") == "至少 candidate"
