"""Judgements and evidence made by hand, rich enough that every part of a report has something to show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date
from enum import Enum
from typing import Any, TypeVar, cast

from tests.reporting.measured import ENDPOINTS, LOGS, RULES, STAGES, distributions, latency
from verification.core.cases import RequestSpec, Twin
from verification.core.judgement import (
    CaseResult,
    CertificateRow,
    Counterexample,
    DrillRow,
    EndpointParity,
    ExposureRow,
    FieldParity,
    ForecastRow,
    Judgement,
    KneeRow,
    LoadRow,
    MaskUse,
    PopulationRow,
    RaceRow,
    RateRow,
    SearchRow,
    WitnessRow,
)
from verification.core.model import (
    Answer,
    Arm,
    Comparison,
    Difference,
    Exchange,
    Finding,
    MaskedDifference,
    Probe,
    Reading,
    Request,
    Verdict,
)
from verification.core.paired import FieldTest
from verification.core.rates import RateBound
from verification.core.records import Evidence, Manifest, WitnessCheck
from verification.core.score.result import ComparatorScore, LeftOut, Survivor
from verification.core.sequences import Sequence, Step

T = TypeVar("T")
HOSTILE = (
    "</script></style></title>--><script>alert(1)</script><img src=x onerror=alert(1)>\"'`{{ 7*7 }}{% raw %}"
    "\n| # [x](javascript:alert(1)) ]]> &amp; $(id) \x00\x07\x1b[2J\x1b]0;owned\x07\x85\u2028\u202e\ud800\ufffe\ufeff "
    "https://evil.example/x @everyone"
)
"""Every trick at once: markup, templates, Markdown, CDATA, terminal escapes, NUL, separators, a lone surrogate."""


EXPIRES = date(2027, 1, 31)


def manifest(**changes: object) -> Manifest:
    """The manifest of a whole run against the embedded backend."""
    whole = Manifest(
        schema="run/1",
        run_id="20260301-101500-4711",
        started_at="2026-03-01T10:15:00+00:00",
        seed=20260301,
        target="embedded",
        owned=True,
        stages=STAGES,
        quick=False,
        expected=("load:10", "load:25", f"parity:{RULES}:minimal"),
        omitted={"sequences": "generated call sequences are not part of this version"},
        versions={"python": "3.11.7", "locust": "2.41.0", "deepdiff": "8.6.1"},
        host={"system": "Linux", "cpus": 2, "load_average": 0.42},
        commit="0123456789abcdef0123456789abcdef01234567",
        command=("pytest", "-m", "stage_gate"),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]  # the names are checked by replace itself


def empty() -> Judgement:
    """A run that measured nothing."""
    return Judgement(
        verdict=Verdict.INCONCLUSIVE,
        reasons=("Nothing expected: the run was set to measure nothing.",),
        findings=(Finding("evidence.missing", Verdict.INCONCLUSIVE, "Nothing expected", "nothing was measured"),),
        cases=(),
        parity=(),
        masks=(),
        latency=(),
        distributions=(),
        population=(),
        rates=(),
        exposures=(),
        drills=(),
        load=(),
        not_measured=(),
        leftovers=(),
        thresholds={},
        manifest=manifest(stages=(), expected=(), omitted={}, versions={}, host={}, commit=None, command=()),
    )


def exchange(arm: Arm, body: str, *, status: int = 200) -> Exchange:
    """One answered request on an arm."""
    request = Request("POST", "/api/v1/alerts/rules", (), '{"name": "it\'s line 1"}', "application/json")
    served = "legacy" if arm is Arm.CONTROL else "domain"
    headers = (("content-type", "application/json"), ("x-served-by", served))
    return Exchange(arm, request, Answer(status, headers, body), None, 4.56, served)


def comparison(case: str = "minimal", attempt: int = 1) -> Comparison:
    """All three probes of a case; the candidate answers another id and drops a field of the state."""
    probes = []
    for side, arm in (("control", Arm.CONTROL), ("control-again", Arm.CONTROL), ("candidate", Arm.CANDIDATE)):
        body = '{"ok":true,"id":41}' if arm is Arm.CONTROL else '{"ok":true,"id":"41"}'
        before = Reading("rules", "before", exchange(Arm.CONTROL, '{"count":0,"items":[]}'))
        after = Reading("rules", "after", exchange(Arm.CONTROL, '{"count":1,"items":[{"id":41}]}'))
        probes.append(Probe(side, (("run", f"gate-{side}"),), exchange(arm, body), (before, after)))
    return Comparison(RULES, case, tuple(probes), attempt)


def evidence(judgement: Judgement) -> Evidence:
    """The evidence that belongs to the judgement's findings."""
    return Evidence(judgement.manifest, comparisons=(comparison(), comparison("full", 1), comparison("full", 2)))


