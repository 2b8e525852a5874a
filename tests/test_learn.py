"""`learn-masks` proposes what the noise of a run suggests as a patch, changes nothing, and explains its refusals."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.core.judge.builders import manifest
from verification.catalog.load import SHIPPED, load_catalog
from verification.catalog.patch import mask_patch
from verification.cli import main
from verification.core.cases import Catalog
from verification.core.model import Answer, Arm, Comparison, Exchange, Probe, Request
from verification.core.policy import Policy
from verification.evidence import EvidenceWriter, start_run
from verification.learn import NOBODY, learn_masks

REFRESH = "POST /cameras/refresh"
MASK_LINES = 6
"""Lines of the mask on the moment of an answer, with the key above it."""


@pytest.fixture
def forgetful(tmp_path: Path) -> Path:
    """A copy of the shipped catalog in which nobody has said that the moment of a refresh varies."""
    folder = tmp_path / "catalog"
    shutil.copytree(SHIPPED, folder)
    file = folder / "camera_lifecycle.yaml"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if line.strip() == "- path: timestamp") - 1
    assert lines[start].strip() == "masks:"
    del lines[start : start + MASK_LINES]
    file.write_text("".join(lines), encoding="utf-8")
    assert load_catalog(folder).endpoint(REFRESH).shape.masks == ()
    return folder


def refreshed(second: int, arm: Arm = Arm.CONTROL) -> Exchange:
    body = f'{{"status":"success","message":"done","timestamp":"2026-11-24T00:00:{second:02}.000001+00:00"}}'
    answer = Answer(200, (("content-type", "application/json"),), body)
    served = "legacy" if arm is Arm.CONTROL else "domain"
    return Exchange(arm, Request("POST", "/api/v1/cameras/refresh"), answer, None, 1.0, served)


def run_with(folder: Path, catalog: Catalog, *seconds: int) -> Path:
    """A run's folder in which control answered a refresh at these moments, two to a comparison."""
    run_dir = folder / "run"
    start_run(run_dir, manifest(()), replace(catalog, readings={}, endpoints=_without_readings(catalog)), Policy())
    writer = EvidenceWriter(run_dir, "main")
    for first, again in zip(seconds[::2], seconds[1::2], strict=True):
        probes = (
            Probe("control", (), refreshed(first), ()),
            Probe("control-again", (), refreshed(again), ()),
            Probe("candidate", (), refreshed(first, Arm.CANDIDATE), ()),
        )
        writer.append(Comparison(REFRESH, "plain", probes))
    writer.close()
    return run_dir


def _without_readings(catalog: Catalog) -> tuple:  # type: ignore[type-arg]  # of endpoints
    return tuple(replace(endpoint, reads=()) for endpoint in catalog.endpoints)


def test_a_forgotten_mask_is_proposed_as_it_stood_and_nothing_is_changed(
    tmp_path: Path, forgetful: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file: file.read_bytes() for file in forgetful.iterdir()}
    run_dir = run_with(tmp_path, load_catalog(forgetful), 1, 2, 3, 5)
    assert main(["learn-masks", str(run_dir), "--owner", "ops", "--catalog", str(forgetful)]) == 0
    said = capsys.readouterr().out
    patch = (run_dir / "masks.patch").read_text(encoding="utf-8")
    assert patch.rstrip() in said
    assert '+        - path: "timestamp"' in patch
    assert "+          predicate: timestamp" in patch
    assert '+          owner: "ops"' in patch
    assert f"patch -p1 < {run_dir / 'masks.patch'}" in said
    assert {file: file.read_bytes() for file in forgetful.iterdir()} == before


def test_with_the_proposed_mask_the_noise_is_gone(tmp_path: Path, forgetful: Path) -> None:
    catalog = load_catalog(forgetful)
    run_dir = run_with(tmp_path, catalog, 1, 2)
    (proposal,) = learn_masks(run_dir, None, forgetful).proposals
    assert proposal.mask is not None
    assert proposal.mask.owner == NOBODY
    taught = tuple(
        replace(one, shape=replace(one.shape, masks=(proposal.mask,))) if one.id == REFRESH else one
        for one in catalog.endpoints
    )
    shutil.rmtree(run_dir)
    again = run_with(tmp_path, replace(catalog, endpoints=taught), 1, 2)
    lesson = learn_masks(again, None, forgetful)
    assert (lesson.pairs, lesson.proposals, lesson.file) == (1, (), None)


def test_what_has_no_place_in_the_files_is_printed_to_be_written_by_hand(
    tmp_path: Path, forgetful: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = run_with(tmp_path, load_catalog(forgetful), 1, 2)
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(SHIPPED / "alert_rules.yaml", other)
    assert main(["learn-masks", str(run_dir), "--catalog", str(other)]) == 0
    said = capsys.readouterr().out
    assert f"to be written by hand at {REFRESH}, shape.masks:" in said
    assert '  - path: "timestamp"' in said
    assert not (run_dir / "masks.patch").exists()


def test_a_folder_without_noise_to_learn_from_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["learn-masks", str(tmp_path / "nothing")]) == 2
    assert "is no folder of a run" in capsys.readouterr().err
    run_dir = run_with(tmp_path, load_catalog())
    assert main(["learn-masks", str(run_dir)]) == 2
    assert "no noise to learn from" in capsys.readouterr().err


def test_a_patch_of_nothing_is_empty() -> None:
    assert mask_patch([], SHIPPED, Path.cwd()).text == ""
