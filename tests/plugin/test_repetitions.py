"""`--repeat N` compares every case N times; each is a pair, and the bound in the report follows from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.running import gate
from verification.core.judge import judge
from verification.core.rates import difference_rate_bound
from verification.evidence import read_run


def test_every_repetition_is_compared_counted_as_a_pair_and_excludes_a_rate(tmp_path: Path) -> None:
    ran = gate(tmp_path / "run", "-k", "parity and refresh", "--repeat", "4")
    assert ran.code == 11, ran.text
    run = read_run(ran.run_dir)
    compared = {(one.case, one.repetition) for one in run.evidence.comparisons}
    cases = {case for case, _ in compared}
    assert cases
    assert compared == {(case, repetition) for case in cases for repetition in (1, 2, 3, 4)}
    assert run.evidence.manifest.repetitions == 4

    pairs = 4 * len(cases)
    (row,) = [row for row in ran.report["parity"] if row["pairs"]]
    assert (row["cases"], row["pairs"], row["equal_pairs"]) == (len(cases), pairs, pairs)
    assert row["excluded_rate"] == pytest.approx(difference_rate_bound(pairs))
    assert {case["repetitions"] for case in ran.report["cases"]} == {4}
    page = (ran.run_dir / "gate.html").read_text(encoding="utf-8")
    assert f"with {pairs} equal pairs a difference rate above" in page
    assert f"with {pairs} equal pairs a difference rate above" in (ran.run_dir / "gate.md").read_text(encoding="utf-8")
    assert (ran.report["duration_s"] or 0) > 0
    again = judge(run.evidence, run.catalog, run.policy)
    assert again.duration_s == ran.report["duration_s"], "the folder alone gives the same"


def test_a_number_of_repetitions_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    ran = gate(tmp_path / "run", "--repeat", "often")
    assert ran.code == 2, ran.text
    assert "--repeat often: is no whole number" in ran.text
    assert "Traceback" not in ran.text
