"""`gate.md` and `gate.zh.md`: a CI summary. GitHub drops one over 1,024 KiB whole, so this one is cut long before."""

from __future__ import annotations

from verification.core.judge.fields import ABOVE_NOISE
from verification.core.judgement import Judgement
from verification.core.model import Finding, Verdict
from verification.core.said import joined, say
from verification.reporting import plain
from verification.reporting.markdown import text
from verification.reporting.matrix import Cell, arrange
from verification.reporting.texts import Lang, quoted, told
from verification.reporting.texts import text as named

MOST_BYTES = 200 * 1024
_MOST_FINDINGS = 60


def file_name(lang: Lang) -> str:
    """How the summary of that language is named in the run's folder."""
    return "gate.md" if lang == "en" else f"gate.{lang}.md"


def render(judgement: Judgement, lang: Lang = "en") -> bytes:
    """The page as UTF-8; cut with a note where it would grow too long."""
    return _Summary(judgement, lang).page()


class _Summary:
    """The parts of the page in one language."""

    def __init__(self, judgement: Judgement, lang: Lang) -> None:
        self._judgement, self._lang = judgement, lang

    def _(self, words: str, **values: object) -> str:
        """A text of the table by its English words; what is filled in is escaped where somebody else said it."""
        return told(say(words, **values), self._lang)

    def _said(self, sentence: str) -> str:
        """A sentence of the judge, which may quote a backend."""
        return text(told(sentence, self._lang))

    def page(self) -> bytes:
        """All parts, the verdict first."""
        judgement, verdict = self._judgement, self._judgement.verdict.value
        head = self._("Release gate: {verdict}", verdict=named(f"verdict.{verdict}", self._lang))
        meaning, next_step = (told(said[verdict], self._lang) for said in (plain.MEANING, plain.NEXT_STEP))
        lines = [f"# {head}", "", f"{meaning} **{next_step}**", ""]
        lines += [f"- {self._said(reason)}" for reason in judgement.reasons]
        lines += ["", self._facts(), ""]
        lines += self._accepted() + self._latency_table() + self._forecast()
        lines += self._parity_table()
        lines += self._drills() + self._beyond_single_calls() + self._findings()
        if judgement.not_measured:
            lines += [f"## {self._('Not measured')}", ""]
            for what, why in judgement.not_measured:
                lines.append(f"- {self._('{what}: {why}', what=text(what), why=self._said(why))}")
            lines.append("")
        if judgement.leftovers:
            words = "{count} things could not be removed from the target; gate.json names them."
            lines += [self._(words, count=len(judgement.leftovers)), ""]
        return self._cut("\n".join(lines))

    def _facts(self) -> str:
        manifest = self._judgement.manifest
        stages = joined(", ", [f"{percent} %" for percent in manifest.stages])
        facts = [
            say("Target {target}", target=text(manifest.target)),
            say("stages {stages}", stages=stages) if stages else say("no stage"),
            say("run {run}", run=text(manifest.run_id)),
            say("seed {seed}", seed=manifest.seed),
        ]
        if manifest.commit:
            facts.append(say("commit {commit}", commit=text(manifest.commit[:12])))
        facts.append(say("duration {duration}", duration=plain.duration(self._judgement.duration_s)))
        if manifest.quick:
            facts.append(say("short run"))
        return told(joined(" · ", facts), self._lang)

    def _accepted(self) -> list[str]:
        accepted = [finding for finding in self._judgement.findings if finding.accepted is not None]
        if not accepted:
            return []
        lines = []
        for found in accepted:
            by = self._("Accepted by {who}", who=self._said(found.accepted or ""))
            lines.append(f"- {self._('{what} ({by})', what=self._pair(found), by=by)}")
        return [f"## {self._('Accepted differences')}", "", *lines, ""]

    def _pair(self, found: Finding) -> str:
        return self._("{title}: {reason}", title=self._said(found.title), reason=self._said(found.reason))

    def _latency_table(self) -> list[str]:
        if not self._judgement.latency:
            return []
        matrix = arrange(self._judgement)
        heads = [self._("All stages") if column is None else f"{column} %" for column in matrix.columns]
        lines = [f"## {self._('P95 change, candidate against control')}", ""]
        lines.append(f"| {self._('Endpoint')} | {' | '.join(heads)} |")
        lines.append("|---" + "|--:" * len(heads) + "|")
        for line in matrix.lines:
            cells = [self._cell(cell) for cell in line.cells]
            lines.append(f"| {text(line.endpoint or self._('All endpoints'))} | {' | '.join(cells)} |")
        note = "With ?: a single cell that is not proven and need not be. At 0 % both sides are control."
        return [*lines, "", self._(note), ""]

    def _cell(self, cell: Cell | None) -> str:
        if cell is None:
            return ""
        shown = told(plain.change(cell.row.change.change), self._lang)
        if cell.weight is None:
            return f"{shown} ?"
        return shown if cell.weight is Verdict.PROMOTE else f"{shown} **{cell.weight.value}**"

    def _forecast(self) -> list[str]:
        if not self._judgement.forecast:
            return []
        rows = []
        for row in self._judgement.forecast:
            change, interval = plain.change(row.change), plain.interval(row.low, row.high)
            words = "{percent} % {change} ({interval})"
            if row.outside:
                words = "{percent} % {change} ({interval}), **measured outside**"
            rows.append(say(words, percent=row.stage_percent, change=change, interval=interval))
        words = "What users are forecast to feel, as a change of the P95: {rows}."
        return [self._(words, rows=joined("; ", rows)), ""]

    def _parity_table(self) -> list[str]:
        if not self._judgement.parity:
            return []
        heads = ("Endpoint", "cases", "equal", "different", "inconclusive", "masked")
        lines = [
            f"## {self._('Comparison')}",
            "",
            f"| {' | '.join(told(head, self._lang) for head in heads)} |",
            "|---" + "|--:" * 5 + "|",
        ]
        for row in self._judgement.parity:
            counts = (row.cases, row.equal, row.different, row.inconclusive, row.masked)
            lines.append(f"| {text(row.endpoint)} | {' | '.join(map(str, counts))} |")
        return [*lines, "", *self._pairs(), *self._score(), *self._witnesses()]

    def _pairs(self) -> list[str]:
        """What the pairs exclude where they exclude least, and what control itself changes, in one line."""
        bounded = [row for row in self._judgement.parity if row.excluded_rate is not None]
        weakest = max(bounded, key=lambda row: row.excluded_rate or 0.0, default=None)
        noisy = plain.noisy_fields(self._judgement)
        above = sum(row.decision == ABOVE_NOISE for row in noisy)
        least = self._("No rate of differences is excluded.")
        if weakest is not None:
            words = "The least is excluded on {endpoint}: {excluded}."
            least = self._(words, endpoint=text(weakest.endpoint), excluded=plain.excluded(weakest))
        fields = self._("No field differs by itself.")
        if noisy:
            words = "Fields that differ by themselves: {count}, more often on the candidate: {above}."
            fields = self._(words, count=len(noisy), above=above)
        return [f"{least}{named('gap', self._lang)}{fields}", ""]

    def _score(self) -> list[str]:
        """How far to believe the comparison, in one line."""
        scored = [score for score in self._judgement.scores if score.mutants]
        if not scored:
            return []
        mutants, killed = (sum(found) for found in zip(*((one.mutants, one.killed) for one in scored), strict=True))
        lowest = min(scored, key=lambda score: score.share)
        words = "The comparison saw {killed} of {mutants} generated mistakes; the lowest share is {share} ({endpoint})."
        counts = {"killed": plain.count(killed), "mutants": plain.count(mutants)}
        return [self._(words, **counts, share=plain.share(lowest.share), endpoint=text(lowest.endpoint)), ""]

    def _witnesses(self) -> list[str]:
        """On how many endpoints it is known who served, in one line."""
        rows = self._judgement.witnesses
        if not rows:
            return []
        counts = {"agreed": sum(row.verdict is Verdict.PROMOTE for row in rows), "asked": len(rows)}
        second = rows[0].check.second
        if second:
            words = "On {agreed} of {asked} endpoints it is known who answered (held against {second})."
            return [self._(words, **counts, second=self._said(second)), ""]
        words = (
            "On {agreed} of {asked} endpoints it is known who answered (one witness only, no second one is declared)."
        )
        return [self._(words, **counts), ""]

    def _drills(self) -> list[str]:
        if not self._judgement.drills:
            return []
        words = "{drill} at {percent} %: {verdict}, {seconds}, {detail}"
        lines = []
        for row in self._judgement.drills:
            counts = {"percent": row.stage_percent, "seconds": plain.seconds(row.seconds)}
            told_of = {"drill": self._said(row.name), "verdict": row.verdict.value, "detail": self._said(row.detail)}
            lines.append(f"- {self._(words, **counts, **told_of)}")
        return [f"## {self._('Ways back')}", "", *lines, ""]

    def _beyond_single_calls(self) -> list[str]:
        """The rollback certificate, the sequences and the races, a line each."""
        judgement, lines = self._judgement, []
        if judgement.certificate:
            cells = [verdict for row in judgement.certificate for verdict in (row.old_then_new, row.new_then_old)]
            safe = sum(verdict is Verdict.PROMOTE for verdict in cells)
            words = "rollback certificate: {safe} of {all} hand-overs between the arms are as control alone"
            lines.append(f"- {self._(words, safe=safe, all=len(cells))}")
        if judgement.searches:
            tried = sum(row.examples for row in judgement.searches)
            words = "{tried} sequences drawn at random, {found} counterexamples"
            lines.append(f"- {self._(words, tried=tried, found=len(judgement.counterexamples))}")
        if judgement.races:
            strange = sum(row.inadmissible > 0 for row in judgement.races)
            words = "{races} races, {strange} with an outcome that no order of the calls has"
            lines.append(f"- {self._(words, races=len(judgement.races), strange=strange)}")
        return [f"## {self._('Beyond single calls')}", "", *lines, ""] if lines else []

    def _findings(self) -> list[str]:
        weighty = [f for f in self._judgement.findings if f.verdict is not Verdict.PROMOTE and f.accepted is None]
        if not weighty:
            return []
        lines = [f"## {self._('Findings')}", ""]
        lines += [line for finding in weighty[:_MOST_FINDINGS] for line in self._finding(finding)]
        if len(weighty) > _MOST_FINDINGS:
            lines.append(f"- {self._('{count} more in gate.json', count=len(weighty) - _MOST_FINDINGS)}")
        return [*lines, ""]

    def _finding(self, finding: Finding) -> list[str]:
        what = self._("{what}: {why}", what=text(finding.rule), why=self._pair(finding))
        lines = [f"- **{finding.verdict.value}** {what}"]
        for place in finding.differences[:5]:
            where = f"{place.where} {place.path}".strip()
            old, new = (text(str(quoted(side, self._lang))) for side in (place.control, place.candidate))
            words = "{where} ({kind}): {change}"
            shown = self._(words, where=text(where), kind=self._said(place.kind), change=f"{old} → {new}")
            lines.append(f"  - {shown}")
        return lines

    def _cut(self, page: str) -> bytes:
        data = page.rstrip().encode("utf-8") + b"\n"
        if len(data) <= MOST_BYTES:
            return data
        note = f"\n\n{self._('Cut here: the rest is in gate.html and gate.json.')}\n".encode()
        whole_lines = data[: MOST_BYTES - len(note)].rpartition(b"\n")[0]
        return whole_lines + note
