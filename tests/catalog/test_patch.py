"""Proposed masks become a patch that inserts lines: it applies, loads, and leaves what people wrote as it is."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from verification.catalog.load import SHIPPED, load_catalog
from verification.catalog.patch import entry, mask_patch
from verification.core.cases import Mask
from verification.core.proposal import Proposal

MASK = Mask("a.*.b", "integer", 'differs: "often"', "us", minimum=0, maximum=9.5)
LOGS, START, STATS = "GET /cameras/{id}/logs", "POST /cameras/{id}/start", "GET /cameras/{id}/stats"


def proposal(owner: str, part: str = "shape", mask: Mask = MASK) -> Proposal:
    return Proposal(owner, part, mask.path, 3, mask, None)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The shipped catalog, to be patched."""
    shutil.copytree(SHIPPED, tmp_path / "catalog")
    return tmp_path / "catalog"


def applied(text: str, root: Path) -> None:
    subprocess.run(["patch", "-p1", "--quiet"], input=text, text=True, cwd=root, check=True, timeout=30)


@pytest.mark.parametrize(
    ("owner", "part"),
    [
        (LOGS, "shape"),
        (START, "shape"),
        ("cameras", "shape"),
        ("rules", "shape"),
        ("POST /alerts/rules", "error_shape"),
    ],
    ids=["no masks yet", "masks behind an anchor", "an empty shape", "masks already", "a shape behind an anchor"],
)
@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch command")
def test_an_applied_patch_adds_the_mask_and_keeps_every_line(copy: Path, owner: str, part: str) -> None:
    before = {file.name: file.read_text(encoding="utf-8") for file in copy.iterdir()}
    patch = mask_patch([proposal(owner, part)], copy, copy.parent)
    assert patch.by_hand == ()
    applied(patch.text, copy.parent)
    catalog = load_catalog(copy)
    if owner in catalog.readings:
        masks = catalog.readings[owner].shape.masks
    else:
        endpoint = catalog.endpoint(owner)
        masks = endpoint.shape.masks if part == "shape" else endpoint.error_shape.masks
    assert MASK in masks
    for name, text in before.items():
        kept = iter((copy / name).read_text(encoding="utf-8").splitlines())
        opened = text.replace("shape: {}", "shape:") if owner == "cameras" else text
        assert [line for line in opened.splitlines() if line not in kept] == []


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch command")
def test_several_masks_of_one_shape_stand_in_one_list(copy: Path) -> None:
    masks = [replace(MASK, path=path) for path in ("one", "two", "three.*")]
    patch = mask_patch([proposal(LOGS, mask=mask) for mask in masks], copy, copy.parent)
    applied(patch.text, copy.parent)
    found = {mask.path for mask in load_catalog(copy).endpoint(LOGS).shape.masks}
    assert found == {"one", "two", "three.*"}


def test_a_place_that_cannot_be_changed_by_inserting_is_left_to_a_person(copy: Path) -> None:
    aliased, unknown = proposal(STATS), proposal("GET /nowhere")
    patch = mask_patch([aliased, unknown], copy, copy.parent)
    assert (patch.text, patch.by_hand) == ("", (aliased, unknown))


def test_a_proposal_without_a_mask_changes_nothing(copy: Path) -> None:
    patch = mask_patch([Proposal(LOGS, "shape", "x", 1, None, "no form")], copy, copy.parent)
    assert (patch.text, patch.by_hand) == ("", ())


def test_an_entry_is_written_as_yaml_reads_it() -> None:
    assert "".join(entry(replace(MASK, predicate="pattern", pattern=r"\d+", minimum=None, maximum=None), 2)) == (
        '  - path: "a.*.b"\n    predicate: pattern\n    pattern: "\\\\d+"\n'
        '    reason: "differs: \\"often\\""\n    owner: "us"\n'
    )
