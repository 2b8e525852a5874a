"""What a load run measures, made by hand: changes of the P95 and distributions, rich enough for every report."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

from verification.core.judgement import Distribution, LatencyRow
from verification.core.latency import P95Change
from verification.core.model import Verdict

STAGES = (0, 10, 25, 50, 100)
ENDPOINTS = (
    "POST /alerts/rules",
    "PUT /alerts/rules/{rule_id}",
    "POST /cameras/{id}/start",
    "POST /cameras/{id}/deactivate",
    "GET /cameras/{id}/stats",
    "GET /cameras/{id}/logs",
)
RULES, LOGS = ENDPOINTS[0], ENDPOINTS[-1]


def change(
    share: float | None, *, width: float = 0.06, verdict: Verdict = Verdict.PROMOTE, control_ms: float = 61.2
) -> P95Change:
    """A P95 change with its interval; None: nothing is known."""
    known = share is not None
    return P95Change(
        control_p95_ms=control_ms if known else None,
        candidate_p95_ms=control_ms * (1 + share) if share is not None else None,
        change=share,
        low=(1 + share) / (1 + width) - 1 if share is not None else None,
        high=(1 + share) * (1 + width) - 1 if share is not None else None,
        median_change=share,
        control_p99_ms=control_ms * 1.3 if known else None,
        candidate_p99_ms=control_ms * 1.3 * (1 + share) if share is not None else None,
        requests_control=1320 if known else 0,
        requests_candidate=1288 if known else 0,
        blocks=30 if known else 0,
        verdict=verdict,
        reason=f"change {share}",
        missing_per_arm=420 if verdict is Verdict.INCONCLUSIVE else 0,
        z_hold=-4.2,
        z_rollback=-9.9,
        floor_applied=False,
        tail_ratio=0.2,
        testable=known,
        seen="",
        decided_by="sequential" if verdict is not Verdict.INCONCLUSIVE else None,
        decided_after=24 if verdict is not Verdict.INCONCLUSIVE else None,
        e_value=310.0 if verdict is not Verdict.INCONCLUSIVE else None,
    )


def latency(worst: Verdict) -> tuple[LatencyRow, ...]:
    """Rows of all scopes; with a bad verdict one endpoint is slow at 50 %, and one scope has open ends."""
    slow = {Verdict.HOLD: 0.31, Verdict.ROLLBACK: 1.2}.get(worst, 0.02)
    rows = [LatencyRow(percent, None, change(0.011 * index - 0.02)) for index, percent in enumerate(STAGES)]
    rows += [LatencyRow(None, name, change(0.01 * index - 0.03)) for index, name in enumerate(ENDPOINTS)]
    for (row, percent), (column, name) in product(enumerate(STAGES), enumerate(ENDPOINTS)):
        share, verdict = 0.03 * math.sin(row * 3 + column), Verdict.PROMOTE
        if (percent, name) == (50, LOGS):
            share, verdict = slow, worst if worst in (Verdict.HOLD, Verdict.ROLLBACK) else Verdict.PROMOTE
        elif (row + column) % 4 == 3:
            verdict = Verdict.INCONCLUSIVE
        width = 0.25 if verdict is Verdict.INCONCLUSIVE else 0.12
        rows.append(
            LatencyRow(percent, name, change(share, width=width, verdict=verdict, control_ms=20.0 + 9 * column))
        )
    if worst is Verdict.INCONCLUSIVE:
        lost = replace(change(math.inf, verdict=worst), low=-1.0, high=math.inf, candidate_p95_ms=math.inf)
        rows[-1] = LatencyRow(100, LOGS, lost)
        rows[-2] = LatencyRow(100, ENDPOINTS[-2], change(None, verdict=worst))
    return tuple(rows)


def distributions() -> tuple[Distribution, ...]:
    """Two bells on log bins for each stage and two endpoints."""

    def bell(edges: tuple[float, ...], middle: float) -> tuple[float, ...]:
        heights = [math.exp(-((math.log(edge / middle) / 0.3) ** 2) / 2) for edge in edges]
        return tuple(height / sum(heights) for height in heights)

    edges = tuple(5 * 1.2 ** (number / 18) for number in range(250))
    return tuple(
        Distribution(percent, name, edges, bell(edges, 22), bell(edges, 22.5 + percent / 50))
        for percent in STAGES
        for name in (None, RULES, LOGS)
    )
