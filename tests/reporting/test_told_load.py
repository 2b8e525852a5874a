"""What the judge finds in a load is told in Chinese to its last word."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.core import test_decision as decided
from tests.core.judge.builders import OTHER, THING, load_evidence, stage, with_server_times
from tests.core.judge.loads import POLICY, judged
from tests.core.judge.test_clocks import sent_later
from tests.core.judge.test_forecast import felt_slower
from tests.core.judge.test_knee import measured, ramp
from tests.core.judge.test_load_errors import with_errors
from tests.core.judge.test_measuring import warming_up
from tests.core.latencies import judged as p95
from tests.core.latencies import stratum
from tests.core.test_interference import control_blocks
from tests.core.test_latency import FINE
from verification.core.decision import decided_change
from verification.core.histogram import INVALID_BIN, TOP_BIN
from verification.core.interference import interference
from verification.core.judge.knee import judge_knee
from verification.core.judge.load import judge_load
from verification.core.judge.measuring import doubts
from verification.core.judge.stage_load import StageLoad
from verification.core.latency import Stratum
from verification.core.model import Finding
from verification.core.policy import LatencyPolicy
from verification.core.rates import error_rate
from verification.core.records import LoadBlock, LoadEnd, LoadStart, LoadWorker
from verification.core.said import Said
from verification.reporting import texts
from verification.reporting.texts import told

SHEET = tomllib.loads((Path(texts.__file__).parent / "judge-load.toml").read_text(encoding="utf-8"))["words"]
NAMES = re.compile(r"GET /\w+|\bload\.\w+|\b(control|candidate|legacy|domain|P95|CPU|ms|w\d)\b")
"""What stays as it is in a Chinese text."""
ENGLISH = re.compile("[A-Za-z]{2,}")
Built = tuple[LoadStart, list[LoadBlock], LoadEnd]


def findings(found: Sequence[Finding]) -> Iterator[str]:
    for finding in found:
        yield from (finding.title, finding.reason)


def load(*stages: object) -> Iterator[str]:
    return findings(judged(*stages).findings)


def ended(built: Built, **changes: object) -> Built:
    start, blocks, end = built
    return start, blocks, replace(end, **changes)  # type: ignore[arg-type]  # the fields named


def latency() -> Iterator[str]:
    yield from load(stage(scale=2.2, names=(THING, OTHER)), stage(25, names=(THING, OTHER)))
    yield from load(stage(requests=12), stage(25, requests=12))
    start, blocks, end = stage(requests=12)
    yield from load((start, blocks, replace(end, skipped={THING: 900}, scheduled=end.scheduled + 900)))
    start, blocks, end = built = stage()
    yield from load((start, sent_later(built, 60), end))
    yield from load(with_server_times(stage(), slower=80))
    for baseline in (stage(0, scale=2.2), stage(0, scale=0.5), stage(0, blocks=12)):
        yield from load(baseline, stage())
    for ratio in (1.0, 1.35, 2.2):
        yield decided_change([decided.stratum(ratio, blocks=120)], decided.POLICY, tests=1, whole=True).reason
    thin = decided.stratum(1.0, requests=9, blocks=30, seed=2)
    yield decided_change([thin], decided.POLICY, tests=1, whole=False).reason


def fixed_p95() -> Iterator[str]:
    for ratio in (1.0, 1.2, 1.35, 2.2):
        yield p95(stratum(ratio, per_arm=100)).reason
    yield p95(stratum(1.3, median_ms=1.0, per_arm=100), policy=FINE).reason
    yield p95(stratum(1.0, blocks=4)).reason
    yield p95(stratum(1.0, per_arm=2)).reason
    yield p95(stratum(1.0, errors=(0, 60))).reason
    for pair in (({500: 9}, {}), ({500: 9, INVALID_BIN: 1}, {500: 9}), ({TOP_BIN: 9}, {TOP_BIN: 9})):
        yield p95(Stratum((pair,), "10")).reason
    apart = [({500: 90}, {}), ({}, {500: 90})] * 20 + [({500: 9}, {500: 9})] * 20
    yield p95(Stratum(tuple(apart), "10")).reason


def errors() -> Iterator[str]:
    for counts in ((200,), (240,), (1090,), (0, 1090), (0, 0, 240)):
        yield from load(with_errors(*counts))
    for failed, requests in ((0, 1000), (1, 100)):
        yield error_rate(failed, requests, POLICY.rates, prove=False).reason
    for failed, requests in ((0, 100), (5, 100)):
        yield error_rate(failed, requests, POLICY.rates, prove=True).reason


def served() -> Iterator[str]:
    yield from load(stage(legacy=5, domain=75))
    yield from load(stage(domain=75, unwitnessed=5))
    start, blocks, end = stage()
    crossed = tuple(replace(one, legacy=70, domain=10) for one in blocks[0].cells)
    yield from load((start, [replace(blocks[0], cells=crossed), *blocks[1:]], end))


def lost_on_the_way() -> Iterator[str]:
    start, blocks, end = built = stage()
    yield from findings(judge_load(replace(load_evidence(built), load_ends=()), POLICY).findings)
    yield from findings(judge_load(replace(load_evidence(built), load_starts=()), POLICY).findings)
    yield from findings(judge_load(load_evidence(built), POLICY, (THING, OTHER)).findings)
    yield from load((replace(start, endpoints=(THING, OTHER)), blocks, end))
    candidate = [replace(one, cells=tuple(c for c in one.cells if c.stream != "control")) for one in blocks[:24]]
    yield from load((start, [*candidate, *blocks[24:28]], end))
    yield from load((start, blocks[:-1], end))
    yield from load((start, [*blocks, replace(blocks[0], worker="w9")], end))
    yield from load((replace(start, workers=2, kinds=("natural", *start.kinds[1:])), blocks, end))
    told_by_nobody = tuple(replace(one, legacy=0, domain=0, intended={}) for one in blocks[0].cells)
    yield from load((start, [replace(blocks[0], cells=told_by_nobody), *blocks[1:]], end))
    for changes in ({"aborted": "503"}, {"lost_workers": ("w1",)}, {"skipped": {THING: 3}}):
        yield from load(ended(built, **changes))


def generator() -> Iterator[str]:
    _, _, end = built = stage()
    worst = replace(end.workers[0], lag_p95_ms=90.0, cpu_percent=100.0, clock_step_s=-3600.0)
    yield from load(ended(built, workers=(worst,), dropped=900, scheduled=end.scheduled + 900))
    yield from load(warming_up(3))
    nothing = StageLoad(10, None, replace(end, workers=(LoadWorker("w0", 0, 50.0, 1.0),)))
    yield from (reason for _, reason in doubts(nothing, POLICY.load))


def beside() -> Iterator[str]:
    yield from load(stage(beside=2.5), stage(25, beside=2.5))
    yield from load(stage(requests=19, blocks=140))
    rng = np.random.default_rng(6)
    rough = np.exp(0.3 * rng.normal(size=12)).tolist()
    for levels in (rough, [1.0] * 12):
        arms = control_blocks(rng, levels), control_blocks(rng, levels[:4])
        yield interference([arms], LatencyPolicy()).reason
    shifted = [dict.fromkeys((600, 601), 50)] * 9, [dict.fromkeys((500, 601), 50)] * 9
    yield interference([shifted], LatencyPolicy()).reason


def forecast_and_knee() -> Iterator[str]:
    yield from load(stage(10, requests=200), felt_slower(25, 60))
    for ramped in (ramp(150.0), ramp(200.0, 180.0), ramp(150.0, requests=3)):
        yield from findings(list(judge_knee(measured(ramped))))
    evidence = measured(ramp(1000.0))
    fast = tuple(replace(start, rate_per_s=400.0) for start in evidence.load_starts)
    yield from findings(list(judge_knee(replace(evidence, load_starts=fast))))


CASES = (latency, fixed_p95, errors, served, lost_on_the_way, generator, beside, forecast_and_knee)


@cache
def said(number: int) -> list[str]:
    """What a case says; the judging takes a second or two and is done once."""
    return list(dict.fromkeys(CASES[number]()))


def lines_of(sentence: object) -> Iterator[str]:
    """The lines of the table that a sentence is told with."""
    if isinstance(sentence, str):
        yield sentence.words if isinstance(sentence, Said) else sentence
    if isinstance(sentence, Said):
        for value in sentence.values.values():
            yield from lines_of(value)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.__name__ for case in CASES])
def test_what_is_found_in_a_load_is_told_without_an_english_word(number: int) -> None:
    untold = [told(one, "zh") for one in said(number) if ENGLISH.search(NAMES.sub("", told(one, "zh")))]
    assert said(number)
    assert untold == []


def test_every_line_of_the_sheet_is_said_by_some_load() -> None:
    heard = {line for number in range(len(CASES)) for sentence in said(number) for line in lines_of(sentence)}
    assert SHEET.keys() - heard == set()
