"""The benchmark beside Diffy's rule runs, writes what it found, and what it claims holds on few runs too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.noise import ALPHA, FAMILY, Seen, by_diffy, by_gate, by_test, main, run_cells

RUNS = 300


def test_the_benchmark_prints_its_tables_and_writes_what_they_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "noise.json"
    assert main(["--runs", str(RUNS), "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "NOT MET" not in printed
    assert f"{RUNS} runs per cell, seed 1" in printed
    document = json.loads(out.read_text(encoding="utf-8"))
    assert all(row["met"] for row in document["figures"])
    assert {cell["requests"] for cell in document["cells"]} == {20, 50, 100, 300}
    assert {round(cell["noise_rate"], 3) for cell in document["cells"]} == {0, 0.02, 0.667, 0.9}


def test_a_figure_that_is_not_met_fails_the_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.noise.by_test", by_diffy)
    assert main(["--runs", "300", "--json", str(tmp_path / "noise.json")]) == 1


def test_the_paired_test_keeps_its_level_where_diffys_rule_does_not_and_sees_what_that_never_sees() -> None:
    cells = {(cell.noise_rate, cell.requests, cell.candidate, cell.fields): cell for cell in run_cells(RUNS, seed=7)}
    honest = [cell for cell in cells.values() if cell.candidate == "honest"]
    assert max(cell.test for cell in honest) <= 4 * ALPHA * RUNS
    for requests in (20, 50, 100):
        assert 0.15 * RUNS < cells[0.02, requests, "honest", 1].diffy < 0.45 * RUNS
    assert cells[0.02, 100, "honest", FAMILY].diffy > 0.9 * RUNS
    assert (cells[0.9, 300, "always", 1].test, cells[0.9, 300, "always", 1].diffy) == (RUNS, 0)


def test_the_same_seed_gives_the_same_cells_and_another_seed_others() -> None:
    assert run_cells(40, seed=3) == run_cells(40, seed=3)
    assert run_cells(40, seed=3) != run_cells(40, seed=4)


@pytest.mark.parametrize(
    ("seen", "test", "gate", "diffy"),
    [
        (Seen(300, 0, 0, 0, 0), False, False, False),
        (Seen(300, 1, 0, 1, 0), False, True, True),
        (Seen(300, 6, 1, 6, 1), False, False, True),
        (Seen(300, 8, 1, 8, 1), False, False, True),
        (Seen(300, 10, 1, 10, 1), True, True, True),
        (Seen(10_000, 3, 0, 3, 0), False, True, False),
        (Seen(300, 300, 200, 100, 0), True, True, False),
        (Seen(300, 3, 7, 1, 5), False, False, False),
    ],
)
def test_each_reader_keeps_to_its_rule(seen: Seen, test: bool, gate: bool, diffy: bool) -> None:
    assert (by_test([seen]), by_gate([seen]), by_diffy([seen])) == (test, gate, diffy)
