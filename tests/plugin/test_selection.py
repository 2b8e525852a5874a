"""What is collected, what it is called, and that a part of the gate never promotes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.plugin.running import ROOT, environment, gate


def collected(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *words],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout


def test_plain_pytest_collects_the_suites_own_tests_only() -> None:
    text = collected()
    assert "tests/test_layers.py::" in text
    assert "\nverification/" not in text


def test_the_gate_collects_nothing_else_and_its_ids_read_well() -> None:
    text = collected("-m", "stage_gate")
    assert "tests/" not in text
    assert "test_parity[POST /alerts/rules-missing-name]" in text
    for name in ("test_latency[0]", "test_latency[100]", "test_exposure[25]", "test_rollback_for_everyone"):
        assert name in text


def test_one_stage_limits_what_is_measured() -> None:
    text = collected("-m", "stage_gate", "--stage", "25")
    assert "test_latency[25]" in text
    assert "test_latency[10]" not in text


def test_a_part_is_inconclusive_names_what_is_missing_and_leaves_all_reports(tmp_path: Path) -> None:
    ran = gate(tmp_path / "run", "-k", "parity and refresh")
    assert ran.code == 11, ran.text
    assert "5 of 5 compared cases equal" in ran.text
    assert "pieces of evidence are missing" in ran.text
    assert ran.text.rstrip().endswith("gate.html")
    for name in ("gate.json", "gate.html", "gate.md", "junit.xml", "run.json", "catalog.json", "policy.json"):
        assert (ran.run_dir / name).stat().st_size > 0
    assert ran.report["verdict"] == "INCONCLUSIVE"


def test_nothing_collected_is_inconclusive(tmp_path: Path) -> None:
    ran = gate(tmp_path / "run", "-k", "nothing_is_called_like_this")
    assert ran.code == 11, ran.text
    assert ran.report["verdict"] == "INCONCLUSIVE"


def test_workers_find_what_one_process_finds(tmp_path: Path) -> None:
    words = ("-k", "(parity and refresh) or broken", "--defect", "fallback-one-endpoint")
    one, two = gate(tmp_path / "one", *words), gate(tmp_path / "two", *words, "-n", "2")
    found = [
        sorted(
            (f["rule"], f["verdict"], f["endpoint"] or "", f["case"] or "") for f in ran.report["findings"] if f["case"]
        )
        for ran in (one, two)
    ]
    assert found[0] == found[1]
    assert {rule for rule, *_ in found[0]} == {"witness.fallback"}
    assert (one.code, two.code) == (10, 10)


def test_a_run_dir_in_two_words_reaches_the_workers(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-m", "stage_gate", "-q", "-p", "no:cacheprovider", "-n", "1"),
            *("-k", "parity and refresh", "--run-dir", str(tmp_path / "run")),
        ],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 11, done.stdout
    assert "5 of 5" in done.stdout


def test_no_secret_of_a_twin_reaches_the_folder_or_the_terminal(tmp_path: Path) -> None:
    """Every twin's source names credentials, and the catalog's snapshot leaves them out."""
    ran = gate(tmp_path / "run", "-k", "parity and (activate or stats)")
    secret = "planted-secret"
    assert "[redacted]" in (ran.run_dir / "catalog.json").read_text(encoding="utf-8")
    assert secret not in ran.text
    for path in ran.run_dir.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path
