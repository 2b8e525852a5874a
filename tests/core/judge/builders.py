"""Evidence as the rest of the suite would leave it, made by hand: the least that a rule needs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np

from verification.core.cases import Case, Catalog, Endpoint, LoadSpec, Mask, ReadingSpec, RequestSpec, Shape
from verification.core.histogram import TOP_BIN, bin_of
from verification.core.model import Answer, Arm, Comparison, Exchange, Probe, Reading, Request
from verification.core.records import (
    Evidence,
    LoadBlock,
    LoadCell,
    LoadEnd,
    LoadStart,
    LoadWorker,
    Manifest,
    Monitoring,
)

ASK = RequestSpec("GET", "/things/{thing}")
MASK = Mask("stamp", "text", "differs by nature", "us")
SHAPE = Shape(masks=(MASK,), messages=("detail",), critical=("ok",))
READING = ReadingSpec("things", RequestSpec("GET", "/things"), "items", "id", ordered=False, shape=Shape())
CASE = Case("plain", "a plain case", (), ASK, 200)
THING = "GET /things"
OTHER = "GET /others"


def endpoint(name: str = THING) -> Endpoint:
    load = LoadSpec(1.0, (ASK,), None)
    return Endpoint(name, "GET", "/things", True, SHAPE, SHAPE, ("things",), (CASE,), load)


CATALOG = Catalog((endpoint(), endpoint(OTHER)), {}, {"things": READING}, {})
UNMASKED = replace(
    CATALOG,
    endpoints=tuple(replace(item, shape=replace(SHAPE, masks=()), error_shape=Shape()) for item in CATALOG.endpoints),
)
"""The same without its mask, which a run whose cases are all equal would have to use."""


def manifest(expected: tuple[str, ...] = ("load:10",), **changes: Any) -> Manifest:
    plain = Manifest(
        schema="release-gate-evidence/1",
        run_id="r1",
        started_at="2026-11-23T10:00:00+00:00",
        seed=1,
        target="embedded",
        owned=True,
        stages=(10,),
        quick=False,
        expected=expected,
        omitted={},
        versions={},
        host={},
        commit=None,
    )
    return replace(plain, **changes)


def answer(body: Any, status: int = 200) -> Answer:
    return Answer(status, (("content-type", "application/json"),), json.dumps(body))


def exchange(arm: Arm, body: Any = None, status: int = 200, served: str | None = "") -> Exchange:
    named = {Arm.CONTROL: "legacy", Arm.CANDIDATE: "domain"}[arm] if served == "" else served
    return Exchange(arm, Request("GET", "/things/x"), answer(body or {"ok": True}, status), None, 1.0, named)


def silent(arm: Arm) -> Exchange:
    return Exchange(arm, Request("GET", "/things/x"), None, "ConnectError: refused", 1.0, None)


def probe(side: str, sent: Exchange, items: tuple[Any, ...] = (), leftover: tuple[str, ...] = ()) -> Probe:
    before = Reading("things", "before", exchange(Arm.CONTROL, {"items": []}))
    after = Reading("things", "after", exchange(Arm.CONTROL, {"items": list(items)}))
    cross = Reading("things", "cross", exchange(Arm.CANDIDATE, {"items": list(items)}))
    return Probe(side, (), sent, (before, after, cross), leftover=leftover)


def comparison(
    candidate: Exchange, *, control: Exchange | None = None, again: Exchange | None = None, **more: Any
) -> Comparison:
    plain = control or exchange(Arm.CONTROL)
    probes = (
        probe("control", plain),
        probe("control-again", again or plain),
        probe("candidate", candidate, items=more.pop("items", ())),
    )
    return Comparison(more.pop("name", THING), "plain", probes, **more)


def bins(rng: np.random.Generator, requests: int, scale: float, errors: int = 0) -> dict[int, int]:
    found: dict[int, int] = {TOP_BIN: errors} if errors else {}
    for value in 20.0 * scale * np.exp(0.3 * rng.standard_normal(requests - errors)):
        place = bin_of(float(value))
        found[place] = found.get(place, 0) + 1
    return found


def cell(stream: str, hist: dict[int, int], *, name: str = THING, errors: int = 0, **served: int) -> LoadCell:
    requests = sum(hist.values())
    by_default = {"legacy": requests - errors, "domain": 0}
    if stream == "candidate":
        by_default = {"legacy": 0, "domain": requests - errors}
    counts = {"unwitnessed": 0, **by_default, **served}
    return LoadCell(name, stream, requests, errors, 0, intended=hist, sent=hist, server={}, **counts)


def stage(
    percent: int = 10,
    *,
    scale: float = 1.0,
    beside: float = 1.0,
    candidate_errors: int = 0,
    control_errors: int = 0,
    names: tuple[str, ...] = (THING,),
    requests: int = 80,
    blocks: int = 32,
    **candidate_served: int,
) -> tuple[LoadStart, list[LoadBlock], LoadEnd]:
    """A stage of 24 or more mixed, four natural and four control-only blocks. `beside` slows control in mixed ones."""
    rng = np.random.default_rng(7 + percent)
    kinds = ["mixed"] * (blocks - 8) + ["natural"] * 4 + ["control"] * 4
    made = []
    for number, kind in enumerate(kinds):
        cells = []
        for name in names:
            if kind == "mixed":
                served = {"legacy": requests, "domain": 0} if percent == 0 else candidate_served
                control = bins(rng, requests, beside, control_errors)
                slow = bins(rng, requests, scale * beside, candidate_errors)
                cells.append(cell("control", control, name=name, errors=control_errors))
                cells.append(cell("candidate", slow, name=name, errors=candidate_errors, **served))
            elif kind == "natural":
                domain = round(requests * percent / 100)
                hist = bins(rng, requests, 1.0)
                cells.append(cell("natural", hist, name=name, legacy=requests - domain, domain=domain))
            else:
                cells.append(cell("control", bins(rng, requests, 1.0), name=name))
        made.append(LoadBlock(percent, number, kind, "w0", tuple(cells)))
    sent = sum(one.requests for block in made for one in block.cells)
    start = LoadStart(percent, 1, 100.0, 1.0, tuple(kinds), names, 1, "2.47.0")
    end = LoadEnd(percent, sent, sent, 0, (LoadWorker("w0", sent, 0.5, 10.0),), (), (), None)
    return start, made, end


def with_server_times(
    built: tuple[LoadStart, list[LoadBlock], LoadEnd], slower: int = 0
) -> tuple[LoadStart, list[LoadBlock], LoadEnd]:
    """The server tells the same times, those of candidate `slower` bins later."""

    def told(one: LoadCell) -> LoadCell:
        late = slower if one.stream == "candidate" else 0
        return replace(one, server={number + late: count for number, count in one.intended.items()})

    start, blocks, end = built
    return start, [replace(block, cells=tuple(map(told, block.cells))) for block in blocks], end


def load_evidence(*stages: tuple[LoadStart, list[LoadBlock], LoadEnd], **changes: Any) -> Evidence:
    percents = tuple(start.stage_percent for start, _, _ in stages)
    owed = changes.pop("manifest", manifest(tuple(f"load:{percent}" for percent in percents), stages=percents))
    return Evidence(
        owed,
        load_starts=tuple(start for start, _, _ in stages),
        load_blocks=tuple(block for _, blocks, _ in stages for block in blocks),
        load_ends=tuple(end for _, _, end in stages),
        **changes,
    )


METRICS = {
    "timestamp": "t",
    "requests": {},
    "domain_service": {},
    "response_time": {},
    "errors": {},
    "data_consistency": {"consistent": True, "issues_count": 0, "db_count": 3, "yaml_count": 3},
}


def look(moment: str, *, status: str = "healthy", consistency: Any = None, drop: str = "") -> Monitoring:
    health = {"status": status, "timestamp": "t", "checks": {}}
    metrics = {**METRICS, **({} if consistency is None else {"data_consistency": consistency})}
    metrics.pop(drop, None)
    return Monitoring(moment, 10, exchange(Arm.CONTROL, health), exchange(Arm.CONTROL, metrics))
