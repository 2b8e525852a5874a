"""Allure results: one for each judged item, with the exchanges of what failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.reporting import sample
from verification.core.model import Verdict
from verification.reporting import allure
from verification.reporting.judged_item import judged_items


def results(folder: Path) -> dict[str, dict[str, Any]]:
    found = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*-result.json")]
    return {result["name"]: result for result in found}


def write(verdict: Verdict, folder: Path) -> dict[str, dict[str, Any]]:
    judged = sample.judgement(verdict)
    allure.write_results(judged, sample.evidence(judged), folder)
    return results(folder)


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.PROMOTE, "passed"),
        (Verdict.INCONCLUSIVE, "broken"),
        (Verdict.HOLD, "failed"),
        (Verdict.ROLLBACK, "failed"),
    ],
)
def test_the_status_tells_the_verdict(verdict: Verdict, status: str, tmp_path: Path) -> None:
    assert write(verdict, tmp_path)["test_verdict"]["status"] == status


def test_every_judged_item_has_a_result_with_its_parameters(tmp_path: Path) -> None:
    found = write(Verdict.ROLLBACK, tmp_path)
    assert set(found) == {item.name for item in judged_items(sample.judgement(Verdict.ROLLBACK))}
    parameters = {p["name"]: p["value"] for p in found["test_parity[POST /alerts/rules-minimal]"]["parameters"]}
    assert parameters["endpoint"] == "POST /alerts/rules"
    assert parameters["case"] == "minimal"
    assert parameters["verdict"] == "ROLLBACK"


def test_both_exchanges_are_attached_to_a_case_that_failed(tmp_path: Path) -> None:
    found = write(Verdict.ROLLBACK, tmp_path)
    attached = found["test_parity[POST /alerts/rules-minimal]"]["attachments"]
    texts = {entry["name"]: (tmp_path / entry["source"]).read_text(encoding="utf-8") for entry in attached}
    assert set(texts) == {"control, attempt 1", "candidate, attempt 1"}
    assert '{"ok":true,"id":"41"}' in texts["candidate, attempt 1"]
    assert "served by legacy" in texts["control, attempt 1"]


def test_judging_again_replaces_the_results(tmp_path: Path) -> None:
    write(Verdict.ROLLBACK, tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    write(Verdict.ROLLBACK, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_hostile_text_is_written_as_escapes(tmp_path: Path) -> None:
    judged, evidence = sample.hostile()
    allure.write_results(judged, evidence, tmp_path)
    assert len(results(tmp_path)) == len(judged_items(judged))
    for path in tmp_path.iterdir():
        data = path.read_bytes().decode("utf-8")
        assert not set(data) & {"\x00", "\x07", "\x1b", "\x85", "\u2028", "\u202e", "\ufffe"}, path