def findings(worst: Verdict) -> tuple[Finding, ...]:
    """Findings as the judge would sort them for that verdict, with an accepted one and a note."""
    found: list[Finding] = []
    places = (
        Difference("body", "id", "type", "41", '"41"'),
        Difference("state", "rules.items.41.priority", "missing", '"medium"', "(absent)", critical=True),
    )
    if worst is Verdict.ROLLBACK:
        found.append(
            Finding("parity.state", worst, f"{RULES} · minimal", "state is lost", RULES, "minimal", differences=places)
        )
        found.append(
            Finding("rollback.global", worst, "Rolling back for everyone", "it does not work", stage_percent=0)
        )
    if worst in (Verdict.HOLD, Verdict.ROLLBACK):
        title = f"P95 of {LOGS} at 50 %"
        found.append(Finding("latency.p95", worst, title, "too slow", LOGS, None, 50, {"change": math.inf}))
        title = "Share of the candidate at 10 % (load)"
        found.append(Finding("flag.exposure", Verdict.HOLD, title, "1 % where 10 % is set", stage_percent=10))
        found.append(
            Finding(
                "parity.body", Verdict.HOLD, f"{RULES} · full", "another type", RULES, "full", differences=places[:1]
            )
        )
    if worst is not Verdict.PROMOTE:
        found.append(Finding("evidence.missing", Verdict.INCONCLUSIVE, "Not measured: load", "1 of 5 is missing: 100"))
    found.append(
        Finding(
            "parity.body",
            Verdict.HOLD,
            f"{RULES} · null-channels",
            "a list is null",
            RULES,
            "null-channels",
            differences=(Difference("body", "items.0.recipients", "type", "[]", "null"),),
            accepted="m.rossi until 2026-06-30: the panel treats both alike",
        )
    )
    wording = (Difference("body", "detail", "wording", '"Missing"', '"Needs a name"'),)
    title = f"{RULES} · missing-name"
    found.append(
        Finding("parity.message", Verdict.PROMOTE, title, "another wording", RULES, "missing-name", differences=wording)
    )
    return tuple(found)


def counterexample(verdict: Verdict) -> Counterexample:
    """Two steps that part the arms."""
    steps = tuple(
        Step("plain", RequestSpec("POST", f"/cameras/{{camera1}}/{name}"), f"POST /cameras/{{id}}/{name}")
        for name in ("deactivate", "start")
    )
    routing = (Arm.CONTROL, Arm.CANDIDATE)
    sequence = Sequence("sequence:routed:cameras:1", (Twin("camera1", "camera"),), steps, routing, ("cameras",))
    exchanges = tuple(exchange(arm, '{"ok": true}') for arm in routing)
    return Counterexample(sequence.key, verdict, "start on candidate: another status: status", sequence, exchanges)


