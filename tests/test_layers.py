"""ARCHITECTURE.md stays true: who may import whom, read from the source of every module."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted([*(ROOT / "verification").rglob("*.py"), *(ROOT / "loadtests").rglob("*.py")])
MOST_LINES = 320

# Room -> the rooms of ours that it may import, beside itself.
MAY_IMPORT = {
    "core": set(),
    "settings": {"core"},
    "manifest": {"core"},
    "evidence": {"core", "manifest"},
    "journal": {"core", "evidence"},
    "catalog": {"core"},
    "drive": {"core", "settings", "evidence", "journal", "catalog"},
    "reporting": {"core", "evidence"},
    "reference": set(),
    "rollout": {"core", "settings", "evidence", "catalog", "drive", "reporting", "run"}
    # As a run does, looks that write keep a journal, and clean up after those that were killed.
    | {"manifest", "journal", "cleanup"},
    "run": {"core", "settings", "manifest", "evidence", "catalog", "reporting"},
    "preview": {"core", "settings", "drive", "reporting", "run"},
    "gate": {"core", "settings", "evidence", "catalog", "drive", "reporting", "run", "preview"},
    "plugin": {"core", "catalog", "gate", "run", "preview"},
    "replay": {"core", "settings", "manifest", "evidence", "catalog", "drive", "run"},
    "cleanup": {"core", "settings", "manifest", "evidence", "journal", "drive", "run"},
    "learn": {"core", "evidence", "catalog"},
    "init": {"core", "catalog", "drive"},
    "cli": {"core", "settings", "catalog", "reporting", "run", "replay", "cleanup", "learn", "init", "rollout"},
    "stage_gate": {"core", "gate"},
    "loadtests": {"core", "settings", "manifest", "evidence", "journal", "catalog"},
    "__main__": {"cli"},
    "__init__": set(),
}
# Third party package -> the only rooms that may import it.
ONLY_IN = {
    "locust": {"loadtests"},
    "gevent": {"loadtests"},
    "geventhttpclient": {"loadtests"},
    "httpx": {"drive"},
    "httpcore": {"drive"},
    "hypothesis": {"drive"},
    "schemathesis": {"drive"},
    "jinja2": {"reporting"},
    "prometheus_client": {"drive"},
    "allure_commons": {"reporting"},
    "fastapi": {"reference"},
    "starlette": {"reference"},
    "uvicorn": {"reference"},
    "sqlalchemy": {"reference"},
    "yaml": {"catalog", "reference"},
    "pytest": {"gate", "plugin", "preview", "stage_gate"},
}
CORE_MAY_USE = {"numpy", "scipy", "deepdiff", "orjson", "pydantic", "pydantic_core"}


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] if parts[0] == "loadtests" else parts[1]


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which room is meant"
            yield node.module or ""


def ours(name: str) -> str | None:
    """The room of ours that an import names; None for anything else."""
    parts = name.split(".")
    if parts[0] == "loadtests":
        return "loadtests"
    if parts[0] != "verification":
        return None
    return parts[1] if len(parts) > 1 else "__init__"


def test_there_is_something_to_look_at() -> None:
    assert len(MODULES) > 40


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_what_lies_below_it(path: Path) -> None:
    room = room_of(path)
    for name in imports_of(path):
        other = ours(name)
        if other is not None and other != room:
            assert other in MAY_IMPORT[room], f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_with_one_home_is_imported_only_there(path: Path) -> None:
    room = room_of(path)
    for name in imports_of(path):
        package = name.split(".")[0]
        if package in ONLY_IN:
            assert room in ONLY_IN[package], f"{path.relative_to(ROOT)} imports {name}"
        if room == "core" and ours(name) is None:
            assert package in CORE_MAY_USE | sys.stdlib_module_names, f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_core_touches_neither_clock_nor_disk_nor_chance(path: Path) -> None:
    if room_of(path) != "core":
        return
    forbidden = {"os", "io", "time", "random", "secrets", "socket", "subprocess", "pathlib", "threading", "tempfile"}
    used = {name.split(".")[0] for name in imports_of(path)} & forbidden
    assert not used, f"{path.relative_to(ROOT)} imports {', '.join(sorted(used))}"


def test_deepdiff_has_one_importer() -> None:
    importers = [path for path in MODULES if any(name.split(".")[0] == "deepdiff" for name in imports_of(path))]
    assert [path.name for path in importers] == ["compare.py"]


def test_nobody_imports_the_reference_backend() -> None:
    for path in MODULES:
        if room_of(path) != "reference":
            assert all(ours(name) != "reference" for name in imports_of(path)), path


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_one_noun_of_a_few_hundred_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    assert path.stem not in {"utils", "util", "helpers", "common", "misc"}


def test_the_architecture_page_names_every_room() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = {room_of(path) for path in MODULES} - {"__init__", "__main__"}
    assert not sorted(room for room in rooms if room not in page)
    assert len(page.splitlines()) <= 120
