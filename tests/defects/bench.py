"""One defect, the check that must find it, and the verdict of a run that owes exactly that check's evidence."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verification.catalog.load import select
from verification.catalog.sequences import sequences_of
from verification.core.cases import Case, Catalog, Endpoint
from verification.core.expectation import parity_key, search_keys
from verification.core.judgement import Judgement
from verification.core.records import Manifest
from verification.drive.campaign import Campaign, Place
from verification.drive.measure import measure_stage
from verification.evidence import start_run
from verification.manifest import SCHEMA
from verification.run import judge_run
from verification.settings import LoadSettings, RunSettings, Settings, TargetSettings


@dataclass(frozen=True)
class Defect:
    """A row of the backend's own list, read as a stranger would: from its command line."""

    name: str
    kind: str
    wrong: str
    sufferer: str
    check: str
    verdict: str
    endpoint: str | None
    forbidden: tuple[str, ...]


def listed_defects() -> list[Defect]:
    command = [sys.executable, "-m", "verification.reference", "--list-defects", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [Defect(**{**row, "forbidden": tuple(row["forbidden"])}) for row in json.loads(done.stdout)]


DEFECTS = listed_defects()
LOAD_CHECKS = ("latency.", "rates.")
Steps = Callable[[Campaign], None]


class Bench:
    """Runs one check against the embedded backend with a defect, and judges the folder that this leaves."""

    def __init__(self, run_dir: Path, catalog: Catalog, seed: int | None = None) -> None:
        self.run_dir, self.catalog = run_dir, catalog
        self.seed = RunSettings().seed if seed is None else seed

    def settings(self, defect: str | None, load: LoadSettings | None = None, **of_target: Any) -> Settings:
        target = TargetSettings(defects=() if defect is None else (defect,), **of_target)
        return Settings(
            target=target, load=load or LoadSettings(), run=RunSettings(report_dir=self.run_dir.parent, seed=self.seed)
        )

    def judge(self, settings: Settings, expected: list[str], stages: tuple[int, ...], steps: Steps) -> Judgement:
        self._start(settings, expected, stages)
        campaign = Campaign(settings, self.catalog, Place(self.run_dir, "main"), stages)
        try:
            steps(campaign)
        finally:
            campaign.close()
        return judge_run(self.run_dir)

    def judge_load(self, defect: str | None, load: LoadSettings, percent: int, endpoints: tuple[str, ...]) -> Judgement:
        settings = self.settings(defect, load)
        # Only these are owed, so that they alone decide.
        self._start(settings, [f"load:{percent}"], (percent,), select(self.catalog, endpoints))
        campaign = Campaign(settings, self.catalog, Place(self.run_dir, "main"), (percent,))
        try:
            measure_stage(settings, self.run_dir, percent, campaign.record, print, endpoints)
        finally:
            campaign.close()
        return judge_run(self.run_dir)

    def _start(
        self, settings: Settings, expected: list[str], stages: tuple[int, ...], catalog: Catalog | None = None
    ) -> None:
        manifest = Manifest(
            schema=SCHEMA,
            run_id=self.run_dir.name,
            started_at="2026-11-23T00:00:00+00:00",
            seed=settings.run.seed,
            target=settings.target.url or "embedded",
            owned=settings.target.url is None,
            stages=stages,
            quick=False,
            expected=tuple(expected),
            omitted={},
            versions={},
            host={},
            commit=None,
        )
        start_run(self.run_dir, manifest, catalog or self.catalog, settings.policy)

    def cases(self, endpoint: str | None) -> list[tuple[Endpoint, Case]]:
        """The hand-written cases of one endpoint, or of all."""
        return [
            (item, case)
            for item in self.catalog.endpoints
            if endpoint in (None, item.id)
            for case in item.cases
            if not case.derived
        ]

    def compare(self, defect: str | None, endpoint: str | None, **of_target: Any) -> Judgement:
        pairs = self.cases(endpoint)

        def steps(campaign: Campaign) -> None:
            for item, case in pairs:
                if campaign.is_dead():
                    break
                campaign.compare(item, case)

        expected = [parity_key(item.id, case.id) for item, case in pairs]
        return self.judge(self.settings(defect, **of_target), expected, (50,), steps)

    def watch(self, defect: str | None) -> Judgement:
        def steps(campaign: Campaign) -> None:
            campaign.watch("before")
            campaign.use()
            campaign.force(50)
            campaign.watch("after")

        expected = ["monitoring:before", "monitoring:usage", "flag:force:50", "monitoring:after"]
        return self.judge(self.settings(defect), expected, (50,), steps)

    def ask_witnesses(self, defect: str | None) -> Judgement:
        def steps(campaign: Campaign) -> None:
            for endpoint in self.catalog.endpoints:
                campaign.witness(endpoint)

        expected = [f"witness:{endpoint.id}" for endpoint in self.catalog.endpoints]
        return self.judge(self.settings(defect), expected, (50,), steps)

    def race(self, defect: str | None) -> Judgement:
        def steps(campaign: Campaign) -> None:
            for name in self.catalog.races:
                campaign.race(name)

        return self.judge(self.settings(defect), [f"race:{name}" for name in self.catalog.races], (50,), steps)

    def search(self, defect: str | None) -> Judgement:
        """Search after search until one finds something; what was not searched then is missing, which weighs less."""
        keys = search_keys(self.catalog)

        def steps(campaign: Campaign) -> None:
            for key in keys:
                if campaign.search(key):
                    break

        return self.judge(self.settings(defect), list(keys), (50,), steps)

    def walk(self, defect: str | None) -> Judgement:
        """The same request twice on every routing, and the rollback certificate."""
        sequences = [*sequences_of(self.catalog, "retry"), *sequences_of(self.catalog, "certificate")]

        def steps(campaign: Campaign) -> None:
            for sequence in sequences:
                campaign.walk(sequence)

        return self.judge(self.settings(defect), [sequence.key for sequence in sequences], (50,), steps)

    def flag(self, defect: str | None) -> Judgement:
        def steps(campaign: Campaign) -> None:
            for percent in (0, 10, 100):
                campaign.expose(percent)
                campaign.force(percent)
            campaign.refuse()

        expected = [f"flag:{what}:{percent}" for what in ("exposure", "force") for percent in (0, 10, 100)]
        return self.judge(self.settings(defect), [*expected, "flag:refuse"], (0, 10, 100), steps)

    def roll_back(self, defect: str | None) -> Judgement:
        def steps(campaign: Campaign) -> None:
            campaign.roll_back_by_request()
            campaign.roll_back_globally()

        return self.judge(self.settings(defect), ["rollback:request", "rollback:global"], (100,), steps)
