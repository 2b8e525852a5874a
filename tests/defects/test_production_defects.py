"""In the real backend's shape nothing says who served: what cannot be known is never taken for good.

What holds the release up is exactly the witness that is missing, named with the smallest change that would give one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.defects.bench import Bench
from tests.production.deployment import deployed
from tests.production.walk import PERCENT, walk
from verification.core.judge.witness import FIRST_NEEDED
from verification.core.judgement import Judgement
from verification.core.model import Verdict

pytestmark = pytest.mark.defects

BY_THE_LOG = {"witness.fallback"}
"""The one thing that this backend tells of itself is a fallback, in its log."""


def rules(judgement: Judgement) -> set[str]:
    """What speaks against the release."""
    return {finding.rule for finding in judgement.findings if finding.verdict is not Verdict.PROMOTE}


@pytest.mark.parametrize(
    ("shape", "second"),
    [("production", {"none": True}), ("production", {}), ("production-counting-all", {})],
    ids=["as-in-the-profile", "counters-of-forced-requests", "counters-of-all-requests"],
)
def test_the_untouched_backend_is_inconclusive_for_want_of_a_witness_and_for_nothing_else(
    bench: Bench, tmp_path: Path, shape: str, second: dict[str, bool]
) -> None:
    with deployed(tmp_path / "state", "--shape", shape, percent=PERCENT) as deployment:
        settings = deployment.settings(tmp_path, witness={"none": True, "second": second})
        judgement = walk(bench, settings)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    counted = {"monitoring.usage"} if shape == "production" else set()
    assert rules(judgement) == {"witness.absent", *counted}
    assert FIRST_NEEDED in judgement.reasons[0]
    assert {case.result for case in judgement.cases} == {"INCONCLUSIVE"}


def test_the_same_backend_is_promoted_as_soon_as_it_signs_its_answers(bench: Bench, tmp_path: Path) -> None:
    with deployed(tmp_path / "state", "--shape", "telling", percent=PERCENT) as deployment:
        judgement = walk(bench, deployment.settings(tmp_path, witness={}))
    assert judgement.verdict is Verdict.PROMOTE, judgement.reasons


@pytest.mark.parametrize(
    ("defect", "verdict", "found"),
    [
        ("percent-ignored", Verdict.INCONCLUSIVE, set()),
        ("fallback-one-endpoint", Verdict.HOLD, BY_THE_LOG),
        ("usage-counts-forced-only", Verdict.INCONCLUSIVE, set()),
        ("force-false-ignored", Verdict.INCONCLUSIVE, set()),
        ("write-drops-fields", Verdict.INCONCLUSIVE, set()),
    ],
)
def test_no_defect_is_promoted_for_want_of_a_witness(
    bench: Bench, tmp_path: Path, defect: str, verdict: Verdict, found: set[str]
) -> None:
    with deployed(tmp_path / "state", "--defect", defect, percent=PERCENT) as deployment:
        judgement = walk(bench, deployment.settings(tmp_path))
    assert judgement.verdict is verdict, judgement.reasons
    # The counters leave out what the flag routed, which the run says as well.
    assert rules(judgement) == {"witness.absent", "monitoring.usage", *found}
    assert any(FIRST_NEEDED in finding.reason for finding in judgement.findings)
    assert verdict is not Verdict.INCONCLUSIVE or any(FIRST_NEEDED in reason for reason in judgement.reasons)
