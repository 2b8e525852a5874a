"""`gate.md`: a CI summary. GitHub drops a summary over 1,024 KiB whole, so this one is cut long before."""

from __future__ import annotations

from verification.core.judge.fields import ABOVE_NOISE
from verification.core.judgement import Judgement
from verification.core.model import Finding, Verdict
from verification.reporting import plain
from verification.reporting.markdown import text
from verification.reporting.matrix import Cell, arrange

MOST_BYTES = 200 * 1024
_MOST_FINDINGS = 60


def render(judgement: Judgement) -> bytes:
    """The page as UTF-8; cut with a note where it would grow too long."""
    manifest, verdict = judgement.manifest, judgement.verdict.value
    lines = [f"# Release gate: {verdict}", "", f"{plain.MEANING[verdict]} **{plain.NEXT_STEP[verdict]}**", ""]
    lines += [f"- {text(reason)}" for reason in judgement.reasons]
    stages = ", ".join(f"{percent} %" for percent in manifest.stages) or "none"
    commit = f", commit {text(manifest.commit[:12])}" if manifest.commit else ""
    facts = (
        f"Target {text(manifest.target)}, stages {stages}, run {text(manifest.run_id)}, seed {manifest.seed}{commit}"
        f", duration {plain.duration(judgement.duration_s)}."
    )
    lines += ["", facts + (" Short run." if manifest.quick else ""), ""]
    lines += _accepted(judgement) + _latency_table(judgement) + _forecast(judgement)
    lines += _parity_table(judgement)
    lines += _drills(judgement) + _beyond_single_calls(judgement) + _findings(judgement)
    if judgement.not_measured:
        lines += ["## Not measured", ""]
        lines += [f"- {text(what)}: {text(why)}" for what, why in judgement.not_measured] + [""]
    if judgement.leftovers:
        lines += [f"{len(judgement.leftovers)} things could not be removed from the target; gate.json names them.", ""]
    return _cut("\n".join(lines))


def _accepted(judgement: Judgement) -> list[str]:
    accepted = [finding for finding in judgement.findings if finding.accepted is not None]
    if not accepted:
        return []
    lines = [f"- {text(f.title)}: {text(f.reason)} (accepted by {text(f.accepted or '')})" for f in accepted]
    return ["## Accepted differences", "", *lines, ""]


def _latency_table(judgement: Judgement) -> list[str]:
    if not judgement.latency:
        return []
    matrix = arrange(judgement)
    heads = ["all stages" if column is None else f"{column} %" for column in matrix.columns]
    lines = ["## P95 change, candidate against control", "", f"| endpoint | {' | '.join(heads)} |"]
    lines.append("|---" + "|--:" * len(heads) + "|")
    for line in matrix.lines:
        cells = [_cell(cell) for cell in line.cells]
        lines.append(f"| {text(line.endpoint or 'all endpoints')} | {' | '.join(cells)} |")
    return [*lines, "", "With ?: a single cell that is not proven and need not be. At 0 % both sides are control.", ""]


def _forecast(judgement: Judgement) -> list[str]:
    if not judgement.forecast:
        return []
    told = [
        f"{row.stage_percent} % {plain.change(row.change)} ({plain.interval(row.low, row.high)})"
        + (", **measured outside**" if row.outside else "")
        for row in judgement.forecast
    ]
    return ["What users are forecast to feel, as a change of the P95: " + "; ".join(told) + ".", ""]


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return ""
    shown = plain.change(cell.row.change.change)
    if cell.weight is None:
        return f"{shown} ?"
    return shown if cell.weight is Verdict.PROMOTE else f"{shown} **{cell.weight.value}**"


def _parity_table(judgement: Judgement) -> list[str]:
    if not judgement.parity:
        return []
    lines = [
        "## Comparison",
        "",
        "| endpoint | cases | equal | different | inconclusive | masked |",
        "|---" + "|--:" * 5 + "|",
    ]
    for row in judgement.parity:
        counts = (row.cases, row.equal, row.different, row.inconclusive, row.masked)
        lines.append(f"| {text(row.endpoint)} | {' | '.join(map(str, counts))} |")
    return [*lines, "", *_pairs(judgement), *_score(judgement), *_witnesses(judgement)]


