"""How many generated mistakes the comparator sees on the evidence of the untouched backend, and what it lets pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.defects.bench import Bench
from tests.defects.faithful import VARIATIONS, Change, bodies, refactored
from verification.core.cases import Catalog
from verification.core.expectation import parity_key
from verification.core.judge.score import LOWEST_SHARE
from verification.core.judgement import Judgement
from verification.core.model import Comparison, Verdict
from verification.core.parity import judge_comparison
from verification.drive.campaign import Campaign
from verification.evidence import read_run

pytestmark = pytest.mark.defects

OPERATORS = {
    *("status", "drop", "rename", "null", "type", "value", "order", "duplicate", "casing", "id swap"),
    *("state skip", "extra effect", "fallback", "cache", "lock"),
}
Run = tuple[Judgement, tuple[Comparison, ...]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog) -> Run:
    """Every hand-written case and every race, compared once on the untouched backend."""
    bench = Bench(Path(tmp_path_factory.mktemp("score")) / "run", catalog)
    pairs = bench.cases(None)

    def steps(campaign: Campaign) -> None:
        for item, case in pairs:
            campaign.compare(item, case)
        for name in catalog.races:
            campaign.race(name)

    expected = [parity_key(item.id, case.id) for item, case in pairs] + [f"race:{name}" for name in catalog.races]
    judgement = bench.judge(bench.settings(None), expected, (50,), steps)
    return judgement, read_run(bench.run_dir).evidence.comparisons


def test_almost_every_mistake_is_seen_on_every_endpoint(run: Run, catalog: Catalog) -> None:
    judgement, _ = run
    assert [score.endpoint for score in judgement.scores] == [endpoint.id for endpoint in catalog.endpoints]
    for score in judgement.scores:
        assert score.mutants > 300, score.endpoint
        assert score.share >= LOWEST_SHARE, (score.endpoint, score.survivors)
        assert all(left.reason for left in score.left_out)
    assert judgement.verdict is Verdict.PROMOTE, judgement.reasons


def test_every_operator_is_used(run: Run) -> None:
    assert {operator for score in run[0].scores for operator in score.operators} == OPERATORS


def test_little_is_left_out_as_making_no_difference(run: Run) -> None:
    for score in run[0].scores:
        assert sum(left.places for left in score.left_out) <= 0.05 * score.mutants, score.left_out


@pytest.mark.parametrize("change", VARIATIONS, ids=lambda change: str(change.__name__))
def test_a_faithful_refactor_gives_no_difference(run: Run, catalog: Catalog, change: Change) -> None:
    _, comparisons = run
    touched = 0
    for comparison in comparisons:
        changed = refactored(catalog, comparison, change)
        before, after = comparison.side("candidate"), changed.side("candidate")
        assert before is not None
        assert after is not None
        touched += bodies(before) != bodies(after)
        outcome = judge_comparison(catalog, changed)
        weighty = [finding for finding in outcome.findings if finding.verdict is not Verdict.PROMOTE]
        assert (weighty, outcome.counts) == ([], True), (comparison.endpoint, comparison.case)
    assert touched > len(comparisons) / 10
