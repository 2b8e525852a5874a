"""`init` writes a first catalog that loads, overwrites nothing, sends nothing, and refuses in one message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.catalog.documents import answer, described, entry, har
from tests.catalog.test_foreign import BOMB
from tests.catalog.test_openapi import parameter
from tests.reference.running import running
from verification.catalog.load import load_catalog
from verification.cli import main
from verification.core.redact import Redactor
from verification.drive.caller import Caller
from verification.drive.probe import Prober
from verification.reference.application import new_application
from verification.reference.backend import build_backend
from verification.reference.flag import FlagSettings
from verification.reference.legacy.alert_rules import alert_rule_routes
from verification.reference.legacy.camera_control import camera_control_routes
from verification.reference.legacy.cameras import camera_routes

ITEM = {"get": {"parameters": [parameter("id", "path", schema={"type": "string"})], "responses": answer({})}}
DOCUMENT = described({"/things": {"get": {"responses": answer({})}}, "/things/{id}": ITEM})


def saved(tmp_path: Path, name: str, document: Any) -> str:
    file = tmp_path / name
    file.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    return str(file)


def reference_document(tmp_path: Path) -> dict[str, Any]:
    """What the reference backend would say of itself; it serves no document."""
    backend = build_backend(tmp_path / "state", FlagSettings(on=False, percent=0), seed=1)
    app = new_application()
    for routes in (
        alert_rule_routes(backend.engine, backend.devices),
        camera_routes(backend.file, backend.mirror, backend.runtime, backend.devices),
        camera_control_routes(backend.file, backend.runtime, backend.devices),
    ):
        app.include_router(routes, prefix="/api/v1")
    backend.engine.dispose()
    return app.openapi()


def test_the_reference_backends_own_description_gives_a_catalog_that_loads(tmp_path: Path) -> None:
    document = reference_document(tmp_path)
    out = tmp_path / "catalog"
    assert main(["init", "--openapi", saved(tmp_path, "openapi.json", document), "--output", str(out)]) == 0
    catalog = load_catalog(out)
    all_of_them = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    assert len(all_of_them) > 13
    assert {endpoint.id for endpoint in catalog.endpoints} | set(catalog.disabled) == all_of_them
    assert {"GET /api/v1/cameras", "GET /api/v1/alerts/rules"} == {endpoint.id for endpoint in catalog.endpoints}
    assert not any("force_domain" in file.read_text(encoding="utf-8") for file in out.glob("*.yaml"))
    assert main(["catalog", "--file", str(out)]) == 0


def test_what_was_drafted_runs_as_it_stands(tmp_path: Path) -> None:
    document, out = saved(tmp_path, "o.json", reference_document(tmp_path)), tmp_path / "catalog"
    assert main(["init", "--openapi", document, "--output", str(out)]) == 0
    catalog = load_catalog(out)
    asked = [(endpoint, case) for endpoint in catalog.endpoints for case in endpoint.cases]
    with (
        running("--state-dir", str(tmp_path / "served")) as backend,
        Caller(str(backend.client.base_url), Redactor(b"salt")) as caller,
    ):
        prober = Prober(caller, catalog, "init-test", 1)
        outcomes = [prober.compare(endpoint, case)[-1][1] for endpoint, case in asked]
    assert len(outcomes) > 5
    assert [outcome.case for outcome in outcomes if outcome.findings or not outcome.counts] == []


def test_a_description_a_recording_and_a_log_make_one_catalog(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = saved(tmp_path, "a.har", har(entry("GET", "https://h.example/things/oven")))
    other = saved(tmp_path, "b.har", har(entry("GET", "https://h.example/health")))
    request = '1.2.3.4 - - [25/Nov/2026:20:00:00 +0000] "GET {} HTTP/1.1" 200 5\n'
    log = saved(tmp_path, "access.log", (request.format("/things/oven") * 3 + request.format("/things")).encode())
    out = tmp_path / "catalog"
    sources = [
        "--openapi",
        saved(tmp_path, "o.json", DOCUMENT),
        "--har",
        recording,
        "--har",
        other,
        "--access-log",
        log,
    ]
    assert main(["init", *sources, "--output", str(out), "--owner", "ops"]) == 0
    weights = {one.id: one.load.weight for one in load_catalog(out).endpoints}
    assert weights == {"GET /things/{id}": 75, "GET /things": 25, "GET /health": 0.01}
    assert "weights from 4 requests" in capsys.readouterr().out


YAML = b"""
openapi: 3.1.0
info: {title: x, version: '1'}
paths:
  /x:
    get:
      responses:
        200: {description: y}
"""


def test_yaml_is_taken_too(tmp_path: Path) -> None:
    out = tmp_path / "catalog"
    assert main(["init", "--openapi", saved(tmp_path, "o.yaml", YAML), "--output", str(out)]) == 0
    assert load_catalog(out).endpoints[0].cases[0].status == 200


def test_nothing_is_overwritten_without_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "catalog"
    command = ["init", "--openapi", saved(tmp_path, "o.json", DOCUMENT), "--output", str(out)]
    out.mkdir()
    (out / "mine.yaml").write_text("# mine\n", encoding="utf-8")
    assert main(command) == 2
    assert "holds something already" in capsys.readouterr().err
    assert sorted(file.name for file in out.iterdir()) == ["mine.yaml"]
    assert main([*command, "--force"]) == 0
    assert (out / "mine.yaml").read_text(encoding="utf-8") == "# mine\n"
    assert (out / "reads.yaml").is_file()


def deep(levels: int) -> bytes:
    return b'{"openapi": "3.0.0", "paths": ' + b'{"a":' * levels + b"1" + b"}" * levels + b"}"


HOSTILE = {
    "nested 10,000 deep": (["--openapi"], deep(10_000)),
    "an alias bomb": (["--openapi"], BOMB),
    "Swagger 2.0": (["--openapi"], {"swagger": "2.0"}),
    "no document": (["--openapi"], b"\x00\xff"),
    "an empty file": (["--openapi"], b""),
    "a page": (["--openapi"], b"<!doctype html><html></html>"),
    "wrong types": (["--openapi"], {"openapi": "3.0.0", "paths": [1], "components": 7}),
    "no recording": (["--har"], {"log": []}),
    "a log alone": (["--access-log"], b""),
}


@pytest.mark.parametrize(("option", "content"), HOSTILE.values(), ids=HOSTILE)
def test_what_cannot_be_used_is_one_message_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: list[str], content: Any
) -> None:
    out = tmp_path / "catalog"
    assert main(["init", *option, saved(tmp_path, "file", content), "--output", str(out)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("release gate: ")
    assert said.err.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--openapi", "nowhere.json"],
        ["--openapi", "file:///etc/passwd"],
        ["--har", "nowhere.har"],
        ["--har", "x.har", "--more-cases", "3"],
        ["--openapi", "x.json", "--more-cases", "-1"],
    ],
)
def test_a_wrong_call_is_told(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_log_that_asks_nothing_of_the_service_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = saved(tmp_path, "access.log", b'h - - [d] "GET /other HTTP/1.1" 200 1\nwhat\n')
    document = saved(tmp_path, "o.json", DOCUMENT)
    assert main(["init", "--openapi", document, "--access-log", log, "--output", str(tmp_path / "out")]) == 2
    assert "1 ask something else, 1 are no request" in capsys.readouterr().err
