"""The status of a release for the terminal: some twenty lines that no text of anybody else's can steer or flood."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from verification.core.printable import visible
from verification.core.release.amounts import Amount
from verification.core.release.view import ReleaseView, StageProgress
from verification.reporting import plain
from verification.reporting.release_report import reasons_of
from verification.reporting.release_words import Words
from verification.reporting.texts import Lang

COLUMNS = 100
_BAR = 20
_MOST_STAGES = 6
_MOST_STATES = 3
_MOST_REASONS = 3


def status_lines(view: ReleaseView, lang: Lang = "en") -> list[str]:
    """Stages done and to do, what runs, what is there and missing, the verdict, open feedback, what to do next."""
    words = Words(lang)
    lines = [words("list").join((words.said(view.target), words("as-of", at=words.moment(view.now))))]
    lines += [f"  {line}" for line in _stages(view, words)]
    lines += [part for state in words.states(view)[:_MOST_STATES] for part in _wrapped(state, "")]
    if view.stage.began_at is not None:
        verdict = view.judgement.verdict
        meaning = words.pair(words.verdict(verdict), words(f"meaning.{verdict}"))
        lines += ["", words.pair(words.subject(view), meaning)]
        lines += [f"  {_amount(one, view, words)}" for one in view.amounts]
        lines += [f"  {line}" for line in _figures(view, words)]
        lines += [part for reason in reasons_of(view, words, _MOST_REASONS) for part in _wrapped(reason, "  - ")]
    lines += [f"  ! {line}" for line in _open_feedback(view, words)]
    # A command that is cut is none, so it has a line of its own, however long.
    lines += ["", *_wrapped(words.next_head(view) + words("gap") + words.next_step(view), "")]
    return [*map(_fitted, lines), f"  {visible(view.command)}"]


def _stages(view: ReleaseView, words: Words) -> Iterator[str]:
    shown = _around_the_present(view.progress)
    rows = [(words(f"progress.{one.state}"), f"{one.stage.percent} %", *_used(one, words)) for one in shown]
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        state, percent, *rest = (_padded(cell, width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join((state, percent, *rest)).rstrip()


def _around_the_present(progress: Sequence[StageProgress]) -> Sequence[StageProgress]:
    """Not more stages than fit: the one that runs with its neighbours, else the first ones."""
    present = next((place for place, one in enumerate(progress) if one.state == "running"), 0)
    first = max(0, min(present - 2, len(progress) - _MOST_STAGES))
    return progress[first : first + _MOST_STAGES]


def _used(one: StageProgress, words: Words) -> tuple[str, str, str]:
    if one.began_at is None or one.hours is None:
        return words.window(one.stage), "", ""
    span = words("range", low=f"{one.stage.least_hours:g}", high=f"{one.stage.most_hours:g}")
    used = words("hours", count=words("of", there=f"{one.hours:.1f}", needed=span))
    return used, words("since", at=words.moment(one.began_at)), "" if one.verdict is None else one.verdict.value


def _amount(one: Amount, view: ReleaseView, words: Words) -> str:
    full = int(one.share * _BAR)
    name = _padded(words(f"amount.{one.what}"), 24)
    return f"{name} [{'#' * full}{'.' * (_BAR - full)}]  {words.amount(one, view)}"


def _figures(view: ReleaseView, words: Words) -> Iterator[str]:
    """Two on a line, each beside its target."""
    told = [
        words("figure.short", name=words(f"figure.{one.name}"), measured=words.measured(one), target=words.target(one))
        for one in view.judgement.figures
    ]
    for place in range(0, len(told), 2):
        yield words("beside").join(told[place : place + 2])


def _open_feedback(view: ReleaseView, words: Words) -> Iterator[str]:
    """How many are open, and the gravest of them."""
    found = [one.added for one in view.feedback if one.is_open]
    if found:
        first = min(found, key=lambda one: one.severity != "serious")
        told = words(
            "feedback.first",
            id=words.said(first.id),
            severity=words(f"feedback.{first.severity}"),
            text=words.said(first.text),
        )
        yield words("feedback.open-number", count=plain.count(len(found)), first=told)


def _wrapped(line: str, mark: str) -> Iterator[str]:
    """Two lines at most; what is longer is cut at the second one's end."""
    if _width(mark + line) <= COLUMNS:
        yield mark + line
        return
    end = len(line)
    while _width(mark + line[:end]) > COLUMNS:
        # Between words where there are any; Chinese has no spaces.
        space = line.rfind(" ", 0, end)
        end = space if space > COLUMNS // 2 else end - 1
    yield mark + line[:end]
    yield " " * max(2, len(mark)) + line[end:].lstrip()


def _fitted(line: str) -> str:
    """The line within the columns; harmless again, for the texts of many are in it."""
    line = visible(line)
    if _width(line) <= COLUMNS:
        return line
    while _width(line) > COLUMNS - 1:
        line = line[:-1]
    return f"{line}…"


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(line: str) -> int:
    """Columns on a terminal: Chinese signs take two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in line)
