"""No text stands in a template or a writer of the gate's reports that the table does not have."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

import verification
from tests.reporting import sample
from tests.reporting.test_texts import LETTERS, bare, literals
from verification.core.cases import Catalog
from verification.core.judge import judge
from verification.core.policy import Policy
from verification.core.records import Evidence
from verification.reporting import gate_html, plain
from verification.reporting.texts import WORDS

REPORTING = Path(verification.__file__).parent / "reporting"
TEMPLATES = sorted(REPORTING.glob("templates/*.j2"))
WRITERS = [REPORTING / f"{name}.py" for name in ("detail", "gate_html", "gate_md", "plain")]
SAME = {"P95", "P99"}
"""What is called the same in every language."""
HIDDEN = ("style", "code", "title")


def constants(node: nodes.Node) -> Iterator[str]:
    """Texts as they stand in a template's expression."""
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, nodes.CondExpr):
        yield from constants(node.expr1)
        if node.expr2 is not None:
            yield from constants(node.expr2)


def template_texts(source: str) -> Iterator[str]:
    """What the template takes from the table by its English words."""
    for call in Environment(autoescape=True).parse(source).find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in {"_", "_n"}:
            given = call.args[:1] if call.node.name == "_" else call.args[1:]
            yield from (text for one in given for text in constants(one))


def writer_texts(source: str) -> Iterator[str]:
    """What the writer says by its English words, given where they are used or as `words`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in {"say", "told", "_"}:
                yield from literals(node.args[0])
        elif isinstance(node, ast.Assign):
            names = {to.id for to in node.targets if isinstance(to, ast.Name)}
            if names & {"words", "note", "title"}:
                yield from literals(node.value)
            elif "heads" in names and isinstance(node.value, ast.Tuple):
                yield from (text for one in node.value.elts for text in literals(one))


def answers(source: str) -> Iterator[str]:
    """Words that a function gives back as they stand, beside numbers that it forms."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Constant | ast.IfExp):
            yield from (text for text in literals(node.value) if not text.startswith("an f-string"))


PLAIN = Path(str(plain.__file__))
SPOKEN = {
    text: path.name
    for path, texts in [
        *((path, template_texts(path.read_text(encoding="utf-8"))) for path in TEMPLATES),
        *((path, writer_texts(path.read_text(encoding="utf-8"))) for path in WRITERS),
        (PLAIN, answers(PLAIN.read_text(encoding="utf-8"))),
        (PLAIN, (*plain.MEANING.values(), *plain.NEXT_STEP.values(), *plain.DECISIONS.values())),
    ]
    for text in texts
    if LETTERS.search(bare(text)) and text not in SAME
}


@pytest.mark.parametrize("text", SPOKEN)
def test_every_text_of_the_gates_reports_stands_in_the_table(text: str) -> None:
    assert text in WORDS, f"{SPOKEN[text]} shows it; texts/gate.toml must have it"


class Raw(HTMLParser):
    """Text and labels that stand in a page as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside.append(tag)
        self.found += [value or "" for name, value in attrs if name in {"data-label", "aria-label", "title", "alt"}]

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            del self._inside[len(self._inside) - 1 - self._inside[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        if not set(self._inside) & set(HIDDEN):
            self.found.append(data)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_holds_a_text_of_its_own(path: Path) -> None:
    page = Raw()
    # What Jinja fills in, and whether, is not the template's own text.
    page.feed(re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL))
    words = {word for text in page.found for word in re.findall(r"[A-Za-z][A-Za-z0-9]+", text)}
    assert words <= SAME


@pytest.mark.parametrize("name", judge(Evidence(sample.manifest()), Catalog((), {}, {}, {}), Policy()).thresholds)
def test_every_threshold_has_a_name_in_both_languages(name: str) -> None:
    assert name.replace("_percent", ", %").replace("_ms", ", ms").replace("_", " ") in WORDS


def test_the_gates_texts_are_found() -> None:
    assert len(SPOKEN) > 150
    assert gate_html.file_name("en") == "gate.html"
