"""The server tells what the ledger holds, to each tool in its own words, and refuses whatever it should not answer."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.rollout import releases
from tests.rollout.releases import (
    ALL,
    EACH_VERDICT,
    HOOK_BODY,
    Answer,
    Release,
    answering,
    served,
    settings_of,
    told,
)
from verification.core.model import Verdict
from verification.core.release.events import FeedbackAdded, Look
from verification.core.release.judgement import Action, Figure, StageJudgement
from verification.core.release.standing import Standing
from verification.rollout import answers
from verification.rollout.answers import Present
from verification.rollout.ledger import Ledger

SECRET = "hunter2hunter2hunter2"
HOOKS = ("/flagger/confirm", "/flagger/check", "/flagger/rollback", "/flagger/event")


@pytest.mark.parametrize("verdict", Verdict)
def test_the_verdict_is_told_with_200_whatever_it_is(tmp_path: Path, verdict: Verdict) -> None:
    with served(tmp_path / "l", EACH_VERDICT[verdict]) as ask:
        answer = ask("/verdict")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    told = answer.document
    assert list(told) == ["schema", "stage_percent", "verdict", "promote", "rollback", "reasons", "p95"]
    assert (told["schema"], told["stage_percent"], told["verdict"]) == ("gate/1", 10, verdict.value)
    assert told["promote"] is (verdict is Verdict.PROMOTE)
    assert told["rollback"] is (verdict is Verdict.ROLLBACK)
    assert bool(told["reasons"]) is (verdict is not Verdict.PROMOTE)
    assert told["p95"] == {"change": 0.12, "low": -0.03, "high": 0.29}


@pytest.mark.parametrize("name", ["not begun", "taken back"])
def test_without_a_stage_the_verdict_is_inconclusive(tmp_path: Path, name: str) -> None:
    with served(tmp_path / "l", ALL[name]) as ask:
        told = ask("/verdict").document
    assert (told["verdict"], told["stage_percent"], told["promote"], told["rollback"]) == (
        "INCONCLUSIVE",
        0,
        False,
        False,
    )
    assert told["p95"] == {"change": None, "low": None, "high": None}
    assert told["reasons"]


def broken_ledger(tmp_path: Path, how: str) -> Path:
    path = tmp_path / "release.sqlite"
    if how == "no database":
        path.write_bytes(b"not a database, but long enough to be taken for one" * 50)
    elif how == "another database":
        path.write_bytes(b"")
    elif how == "an event of another version":
        releases.write(path, releases.PROMOTED)
        with Ledger(path) as ledger:
            ledger._file.execute(
                "INSERT INTO line VALUES (999, '2026-01-05T08:00:00+00:00', 'Unheard', '{}', 'a', 'b')"
            )
    return path


@pytest.mark.parametrize("how", ["missing", "no database", "another database", "an event of another version"])
def test_a_ledger_that_cannot_be_read_moves_nobody(tmp_path: Path, how: str) -> None:
    with answering(settings_of(broken_ledger(tmp_path, how)), releases.AFTER_A_DAY) as ask:
        verdict = ask("/verdict")
        assert verdict.status == 200
        assert verdict.document["verdict"] == "INCONCLUSIVE"
        assert "release.sqlite" in verdict.document["reasons"][0]
        for hook in ("/flagger/confirm", "/flagger/check", "/flagger/rollback"):
            assert ask(hook, HOOK_BODY).status == 403
        assert ask("/metrics").status == 503
        if how != "an event of another version":
            assert ask("/flagger/event", HOOK_BODY).status == 403
    assert (tmp_path / "release.sqlite").exists() is (how != "missing")


def test_asking_changes_nothing_in_the_ledger(tmp_path: Path) -> None:
    with served(tmp_path / "l", releases.PROMOTED) as ask:
        before = (tmp_path / "l").read_bytes()
        for path in ("/verdict", "/metrics"):
            ask(path)
        for hook in HOOKS[:3]:
            ask(hook, HOOK_BODY)
        assert (tmp_path / "l").read_bytes() == before
        ask("/flagger/event", HOOK_BODY)
        assert (tmp_path / "l").read_bytes() != before


def test_what_is_written_meanwhile_is_told_at_the_next_asking(tmp_path: Path) -> None:
    with served(tmp_path / "l", releases.PROMOTED) as ask:
        assert ask("/verdict").document["verdict"] == "PROMOTE"
        with Ledger(tmp_path / "l") as ledger:
            ledger.append(FeedbackAdded("f1", "serious", "no picture at night", "support"), releases.AFTER_A_DAY)
        told = ask("/verdict").document
    assert told["verdict"] == "ROLLBACK"
    assert "no picture at night" in told["reasons"][0]


def test_reasons_are_bounded_and_hold_no_control_characters_and_no_secret(tmp_path: Path) -> None:
    text = f"\x1b[31m password={SECRET} " + "x" * 5000
    words = tuple(FeedbackAdded(f"f{number}", "serious", text, "support") for number in range(40))
    with served(tmp_path / "l", replace(releases.PROMOTED, events=(*releases.PROMOTED.events, *words))) as ask:
        answer = ask("/verdict")
        refused = ask("/flagger/confirm", HOOK_BODY)
    assert len(answer.document["reasons"]) == 20
    assert max(map(len, answer.document["reasons"])) <= 500
    for one in (answer, refused):
        assert SECRET not in one.body
        assert "\x1b" not in one.body
    assert len(refused.body) < 700


# Hook -> release -> status.
TABLE = {
    "/flagger/confirm": {"PROMOTE": 200},
    "/flagger/check": {"PROMOTE": 200, "collecting": 200},
    "/flagger/rollback": {"ROLLBACK": 200},
    "/flagger/event": dict.fromkeys(ALL, 200),
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("hook", TABLE)
def test_each_hook_answers_as_the_table_says(tmp_path: Path, hook: str, name: str) -> None:
    with served(tmp_path / "l", ALL[name]) as ask:
        answer = ask(hook, HOOK_BODY)
    assert answer.status == TABLE[hook].get(name, 403)
    assert answer.body.strip()


@pytest.mark.parametrize("name", [name for name in ALL if name != "ROLLBACK"])
@pytest.mark.parametrize("body", [HOOK_BODY, {}, {"phase": "Failed", "metadata": {"stage_percent": "10"}}])
def test_nothing_but_rollback_gives_2xx_on_the_rollback_path(tmp_path: Path, name: str, body: Any) -> None:
    with served(tmp_path / "l", ALL[name]) as ask:
        for method in ("POST", "GET", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS"):
            assert not 200 <= ask("/flagger/rollback", body, method=method).status < 300
        for path in ("/flagger/rollback/", "/flagger/rollback?x=1", "//flagger/rollback", "/flagger/Rollback"):
            assert not 200 <= ask(path, body).status < 300


def test_a_stage_without_a_gate_run_is_still_collecting(tmp_path: Path) -> None:
    with served(tmp_path / "l", releases.without_gate(releases.COLLECTING)) as ask:
        assert ask("/flagger/check", HOOK_BODY).status == 200
        assert ask("/flagger/confirm", HOOK_BODY).status == 403


@pytest.mark.parametrize(("wanted", "status"), [("10", 200), (10, 200), ("25", 403), ("", 403), (None, 200)])
def test_a_hook_that_names_a_stage_is_confirmed_by_that_stage_only(tmp_path: Path, wanted: Any, status: int) -> None:
    with served(tmp_path / "l", releases.PROMOTED) as ask:
        answer = ask("/flagger/confirm", {**HOOK_BODY, "metadata": {"stage_percent": wanted}})
    assert answer.status == status


def test_an_event_is_kept_redacted_bounded_and_without_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "l"
    message = f"Advance podinfo.test canary weight 25 \x1b[2J \ud83d 前进 password={SECRET} "
    body = {**HOOK_BODY, "metadata": {"eventMessage": message, "eventType": "Normal", "token": SECRET}}
    with served(path, releases.PROMOTED) as ask:
        assert ask("/flagger/event", body).status == 200
        assert ask("/flagger/event", {"metadata": {"eventMessage": "y" * 50_000}}).status == 200
        assert ask("/verdict").document["verdict"] == "PROMOTE"
    first, second = told(path)
    assert first.source == "flagger"
    assert "Advance podinfo.test canary weight 25" in first.text
    assert "前进" in first.text
    assert SECRET not in first.text
    assert "\x1b" not in first.text
    assert len(second.text) <= 2000
    with Ledger(path) as ledger:
        assert ledger.broken() == []
        assert ledger.lines()[-1].at == releases.PROMOTED.now


def series(answer: Answer) -> dict[str, tuple[float, dict[str, str]]]:
    found = {}
    for family in text_string_to_metric_families(answer.body):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            found[sample.name] = (sample.value, sample.labels)
    return found


@pytest.mark.parametrize(("verdict", "number"), [("PROMOTE", 0), ("INCONCLUSIVE", 1), ("HOLD", 2), ("ROLLBACK", 3)])
def test_the_verdict_is_a_series_with_its_stage(tmp_path: Path, verdict: str, number: float) -> None:
    release = EACH_VERDICT[Verdict(verdict)]
    with served(tmp_path / "l", release) as ask:
        answer = ask("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = series(answer)
    assert found["release_gate_verdict"] == (number, {"stage": "10"})
    assert found["release_gate_p95_change_ratio"][0] == 0.12
    last = max(one.at for one in release.events if isinstance(one, Look))
    assert found["release_gate_last_look_timestamp_seconds"][0] == last.timestamp()
    assert f"{number} {verdict}" in answer.body


def test_what_is_not_known_has_no_series(tmp_path: Path) -> None:
    with served(tmp_path / "none", releases.NOT_BEGUN) as ask:
        assert series(ask("/metrics")) == {}
    with served(tmp_path / "begun", Release((releases.STARTED,), releases.BEGAN)) as ask:
        assert set(series(ask("/metrics"))) == {"release_gate_verdict"}


@pytest.mark.parametrize(("change", "series_value"), [(math.inf, math.inf), (-math.inf, -math.inf), (math.nan, None)])
def test_what_is_no_number_is_told_as_null_in_json_and_as_infinite_or_nothing_to_prometheus(
    change: float, series_value: float | None
) -> None:
    figure = Figure("p95_change", change, -math.inf, math.inf, 0.2, 0.5, Verdict.HOLD)
    judged = StageJudgement(10, Verdict.HOLD, (), (), Action("analyse", 10), (figure,))
    now = Present(judged, Standing(10, releases.BEGAN))
    assert json.loads(answers.verdict(now).body)["p95"] == {"change": None, "low": None, "high": None}
    found = series(Answer(200, answers.metrics(now).body.decode(), {}))
    assert found.get("release_gate_p95_change_ratio") == (None if series_value is None else (series_value, {}))


def test_the_moment_of_asking_counts(tmp_path: Path) -> None:
    settings = releases.write(tmp_path / "l", releases.without_gate(releases.COLLECTING))
    with answering(settings, releases.BEGAN + timedelta(days=3)) as ask:
        late = ask("/verdict").document
    assert late["verdict"] == "HOLD"
    assert "at most 48 h are planned" in json.dumps(late["reasons"])
