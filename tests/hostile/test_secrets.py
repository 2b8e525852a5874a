"""No secret that was planted is in anything that a run leaves: folder, results, terminal, errors. What it was is still
compared: the same secret on both arms is no difference, another one is."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.hostile.crashing import WHERE
from tests.hostile.leaking import CATALOGS_OWN, CORES, NAMES, hits, leaking
from tests.load.staging import locust
from tests.plugin.running import ROOT, Ran, environment, gate
from tests.plugin.test_counterexamples import keep
from verification.evidence import read_run
from verification.settings import HANDED, Settings

SAME, OTHER = "POST /cameras/{id}/activate", "POST /alerts/rules"
CASES = f"test_parity and (activate-inactive or {WHERE} or every-field) or monitoring or (test_witness and activate)"


def test_every_form_of_a_secret_is_seen() -> None:
    core = CORES["member"]
    for text in (core, quote(f"ü/{core}"), json.dumps(f'"{core}"'), base64.b64encode(f"u:{core}".encode()).decode()):
        assert hits(f"in {text} here".encode()) == ["member"]
    for prefix in ("", "x", "xx", "xxx"):
        assert hits(base64.b64encode(f"{prefix}{core}xyz".encode())) == ["member"]
    assert hits(CATALOGS_OWN.encode()) == ["catalog"]
    assert hits(b"nothing") == []


@dataclass(frozen=True)
class Told:
    """A finished gate run in front of a leaking target."""

    ran: Ran
    folder: Path
    """Holds the run's folder, the results of allure and pytest's own XML."""
    settings: str
    url: str


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("secrets")
    settings = folder.with_name(f"{folder.name}.toml")
    named = ", ".join(f'"{name}"' for name in NAMES)
    settings.write_text(f'[run]\nreport_dir = "{folder}"\n[secrets]\nnames = [{named}]\n', encoding="utf-8")
    words = ("-k", CASES, f"--settings={settings}", "--stage=25", "-v", "-rA", "-p", "tests.hostile.crashing")
    results = (f"--alluredir={folder / 'allure'}", f"--junitxml={folder / 'pytest.xml'}")
    with leaking() as leak:
        ran = gate(folder / "run", f"--target={leak.url}", *words, *results)
        assert leak.authorized != {None}, "the credentials in the target's URL reach the target"
        yield Told(ran, folder, str(settings), leak.url)


def leaks_in(folder: Path) -> dict[str, list[str]]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    assert files
    found = {str(path.relative_to(folder)): hits(path.read_bytes() + path.name.encode()) for path in files}
    return {name: places for name, places in found.items() if places}


def test_the_secrets_were_told_and_compared(told: Told) -> None:
    """Otherwise there would be nothing to find: cases were compared, one broke the suite, one differs in a secret."""
    assert told.ran.code == 1, told.ran.text
    assert "RuntimeError: the bridge said" in told.ran.text
    cases = {(case["endpoint"], case["case"]): case["result"] for case in told.ran.report["cases"]}
    assert cases[SAME, "inactive"] == "EQUAL"
    assert cases[OTHER, "every-field"] == "DIFFERENT"
    text = "".join(path.read_text(encoding="utf-8") for path in (told.folder / "run" / "evidence").iterdir())
    assert text.count("[redacted ") > 100
    for member in ("access_token", "api_keys", "ticket", "x_my_key", "pin", "note", "nested", "set-cookie", "x-my-key"):
        assert member in text


def test_a_secret_that_differs_between_the_arms_is_a_difference(told: Told) -> None:
    found = [f for f in told.ran.report["findings"] if (f["endpoint"], f["rule"]) == (OTHER, "parity.body")]
    (finding,) = [f for f in found if f["case"] == "every-field"]
    assert {difference["path"] for difference in finding["differences"]} == {"client_secret"}


def test_no_secret_is_in_any_file_of_the_run(told: Told) -> None:
    assert (told.folder / "pytest.xml").exists()
    assert any((told.folder / "allure").iterdir())
    assert leaks_in(told.folder) == {}


def test_no_secret_is_in_the_terminal(told: Told) -> None:
    assert hits(told.ran.text.encode()) == []


def python(*words: str) -> subprocess.CompletedProcess[bytes]:
    line = [sys.executable, "-m", "verification", *words]
    return subprocess.run(line, cwd=ROOT, env=environment(), capture_output=True, timeout=120, check=False)


def test_judging_again_tells_no_secret(told: Told) -> None:
    done = python("judge", str(told.folder / "run"))
    assert done.returncode in (1, 10, 11, 12), done.stderr
    assert hits(done.stdout + done.stderr) == []
    assert leaks_in(told.folder) == {}


def test_learning_masks_tells_no_secret(told: Told) -> None:
    done = python("learn-masks", str(told.folder / "run"))
    assert hits(done.stdout + done.stderr) == []


def test_a_replay_tells_no_secret(told: Told, tmp_path: Path) -> None:
    before = set((told.folder / "replays").glob("*")) if (told.folder / "replays").exists() else set()
    done = python("replay", str(keep(tmp_path)), "--target", told.url, "--settings", told.settings)
    assert done.returncode in (0, 10, 11, 12), done.stderr
    assert hits(done.stdout + done.stderr) == []
    (run_dir,) = {path for path in (told.folder / "replays").iterdir() if path.name != "latest"} - before
    assert read_run(run_dir).evidence.sequences
    assert leaks_in(run_dir) == {}


@pytest.mark.parametrize("fails", [False, True], ids=["that answers", "that fails with secrets in its text"])
def test_the_load_tells_no_secret_of_a_target(fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handed = Settings.model_validate({"secrets": {"names": NAMES}})
    monkeypatch.setenv(HANDED, handed.model_dump_json(exclude_unset=True))
    with leaking(fails=fails) as leak:
        ran = locust(leak.url, tmp_path, "--endpoints", "GET /cameras/{id}/status")
        assert leak.authorized != {None}
    assert ran.returncode in (10, 11), ran.stderr
    assert ("The load could not create" in ran.stdout + ran.stderr) is fails
    assert hits((ran.stdout + ran.stderr).encode()) == []
    assert leaks_in(tmp_path) == {}
