"""Sample pages of gate.html, and their elements. `python -m tests.reporting.pages FOLDER` writes them to look at."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from tests.reporting import sample
from verification.core.judgement import Judgement
from verification.core.model import Verdict
from verification.core.records import Evidence
from verification.reporting import gate_html

VOID = frozenset({"meta", "link", "wbr", "br", "img", "input", "hr"})


@dataclass
class Page(HTMLParser):
    """The elements of a page; AssertionError where they do not nest."""

    html: str
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def classes(self, tag: str) -> list[str]:
        return [attributes.get("class") or "" for name, attributes in self.elements if name == tag]


def html(judged: Judgement, evidence: Evidence | None = None) -> str:
    return gate_html.render(judged, evidence or sample.evidence(judged)).decode("utf-8")


def pages() -> dict[str, str]:
    whole = {verdict.value: html(sample.judgement(verdict)) for verdict in Verdict}
    return whole | {"empty": html(sample.empty()), "hostile": html(*sample.hostile())}


if __name__ == "__main__":
    for name, page in pages().items():
        (Path(sys.argv[1]) / f"{name}.html").write_text(page, encoding="utf-8")
