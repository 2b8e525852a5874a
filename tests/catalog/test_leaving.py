"""What may harm a foreign target is not asked there, nor what needs it, and each part left out has its reason."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from loadtests import options as options_module
from loadtests import verdict as verdict_module
from loadtests.options import endpoints_for, stage_options
from loadtests.verdict import open_folder
from tests.load.test_options import LOCAL, parsed
from verification import run as run_module
from verification.catalog.leaving import DESTRUCTIVE, without_destructive
from verification.catalog.load import load_catalog
from verification.catalog.sequences import sequences_of
from verification.core.cases import Catalog
from verification.core.errors import CatalogError, PermissionNeeded
from verification.core.sequences import groups
from verification.evidence import read_manifest
from verification.replay import replay
from verification.run import judge_run, open_run
from verification.settings import Settings, load_settings

SHIPPED = load_catalog()
REFRESH, STOP, START = "POST /cameras/refresh", "POST /cameras/{id}/stop", "POST /cameras/{id}/start"


def marked(*names: str) -> Catalog:
    endpoints = tuple(replace(one, destructive=one.id in names) for one in SHIPPED.endpoints)
    return replace(SHIPPED, endpoints=endpoints)


def named(tmp_path: Path, **run: object) -> Settings:
    given = {"target": {"url": "http://127.0.0.1:9"}, "run": {"report_dir": str(tmp_path), **run}}
    return load_settings(None, given)


def test_none_of_the_shipped_endpoints_is_destructive() -> None:
    assert without_destructive(SHIPPED) == (SHIPPED, {})


def test_a_marked_endpoint_is_in_no_case_race_group_or_sequence() -> None:
    rest, omitted = without_destructive(marked(REFRESH))
    assert omitted == {f"endpoint:{REFRESH}": DESTRUCTIVE}
    assert REFRESH not in {one.id for one in rest.endpoints}
    assert len(rest.endpoints) == 12
    assert REFRESH not in {one.id for group in groups(rest).values() for one in group}


def test_states_cases_races_and_loads_that_need_it_go_with_it() -> None:
    rest, omitted = without_destructive(marked(STOP))
    states = rest.resources["camera"].states
    assert {"stopped", "logged"} & set(states) == set()
    assert "running" in states
    steps = [step for kind in ("retry", "certificate") for one in sequences_of(rest, kind) for step in one.steps]
    assert STOP not in {step.endpoint for step in steps}
    assert not any(step.request.path.endswith("/stop") for step in steps)
    assert omitted["race:restarted-and-stopped"] == f"needs what is left out as destructive: {STOP}"
    assert f"parity:{START}:ran-before" in omitted
    twins = [twin for one in rest.endpoints for case in one.cases for twin in case.given]
    assert not any({"stopped", "logged"} & set(twin.states) for twin in twins)
    # Its load draws from cameras that have a log, and these were stopped.
    assert "endpoint:GET /cameras/{id}/logs" in omitted
    assert rest.resources["camera"].remove == SHIPPED.resources["camera"].remove


@pytest.mark.parametrize("allowed", [False, True])
def test_a_run_leaves_it_out_says_why_and_owes_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    off = {"GET /nowhere": "never asked"}
    monkeypatch.setattr(run_module, "load_catalog", lambda *_, **__: replace(marked(REFRESH), disabled=off))
    opened = open_run(named(tmp_path, allow_destructive=allowed), (25,), tmp_path / "run")
    judgement = judge_run(tmp_path / "run")
    told = dict(judgement.not_measured)
    owes = [key for key in judgement.manifest.expected if REFRESH in key]
    assert (f"endpoint:{REFRESH}" in told) is not allowed
    assert bool(owes) is allowed
    assert told["endpoint:GET /nowhere"] == "never asked", "what is disabled stays so"
    assert (REFRESH in {one.id for one in opened.catalog.endpoints}) is allowed
    if not allowed:
        assert "--allow-destructive" in told[f"endpoint:{REFRESH}"]
        assert told[f"endpoint:{REFRESH}"] in (tmp_path / "run" / "gate.md").read_text(encoding="utf-8")


def test_a_backend_of_the_suites_own_is_asked_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "load_catalog", lambda *_, **__: marked(REFRESH))
    own = load_settings(None, {"run": {"report_dir": str(tmp_path)}})
    assert REFRESH in {one.id for one in open_run(own, (25,), tmp_path / "run").catalog.endpoints}


def test_a_counterexample_that_calls_it_is_not_replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "load_catalog", lambda *_, **__: marked(REFRESH))
    path = tmp_path / "kept.json"
    step = {"title": "x", "endpoint": REFRESH, "request": {"method": "POST", "path": "/api/v1/cameras/refresh"}}
    sequence = {"key": "replay:x", "given": [], "reads": [], "routing": ["candidate"], "steps": [step]}
    document = {"schema": "release-gate-counterexample/1", "sequence": sequence}
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(CatalogError, match="refresh"):
        replay(path, named(tmp_path))


def test_the_load_leaves_it_out_too_and_refuses_to_be_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options_module, "load_catalog", lambda *_, **__: marked(REFRESH))

    def asked(**options: object) -> set[str]:
        return {one.id for one in endpoints_for(parsed(**options))}

    assert REFRESH not in asked()
    assert REFRESH in asked(allow_destructive=True)
    assert REFRESH in asked(disposable_target=True)
    assert len(asked(endpoints=START)) == 12
    with pytest.raises(PermissionNeeded, match="--allow-destructive"):
        asked(endpoints=f"{START}, {REFRESH}")


def test_a_load_alone_tells_what_is_destructive_and_what_is_disabled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = replace(marked(REFRESH), disabled={"GET /nowhere": "never asked"})
    for module in (options_module, verdict_module):
        monkeypatch.setattr(module, "load_catalog", lambda *_, **__: catalog)
    options = parsed(run_dir=str(tmp_path))
    open_folder(tmp_path, stage_options(options, LOCAL, endpoints_for(options)))
    omitted = read_manifest(tmp_path).omitted
    assert omitted["endpoint:GET /nowhere"] == "never asked"
    assert omitted[f"endpoint:{REFRESH}"] == DESTRUCTIVE
