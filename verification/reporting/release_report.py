"""The execution report of a stage, as Markdown and as a page; both say the same in the same order.

A reader who knows only the plan finds percent, window, the four figures, the verdict and what to do next at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from verification.core.model import Verdict
from verification.core.release.judgement import Figure
from verification.core.release.view import ReleaseView
from verification.reporting import plain
from verification.reporting.markdown import code
from verification.reporting.markdown import text as escaped
from verification.reporting.page import environment
from verification.reporting.release_words import Words
from verification.reporting.texts import Lang

MOST_ROWS = 60
"""Of steps, findings and feedback each; how many more there are is told."""
MOST_TARGET = 120
"""Characters of the target's address."""
_MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class Fact:
    """A short fact of the first screen. `share`: how much of what is needed is there, from 0 to 1."""

    name: str
    value: str
    note: str = ""
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under their heads; a verdict, where a row has one, is its last cell."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    verdicts: tuple[Verdict | None, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """The report in words of one language, not escaped yet."""

    verdict: Verdict
    kicker: str
    meaning: str
    states: tuple[str, ...]
    facts: tuple[Fact, ...]
    figures: Table
    missing: str
    reasons: tuple[str, ...]
    """What decides the verdict, shortly."""
    progress: Table
    steps: Table
    findings: Table
    feedback: Table


def report_of(view: ReleaseView, words: Words) -> Report:
    """Everything that the report says."""
    judgement = view.judgement
    target, as_of = words.said(view.target, MOST_TARGET), words("as-of", at=words.moment(view.now))
    return Report(
        verdict=judgement.verdict,
        kicker=" · ".join((words("report"), words.subject(view), target, as_of)),
        meaning=words(f"meaning.{judgement.verdict}"),
        states=tuple(words.states(view)),
        facts=_facts(view, words),
        figures=_figures(judgement.figures, words),
        missing=words.missing(view) if view.amounts else "",
        reasons=reasons_of(view, words, _MOST_REASONS),
        progress=_progress(view, words),
        steps=_steps(view, words),
        findings=_findings(view, words),
        feedback=_feedback(view, words),
    )


def reasons_of(view: ReleaseView, words: Words, most: int) -> tuple[str, ...]:
    """Why the verdict is no better; what is only missing is told elsewhere."""
    verdict = view.judgement.verdict
    weighing = [one for one in view.judgement.findings if one.verdict is verdict and one.rule != "release.missing"]
    if verdict is Verdict.PROMOTE:
        return ()
    return tuple(map(words.reason, weighing[:most]))


def _facts(view: ReleaseView, words: Words) -> tuple[Fact, ...]:
    percent = Fact(words("percent"), f"{view.stage.percent} %")
    planned, hours = view.planned, view.hours
    if hours is None:
        return (percent, Fact(words("window"), words("none")))
    window = words.hours(hours)
    if planned is not None:
        span = words("range", low=f"{planned.least_hours:g}", high=f"{planned.most_hours:g}")
        window = words("hours", count=words("of", there=f"{hours:.1f}", needed=span))
    facts = [percent]
    for one in view.amounts:
        if one.what == "hours":
            since = words("since", at=words.moment(view.stage.began_at))
            facts.append(Fact(words("window"), window, since, one.share))
        else:
            facts.append(Fact(words(f"amount.{one.what}"), words.amount(one, view), share=one.share))
    return tuple(facts) if view.amounts else (percent, Fact(words("window"), window))


def _figures(figures: Sequence[Figure], words: Words) -> Table:
    heads = tuple(words(key) for key in ("figure", "measured", "bounds", "target", "threshold", "verdict"))
    rows = tuple(
        (
            words(f"figure.{one.name}"),
            words.measured(one),
            words.bounds(one),
            words.target(one),
            words.threshold(one),
            words.verdict(one.verdict),
        )
        for one in figures
    )
    return Table(heads, rows, tuple(one.verdict for one in figures))


def _progress(view: ReleaseView, words: Words) -> Table:
    heads = tuple(words(key) for key in ("stage", "state", "plan", "used", "amount.looks", "began", "ended", "verdict"))
    rows = []
    for one in view.progress:
        looks = "" if one.looks is None else words.looks(one.looks)
        used = words.hours(one.hours), looks, words.moment(one.began_at), words.moment(one.ended_at)
        state = words(f"progress.{one.state}")
        rows.append((f"{one.stage.percent} %", state, words.window(one.stage), *used, words.verdict(one.verdict)))
    return Table(heads, tuple(rows), tuple(one.verdict for one in view.progress))


def _steps(view: ReleaseView, words: Words) -> Table:
    heads = tuple(words(key) for key in ("when", "what", "line"))
    shown = view.steps
    if len(shown) > MOST_ROWS:
        # How it began and how it ended say the most.
        shown = (*shown[: MOST_ROWS // 2], *shown[-MOST_ROWS // 2 :])
    rows = tuple((words.moment(one.at), words.step(one), plain.count(one.number)) for one in shown)
    return Table(heads, rows, left_out=len(view.steps) - len(shown))


def _findings(view: ReleaseView, words: Words) -> Table:
    heads = tuple(words(key) for key in ("findings", "why", "verdict"))
    found = [
        (words.rule(one.rule, one.title), words.finding(one.title, one.reason), one.verdict)
        for one in view.judgement.findings
        if one.rule != "release.missing"
    ]
    for one in view.gone:
        head = words.pair(words.rule(one.rule, one.title), words("findings.gone"))
        found.append((head, words.finding(one.title, one.reason), one.verdict))
    rows = tuple((head, why, words.verdict(verdict)) for head, why, verdict in found[:MOST_ROWS])
    return Table(heads, rows, tuple(verdict for _, _, verdict in found[:MOST_ROWS]), max(0, len(found) - MOST_ROWS))


def _feedback(view: ReleaseView, words: Words) -> Table:
    names = ("when", "feedback", "feedback.text", "feedback.source", "feedback.endpoint", "state")
    # What is open, the serious first, is what somebody must still do something about.
    order = sorted(view.feedback, key=lambda one: (not one.is_open, one.added.severity != "serious"))
    rows = tuple(
        (
            words.moment(one.at),
            words.pair(words(f"feedback.{one.added.severity}"), words.said(one.added.id)),
            words.said(one.added.text),
            words.said(one.added.source),
            words.said(one.added.endpoint or words("none")),
            words.became_of(one),
        )
        for one in order[:MOST_ROWS]
    )
    return Table(tuple(words(key) for key in names), rows, left_out=max(0, len(order) - MOST_ROWS))


def render_release_html(view: ReleaseView, lang: Lang) -> str:
    """The page: self-contained, no script, every text escaped."""
    words = Words(lang)
    page = environment().get_template("release.html.j2")
    return page.render(r=report_of(view, words), view=view, t=words)


def render_release_md(view: ReleaseView, lang: Lang) -> str:
    """The same as Markdown, for a pull request or a summary."""
    words = Words(lang)
    report = report_of(view, words)
    next_step = f"**{words.next_head(view)}** {words.next_step(view)} {code(view.command)}"
    lines = [f"# {words.verdict(report.verdict)}", "", escaped(report.kicker), "", f"{report.meaning} {next_step}", ""]
    lines += [*_items(report.states), ""]
    facts = [words.pair(one.name, " · ".join(filter(None, (one.value, one.note)))) for one in report.facts]
    lines += [*_items(facts), ""]
    lines += _section(words("figures"), _table(report.figures, view, words, words("no-figures")))
    if report.missing or report.reasons:
        lines += _section(words("why"), _items([*report.reasons, *filter(None, [report.missing])]))
    lines += _section(words("progress"), _table(report.progress, view, words, words("none")))
    lines += _section(words("done"), _table(report.steps, view, words, words("none")))
    note = words("findings.note")
    lines += _section(words("findings"), [note, "", *_table(report.findings, view, words, words("findings.none"))])
    lines += _section(words("feedback"), _table(report.feedback, view, words, words("feedback.none")))
    lines += _section(words("decision"), [*_items(words.decision(view)), "", next_step])
    return "\n".join([*lines, escaped(words.ledger(view)), ""])


def _section(head: str, lines: Iterable[str]) -> list[str]:
    return [f"## {head}", "", *lines, ""]


def _items(lines: Iterable[str]) -> list[str]:
    return [f"- {escaped(line)}" for line in lines]


def _table(table: Table, view: ReleaseView, words: Words, empty: str) -> list[str]:
    if not table.rows:
        return [empty]
    rows = [_row(table.heads), "|" + "---|" * len(table.heads), *map(_row, table.rows)]
    return [*rows, "", escaped(words.more(table.left_out, view))] if table.left_out else rows


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(escaped, cells))} |"
