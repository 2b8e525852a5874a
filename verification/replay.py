"""One counterexample walked alone: a run of its own that owes nothing else, with its own folder and verdict."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from verification.catalog.counterexample import read_counterexample
from verification.core.errors import TargetError
from verification.core.judgement import Judgement
from verification.core.records import Mishap, RunEnd
from verification.drive.campaign import Campaign, Place
from verification.evidence import start_run
from verification.manifest import new_manifest
from verification.run import catalog_for, conclude
from verification.settings import Settings, require_allowed_target

_ANY_STAGE = 50
"""Each step is put on its arm by force, so that any percent between 0 and 100 will do."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What walking a counterexample again came to."""

    run_dir: Path
    judgement: Judgement


def replay(path: Path, settings: Settings) -> Replay:
    """Walk the sequence in a file on the target of the settings, the embedded backend where they name none.

    Raises CatalogError for a file that cannot be used and UsageError for a target that must not be written to.
    """
    require_allowed_target(settings)
    catalog, _ = catalog_for(settings)
    sequence = read_counterexample(path, catalog, os.environ).sequence
    started = datetime.now(UTC)
    # In a folder of its own, so that `latest` goes on to name the last whole run.
    run_dir = settings.run.report_dir / "replays" / f"{started:%Y%m%d-%H%M%S}-{os.getpid()}"
    manifest = new_manifest(
        run_dir.name,
        seed=settings.run.seed,
        target=" and ".join(settings.target.urls) or "embedded",
        owned=settings.is_embedded,
        routing=settings.routing,
        stages=(_ANY_STAGE,),
        quick=False,
        expected=(sequence.key,),
        omitted={"everything else": "a replay walks one sequence and proves nothing else"},
    )
    start_run(run_dir, manifest, catalog, settings.policy)
    campaign = Campaign(settings, catalog, Place(run_dir, "main", manifest.tag), (_ANY_STAGE,))
    try:
        campaign.check()
        campaign.walk(sequence)
    except TargetError as error:
        campaign.record(Mishap("backend-unready", str(error), _ANY_STAGE))
    finally:
        campaign.record(RunEnd(datetime.now(UTC)))
        campaign.close()
    return Replay(run_dir, conclude(run_dir))
