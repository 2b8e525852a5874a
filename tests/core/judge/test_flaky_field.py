"""A field that differs by itself, over many repetitions: a change on it is found, an honest one is left alone."""

from __future__ import annotations

import random
from datetime import date

import pytest

from tests.core.judge.builders import CATALOG, comparison, exchange, manifest
from verification.core.judge.parity import ParityJudgement, judge_parity
from verification.core.model import Arm, Comparison, Verdict
from verification.core.policy import Policy
from verification.core.records import Evidence

REPETITIONS = 60


def run(seed: int, noise_rate: float, defect_rate: float) -> ParityJudgement:
    """A run in which `fps` differs by itself with the noise rate, and besides on candidate with the defect's."""
    draw = random.Random(seed)

    def fps(defect: float) -> int:
        if draw.random() < defect:
            return 2
        return int(draw.random() < noise_rate)

    def one(repetition: int) -> Comparison:
        again, candidate = fps(0.0), fps(defect_rate)
        return comparison(
            exchange(Arm.CANDIDATE, {"ok": True, "fps": candidate}),
            control=exchange(Arm.CONTROL, {"ok": True, "fps": 0}),
            again=exchange(Arm.CONTROL, {"ok": True, "fps": again}),
            repetition=repetition,
        )

    pairs = tuple(one(repetition) for repetition in range(1, REPETITIONS + 1))
    evidence = Evidence(manifest(repetitions=REPETITIONS), comparisons=pairs)
    return judge_parity(evidence, CATALOG, Policy(), date(2026, 11, 24))


def decisions(found: ParityJudgement) -> list[str]:
    return [row.decision for row in found.fields if row.test.path == "fps"]


@pytest.mark.parametrize("noise_rate", [0.1, 0.4, 2 / 3])
@pytest.mark.parametrize("seed", range(4))
def test_a_noisy_field_that_always_differs_on_the_candidate_is_found(noise_rate: float, seed: int) -> None:
    found = run(seed, noise_rate, defect_rate=1.0)
    assert decisions(found) == ["above noise"]
    (finding,) = [finding for finding in found.findings if finding.rule == "parity.noisy-field"]
    assert finding.verdict is Verdict.HOLD
    assert finding.numbers["pairs"] == finding.numbers["candidate"] == REPETITIONS
    assert found.endpoints[0].excluded_rate is None


@pytest.mark.parametrize("noise_rate", [0.1, 0.4, 2 / 3])
def test_a_field_that_is_equally_noisy_on_both_sides_is_not_flagged(noise_rate: float) -> None:
    for seed in range(10):
        found = run(seed, noise_rate, defect_rate=0.0)
        assert decisions(found) == ["within noise"]
        assert {finding.verdict for finding in found.findings} == {Verdict.INCONCLUSIVE}, "noise proves nothing either"


def test_a_field_that_is_never_noisy_and_seldom_differs_is_a_difference_at_once() -> None:
    found = run(3, noise_rate=0.0, defect_rate=0.05)
    assert decisions(found) == ["difference"]
    assert [finding.rule for finding in found.findings] == ["parity.body"]


def test_what_never_differs_excludes_a_rate_that_follows_from_the_pairs() -> None:
    row = run(1, noise_rate=0.0, defect_rate=0.0).endpoints[0]
    assert (row.pairs, row.equal_pairs) == (REPETITIONS, REPETITIONS)
    assert row.excluded_rate == pytest.approx(1 - 0.05 ** (1 / REPETITIONS))
