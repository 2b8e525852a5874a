"""Probes of a start that gives a camera a pid, and what is judged of three of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from verification.core.cases import Case, Catalog, Endpoint, LoadSpec, Mask, ReadingSpec, RequestSpec, Shape
from verification.core.model import Answer, Arm, Comparison, Exchange, Probe, Reading, Request, Verdict
from verification.core.outcome import CaseOutcome
from verification.core.parity import judge_comparison

ASK = RequestSpec("POST", "/cameras/{camera}/start")
PID = Mask("pid", "integer", "a new one each start", "us", minimum=1, group="pid")
PIDS = Mask("*.pid", "integer", "a new one each start", "us", minimum=1, group="pid")
STATUSES = ReadingSpec("statuses", RequestSpec("POST", "/s"), "", None, ordered=False, shape=Shape(masks=(PIDS,)))
SHAPE = Shape(masks=(PID,), messages=("text",), critical=("running",))
ERROR = Shape(messages=("detail",))
CASES = (Case("known", "", (), ASK, 200), Case("unknown", "", (), ASK, 404), Case("derived", "", (), ASK, None, True))
ENDPOINT = Endpoint(
    "POST /start", "POST", "/start", True, SHAPE, ERROR, ("statuses",), CASES, LoadSpec(1, (ASK,), None)
)
CATALOG = Catalog((ENDPOINT,), {}, {"statuses": STATUSES}, {})
ARMS = {"control": Arm.CONTROL, "control-again": Arm.CONTROL, "candidate": Arm.CANDIDATE}
SERVED = {Arm.CONTROL: "legacy", Arm.CANDIDATE: "domain"}


def sent(arm: Arm, body: Any, status: int = 200, **changes: Any) -> Exchange:
    text = body if isinstance(body, str) else json.dumps(body)
    made = Exchange(arm, Request("POST", "/x"), Answer(status, (), text), None, 1.0, SERVED[arm])
    return replace(made, **changes)


def probe(side: str, body: Any = None, *, pid: int = 40, status: int = 200, **changes: Any) -> Probe:
    """A start that gives the camera a pid: the answer names it, the readings show it."""
    name = f"gate-{side}"
    answer = {"running": True, "pid": pid, "id": name} if body is None else body
    before = changes.pop("before", {name: {"pid": 0}})
    after = changes.pop("after", {name: {"pid": pid}})
    cross = changes.pop("cross", after)
    exchange = sent(ARMS[side], answer, status, **changes)
    readings = (
        Reading("statuses", "before", sent(Arm.CONTROL, before)),
        Reading("statuses", "after", sent(Arm.CONTROL, after)),
        Reading("statuses", "cross", sent(Arm.CANDIDATE, cross)),
    )
    return Probe(side, (("camera", name),), exchange, readings)


def judged(
    candidate: Probe, *, control: Probe | None = None, again: Probe | None = None, case: str = "known"
) -> CaseOutcome:
    first = control or probe("control", pid=40)
    second = again or probe("control-again", pid=41)
    return judge_comparison(CATALOG, Comparison("POST /start", case, (second, candidate, first)))


def rules(outcome: CaseOutcome) -> list[tuple[str, Verdict]]:
    return [(finding.rule, finding.verdict) for finding in outcome.findings]


def candidate(**changes: Any) -> Probe:
    return probe("candidate", pid=42, **changes)


def answer(**changes: Any) -> Probe:
    return candidate(body={"running": True, "pid": 42, "id": "gate-candidate"} | changes)
