"""The suite itself against the backend on PostgreSQL: started by the suite, and as the real deployment runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from tests.defects.bench import Bench
from tests.production.deployment import deployed
from tests.production.walk import PERCENT, walk
from verification.catalog.load import load_catalog
from verification.core.judge.witness import FIRST_NEEDED
from verification.core.model import Verdict


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "run", load_catalog())


def text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def test_the_embedded_backend_on_postgresql_is_promoted_by_every_alert_rule_case(
    bench: Bench, database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", text(database))
    for endpoint in ("POST /alerts/rules", "PUT /alerts/rules/{rule_id}"):
        own = Bench(bench.run_dir.parent / endpoint.split(" ")[0], bench.catalog)
        judgement = own.compare(None, endpoint, database_environment="DATABASE_URL")
        assert judgement.verdict is Verdict.PROMOTE, judgement.reasons


def test_a_defect_of_the_stores_is_found_on_postgresql_too(
    bench: Bench, database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", text(database))
    judgement = bench.compare("unreadable-by-legacy", "POST /alerts/rules", database_environment="DATABASE_URL")
    assert judgement.verdict is Verdict.ROLLBACK
    assert "cross.read" in {finding.rule for finding in judgement.findings}


def test_in_the_real_shape_it_is_inconclusive_for_want_of_a_witness_and_tells_no_password(
    bench: Bench, database: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The suite's own process hands it on to what restarts the backend.
    monkeypatch.setenv("DATABASE_URL", text(database))
    with deployed(tmp_path / "state", percent=PERCENT, database_url=text(database)) as deployment:
        judgement = walk(bench, deployment.settings(tmp_path))
        assert "PostgreSQL database" in deployment.log
    assert judgement.verdict is Verdict.INCONCLUSIVE
    against = [finding for finding in judgement.findings if finding.verdict is not Verdict.PROMOTE]
    assert {finding.rule for finding in against} == {"witness.absent", "monitoring.usage"}
    assert any(FIRST_NEEDED in finding.reason for finding in against)
    files = [path for folder in (bench.run_dir, tmp_path / "state") for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    if database.password:
        assert not [path for path in files if str(database.password).encode() in path.read_bytes()]


def test_with_a_signature_the_same_deployment_is_promoted(
    bench: Bench, database: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", text(database))
    shape = ("--shape", "telling")
    with deployed(tmp_path / "state", *shape, percent=PERCENT, database_url=text(database)) as deployment:
        judgement = walk(bench, deployment.settings(tmp_path, witness={}))
    assert judgement.verdict is Verdict.PROMOTE, judgement.reasons


def test_a_database_url_that_was_meant_for_something_else_is_not_the_embedded_backends(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:x@127.0.0.1:9/none")
    assert bench.compare(None, "POST /alerts/rules").verdict is Verdict.PROMOTE
