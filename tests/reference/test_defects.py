"""Every defect is described, visible where it is planted, and invisible on an honest backend."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.reference import shown_serving  # noqa: F401  # registers what it shows
from tests.reference.asking import Asker, converse
from tests.reference.shown import SHOWN, both, logged
from verification.reference.defects import DEFECTS
from verification.reference.defects.interception import SeededFault
from verification.reference.defects.registry import KINDS, VERDICTS
from verification.reference.endpoints import ENDPOINTS

BY_PROCESS = {"backend-dies", "flag-survives-restart", "broken-percent-as-100"}
"""Shown in test_process.py, because they are about a process's start or end."""
BY_TIME = {"p95-plus-30", "p95-plus-120", "slow-tail", "global-lock", "stall-both-arms", "p95-plus-80"}
"""Shown in test_defects_of_time.py with the clock's calls recorded."""


def test_a_faithful_refactor_says_the_same_in_other_letters(tmp_path: Path) -> None:
    async def talk(asker: Asker) -> tuple[httpx.Response, httpx.Response]:
        await logged(asker)
        return await both(asker, "GET", "/cameras/oven/stats")

    legacy, domain = converse(tmp_path, talk, defect="faithful-refactor")
    assert legacy.json() == domain.json()
    assert list(legacy.json()) == list(domain.json())[::-1]
    assert "\\/" in domain.text
    assert [name for name in domain.headers if name in dict(legacy.headers)] != list(legacy.headers)


@pytest.fixture(autouse=True)
def quick_fallbacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verification.reference.defects.serving.SLOW_FALLBACK_S", 0.0)


def test_every_defect_is_shown_somewhere() -> None:
    assert SHOWN.keys() | BY_PROCESS | BY_TIME == DEFECTS.keys()
    assert len(DEFECTS) >= 32


@pytest.mark.parametrize("name", SHOWN)
def test_a_defect_is_visible_where_it_is_planted(tmp_path: Path, name: str) -> None:
    assert converse(tmp_path, SHOWN[name], defect=name)


@pytest.mark.parametrize("name", SHOWN)
def test_what_shows_a_defect_shows_nothing_on_an_honest_backend(tmp_path: Path, name: str) -> None:
    assert not converse(tmp_path, SHOWN[name])


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_described_in_full(name: str) -> None:
    defect = DEFECTS[name]
    assert defect.name == name
    assert defect.kind in KINDS
    assert defect.verdict in VERDICTS
    assert defect.check.count(".") == 1 or (defect.check, defect.verdict) == ("", "PROMOTE")
    assert defect.endpoint is None or defect.endpoint in ENDPOINTS
    assert defect.wrong
    assert "\n" not in defect.wrong + defect.sufferer
    assert (defect.verdict == "PROMOTE") == bool(defect.forbidden)
    json.dumps(defect.describe())


def test_a_fallback_is_logged_with_its_endpoint_and_counted_for_legacy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk(asker: Asker) -> dict[str, Any]:
        await asker.ask("POST", "/cameras/refresh", "domain")
        answer: dict[str, Any] = (await asker.ask("GET", "/monitoring/metrics")).json()
        return answer

    with caplog.at_level(logging.INFO):
        metrics = converse(tmp_path, talk, defect="fallback-always")
    assert any("falling back to legacy" in text and "/cameras/refresh" in text for text in caplog.messages)
    assert any(record.exc_info and record.exc_info[0] is SeededFault for record in caplog.records)
    assert (metrics["domain_service"]["usage_count"], metrics["domain_service"]["old_count"]) == (0, 1)
    assert metrics["requests"]["total"] == 1
