"""Latency and error defects, on one endpoint and one stage, with the judge and thresholds of a real run.

Not under xdist: whatever runs beside a latency measurement is measured too.
"""

from __future__ import annotations

import pytest

from tests.defects.bench import DEFECTS, LOAD_CHECKS, Bench, Defect
from verification.settings import LoadSettings

pytestmark = [
    pytest.mark.defects,
    pytest.mark.skipif(
        "PYTEST_XDIST_WORKER" in __import__("os").environ, reason="latency is never measured under xdist"
    ),
]

PERCENT = 50
# One endpoint alone gets all arrivals, so that a short run holds the requests that its statement needs: to prove that
# +30 % is more than +20 %, or that 2 % are more than 1 %, takes some 4,500 for each arm.
PROOF = LoadSettings(rate_per_s=350, block_s=1.0, blocks=36)
PLAIN = LoadSettings(rate_per_s=100, block_s=1.0, blocks=36)
# The lock is held for 12 ms: at this rate the old code's requests wait behind it, at a higher one nothing is served.
LOCKED = LoadSettings(rate_per_s=140, block_s=1.0, blocks=48)
LOADS = {"p95-plus-30": PROOF, "errors-2-percent": PROOF, "global-lock": LOCKED}
# One of kind `release` is there for the looks of days: tests/rollout.
FOUND_BY_LOAD = [one for one in DEFECTS if one.check.startswith(LOAD_CHECKS) and one.kind != "release"]
DEFAULT_ENDPOINT = "GET /cameras/{id}/stats"


@pytest.mark.parametrize("defect", FOUND_BY_LOAD, ids=lambda defect: defect.name)
def test_a_defect_is_found_under_load_and_causes_its_verdict(bench: Bench, defect: Defect) -> None:
    load = LOADS.get(defect.name, PLAIN)
    judgement = bench.judge_load(defect.name, load, PERCENT, (defect.endpoint or DEFAULT_ENDPOINT,))
    if defect.forbidden:
        assert judgement.verdict.value not in defect.forbidden, judgement.reasons
        return
    assert defect.check in {finding.rule for finding in judgement.findings}, judgement.reasons
    assert judgement.verdict.value == defect.verdict, judgement.reasons


def test_the_untouched_backend_is_promoted_under_load(bench: Bench) -> None:
    judgement = bench.judge_load(None, PLAIN, PERCENT, (DEFAULT_ENDPOINT,))
    assert judgement.verdict.value == "PROMOTE", judgement.reasons
