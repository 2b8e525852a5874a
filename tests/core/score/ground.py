"""An honest backend's evidence: a thing that is switched on, and one that nobody knows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from verification.core.cases import (
    Case,
    Catalog,
    Endpoint,
    KeyedList,
    LoadSpec,
    Mask,
    RaceCall,
    RaceSpec,
    ReadingSpec,
    RequestSpec,
    Shape,
)
from verification.core.model import Answer, Arm, Comparison, Exchange, Probe, Reading, Request
from verification.core.records import RaceRound
from verification.core.score.mutant import Situation

ASK = RequestSpec("PUT", "/things/{thing}")
PUT = "PUT /things/{id}"
PID = Mask("pid", "integer", "a new one each time", "us", minimum=1, maximum=99999, group="pid")
AT = Mask("at", "timestamp", "the moment of the answer", "us", maximum=120)
SHAPE = Shape(
    masks=(PID, AT, Mask("ok", "boolean", "never in force, as ok is critical", "us")),
    keyed=(KeyedList("parts", "id"), KeyedList("steps", "id", ordered=True)),
    multisets=("tags",),
    messages=("text",),
    critical=("ok",),
    ids=(("id", "thing"),),
)
THINGS = ReadingSpec(
    "things",
    RequestSpec("GET", "/things"),
    "items",
    "id",
    ordered=True,
    shape=Shape(masks=(Mask("items.*.at", "timestamp", "its last change", "us", maximum=120, group="changed"),)),
)
RUNS = ReadingSpec("runs", RequestSpec("GET", "/runs"), "", None, ordered=False, shape=Shape(
    masks=(Mask("*.pid", "integer", "a new one each time", "us", minimum=1, group="pid"),)))  # fmt: skip
CASES = (
    Case("on", "", (), ASK, 200),
    Case("again", "", (), ASK, 200),
    Case("parts", "", (), ASK, 200),
    Case("nobody", "", (), ASK, 404),
)
RACE = RaceSpec("meet", "two things switched on at once", (), (RaceCall(PUT, ASK), RaceCall(PUT, ASK)), ("runs",), 1)
ENDPOINT = Endpoint(PUT, "PUT", "/things/{id}", True, SHAPE, Shape(messages=("detail",)), ("things", "runs"), CASES,
                    LoadSpec(1, (ASK,), None))  # fmt: skip
CATALOG = Catalog((ENDPOINT,), {}, {"things": THINGS, "runs": RUNS}, {}, {"meet": RACE})
ARMS = {"control": Arm.CONTROL, "control-again": Arm.CONTROL, "candidate": Arm.CANDIDATE}
NUMBER = {"control": 3, "control-again": 4, "candidate": 5}
EARLY, SERVED = "2026-11-24T04:00:00.1+00:00", {Arm.CONTROL: "legacy", Arm.CANDIDATE: "domain"}


def sent(arm: Arm, body: Any, status: int = 200) -> Exchange:
    text = body if isinstance(body, str) else json.dumps(body)
    headers = (("content-type", "application/json"), ("cache-control", "no-store"))
    return Exchange(arm, Request("PUT", "/x"), Answer(status, headers, text), None, 1.0, SERVED[arm])


def probe(side: str, case: str = "on") -> Probe:
    """The thing that is named is switched on; its neighbour stays as it is."""
    number = NUMBER[side]
    thing, other, pid, now = f"thing-{number}", f"other-{number}", 40 + number, f"2026-11-24T04:10:0{number}.1+00:00"
    answer: Any = {"ok": True, "id": thing, "pid": pid, "at": now, "text": f"{thing} is on", "rate": 0.5, "none": None}
    status, done = 200, True
    if case == "parts":
        answer |= {"parts": [{"id": "a"}, {"id": "b"}], "steps": [{"id": 1}, {"id": 2}], "tags": ["x", "y"]}
        answer |= {"list": ["p", "q"], "empty": [], "nothing": {}, "both": f"{thing} {other}"}
    if case == "nobody":
        answer, status, done = {"detail": "no such thing"}, 404, False
    before = [{"id": thing, "at": EARLY, "on": False}, {"id": other, "at": EARLY, "on": False, "gone": 1}]
    after = [{"id": thing, "at": now, "on": True}, {**before[1]}] if done else before
    idle = {thing: {"pid": 0}, other: {"pid": 90 + number}}
    runs = {thing: {"pid": pid}, other: {"pid": 90 + number}} if done else idle
    readings = []
    for moment, arm in (("before", Arm.CONTROL), ("after", Arm.CONTROL), ("cross", Arm.CANDIDATE)):
        items, running = (before, idle) if moment == "before" else (after, runs)
        readings += [
            Reading("things", moment, sent(arm, {"count": 7 + number, "items": items})),
            Reading("runs", moment, sent(arm, running)),
        ]
    names = (("absent", f"nobody-{number}"), ("run", f"70{number}"), ("thing", thing), ("other", other))
    return Probe(side, names, sent(ARMS[side], answer, status), tuple(readings))


def comparison(case: str = "on") -> Comparison:
    return Comparison(PUT, case, tuple(probe(side, case) for side in ARMS))


def situation(case: str = "on", **changes: Any) -> Situation:
    """The ground of a case; `changes` are those of its answer."""
    found = comparison(case)
    candidate = found.side("candidate")
    assert candidate is not None
    assert candidate.exchange is not None
    assert candidate.exchange.answer is not None
    answer = replace(candidate.exchange.answer, **changes)
    exchange = replace(candidate.exchange, answer=answer)
    return Situation(CATALOG, ENDPOINT, found, replace(candidate, exchange=exchange), exchange, answer)


def round_of(arm: Arm, order: tuple[int, ...] = (), *, done: bool = True, **changes: Any) -> RaceRound:
    """Both things are switched on; with `done` False the second change is not there afterwards."""
    before = {"one": {"on": False}, "two": {"on": False}}
    after = {"one": {"on": True}, "two": {"on": done}}
    readings = (
        Reading("runs", "before", sent(Arm.CONTROL, before)),
        Reading("runs", "after", sent(Arm.CONTROL, after)),
    )
    names = (("first", "one"), ("second", "two"))
    return replace(RaceRound("meet", arm, order, names, (sent(arm, {}), sent(arm, {})), readings), **changes)


RACES = (
    round_of(Arm.CONTROL, (0, 1)),
    round_of(Arm.CONTROL, (1, 0)),
    round_of(Arm.CONTROL),
    round_of(Arm.CANDIDATE),
)
