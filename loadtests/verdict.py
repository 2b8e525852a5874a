"""A stage that Locust measures alone: a run's folder like any other, and the exit code that it comes to."""

from __future__ import annotations

from pathlib import Path

from loadtests.options import StageOptions
from verification.catalog.leaving import DESTRUCTIVE
from verification.catalog.load import load_catalog
from verification.core.judge import judge_stage
from verification.core.judgement import Judgement
from verification.evidence import RUN_FILE, read_run, start_run
from verification.manifest import new_manifest
from verification.settings import handed_settings


def open_folder(run_dir: Path, options: StageOptions) -> None:
    """Write the manifest of a folder that has none, so that `python -m verification judge` can read it later."""
    if (run_dir / RUN_FILE).exists():
        return
    catalog = load_catalog(options.catalog_path, separate_state=options.separate_state)
    left_out = [one.id for one in catalog.endpoints if one.destructive and one.id not in options.endpoints]
    manifest = new_manifest(
        run_dir.name,
        seed=options.seed,
        target=options.host,
        owned=False,
        stages=(options.stage_percent,),
        quick=False,
        expected=(f"load:{options.stage_percent}",),
        routing=options.routing,
        omitted={
            "parity": "Locust alone measures load only",
            "flag": "Locust alone measures load only",
            "load:knee": "Locust alone asks no ramp, so whether the rate lies below the target's knee is not known",
            **{f"endpoint:{name}": reason for name, reason in catalog.disabled.items()},
            **{f"endpoint:{name}": DESTRUCTIVE for name in left_out},
        },
    )
    start_run(run_dir, manifest, catalog, handed_settings().policy)


def stage_verdict(run_dir: Path, stage_percent: int) -> Judgement:
    """The verdict on the load of this stage; incomplete evidence is INCONCLUSIVE."""
    run = read_run(run_dir)
    return judge_stage(run.evidence, run.catalog, run.policy, stage_percent)
