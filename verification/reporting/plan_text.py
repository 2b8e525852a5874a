"""A plan as lines of text: all of it, or what it writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from verification.core.plan import PARTS, Plan, Row
from verification.reporting.plain import visible


def plan_lines(plan: Plan, target: str, ready: str) -> list[str]:
    """Every request of the plan, part by part; nothing in the lines can steer a terminal."""
    lines = [f"plan for {target}: what a run would send. Nothing is sent now.", *_WORDS]
    lines.append(f"Around each step GET {ready} asks whether the target is there.")
    rows = [*plan.most, *plan.drawn]
    for part in PARTS:
        own = sorted({row for row in rows if row.part == part}, key=lambda row: (row.path, row.method, row.arm))
        notes = plan.notes.get(part, ())
        if own or notes:
            lines += ["", part, *(f"  {note}" for note in notes), *(_row(plan, row) for row in own)]
    total, most = sum(plan.times.values()), sum(plan.most.values())
    writing = sum(count for row, count in plan.most.items() if row.writes)
    lines += ["", f"{_range(total, most)} requests, at most {writing} of which write; what is drawn comes on top"]
    return [visible(line) for line in (*lines, *_left(plan))]


_WORDS = (
    "Counts are for all going well and, after `to`, at most; `drawn` stands for a chance and not a number.",
    "Twins stand as {placeholders}; `W` marks what writes.",
)


def writing_lines(plan: Plan, target: str) -> list[str]:
    """What the plan writes, in short: how often each endpoint is asked, what is made, and what stays."""
    counts: Counter[tuple[str, str]] = Counter()
    drawn = {(row.method, row.route) for row in plan.drawn if row.writes}
    for row, count in plan.most.items():
        if row.writes:
            counts[row.method, row.route] += count
    lines = [f"this run will write to {target}:"]
    for method, route in sorted({*counts, *drawn}, key=lambda pair: (pair[1], pair[0])):
        told = [f"at most {counts[method, route]}"] if counts[method, route] else []
        told += ["drawn"] if (method, route) in drawn else []
        lines.append(f"  {' and '.join(told):>22}  {method:<6} {route}")
    return [visible(line) for line in (*lines, *_left(plan))]


def left_out_lines(omitted: Mapping[str, str]) -> list[str]:
    """What the run does not ask by decision, and why."""
    lines = [f"  {key}: {reason}" for key, reason in sorted(omitted.items())]
    return [visible(line) for line in ("", "left out", *lines)] if lines else []


def _row(plan: Plan, row: Row) -> str:
    many = _range(plan.times[row], plan.most[row]) if row in plan.most else "drawn"
    return f"  {'W' if row.writes else ' '} {many:>14}  {row.arm:<9}  {row.method:<6} {row.path}"


def _range(times: int, most: int) -> str:
    return str(times) if times == most else f"{times} to {most}"


def _left(plan: Plan) -> Iterable[str]:
    for resource, many in sorted(plan.makes.items()):
        stays = resource in plan.stays
        end = "cannot be deleted and stay, neutralised" if stays else "are removed again"
        yield f"{resource}: at most {many} are made, and {end}; those of drawn sequences come on top"
