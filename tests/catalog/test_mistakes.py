"""A mistake in a catalog names file, line, entry, field and value, and says what would be valid."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.catalog.test_foreign import BOMB
from verification.catalog.load import SHIPPED, load_catalog
from verification.core.errors import CatalogError

STATE = "camera_state.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copied = tmp_path / "catalog"
    shutil.copytree(SHIPPED, copied)
    return copied


def refused(folder: Path) -> str:
    with pytest.raises(CatalogError) as caught:
        load_catalog(folder)
    return str(caught.value)


def changed(folder: Path, old: str, new: str, file: str = STATE) -> str:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return refused(folder)


STATUS = "GET /cameras/{id}/status"
MISTAKES = [
    ("an unknown key", "    writes: false\n", "    writing: false\n", ["writing", "writes"]),
    ("a wrong type", "    writes: false\n", "    writes: maybe\n", ["writes", "maybe"]),
    ("an unknown predicate", "predicate: integer", "predicate: integral", ["predicate", "integral", "integer"]),
    ("an unknown reading", "reads: [cameras, statuses]", "reads: [cameras, status]", ["status", "statuses"]),
    ("an unknown resource", "camera: {resource: camera}", "camera: {resource: cammera}", ["cammera", "camera"]),
    ("an unknown state", "states: [running]", "states: [runing]", ["runing", "running"]),
    ("an unknown token", "path: /api/v1/cameras/{camera}/status", "path: /api/v1/cameras/{cam}/status", ["cam"]),
    (
        "a query in a path",
        "path: /api/v1/cameras/{camera}/status",
        "path: /api/v1/cameras/{camera}/status?full=1",
        ["field of its own", "query: full=1"],
    ),
    ("a fragment in a path", "path: /api/v1/cameras/{camera}/status", "path: /api/v1/cameras/{camera}/#top", ["%23"]),
    ("a case twice", "- id: ran-before", "- id: running", ["running"]),
    ("an id that cannot be selected", "- id: never-started", "- id: Never Started", ["Never Started"]),
    ("a mask over what is critical", "critical: [ok, running]", "critical: [ok, pid]", ["pid"]),
    ("no weight", "weight: 1.2", "weight: 0", ["weight", "0"]),
    ("a status that is none", "status: 200", "status: 20", ["status", "20"]),
    ("a mask without a reason", "reason: every start gets a process id of its own", "reason: x", ["reason"]),
    ("a date that is none", "owner: release-gate", "owner: release-gate\n          expires: soon", ["expires", "soon"]),
    ("steps of what is no clock", "minimum: 1", "minimum: 1\n          resolution: 0.01", ["resolution", "timestamp"]),
    ("a base for variations that is no case", "derive_from: never-started", "derive_from: never", ["never"]),
]


@pytest.mark.parametrize(("old", "new", "said"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_named_with_its_place(folder: Path, old: str, new: str, said: list[str]) -> None:
    text = changed(folder, old, new)
    assert STATE in text
    for part in said:
        assert part in text, text


def test_the_line_of_a_mistake_is_told(folder: Path) -> None:
    lines = (folder / STATE).read_text(encoding="utf-8").splitlines()
    number = next(index for index, line in enumerate(lines, start=1) if "weight: 1.2" in line)
    assert f"{STATE}:{number}:" in changed(folder, "weight: 1.2", "weight: -1")


def test_the_endpoint_of_a_mistake_is_told(folder: Path) -> None:
    assert STATUS in changed(folder, "derive_from: never-started", "derive_from: never")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("endpoints: [", "camera_state.yaml"),
        ("a: 1\na: 2\n", "a"),
        ("- 1\n", "camera_state.yaml"),
        ("endpoints: 2024-05-01\n", "endpoints"),
        ("", "camera_state.yaml"),
        ("# nothing yet\n", "camera_state.yaml"),
    ],
)
def test_notation_that_cannot_be_read_is_named(folder: Path, text: str, said: str) -> None:
    (folder / STATE).write_text(text, encoding="utf-8")
    assert said in refused(folder)


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    changed(folder, "weight: 1.2", "weight: -1")
    text = changed(folder, "    writes: false\n", "    writing: false\n")
    assert "2 mistakes" in text or text.count(STATE) >= 2


def test_a_folder_without_a_catalog_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(CatalogError, match=str(path)):
            load_catalog(path)


@pytest.mark.parametrize("text", [BOMB.decode(), "- " * 10_000 + "x", "[" * 5_000])
def test_a_file_that_swells_or_has_no_ground_is_told(folder: Path, text: str) -> None:
    (folder / STATE).write_text(text, encoding="utf-8")
    assert STATE in refused(folder)


def test_bytes_that_are_no_text_are_told(folder: Path) -> None:
    (folder / STATE).write_bytes(b"\xff\xfe")
    assert STATE in refused(folder)
