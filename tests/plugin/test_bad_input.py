"""Bad input: one clear message, a code that is not 0, no traceback, nothing sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.running import gate

MISUSED, INCONCLUSIVE = 2, 11


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--stage=101",), MISUSED, "from 0 to 100"),
        (("--stage=-1",), MISUSED, "from 0 to 100"),
        (("--stage=ten",), MISUSED, "no whole number"),
        (("--seed=x",), MISUSED, "no whole number"),
        (("--seed=-1",), MISUSED, "run.seed"),
        (("--repeat=often",), MISUSED, "no whole number"),
        (("--repeat=0",), MISUSED, "run.repetitions"),
        (("--repeat=1001",), MISUSED, "run.repetitions"),
        (("--defect=p95-plus-3",), MISUSED, "Did you mean p95-plus-30?"),
        (("--target=ftp://host",), MISUSED, "must be a URL"),
        (("--target=http://127.0.0.1:9",), MISUSED, "--stage 25"),
        (("--target=http://127.0.0.1:9", "--stage=10", "--stage=25"), MISUSED, "--stage 25"),
        (("--target=http://192.0.2.1:80", "--stage=25"), MISUSED, "--allow-writes"),
        (("--target=http://127.0.0.1:9", "--stage=25"), INCONCLUSIVE, "does not answer"),
        (("--settings=/nowhere/rollout.toml",), MISUSED, "cannot be read"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_call_is_told_in_one_message(tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    ran = gate(tmp_path / "run", *words)
    assert ran.code == code, ran.text
    assert said in ran.text
    assert "Traceback" not in ran.text
    assert "INTERNALERROR" not in ran.text


def test_an_unreachable_target_leaves_a_report_that_says_so(tmp_path: Path) -> None:
    ran = gate(tmp_path / "run", "--target=http://127.0.0.1:9", "--stage=25")
    assert ran.report["verdict"] == "INCONCLUSIVE"
    assert any("does not answer" in reason for reason in ran.report["reasons"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[lod]\nblocks = 3\n", "Did you mean 'load'?"),
        ("[load]\nblock = 3\n", "Did you mean 'blocks'?"),
        ("[load]\nblocks = 'many'\n", "load.blocks"),
        ("stages = [10, 10]\n", "ascending"),
        ("[latency]\nhold_ratio = 1.6\n", "hold_ratio"),
        ("stages = [", "not valid TOML"),
    ],
)
def test_a_broken_settings_file_names_key_value_and_what_is_valid(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "rollout.toml"
    path.write_text(text, encoding="utf-8")
    ran = gate(tmp_path / "run", f"--settings={path}")
    assert ran.code == MISUSED, ran.text
    assert said in ran.text
    assert "Traceback" not in ran.text


def test_a_folder_that_holds_a_run_is_never_written_into(tmp_path: Path) -> None:
    first = gate(tmp_path / "run", "-k", "nothing")
    before = (first.run_dir / "run.json").read_bytes()
    again = gate(tmp_path / "run", "-k", "nothing")
    assert (first.code, again.code) == (11, MISUSED)
    assert "holds a run already" in again.text
    assert (first.run_dir / "run.json").read_bytes() == before


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    ran = gate(tmp_path / "file" / "run")
    assert ran.code == MISUSED
    assert "cannot be written" in ran.text
    assert "Traceback" not in ran.text
