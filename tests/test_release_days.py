"""The simulation of a release over days asks the project's own judge, and would fail where that stopped good plans."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.release_days import FAULTS, LONGEST, Calls, Plans, calls, figures, main, run_plans
from benchmarks.release_rules import ALARMS, HOLD, PLAN, POLICY, ROLLBACK, by_hour, by_judge, judged
from benchmarks.release_worlds import NATURAL, USERS, WORLDS, Fault, simulated_stage
from verification.core.model import Verdict
from verification.core.rates import exposure_evalue
from verification.core.release.plan import PlannedStage

STAGE = PLAN.stages[1]
LOOKS = 40
SLOWER, FAILING = (replace(fault, from_look=26) for fault in FAULTS)
HEALTHY = Fault("none")


def look_by_look(stage: PlannedStage, requests: int, world: str, fault: Fault, seed: int, percent: int) -> None:
    """What the benchmark says must be what the judge says when it is asked after every look."""
    other = stage.model_copy(update={"percent": percent})
    simulated = simulated_stage(
        np.random.default_rng(seed), other, looks=LOOKS, requests=requests, world=world, fault=fault
    )
    asked = [judged(stage, simulated, looks).rank for looks in range(1, LOOKS + 1)]
    first = {alarm: next((at for at, rank in enumerate(asked) if rank >= alarm.rank), None) for alarm in ALARMS}
    assert by_judge(stage, simulated) == first


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(
    ("requests", "fault"),
    [(50, HEALTHY), (50, SLOWER), (200, SLOWER), (200, FAILING)],
    ids=["healthy", "slower", "slower, more requests", "failing"],
)
def test_the_simulated_rule_is_the_judge_asked_after_every_look(world: str, requests: int, fault: Fault) -> None:
    look_by_look(STAGE, requests, world, fault, seed=3, percent=STAGE.percent)


def test_a_wrong_share_is_called_by_the_simulated_rule_when_the_judge_calls_it() -> None:
    look_by_look(STAGE, 50, WORLDS[0], HEALTHY, seed=4, percent=40)


def test_the_faults_of_these_stages_are_called_by_both_ways_of_asking() -> None:
    """Otherwise two rules that never say anything would agree."""
    for fault in (SLOWER, FAILING):
        rng = np.random.default_rng(3)
        simulated = simulated_stage(rng, STAGE, looks=LOOKS, requests=200, world=WORLDS[0], fault=fault)
        at = by_judge(STAGE, simulated)[HOLD]
        assert at is not None
        assert fault.from_look <= at < fault.from_look + 10


def test_taking_each_hour_alone_stops_plans_that_the_judge_lets_pass() -> None:
    found = np.sum(run_plans((WORLDS[0], 50, range(4), 1)), axis=0).tolist()
    cell = Plans(WORLDS[0], 50, 4, *found)
    assert (cell.hold, cell.rollback, cell.hold_longest, cell.rollback_longest, cell.passed) == (0, 0, 0, 0, 4)
    assert cell.naive_hold == 4
    assert cell.naive_rollback >= 2


def test_an_hour_alone_is_held_against_the_policys_limits() -> None:
    simulated = simulated_stage(np.random.default_rng(1), STAGE, looks=3, requests=100, world=WORLDS[0])
    calm = replace(simulated, p95_ms=np.array([[10.0, 12.0]] * 3), errors=np.array([[0, 1]] * 3))
    assert by_hour(calm) == {HOLD: None, ROLLBACK: None}
    slow = replace(calm, p95_ms=np.array([[10.0, 12.0], [10.0, 12.1], [10.0, 15.1]]))
    assert by_hour(slow) == {HOLD: 1, ROLLBACK: 2}
    assert by_hour(replace(calm, errors=np.array([[0, 2], [9, 0], [0, 6]]))) == {HOLD: 0, ROLLBACK: 2}


def test_the_same_seed_gives_the_same_plans_and_more_plans_do_not_change_the_first() -> None:
    job = WORLDS[1], 50
    assert run_plans((*job, range(2), 5))[1:] == run_plans((*job, range(1, 2), 5))


def test_simulated_looks_are_what_they_claim_to_be() -> None:
    fault = Fault("both", slower=2.0, error_rate=0.2, from_look=50)
    simulated = simulated_stage(np.random.default_rng(2), STAGE, looks=100, requests=200, world=WORLDS[0], fault=fault)
    slower = simulated.p95_ms[:, 1] / simulated.p95_ms[:, 0]
    assert abs(slower[:50].mean() - 1) < 0.05
    failing = simulated.errors[:, 1] / simulated.requests
    assert failing[:50].mean() < 0.01
    assert 0.17 < failing[50:].mean() < 0.23
    for look in simulated.looks:
        assert sum(one.requests for one in look.seen) == 2 * simulated.requests
        assert all(one.times.get(1600, 0) == one.errors for one in look.seen)
    natural = int(simulated.natural_domain.sum())
    assert exposure_evalue(natural, 100 * NATURAL, STAGE.percent / 100) < POLICY.rates.exposure_alarm
    assert 0.03 < simulated.users_errors[50:].mean() / USERS < 0.07
    last = simulated.looks[-1].counters
    assert last is not None
    assert last.requests == 99 * (2 * simulated.requests + NATURAL) + 100 * USERS
    assert last.server_errors == simulated.errors[:99].sum() + simulated.users_errors.sum()
    assert last.requests == last.server_errors + (last.legacy or 0) + (last.domain or 0)


def test_delays_are_counted_from_the_fault_on_and_a_missed_one_is_not_forgotten() -> None:
    found: list[dict[Verdict, int | None]] = [{HOLD: looks} for looks in (1, 3, 5, 0, -4, None)]
    told = calls("w", 50, "f", HOLD, found)
    assert told == Calls("w", 50, "f", "HOLD", 6, 2, 1, (1 + 3 + 5 + LONGEST) / 4, LONGEST)
    assert calls("w", 50, "f", HOLD, found[3:5]) == Calls("w", 50, "f", "HOLD", 2, 2, 0, 0.0, 0)


def test_the_benchmark_prints_its_tables_and_writes_what_they_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "release_days.json"
    code = main(["--plans", "1", "--faults", "2", "--processes", "1", "--json", str(out)])
    printed = capsys.readouterr().out
    document = json.loads(out.read_text(encoding="utf-8"))
    assert code == (0 if all(row["met"] for row in document["figures"]) else 1)
    assert "each hour by itself" in printed
    assert "1 plans a cell, seed 1" in printed
    assert len(document["cells"]) == 4 + 16


def test_a_rule_that_stops_good_plans_or_calls_late_does_not_meet_the_figures() -> None:
    good = Plans(WORLDS[0], 50, 1000, 50, 10, 50, 10, 1000, 900, 900, 950)
    assert all(row.met for row in figures([good], []))
    for worse in (
        replace(good, hold=51),
        replace(good, rollback=11),
        replace(good, hold_longest=51),
        replace(good, rollback_longest=11),
        replace(good, passed=949),
    ):
        assert sum(not row.met for row in figures([worse], [])) == 1
    prompt = Calls(WORLDS[0], 50, FAULTS[0].name, "HOLD", 100, 0, 1, 24.0, 30)
    assert all(row.met for row in figures([], [prompt]))
    assert not all(row.met for row in figures([], [replace(prompt, mean=24.1)]))
    assert not all(row.met for row in figures([], [replace(prompt, missed=2)]))
