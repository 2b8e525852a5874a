"""A run from outside: its folder and manifest at the start, its verdict and reports at any later moment."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from verification.catalog.load import load_catalog
from verification.core.cases import Catalog
from verification.core.errors import EvidenceError, UsageError
from verification.core.expectation import Scope, owed
from verification.core.judge import judge
from verification.core.judgement import Judgement
from verification.core.model import Json
from verification.core.records import Manifest
from verification.core.redact import redact_text
from verification.evidence import SCHEMA, read_run, start_run
from verification.reporting.write import write_reports
from verification.settings import Settings

_PACKAGES = ("release-gate", "deepdiff", "fastapi", "httpx", "locust", "numpy", "pytest", "pytest-xdist", "scipy")


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run whose folder exists and whose manifest is written."""

    run_dir: Path
    settings: Settings
    catalog: Catalog
    stages: tuple[int, ...]


def choose_stages(settings: Settings, asked: Sequence[int]) -> tuple[int, ...]:
    """The stages of a run: those asked for, else the plan's; a named backend stands at exactly one."""
    stages = tuple(sorted(set(asked))) or settings.stages
    if settings.target.url is not None and len(stages) != 1:
        raise UsageError(
            "--target names a backend that the suite did not start, so it measures the one stage that the backend is at. "
            "Say which: for example --stage 25."
        )
    return stages


def open_run(settings: Settings, stages: tuple[int, ...], run_dir: Path | None, command: Sequence[str]) -> OpenRun:
    """Make the run's folder, write what the run is and what evidence it owes, and a first report that says so."""
    catalog = load_catalog()
    started = datetime.now(UTC)
    folder = run_dir or settings.run.report_dir / f"{started:%Y%m%d-%H%M%S}-{os.getpid()}"
    if (folder / "run.json").exists():
        raise EvidenceError(f"{folder}: holds a run already. Name an empty folder with --run-dir, or leave it out.")
    owned = settings.target.url is None
    expected, omitted = owed(catalog, Scope(stages, owned, settings.run.quick, may_restart=False))
    manifest = Manifest(
        schema=SCHEMA,
        run_id=folder.name,
        started_at=started.isoformat(timespec="seconds"),
        seed=settings.run.seed,
        target="embedded" if settings.target.url is None else redact_text(settings.target.url),
        owned=owned,
        stages=stages,
        quick=settings.run.quick,
        expected=expected,
        omitted=omitted,
        versions=_versions(),
        host=_host(),
        commit=_commit(),
        command=tuple(redact_text(word) for word in command),
    )
    start_run(folder, manifest, catalog, settings.policy)
    conclude(folder)
    return OpenRun(folder, settings, catalog, stages)


def judge_run(run_dir: Path) -> Judgement:
    """The verdict from the folder alone."""
    run = read_run(run_dir)
    return judge(run.evidence, run.catalog, run.policy)


def conclude(run_dir: Path, allure_dir: Path | None = None) -> Judgement:
    """Judge what is there and write the reports; called after each step, so that a killed run leaves a report."""
    run = read_run(run_dir)
    judgement = judge(run.evidence, run.catalog, run.policy)
    write_reports(judgement, run.evidence, run_dir, allure_dir=allure_dir)
    return judgement


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _host() -> dict[str, Json]:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"system": platform.platform(), "machine": platform.machine(), "cpus": os.cpu_count(), "load_average": load}


def _commit() -> str | None:
    """The suite's own commit, where it runs from a checkout."""
    root = Path(__file__).resolve().parent.parent
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],  # noqa: S607  # whichever git the person uses
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def command_line() -> list[str]:
    """How this process was called."""
    return [Path(sys.argv[0]).name, *sys.argv[1:]]
