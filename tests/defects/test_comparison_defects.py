"""Every seeded defect that a comparison, a drill or the monitoring must find turns the gate to its stated verdict."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.defects.bench import DEFECTS, LOAD_CHECKS, Bench, Defect
from verification.core.judgement import Judgement

pytestmark = pytest.mark.defects

COMPARED = ("parity.", "state.", "cross.", "witness.", "candidate.")
BY_CHECK: dict[str, Callable[[Bench, Defect], Judgement]] = {
    **dict.fromkeys(COMPARED, lambda bench, defect: bench.compare(defect.name, defect.endpoint)),
    "race.": lambda bench, defect: bench.race(defect.name),
    "flag.": lambda bench, defect: bench.flag(defect.name),
    "rollback.": lambda bench, defect: bench.roll_back(defect.name),
    "monitoring.": lambda bench, defect: bench.watch(defect.name),
}
FOUND_WITHOUT_LOAD = [defect for defect in DEFECTS if not defect.check.startswith(LOAD_CHECKS)]


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
        "concurrency",
        "crash",
    }
    assert {defect.kind for defect in DEFECTS} == kinds


@pytest.mark.parametrize("defect", FOUND_WITHOUT_LOAD, ids=lambda defect: defect.name)
def test_a_defect_is_found_by_its_check_and_causes_its_verdict(bench: Bench, defect: Defect) -> None:
    run = next(run for prefix, run in BY_CHECK.items() if defect.check.startswith(prefix))
    judgement = run(bench, defect)
    assert defect.check in {finding.rule for finding in judgement.findings}, judgement.reasons
    assert judgement.verdict.value == defect.verdict, judgement.reasons


@pytest.mark.parametrize("check", ["compare", "race", "flag", "roll_back", "watch"])
def test_the_untouched_backend_is_promoted_by_every_check(bench: Bench, check: str) -> None:
    judgement = bench.compare(None, None) if check == "compare" else getattr(bench, check)(None)
    assert judgement.verdict.value == "PROMOTE", judgement.reasons
