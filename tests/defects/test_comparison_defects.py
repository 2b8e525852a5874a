"""Every seeded defect that a comparison, a drill or the monitoring must find turns the gate to its stated verdict."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.defects.bench import DEFECTS, LOAD_CHECKS, Bench, Defect
from verification.core.judgement import Judgement
from verification.core.model import Verdict, worst
from verification.core.sequences import Sequence
from verification.drive.campaign import Campaign
from verification.settings import RunSettings

pytestmark = pytest.mark.defects

FIRST_SEED = RunSettings().seed
COMPARED = ("parity.", "state.", "cross.", "witness.", "candidate.")
BY_CHECK: dict[str, Callable[[Bench, Defect], Judgement]] = {
    "witness.contradicted": lambda bench, defect: bench.ask_witnesses(defect.name),
    **dict.fromkeys(COMPARED, lambda bench, defect: bench.compare(defect.name, defect.endpoint)),
    "race.": lambda bench, defect: bench.race(defect.name),
    "sequence.": lambda bench, defect: bench.search(defect.name),
    "retry.": lambda bench, defect: bench.walk(defect.name),
    "certificate.": lambda bench, defect: bench.walk(defect.name),
    "flag.": lambda bench, defect: bench.flag(defect.name),
    "rollback.": lambda bench, defect: bench.roll_back(defect.name),
    "monitoring.": lambda bench, defect: bench.watch(defect.name),
}
FOUND_WITHOUT_LOAD = [defect for defect in DEFECTS if defect.check and not defect.check.startswith(LOAD_CHECKS)]
CONTROLS = [defect for defect in DEFECTS if not defect.check]

SEEDS = range(FIRST_SEED, FIRST_SEED + int(os.environ.get("DEFECT_SEEDS", "1")))
"""With DEFECT_SEEDS=10 each defect must be found with ten seeds."""


def test_a_sequence_that_was_found_is_as_short_as_it_takes_and_green_without_the_defect(bench: Bench) -> None:
    for name in ("reactivated-will-not-start", "stale-active-flag"):
        one = Bench(bench.run_dir.parent / name, bench.catalog)
        found = one.search(name).counterexamples
        assert found
        assert {len(counterexample.sequence.steps) for counterexample in found} <= {1, 2, 3}
        for defect, verdict in ((name, Verdict.ROLLBACK), (None, Verdict.PROMOTE)):
            again = Bench(bench.run_dir.parent / f"{name}-{verdict.value}", bench.catalog)
            sequence = found[0].sequence

            def steps(campaign: Campaign, sequence: Sequence = sequence) -> None:
                campaign.walk(sequence)

            judgement = again.judge(again.settings(defect), [], (50,), steps)
            worst_finding = worst([Verdict.PROMOTE, *(f.verdict for f in judgement.findings if "sequence" in f.rule)])
            assert worst_finding is verdict, judgement.reasons


def test_the_list_holds_the_kinds_that_the_gate_is_for() -> None:
    assert len(DEFECTS) >= 28
    kinds = {
        "response",
        "state",
        "identity",
        "fallback",
        "flag",
        "monitoring",
        "latency",
        "errors",
        "sequence",
        "concurrency",
        "crash",
        "release",
    }
    assert {defect.kind for defect in DEFECTS} == kinds


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("defect", FOUND_WITHOUT_LOAD, ids=lambda defect: defect.name)
def test_a_defect_is_found_by_its_check_and_causes_its_verdict(bench: Bench, defect: Defect, seed: int) -> None:
    bench.seed = seed
    run = next(run for prefix, run in BY_CHECK.items() if defect.check.startswith(prefix))
    judgement = run(bench, defect)
    assert defect.check in {finding.rule for finding in judgement.findings}, judgement.reasons
    assert judgement.verdict.value == defect.verdict, judgement.reasons


@pytest.mark.parametrize("name", ["witness-lies", "counter-stuck"])
def test_exactly_the_endpoints_whose_witnesses_disagree_are_open(bench: Bench, name: str) -> None:
    judgement = bench.ask_witnesses(name)
    open_ones = [row.check.endpoint for row in judgement.witnesses if row.verdict is not Verdict.PROMOTE]
    assert open_ones == ["GET /cameras/{id}/stats"]


@pytest.mark.parametrize("check", ["compare", "race", "search", "walk", "flag", "roll_back", "watch", "ask_witnesses"])
def test_the_untouched_backend_is_promoted_by_every_check(bench: Bench, check: str) -> None:
    judgement = bench.compare(None, None) if check == "compare" else getattr(bench, check)(None)
    assert judgement.verdict.value == "PROMOTE", judgement.reasons


@pytest.mark.parametrize("check", ["compare", "race", "walk"])
@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_a_variant_with_which_nothing_is_wrong_gives_no_difference(bench: Bench, control: Defect, check: str) -> None:
    judgement = bench.compare(control.name, None) if check == "compare" else getattr(bench, check)(control.name)
    assert judgement.verdict.value == control.verdict, judgement.reasons
    assert not [finding for finding in judgement.findings if finding.verdict is not Verdict.PROMOTE]
    assert sum(case.differences for case in judgement.cases) == 0