def judgement(worst: Verdict = Verdict.PROMOTE) -> Judgement:
    """A whole judgement with that verdict."""
    found = findings(worst)
    bad = worst in (Verdict.HOLD, Verdict.ROLLBACK)
    decisive = tuple(f"{f.title}: {f.reason}." for f in found if f.verdict is worst and f.accepted is None)
    cases = [
        CaseResult(RULES, "minimal", "DIFFERENT" if worst is Verdict.ROLLBACK else "EQUAL", "state is lost", 2, 1),
        CaseResult(RULES, "full", "DIFFERENT" if bad else "EQUAL", "another type", 1, 0),
        CaseResult(RULES, "missing-name", "EQUAL", "", 0, 0),
        CaseResult(RULES, "null-channels", "EQUAL", "", 0, 0),
        CaseResult(
            LOGS, "lines-zero", "INCONCLUSIVE" if worst is Verdict.INCONCLUSIVE else "EQUAL", "no witness", 0, 1
        ),
    ]
    seen = MaskedDifference("body", "pid", "pid is integer", "4003", "4001")
    return Judgement(
        verdict=worst,
        reasons=decisive if worst is not Verdict.PROMOTE else ("All 3 pieces of evidence are there.",),
        findings=found,
        cases=tuple(cases),
        parity=tuple(
            EndpointParity(name, 9, 9 - odd, odd, 0, 3, None if odd else 0.28313, 9, 9 - odd)
            for name in ENDPOINTS
            for odd in [int(bad and name == RULES)]
        ),
        masks=(
            MaskUse(
                ENDPOINTS[2], "pid", "integer", "a new one each start", "us", 7, seen, "at least 1", date(2027, 1, 31)
            ),
            MaskUse(RULES, "created_at", "timestamp", "the clock goes on", "release-gate", 0, None),
        ),
        latency=latency(worst),
        distributions=distributions(),
        population=tuple(PopulationRow(percent, 62.0, 61.0, 0.016, 2300, -0.03, 0.06) for percent in STAGES),
        knee=KneeRow(None, 432.0, 180.0, 180.0),
        forecast=tuple(
            ForecastRow((10,), percent, 0.001 * percent, -0.02, 0.14, percent == 50) for percent in STAGES[2:]
        ),
        rates=tuple(
            RateRow(percent, name, stream, RateBound(0, 4400, 0.0, 0.0, 0.00105, Verdict.PROMOTE, "0 errors", 0))
            for percent in STAGES
            for name in (None, RULES)
            for stream in ("control", "candidate")
        ),
        exposures=(
            ExposureRow(10, "flag", 9, 100, 0.09, 0.042, 0.164, Verdict.PROMOTE),
            ExposureRow(10, "load", 12, 1200, 0.01, 0.005, 0.017, Verdict.HOLD if bad else Verdict.PROMOTE),
        ),
        drills=(
            DrillRow("rollback-request", 100, 13, 13, 0.282, Verdict.PROMOTE, "13 of 13 endpoints served by legacy"),
            DrillRow("rollback-global", 0, 12 if worst is Verdict.ROLLBACK else 13, 13, 1.73, worst, "see the log"),
            DrillRow("refuse-percent", 0, 0, 0, None, Verdict.PROMOTE, "101, -1 and ten are refused"),
        )
        if worst in (Verdict.PROMOTE, Verdict.ROLLBACK)
        else (),
        load=tuple(LoadRow(percent, 180.0, 8124, 8124, 0, 30, 1, 0.41, 14.2, 0) for percent in STAGES),
        not_measured=tuple(manifest().omitted.items()),
        leftovers=("rule 43 (cannot be deleted; neutralised)",),
        thresholds={"p95_hold_percent": 20.0, "p95_rollback_percent": 50.0, "floor_ms": 1.0, "min_blocks": 20},
        manifest=manifest(),
        certificate=(CertificateRow("camera", "create", Verdict.PROMOTE, worst),),
        searches=(SearchRow("sequence:routed:cameras:1", 13, 1560, "diverged" if bad else "done"),),
        races=(RaceRow("started-twice", "a camera that is started twice", 2, 4, 1, int(bad), worst),),
        counterexamples=(counterexample(worst),) if bad else (),
        scores=(
            ComparatorScore(
                LOGS,
                1200,
                1199 if bad else 1200,
                (Survivor("order", "answer lines", "reversed", "lines-5"),) if bad else (),
                (LeftOut("value", "inside the mask pid: every start gets a process id of its own", 2, "answer pid"),),
                ("default", "lines-5"),
                {"drop": 400, "order": 800},
            ),
            ComparatorScore(RULES, 0, 0, (), (), (), {}),
        ),
        witnesses=(
            WitnessRow(WitnessCheck(LOGS, 50, 2, 3, 2, 3, "counters of /metrics", 9, 0 if bad else 3), worst),
            WitnessRow(WitnessCheck(RULES, 50, 2, 3, 2, 3, None, None, None), Verdict.PROMOTE),
        ),
        duration_s=462.4,
        fields=(
            FieldParity(LOGS, FieldTest("body", "lines.*.at", 40, 40, 27, 13, 0, 2**-13, 2**-12), "above noise"),
            FieldParity(LOGS, FieldTest("status", "", 40, 2, 3, 1, 2, 0.875, 0.875), "within noise"),
            FieldParity(RULES, FieldTest("body", "id", 9, 1, 0, 1, 0, 0.5, 0.5), "difference"),
        )
        if bad
        else (),
    )


def hostile() -> tuple[Judgement, Evidence]:
    """A judgement and its evidence with the hostile text in every place that holds any text."""
    judged = judgement(Verdict.ROLLBACK)
    return _poisoned(judged), _poisoned(evidence(judged))


_UNREACHABLE = frozenset({"side", "moment"})
"""Words of the suite's own that tie records together; without them the detail would not be shown at all."""


def _poisoned(value: T) -> T:
    """A deep copy with the hostile text behind every text, keys of mappings too; equal texts stay equal."""
    if isinstance(value, Enum):
        return value
    changed: Any = value
    if isinstance(value, str):
        changed = value + HOSTILE
    elif isinstance(value, tuple):
        changed = tuple(_poisoned(item) for item in value)
    elif isinstance(value, Mapping):
        changed = {_poisoned(key): _poisoned(member) for key, member in value.items()}
    elif is_dataclass(value) and not isinstance(value, type):
        members = {f.name: getattr(value, f.name) for f in fields(value)}
        changed = replace(value, **{n: m if n in _UNREACHABLE else _poisoned(m) for n, m in members.items()})
    return cast("T", changed)
