"""A run of the gate counts for a stage only where it is of the same backend, the same percent, and not older."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.rollout.calendar import Calendar
from verification.catalog.load import load_catalog
from verification.core.errors import UsageError
from verification.core.model import Verdict
from verification.core.policy import Policy
from verification.core.records import Manifest
from verification.core.release.events import Started
from verification.evidence import start_run
from verification.manifest import new_manifest
from verification.rollout.ledger import Ledger
from verification.rollout.verdict import take_in_run
from verification.settings import Settings

URL = "http://user:hunter2@backend.example"
SETTINGS = Settings.model_validate({"target": {"url": URL}})


def run_of(folder: Path, clock: Calendar, **changes: object) -> Path:
    at = (clock.now() + timedelta(minutes=1)).isoformat()
    manifest = new_manifest(
        folder.name, seed=1, target=URL, owned=False, stages=(10,), quick=False, expected=("load:10",), omitted={}
    )
    changed: Manifest = replace(manifest, started_at=at, **changes)  # type: ignore[arg-type]  # given by name
    start_run(folder, changed, load_catalog(), Policy())
    return folder


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"owned": True, "target": "embedded"}, "the run is of embedded"),
        ({"target": "http://other.example"}, "the run is of http://other.example"),
        ({"stages": (0, 25)}, "the run is of 0 %, 25 %; 10 % runs"),
        ({"started_at": "2026-10-01T00:00:00+00:00"}, "before the 10 % stage did"),
        ({"started_at": "2026-10-01T00:00:00"}, "before the 10 % stage did"),
    ],
)
def test_a_run_that_says_nothing_of_this_stage_is_refused(
    changes: dict[str, object], said: str, tmp_path: Path
) -> None:
    clock = Calendar()
    with Ledger(tmp_path / "release.sqlite") as ledger:
        ledger.append(Started(10, 0, "maria", True, "30 of 300", 1.0), clock.now())
        at = changes.pop("started_at", None)
        folder = run_of(tmp_path / "run", clock, **changes)
        if at is not None:
            folder = run_of(tmp_path / "older", clock)
            text = (folder / "run.json").read_text().replace((clock.now()).isoformat()[:10], str(at)[:10])
            (folder / "run.json").write_text(text)
        with pytest.raises(UsageError) as refused:
            take_in_run(SETTINGS, ledger, folder, clock)
        assert said in str(refused.value)
        assert "hunter2" not in str(refused.value)
        assert ledger.standing().gate is None


def test_a_run_of_this_stage_is_taken_in_with_the_verdict_of_its_folder(tmp_path: Path) -> None:
    clock = Calendar()
    with Ledger(tmp_path / "release.sqlite") as ledger:
        with pytest.raises(UsageError, match="no stage has begun"):
            take_in_run(SETTINGS, ledger, run_of(tmp_path / "early", clock), clock)
        ledger.append(Started(10, 0, "maria", True, "30 of 300", 1.0), clock.now())
        taken = take_in_run(SETTINGS, ledger, run_of(tmp_path / "run", clock), clock)
        assert taken.verdict is Verdict.INCONCLUSIVE
        assert ledger.standing().gate == taken
