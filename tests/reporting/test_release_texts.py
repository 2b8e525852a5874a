"""One table holds every text of the release's reports, whole in both languages, and nothing in it is idle."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from tests.reporting.releases import views
from verification.core.judge import figures, release, release_errors, watching
from verification.core.release.events import Decided
from verification.reporting import texts
from verification.reporting.release_report import render_release_html, render_release_md
from verification.reporting.release_status import status_lines
from verification.reporting.release_words import Words
from verification.reporting.texts import LANGUAGES, NAMED, text

SOURCES = [
    Path(str(module.__file__)).read_text(encoding="utf-8") for module in (release, figures, release_errors, watching)
]
RULES = {rule for source in SOURCES for rule in re.findall(r'"([a-z]+\.[a-z0-9]+)"', source)}


def placeholders(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name is not None}


@pytest.mark.parametrize("key", NAMED)
def test_a_text_is_there_in_every_language_with_the_same_places_to_fill_in(key: str) -> None:
    found = NAMED[key]
    assert set(found) == set(LANGUAGES)
    assert all(found.values()) or key == "gap"
    assert placeholders(found["en"]) == placeholders(found["zh"])


def test_the_chinese_texts_are_chinese_and_the_english_ones_are_not() -> None:
    chinese = re.compile("[\u4e00-\u9fff]")
    assert not [key for key, found in NAMED.items() if chinese.search(found["en"])]
    # What joins others, and what is only a sign, has no words.
    wordless = {"language", "pair", "list", "beside", "gap", "of", "feedback.first"}
    assert {key for key, found in NAMED.items() if not chinese.search(found["zh"])} == wordless


def test_every_rule_that_the_judge_of_a_release_names_has_a_name_in_the_table() -> None:
    assert len(RULES) > 15
    assert {f"rule.{rule}" for rule in RULES} == {key for key in NAMED if key.startswith("rule.")}


def test_no_text_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    used = set()

    class Watched(dict[str, object]):
        def __getitem__(self, key: str) -> object:
            used.add(key)
            return super().__getitem__(key)

    monkeypatch.setattr(texts, "NAMED", Watched(NAMED))
    for view in views().values():
        render_release_html(view, "zh")
        render_release_md(view, "zh")
        status_lines(view)
    # One word of a list that every entry has its place in.
    enumerated = {key for key in NAMED if key.startswith(("rule.", "decision.")) or key == "language-name"}
    assert set(NAMED) - used - enumerated == set()


def test_a_decision_has_a_name_whatever_it_is() -> None:
    kinds = Decided.__annotations__["decision"]
    for kind in re.findall(r'"([a-z-]+)"', str(kinds)):
        assert text(f"decision.{kind}", "zh") != text(f"decision.{kind}", "en")


def test_a_rule_without_a_name_is_named_by_its_finding() -> None:
    assert Words("zh").rule("made.up", "Some title") == "Some title"
