"""Reports are whole or absent, one broken format does not cost the others, and `latest` names the newest run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.reporting import sample
from verification.core.errors import EvidenceError
from verification.core.model import Verdict
from verification.reporting import gate_html, junit
from verification.reporting.write import write_reports

FORMATS = {"gate.json", "gate.md", "gate.zh.md", "gate.html", "gate.zh.html", "junit.xml", "counterexamples"}


def write(run_dir: Path, *, allure_dir: Path | None = None) -> dict[str, Path]:
    run_dir.mkdir(exist_ok=True)
    judged = sample.judgement(Verdict.ROLLBACK)
    return write_reports(judged, sample.evidence(judged), run_dir, allure_dir=allure_dir)


def test_every_format_is_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    written = write(tmp_path / "run")
    assert set(written) == FORMATS
    assert {path.name for path in (tmp_path / "run").iterdir()} == FORMATS


def test_allure_results_are_written_only_when_asked_for(tmp_path: Path) -> None:
    written = write(tmp_path / "run", allure_dir=tmp_path / "allure-results")
    assert set(written) == {*FORMATS, "allure"}
    assert list((tmp_path / "allure-results").glob("*-result.json"))


def test_a_format_that_fails_is_named_and_the_others_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(gate_html, "render", fail)
    monkeypatch.setattr(junit, "render", fail)
    with pytest.raises(EvidenceError, match=r"junit\.xml: ZeroDivisionError: a bug.*gate\.html: ZeroDivisionError"):
        write(tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "gate.json",
        "gate.md",
        "gate.zh.md",
        "counterexamples",
    }


def test_a_report_that_cannot_be_replaced_is_kept_as_it_was(tmp_path: Path) -> None:
    blocked = tmp_path / "run" / "gate.md"
    blocked.mkdir(parents=True)
    (blocked / "inside").write_text("kept", encoding="utf-8")
    with pytest.raises(EvidenceError, match=r"gate\.md: cannot be written") as caught:
        write(tmp_path / "run")
    assert f"judge {tmp_path / 'run'}" in str(caught.value)
    assert (blocked / "inside").read_text(encoding="utf-8") == "kept"
    assert {path.name for path in (tmp_path / "run").iterdir()} == FORMATS


def test_latest_is_a_relative_link_to_the_newest_run(tmp_path: Path) -> None:
    write(tmp_path / "one")
    write(tmp_path / "two")
    assert (tmp_path / "latest").is_symlink()
    assert str((tmp_path / "latest").readlink()) == "two"
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two", "latest"}


def test_judging_through_latest_does_not_make_it_point_at_itself(tmp_path: Path) -> None:
    write(tmp_path / "one")
    write(tmp_path / "latest")
    assert str((tmp_path / "latest").readlink()) == "one"


def test_a_text_file_names_the_newest_run_where_links_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "symlink", refuse)
    write(tmp_path / "run")
    assert (tmp_path / "latest.txt").read_text(encoding="utf-8") == "run\n"
    assert not (tmp_path / "latest").exists()


def test_hostile_text_everywhere_is_written_in_every_format(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert set(write_reports(*sample.hostile(), tmp_path / "run")) == FORMATS
