"""A counterexample's file is data from a folder that anybody may have written to: checked, never believed."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from tests.reporting import sample
from verification.catalog.counterexample import SECRET_VARIABLE, earlier_counterexamples, read_counterexample
from verification.catalog.load import load_catalog
from verification.catalog.sequences import sequences_of
from verification.core.errors import CatalogError
from verification.core.judgement import Counterexample
from verification.core.model import Verdict
from verification.core.redact import redact_text
from verification.core.sequences import COUNTEREXAMPLE_SCHEMA, Sequence, digest, redacted
from verification.reporting.counterexamples import write_counterexamples

CATALOG = load_catalog()
RETRY = next(sequence for sequence in sequences_of(CATALOG, "retry") if "start" in sequence.key)
SECRET = next(sequence for sequence in sequences_of(CATALOG, "certificate") if sequence.key.startswith("certificate:c"))


def written(folder: Path, sequence: Sequence) -> Path:
    """The file as the report writer leaves it."""
    kept = redacted(sequence, redact_text)
    found = Counterexample(kept.key, Verdict.ROLLBACK, "it differs", kept, ())
    write_counterexamples(replace(sample.judgement(), counterexamples=(found,)), folder)
    return folder / f"{digest(kept)}.json"


def test_what_the_report_writes_is_read_back(tmp_path: Path) -> None:
    path = written(tmp_path, RETRY)
    found = read_counterexample(path, CATALOG, {})
    assert found.sequence == replace(RETRY, key=f"replay:{digest(RETRY)}")


def test_a_secret_comes_from_the_environment_and_never_from_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, SECRET)
    assert "planted-secret" not in path.read_text(encoding="utf-8")
    with pytest.raises(CatalogError, match=SECRET_VARIABLE):
        read_counterexample(path, CATALOG, {})
    body = read_counterexample(path, CATALOG, {SECRET_VARIABLE: 'a"b'}).sequence.steps[0].request.body
    assert body["source"].startswith('rtsp://a"b@')


def broken(change: dict[str, Any], **first_step: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(asdict(RETRY))) | change
    for name, value in first_step.items():
        step = document["steps"][0]
        (step if name in step else step["request"])[name] = value
    return document


STEP = asdict(RETRY)["steps"][0]


@pytest.mark.parametrize(
    ("sequence", "told"),
    [
        (broken({"steps": [], "routing": []}), "0 steps"),
        (broken({"routing": ["control"]}), "1 arms"),
        (broken({"routing": ["control", "elsewhere"]}), "routing"),
        (broken({"steps": [STEP] * 201, "routing": ["control"] * 201}), "201 steps"),
        (broken({"reads": ["camera"]}), "did you mean"),
        (broken({"given": [{"token": "camera", "resource": "kamera", "states": [], "fields": {}}]}), "kamera"),
        (broken({"given": [{"token": "camera", "resource": "camera", "states": ["of"], "fields": {}}]}), "of"),
        (broken({}, endpoint="POST /nowhere"), "POST /nowhere"),
        (broken({}, creates="house"), "house"),
        (broken({}, method="CONNECT"), "CONNECT"),
        (broken({}, path="//evil.example/x"), "no path on the target"),
        (broken({}, path="http://evil.example/"), "no path on the target"),
        (broken({}, path="/x\r\nHost: evil.example"), "no path on the target"),
        (broken({}, path="/cameras/{nobody}"), "nobody"),
        (broken({}, content_type="text/plain\r\nX: y"), "content type"),
        (broken({}, method=7), "method"),
        (None, "sequence"),
    ],
)
def test_a_sequence_that_does_not_fit_is_refused_in_one_sentence(tmp_path: Path, sequence: Any, told: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"schema": COUNTEREXAMPLE_SCHEMA, "sequence": sequence}), encoding="utf-8")
    with pytest.raises(CatalogError, match=r"x\.json") as refusal:
        read_counterexample(path, CATALOG, {})
    assert told.lower() in str(refusal.value).lower()


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"[]", b'{"schema": "other/1"}', b"[" * 100_000, b" " * 2_000_001, b"import os"],
    ids=["empty", "no text", "a list", "another schema", "deep", "huge", "code"],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(CatalogError, match=r"x\.json"):
        read_counterexample(path, CATALOG, {})
    with pytest.raises(CatalogError, match="cannot be read"):
        read_counterexample(tmp_path / "absent.json", CATALOG, {})


def test_earlier_finds_come_newest_first_each_once_and_damaged_ones_are_named(tmp_path: Path) -> None:
    for run in ("20260101", "20260102"):
        (tmp_path / run).mkdir()
        written(tmp_path / run / "counterexamples", RETRY)
    (tmp_path / "20260101" / "counterexamples" / "bad.json").write_text("{}", encoding="utf-8")
    (tmp_path / "latest").symlink_to("20260102")
    kept, unusable = earlier_counterexamples(tmp_path, CATALOG, {})
    assert [one.path.parent.parent.name for one in kept] == ["20260102"]
    assert list(unusable) == ["replay:bad"]
