"""A run from outside: its folder and manifest at the start, its verdict and reports at any later moment."""

from __future__ import annotations

import os
from collections.abc import Sequence as Ordered
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from verification.catalog.counterexample import earlier_counterexamples
from verification.catalog.leaving import without_destructive
from verification.catalog.load import load_catalog
from verification.core.cases import Catalog
from verification.core.errors import EvidenceError, UsageError
from verification.core.expectation import Scope, owed
from verification.core.judge import judge
from verification.core.judgement import Judgement
from verification.core.sequences import Sequence
from verification.evidence import read_run, start_run
from verification.manifest import new_manifest
from verification.reporting.write import write_reports
from verification.settings import Settings

_ALL = 100


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run whose folder exists and whose manifest is written."""

    run_dir: Path
    settings: Settings
    catalog: Catalog
    stages: tuple[int, ...]
    replays: tuple[Sequence, ...] = ()
    """What earlier runs found, walked first."""


def choose_stages(settings: Settings, asked: Ordered[int]) -> tuple[int, ...]:
    """The stages of a run: those asked for, else the plan's; a named backend stands at exactly one."""
    stages = tuple(sorted(set(asked))) or settings.stages
    if settings.has_two_urls and not asked:
        # Two backends have no flag between them: everything that is put on candidate goes there.
        return (_ALL,)
    if not settings.is_embedded and len(stages) != 1 and not (asked and settings.may_change_percent):
        raise UsageError(
            "--target names a backend that the suite did not start, so it measures the one stage that the backend is "
            "at. Say which: for example --stage 25."
        )
    return stages


def open_run(settings: Settings, stages: tuple[int, ...], run_dir: Path | None) -> OpenRun:
    """Make the run's folder, write what the run is and what evidence it owes, and a first report that says so."""
    catalog, left_out = catalog_for(settings)
    started = datetime.now(UTC)
    folder = run_dir or settings.run.report_dir / f"{started:%Y%m%d-%H%M%S}-{os.getpid()}"
    if (folder / "run.json").exists():
        raise EvidenceError(f"{folder}: holds a run already. Name an empty folder with --run-dir, or leave it out.")
    owned = settings.is_embedded
    kept, unusable = earlier_counterexamples(settings.run.report_dir, catalog, os.environ)
    replays = tuple(one.sequence for one in kept)
    expected, omitted = owed(catalog, scope_of(settings, stages, replays))
    manifest = new_manifest(
        folder.name,
        seed=settings.run.seed,
        target=" and ".join(settings.target.urls) or "embedded",
        owned=owned,
        stages=stages,
        quick=settings.run.quick,
        expected=expected,
        repetitions=settings.run.repetitions,
        omitted={**omitted, **left_out, **unusable},
        routing=settings.routing,
    )
    start_run(folder, manifest, catalog, settings.policy)
    conclude(folder)
    return OpenRun(folder, settings, catalog, stages, replays)


def preview_run(settings: Settings, stages: tuple[int, ...]) -> tuple[OpenRun, dict[str, str]]:
    """A run that is never opened, and what it leaves out (key -> reason): for its plan. Nothing is written."""
    catalog, left_out = catalog_for(settings)
    kept, unusable = earlier_counterexamples(settings.run.report_dir, catalog, os.environ)
    replays = tuple(one.sequence for one in kept)
    _, omitted = owed(catalog, scope_of(settings, stages, replays))
    return OpenRun(settings.run.report_dir, settings, catalog, stages, replays), {**omitted, **left_out, **unusable}


def catalog_for(settings: Settings) -> tuple[Catalog, dict[str, str]]:
    """The catalog as far as this target may be asked, and what is left out of it (key -> reason).

    CatalogError where the catalog cannot be used.
    """
    catalog = load_catalog(settings.catalog.path, separate_state=settings.has_separate_state)
    if settings.is_embedded:
        return catalog, {}
    omitted: dict[str, str] = {}
    if not settings.run.allow_destructive:
        catalog, omitted = without_destructive(catalog)
    too_many = {name: _over_limit(settings, len(race.calls)) for name, race in catalog.races.items()}
    omitted |= {f"race:{name}": reason for name, reason in too_many.items() if reason}
    races = {name: race for name, race in catalog.races.items() if not too_many[name]}
    return replace(catalog, races=races), omitted


def _over_limit(settings: Settings, at_once: int) -> str:
    """Why so many calls at the same moment are too many for the target; empty where they are not."""
    for name, limit in settings.limits.model_dump(exclude_none=True).items():
        if at_once > limit:
            return f"its {at_once} calls at once are more than limits.{name} = {limit:g}"
    return ""


def scope_of(settings: Settings, stages: tuple[int, ...], replays: tuple[Sequence, ...] = ()) -> Scope:
    """What kind of run these settings ask for."""
    return Scope(
        stages,
        owned=settings.is_embedded,
        flag=settings.routing.flag,
        monitoring=settings.has_monitoring,
        witnesses=not settings.first_witness.address,
        quick=settings.run.quick,
        may_restart=settings.may_change_percent,
        ramp=settings.load.ramp,
        replays=tuple(sequence.key for sequence in replays),
    )


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
