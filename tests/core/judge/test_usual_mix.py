"""Later mixed blocks ask open endpoints more often; that must look neither like a lock nor hide one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.core.judge.builders import OTHER, THING, bins, cell, load_evidence
from verification.core.histogram import quantile_ms, total
from verification.core.judge.forecast import judge_population
from verification.core.judge.interference import judge_interference
from verification.core.judge.stage_load import StageLoad, gather, gather_stages
from verification.core.model import Verdict
from verification.core.policy import Policy
from verification.core.records import LoadBlock, LoadEnd, LoadStart, LoadWorker

SLOW = 4.0
"""How many times longer the other endpoint takes."""


def favoured(*, things: int, others: int, beside: float = 1.0, scale: float = 1.0) -> list[StageLoad]:
    """Both endpoints are asked equally often by control alone and by users; in mixed blocks as told."""
    rng = np.random.default_rng(5)
    blocks = []
    for number, kind in enumerate([*["mixed"] * 30, *["control"] * 10, *["natural"] * 6]):
        asked = {THING: things, OTHER: others} if kind == "mixed" else {THING: 60, OTHER: 60}
        cells = []
        for name, requests in asked.items():
            usual = SLOW if name == OTHER else 1.0
            if kind == "mixed":
                cells.append(cell("control", bins(rng, requests, usual * beside), name=name))
                cells.append(cell("candidate", bins(rng, requests, usual * beside * scale), name=name))
            else:
                stream = "natural" if kind == "natural" else "control"
                cells.append(cell(stream, bins(rng, requests, usual), name=name))
        blocks.append(LoadBlock(10, number, kind, "w0", tuple(cells)))
    kinds = tuple(block.kind for block in blocks)
    start = LoadStart(10, 1, 100.0, 1.0, kinds, (THING, OTHER), 1, "2.47.0")
    end = LoadEnd(10, 1, 1, 0, (LoadWorker("w0", 1, 0.5, 10.0),), (), (), None)
    return gather(load_evidence((start, blocks, end)))


@pytest.mark.parametrize(("things", "others"), [(60, 60), (110, 10), (10, 110)])
@pytest.mark.parametrize(("beside", "verdict"), [(1.0, Verdict.PROMOTE), (1.5, Verdict.HOLD)])
def test_a_lock_is_told_alike_whatever_mixed_blocks_ask_most(
    things: int, others: int, beside: float, verdict: Verdict
) -> None:
    (row,), _ = judge_interference(favoured(things=things, others=others, beside=beside), Policy().latency)
    assert row.verdict is verdict
    assert row.ratio == pytest.approx(beside, rel=0.08)


def test_each_endpoint_has_its_usual_share_and_a_block_its_number_of_requests() -> None:
    (stage,) = favoured(things=10, others=110)
    pooled = stage.in_usual_mix("control")
    assert [round(total(block) / 100) for block in pooled] == [120] * 30
    middle = [quantile_ms(block, 0.5) for block in pooled]
    # Between the two endpoints, of which one takes four times as long.
    assert 20 * 1.2 < np.median(middle) < 20 * SLOW / 1.2


def test_a_block_without_an_arm_is_empty_and_an_unknown_mix_is_left_as_it_is() -> None:
    start = LoadStart(10, 1, 100.0, 1.0, ("mixed", "mixed"), (THING,), 1, "2.47.0")
    lone = LoadBlock(10, 0, "mixed", "w0", (cell("candidate", {300: 4}),))
    both = LoadBlock(10, 1, "mixed", "w0", (cell("control", {300: 4, 310: 2}), cell("candidate", {300: 4})))
    (stage,) = gather_stages([start], [lone, both])
    assert stage.in_usual_mix("control") == [{}, {300: 400, 310: 200}]


def test_what_users_will_feel_is_forecast_from_the_mix_that_they_ask() -> None:
    """Only the endpoint that mixed blocks ask most is slower; users ask it as often as the other."""
    stages = favoured(things=10, others=110, scale=1.0)
    later = replace(stages[0], percent=25)
    _, rows, findings = judge_population([*stages, later], Policy().latency, seed=1)
    assert {row.outside for row in rows} == {False}
    assert findings == []
