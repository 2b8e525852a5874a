"""What a run has found is walked again: alone from its file, and first of all by the next run."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.plugin.running import ROOT, environment, gate
from verification.catalog.load import load_catalog
from verification.catalog.sequences import pool, templates, twins_of
from verification.core.model import Arm
from verification.core.sequences import COUNTEREXAMPLE_SCHEMA, Sequence, digest, groups, reads_of
from verification.evidence import read_run

DEFECT = "stale-active-flag"
CATALOG = load_catalog()
GROUP = groups(CATALOG)["cameras"]


def needing_three_steps() -> Sequence:
    """Activated by the rewrite, deactivated by the old code, started by the rewrite: which must refuse."""
    names, routing = ("activate", "deactivate", "start"), (Arm.CANDIDATE, Arm.CONTROL, Arm.CANDIDATE)
    steps = []
    for number, name in enumerate(names, start=1):
        endpoint = next(endpoint for endpoint in GROUP if endpoint.path.endswith(f"/{name}"))
        template = next(templates(endpoint))
        steps.append(template.step({token: "camera1" for token, _ in template.tokens}, number))
    given = twins_of(steps, pool(GROUP))
    return Sequence("sequence:routed:cameras:1", given, tuple(steps), routing, reads_of(CATALOG, GROUP))


SEQUENCE = needing_three_steps()


def keep(folder: Path, **changes: object) -> Path:
    """The counterexample's file in the folder of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{digest(SEQUENCE)}.json"
    document = {"schema": COUNTEREXAMPLE_SCHEMA, "sequence": asdict(SEQUENCE)} | changes
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def replay(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "verification", "replay", *words],
        cwd=folder,
        env=environment() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_replay_is_red_on_the_defect_and_green_without_it(tmp_path: Path) -> None:
    path = keep(tmp_path / "reports" / "earlier" / "counterexamples")
    red = replay(tmp_path, str(path), "--defect", DEFECT)
    assert red.returncode == 12, red.stdout + red.stderr
    assert red.stdout.count("curl ") == 3
    assert "ROLLBACK" in red.stdout
    assert "POST /cameras/{id}/start on candidate" in red.stdout
    green = replay(tmp_path, str(path))
    assert green.returncode == 0, green.stdout + green.stderr
    assert "no divergence" in green.stdout
    runs = sorted((tmp_path / "reports" / "replays").iterdir())
    told = [json.loads((run / "gate.json").read_text()) for run in runs if run.name != "latest"]
    assert [report["verdict"] for report in told] == ["ROLLBACK", "PROMOTE"]
    assert all(report["duration_s"] >= 0 for report in told)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("import os", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ('{"schema": "other/1"}', "has schema"),
        (json.dumps({"schema": COUNTEREXAMPLE_SCHEMA, "sequence": {"steps": 7}}), "sequence."),
        (None, "cannot be read"),
    ],
    ids=["no-json", "deep", "schema", "shape", "absent"],
)
def test_a_bad_file_is_told_without_a_traceback_and_asks_nobody(
    tmp_path: Path, content: str | None, words: str
) -> None:
    path = tmp_path / "bad.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    done = replay(tmp_path, str(path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"release gate: {path}: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 1000
    assert not (tmp_path / "reports").exists()


def settings(folder: Path, **sequences: float) -> str:
    """A settings file whose report folder is this one."""
    lines = ["[run]", f'report_dir = "{folder}"', "[sequences]", *(f"{key} = {sequences[key]}" for key in sequences)]
    path = folder / "gate.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"--settings={path}"


def test_what_an_earlier_run_found_is_walked_before_anything_is_searched(tmp_path: Path) -> None:
    keep(tmp_path / "20260101-000000-1" / "counterexamples")
    broken = tmp_path / "20260101-000000-2" / "counterexamples" / "0123456789ab.json"
    broken.parent.mkdir(parents=True)
    broken.write_text("import os", encoding="utf-8")
    words = ("-k", "test_replay or candidate:cameras:1", settings(tmp_path), "--sequences=5", "-v", "-rA")
    ran = gate(tmp_path / "next", *words, "--defect", DEFECT)
    assert ran.code == 12, ran.text
    run = read_run(ran.run_dir)
    key = f"replay:{digest(SEQUENCE)}"
    assert key in run.evidence.manifest.expected
    walked = [comparison.sequence.key for comparison in run.evidence.sequences]
    assert walked[0] == key
    assert set(walked[1:]) == {"sequence:candidate:cameras:1"}
    assert ran.text.index("test_replay[") < ran.text.index("test_search[candidate:cameras:1]")
    assert [one["key"] for one in ran.report["counterexamples"]] == [key]
    unusable = {row["what"]: row["why"] for row in ran.report["not_measured"]}
    assert "is no JSON" in unusable["replay:0123456789ab"]


def test_a_search_whose_time_ran_out_is_inconclusive_and_named_in_the_reports(tmp_path: Path) -> None:
    ran = gate(tmp_path / "run", "-k", "candidate:rules:1", settings(tmp_path, max_seconds=0.001))
    assert ran.code == 11, ran.text
    key = "sequence:candidate:rules:1"
    assert "sequences were tried before its time was up" in ran.text
    (finding,) = [finding for finding in ran.report["findings"] if finding["title"] == key]
    assert (finding["rule"], finding["verdict"]) == ("evidence.missing", "INCONCLUSIVE")
    assert finding["numbers"]["tried"] < finding["numbers"]["asked"]
    assert [row["ended"] for row in ran.report["searches"]] == ["out of time"]
    assert "out of time" in (ran.run_dir / "gate.html").read_text(encoding="utf-8")


def test_workers_draw_what_one_process_draws_and_find_the_same(tmp_path: Path) -> None:
    short = settings(tmp_path, steps=14, shrink_seconds=600)
    words = ("-k", "candidate:cameras", short, "--seed=8", "--defect", "reactivated-will-not-start")
    runs = [gate(tmp_path / name, *words, "-n", count) for name, count in (("one", "0"), ("two", "2"))]
    assert [ran.code for ran in runs] == [12, 12], runs[0].text + runs[1].text
    drawn, found = [], []
    for ran in runs:
        evidence = read_run(ran.run_dir).evidence
        sequences = evidence.sequences
        assert len(evidence.run_ends) == 1, "the run ends once, however many work for it"
        drawn.append({(one.sequence.key, digest(one.sequence)) for one in sequences})
        found.append(
            {finding["reason"] for finding in ran.report["findings"] if finding["rule"] == "sequence.diverged"}
        )
    assert drawn[0] == drawn[1]
    assert found[0] == found[1] != set()
