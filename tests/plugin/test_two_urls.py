"""Two backends with a state each: control and candidate by their URLs, without a flag and without a witness."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.plugin.running import ROOT, Ran, environment, gate

ASKED = "stats or logs or auto-start or race or retry"


@contextmanager
def backend(folder: Path, percent: int, *options: str) -> Iterator[str]:
    """An instance in a folder of its own; from outside, its paths look like the other's."""
    folder.mkdir()
    words = ["--port", "0", "--percent", str(percent), "--state-dir", "state", "--device-scale", "0.05"]
    process = subprocess.Popen(
        [sys.executable, "-m", "verification.reference", *words, *options, "--exit-with-stdin"],
        cwd=folder,
        env={**environment(), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}"
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def ran(tmp_path: Path, asked: str, *options: str, more: str = "") -> Ran:
    with ExitStack() as both:
        control = both.enter_context(backend(tmp_path / "old", 0))
        candidate = both.enter_context(backend(tmp_path / "new", 100, *options))
        settings = tmp_path / "rollout.toml"
        settings.write_text(f'[target]\ncontrol_url = "{control}"\ncandidate_url = "{candidate}"\n{more}', "utf-8")
        return gate(tmp_path / "run", f"--settings={settings}", "-k", asked, timeout_s=300)


def test_two_equal_backends_show_no_difference_and_what_does_not_apply_is_told(tmp_path: Path) -> None:
    found = ran(tmp_path, ASKED)
    report = found.report
    against = [finding for finding in report["findings"] if finding["verdict"] != "PROMOTE"]
    assert {finding["rule"] for finding in against} == {"evidence.missing"}, found.text
    assert sum(case["result"] == "EQUAL" for case in report["cases"]) == len(report["cases"]) > 30
    omitted = {row["what"]: row["why"] for row in report["not_measured"]}
    assert {"across arms", "flag", "monitoring"} <= set(omitted)
    assert "a state of its own" in omitted["across arms"]
    assert report["manifest"]["stages"] == [100]
    assert report["certificate"] == []
    missing = [finding["reason"] for finding in against]
    assert not [reason for reason in missing if "exposure" in reason or "global" in reason]


@pytest.mark.parametrize(
    ("defect", "asked", "rule"),
    [("lines-off-by-one", "logs", "parity.body"), ("neighbours-changed", "auto-start", "state.changed")],
)
def test_a_defect_of_the_candidate_is_found_in_its_answers_and_in_its_own_state(
    tmp_path: Path, defect: str, asked: str, rule: str
) -> None:
    found = ran(tmp_path, asked, "--defect", defect)
    assert found.code == 12, found.text
    assert rule in {finding["rule"] for finding in found.report["findings"]}


def test_the_load_asks_both_backends_and_there_is_no_natural_traffic(tmp_path: Path) -> None:
    load = "[load]\nblocks_alone = 28\nblock_s = 0.5\nrate_per_s = 60\n"
    report = ran(tmp_path, "latency", more=load).report
    (row,) = report["load"]
    assert row["finished"] > 500
    assert row["fallbacks"] == 0
    assert report["exposures"] == []
    assert report["population"] == []
    whole = next(one for one in report["latency"] if one["endpoint"] is None)
    assert whole["change"]["requests_candidate"] > 100
    rules = {finding["rule"] for finding in report["findings"] if finding["verdict"] in ("HOLD", "ROLLBACK")}
    assert not rules & {"flag.force", "flag.exposure", "witness.fallback", "rates.errors"}
    assert [what for what in report["leftovers"] if "camera" in what] == []
