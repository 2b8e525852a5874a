"""A command that is printed works as typed, wherever settings, backend and ledger were named."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from verification.cli import main
from verification.core.model import Arm, Verdict
from verification.core.release.events import Event, FeedbackAdded, GateRun, Look, Seen, Started
from verification.core.release.judgement import Action
from verification.rollout.call import call_of
from verification.rollout.ledger import Ledger
from verification.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
BEGAN = datetime.now(UTC) - timedelta(hours=26)
STARTED = Started(10, 0, "maria", True, "30 of 300", 1.0)
NOBODY = "http://127.0.0.1:9"
PLANTED = "hunter2hunter2"
WAIT = Action("wait", 10)


def look(slot: int) -> Look:
    at = BEGAN + timedelta(hours=slot)
    served = {Arm.CONTROL: (60, 0), Arm.CANDIDATE: (0, 60)}
    seen = tuple(Seen("rules", arm, 60, 0, *served[arm], 0, {300: 30, 310: 30}) for arm in Arm)
    return Look(10, slot, at, at, 1.0, seen, natural_legacy=36, natural_domain=4)


LOOKS = tuple(look(slot) for slot in range(27))
GATE = GateRun(10, "r1", BEGAN + timedelta(hours=1), Verdict.PROMOTE, (), 0.0, -0.05, 0.05)
SERIOUS = FeedbackAdded("f1", "serious", "no picture since noon", "support")
EACH: dict[str, tuple[Event, ...]] = {
    "start 10": (),
    "start 25": (STARTED, *LOOKS, GATE),
    "stage_gate": (STARTED, *LOOKS),
    "rollback": (STARTED, *LOOKS, GATE, SERIOUS),
}
"""What must stand in the ledger for a command to be the next one."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose default settings file and ledger are those of something else."""
    monkeypatch.chdir(tmp_path)
    Path("rollout.toml").write_text("this is no TOML")
    Path("release.sqlite").write_text("this is no ledger")
    Path("my settings.toml").write_text("[limits]\nmax_rate_per_s = 50\n")
    return tmp_path


def given(events: tuple[Event, ...]) -> list[str]:
    with Ledger(Path("it's ours.sqlite")) as ledger:
        for event in events:
            ledger.append(event, event.at if isinstance(event, Look) else BEGAN)
    return ["--settings", "my settings.toml", "--target", NOBODY, "--ledger", "it's ours.sqlite"]


def typed(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """As a person types it into a shell, in a folder that is no checkout."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("told_by", ["status", "decide"])
@pytest.mark.parametrize("words", EACH)
def test_the_command_that_is_printed_finds_what_it_is_of(
    words: str, told_by: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([told_by, *given(EACH[words])])
    last = capsys.readouterr().out.splitlines()[-1].strip()
    command = last.removeprefix("next: ")
    assert words in command
    done = typed(command, folder)
    said = done.stdout + done.stderr
    # Nobody answers there, so it comes to nothing; but it is understood, and reads neither of the other files.
    assert NOBODY.removeprefix("http://") in said
    assert "no TOML" not in said
    assert "unrecognized arguments" not in said
    with Ledger(Path("it's ours.sqlite"), create=False) as ledger:
        kinds = [type(event).__name__ for _, _, event in ledger.events()[len(EACH[words]) :]]
    assert ("RolledBack" in kinds) is (words == "rollback")
    assert kinds.count("Started") == words.startswith("start")
    if words == "stage_gate":
        assert "it's ours.sqlite" not in said
        assert "reports/latest" in said


@pytest.mark.usefixtures("folder")
def test_the_report_prints_what_was_given_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--output", "told", *given((STARTED, *LOOKS[:3]))]) == 0
    page = Path("told/release-10-en.html").read_text("utf-8")
    for words in ("observe", "ledger verify"):
        assert f"python -m verification {words} --settings=&#39;my settings.toml&#39; --target={NOBODY}" in page
    capsys.readouterr()


def test_what_the_file_says_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rollout.toml").write_text(f'[target]\nurl = "{NOBODY}"\n[release]\nledger = "x.sqlite"\n')
    assert call_of(load_settings(None, {}, {})).suite("status") == "python -m verification status"


def test_what_the_environment_gave_is_given_as_an_option() -> None:
    environment = {"RELEASE_GATE__TARGET__URL": NOBODY, "RELEASE_GATE__RELEASE__LEDGER": "x.sqlite"}
    command = call_of(load_settings(None, {}, environment)).suite("status")
    assert command == f"python -m verification status --target={NOBODY} --ledger=x.sqlite"


@pytest.mark.parametrize(("url", "told"), [("http://backend.example", True), (NOBODY, False)])
def test_what_moves_a_backend_elsewhere_is_printed_with_the_permission_that_it_needs(url: str, told: bool) -> None:
    """Who types it gives it; without it the printed rollback would be refused."""
    call = call_of(load_settings(None, {"target": {"url": url}}, {}))
    assert ("--allow-percent-change" in call.back) is told
    options = ["--allow-percent-change"] if told else []
    assert call.back.split()[4:] == [f"--target={url}", *options]
    # From the file or the environment it holds for the next call, too.
    assert "--allow-writes" not in call.command(WAIT)
    given = load_settings(None, {"target": {"url": url}, "run": {"allow_writes": True}}, {})
    assert call_of(given).command(WAIT).endswith("--allow-writes") is told
    assert ("--allow-writes" in call_of(given).cleanup("folder")) is told


def test_a_password_is_not_printed_and_what_must_be_added_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with Ledger(Path("release.sqlite")) as ledger:
        ledger.append(STARTED, BEGAN)
    target = ["--target", f"http://maria:{PLANTED}@127.0.0.1:9"]
    main(["decide", *target])
    decided = capsys.readouterr().out
    main(["status", *target])
    shown = capsys.readouterr().out
    assert "next: python -m verification observe\n" in decided
    assert "add --target as in this call" in decided
    assert "Add --target to the command" in shown
    assert shown.endswith("python -m verification observe\n")
    main(["report", *target])
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert PLANTED not in decided + shown + capsys.readouterr().out
    assert PLANTED.encode() not in kept
