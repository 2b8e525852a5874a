"""The release from the command line, as a person types it."""

from __future__ import annotations

import json
import os
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.production.deployment import Deployment
from verification.cli import main
from verification.core.model import Arm
from verification.core.release.events import Look, Seen, Started
from verification.rollout.ledger import Ledger

SECRET = "rtsp://admin:hunter2@10.0.0.1/stream"  # planted, to be looked for


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def begun(hours: float = 2.0) -> Ledger:
    """A 10 % stage with a look for each hour."""
    ledger, began = Ledger(Path("release.sqlite")), datetime.now(UTC) - timedelta(hours=hours)
    ledger.append(Started(10, 0, "maria", True, "30 of 300", 1.0), began)
    for slot in range(int(hours) + 1):
        at = began + timedelta(hours=slot)
        served = {Arm.CONTROL: (10, 0), Arm.CANDIDATE: (0, 10)}
        seen = tuple(Seen("rules", arm, 10, 0, *served[arm], 0, {300: 10}) for arm in Arm)
        ledger.append(Look(10, slot, at, at, 1.0, seen, natural_legacy=36, natural_domain=4), at)
    return ledger


def test_a_release_is_started_observed_decided_and_rolled_back(
    backend: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    words = json.dumps(list(backend.command()))
    Path("rollout.toml").write_text(
        f'[target]\nurl = "{backend.url}"\n[percent]\ncommand = {words}\n[witness]\nheader = "X-Served-By"\n'
        "[release.look]\nrequests = 2\nnatural = 5\n"
    )
    assert main(["observe", "--once"]) == 2
    assert "there is no ledger" in capsys.readouterr().err
    assert main(["start", "10", "--who", "maria"]) == 0
    assert "started: 10 %" in capsys.readouterr().out
    assert main(["observe", "--every", "1h", "--once"]) == 11
    assert "look 0 at 10 %" in capsys.readouterr().out
    assert main(["observe", "--every", "2h", "--once"]) == 2
    assert (
        "25 looks at most in the longest window, 48 h; 22 are needed, 49 are due, and 9 of them may be missing, so "
        in (capsys.readouterr().err)
    )
    assert main(["observe", "--every", "30m", "--once"]) == 11
    assert "the plan looks every 1 h at 10 %, and more often gains nothing" in capsys.readouterr().out
    assert main(["decide", "--as", "hold", "--why", "we wait for Monday"]) == 11
    said = capsys.readouterr().out
    assert "decided at 10 %: hold: we wait for Monday" in said
    assert "1 of 22 looks are there" in said
    assert "next: python -m verification observe" in said
    assert main(["start", "25"]) == 2
    assert "10 % has not passed" in capsys.readouterr().err
    assert main(["rollback", "--why", "a drill"]) == 0
    assert "proven" in capsys.readouterr().out
    assert main(["ledger", "verify"]) == 0
    assert "whole" in capsys.readouterr().out
    assert main(["ledger", "export"]) == 0
    kinds = [json.loads(line)["kind"] for line in capsys.readouterr().out.splitlines()]
    assert kinds[:2] == ["Told", "Started"]
    assert kinds[-1] == "RolledBack"


def test_an_open_serious_word_rolls_back_until_it_is_resolved_with_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    begun().close()
    assert main(["feedback", "add", "no picture since noon", "--severity", "serious", "--source", "support"]) == 0
    feedback_id = capsys.readouterr().out.split()[0]
    assert main(["decide"]) == 12
    assert "next: python -m verification rollback" in capsys.readouterr().out
    assert main(["feedback", "resolve", feedback_id]) == 2
    assert main(["feedback", "resolve", feedback_id, "--reason", "a cable was out", "--who", "maria"]) == 0
    capsys.readouterr()
    assert main(["feedback", "list"]) == 0
    assert "resolved by maria: a cable was out" in capsys.readouterr().out
    assert main(["decide"]) == 11


def test_a_changed_ledger_is_told_and_no_secret_stands_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    begun().close()
    assert main(["feedback", "add", f"{SECRET} is black\x1b[2J", "--who", "x"]) == 0
    said = capsys.readouterr().out
    assert "hunter2" not in said
    assert "\x1b" not in said
    assert b"hunter2" not in Path("release.sqlite").read_bytes()
    assert main(["feedback", "list"]) == 0
    said = capsys.readouterr().out
    assert "hunter2" not in said
    assert "\x1b" not in said
    with sqlite3.connect("release.sqlite") as file:
        file.execute("DROP TRIGGER line_stays")
        file.execute("UPDATE line SET body = replace(body, 'maria', 'nobody') WHERE number = 1")
    file.close()
    assert main(["status"]) == 11
    assert main(["decide"]) == 2
    assert "cannot be believed" in capsys.readouterr().err
    assert main(["ledger", "verify"]) == 11
    assert "line 1 was changed after it had been written" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["observe", "--target", "http://127.0.0.1:9"], "there is no ledger"),
        (["start", "10"], "name it with --target URL"),
        (["rollback"], "name it with --target URL"),
        (["decide"], "there is no ledger"),
        (["ledger", "verify"], "there is no ledger"),
        (["feedback", "add", "ab"], "there is no ledger"),
        (["feedback", "import", "nowhere.csv"], "there is no ledger"),
        (["rollback", "--print-script", "--target", "http://127.0.0.1:9"], "does not say how a percent is set"),
        (["start", "10", "--target", "http://backend.example"], "--allow-percent-change"),
    ],
)
def test_a_wrong_call_says_what_to_do(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize(("lang", "words"), [("en", "Verdict"), ("zh", "结论")])
def test_status_and_report_say_where_the_release_stands(
    lang: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    begun().close()
    assert main(["status", "--lang", lang]) == 11
    said = capsys.readouterr().out
    assert "10 %" in said
    assert "python -m verification observe" in said
    assert main(["report", "--lang", lang, "--output", "told"]) == 0
    markdown, page = (Path(f"told/release-10-{lang}.{ending}").read_text("utf-8") for ending in ("md", "html"))
    for text in (markdown, page):
        assert words in text
        assert "python -m verification observe" in text
    assert main(["report", "--stage", "25"]) == 2


@pytest.mark.parametrize("text", ["1", "h", "0h", "1y", "1.5h", ""])
def test_what_is_no_time_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["observe", "--for", text])
    assert ended.value.code == 2
    assert "30m, 1h, 2d or 1w are" in capsys.readouterr().err


def test_a_rollback_is_carried_out_without_a_ledger_and_a_catalog_and_not_called_proven(
    backend: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backend.at("50").returncode == 0
    Path("release.sqlite").write_bytes(os.urandom(5000))
    Path("rollout.toml").write_text(
        f'[target]\nurl = "{backend.url}"\n[percent]\ncommand = {json.dumps(list(backend.command()))}\n'
        '[witness]\nheader = "X-Served-By"\n[catalog]\npath = "nowhere"\n'
    )
    assert main(["rollback"]) == 12
    said = capsys.readouterr().out
    assert "0 of 200 unforced requests served by domain" in said
    assert "WRONG: there is no ledger" in said
    assert "percent 0," in backend.log


def test_a_broken_file_is_no_ledger(capsys: pytest.CaptureFixture[str]) -> None:
    Path("release.sqlite").write_bytes(os.urandom(5000))
    assert main(["decide"]) == 2
    assert "release.sqlite: the ledger cannot be used" in capsys.readouterr().err