def _pairs(judgement: Judgement) -> list[str]:
    """What the pairs exclude where they exclude least, and what control itself changes, in one line."""
    bounded = [row for row in judgement.parity if row.excluded_rate is not None]
    weakest = max(bounded, key=lambda row: row.excluded_rate or 0.0, default=None)
    noisy = plain.noisy_fields(judgement)
    above = sum(row.decision == ABOVE_NOISE for row in noisy)
    least = "No rate of differences is excluded"
    if weakest is not None:
        words = plain.excluded(weakest)
        least = f"{words[0].upper()}{words[1:]} ({text(weakest.endpoint)}, the least)"
    fields = "no field differs by itself."
    if noisy:
        fields = f"fields that differ by themselves: {len(noisy)}, more often on the candidate: {above}."
    return [f"{least}; {fields}", ""]


def _score(judgement: Judgement) -> list[str]:
    """How far to believe the comparison, in one line."""
    scored = [score for score in judgement.scores if score.mutants]
    if not scored:
        return []
    mutants, killed = (sum(found) for found in zip(*((one.mutants, one.killed) for one in scored), strict=True))
    lowest = min(scored, key=lambda score: score.share)
    line = (
        f"The comparison saw {plain.count(killed)} of {plain.count(mutants)} generated mistakes; the lowest share is "
        f"{plain.share(lowest.share)} ({text(lowest.endpoint)})."
    )
    return [line, ""]


def _witnesses(judgement: Judgement) -> list[str]:
    """On how many endpoints it is known who served, in one line."""
    rows = judgement.witnesses
    if not rows:
        return []
    agreed = sum(row.verdict is Verdict.PROMOTE for row in rows)
    second = rows[0].check.second
    held = f"held against {text(second)}" if second else "one witness only, no second one is declared"
    return [f"On {agreed} of {len(rows)} endpoints it is known who answered ({held}).", ""]


def _drills(judgement: Judgement) -> list[str]:
    if not judgement.drills:
        return []
    lines = [
        f"- {text(row.name)} at {row.stage_percent} %: {row.verdict.value}, {plain.seconds(row.seconds)}, "
        f"{text(row.detail)}"
        for row in judgement.drills
    ]
    return ["## Ways back", "", *lines, ""]


def _beyond_single_calls(judgement: Judgement) -> list[str]:
    """The rollback certificate, the sequences and the races, a line each."""
    lines = []
    if judgement.certificate:
        cells = [verdict for row in judgement.certificate for verdict in (row.old_then_new, row.new_then_old)]
        safe = sum(verdict is Verdict.PROMOTE for verdict in cells)
        lines.append(f"- rollback certificate: {safe} of {len(cells)} hand-overs between the arms are as control alone")
    if judgement.searches:
        tried = sum(row.examples for row in judgement.searches)
        lines.append(f"- {tried} sequences drawn at random, {len(judgement.counterexamples)} counterexamples")
    if judgement.races:
        strange = sum(row.inadmissible > 0 for row in judgement.races)
        lines.append(f"- {len(judgement.races)} races, {strange} with an outcome that no order of the calls has")
    return ["## Beyond single calls", "", *lines, ""] if lines else []


def _findings(judgement: Judgement) -> list[str]:
    weighty = [f for f in judgement.findings if f.verdict is not Verdict.PROMOTE and f.accepted is None]
    if not weighty:
        return []
    lines = ["## Findings", "", *(line for finding in weighty[:_MOST_FINDINGS] for line in _finding(finding))]
    if len(weighty) > _MOST_FINDINGS:
        lines.append(f"- {len(weighty) - _MOST_FINDINGS} more in gate.json")
    return [*lines, ""]


def _finding(finding: Finding) -> list[str]:
    lines = [f"- **{finding.verdict.value}** {text(finding.rule)}: {text(finding.title)}: {text(finding.reason)}"]
    for place in finding.differences[:5]:
        where = f"{place.where} {place.path}".strip()
        lines.append(f"  - {text(where)} ({text(place.kind)}): {text(place.control)} → {text(place.candidate)}")
    return lines


def _cut(page: str) -> bytes:
    data = page.rstrip().encode("utf-8") + b"\n"
    if len(data) <= MOST_BYTES:
        return data
    note = "\n\nCut here: the rest is in gate.html and gate.json.\n"
    whole_lines = data[: MOST_BYTES - len(note)].rpartition(b"\n")[0]
    return whole_lines + note.encode()
