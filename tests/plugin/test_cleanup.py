"""Cleaning up after a run that was killed: what can be deleted is gone, the rest is disabled, counted and named."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.load.staging import command, wait_for_block
from tests.plugin.killed import killed_run
from tests.plugin.running import children_of, is_alive, wait_until
from tests.reference.running import Running, running
from verification.catalog.load import load_catalog
from verification.cleanup import CleanedUp, _settings, clean_up
from verification.cli import main
from verification.core.arms import Routing
from verification.core.errors import UsageError
from verification.core.journal import Making
from verification.core.policy import Policy
from verification.evidence import read_manifest, start_run
from verification.journal import JOURNAL_DIR, JournalWriter
from verification.manifest import new_manifest
from verification.run import judge_run

KILLS = 20
SELECTIONS = (
    "parity and start",
    "parity and alerts and POST",
    "parity and alerts and PUT",
    "certificate",
    "race",
    "witness",
)
LOOK_ALIKES = ("gate-", "gate-deadbeef-main001-000001", "my-gate-camera")


@pytest.fixture
def backend() -> Iterator[Running]:
    with running("--percent", "25") as found:
        yield found


def url(backend: Running) -> str:
    return str(backend.client.base_url).rstrip("/")


def cameras(backend: Running) -> dict[str, Any]:
    return {camera["id"]: camera for camera in backend.client.get("/api/v1/cameras").json()["cameras"]}


def rules(backend: Running) -> dict[int, Any]:
    return {rule["id"]: rule for rule in backend.client.get("/api/v1/alerts/rules").json()["items"]}


def make_strangers(backend: Running) -> None:
    for name in LOOK_ALIKES:
        camera = {"id": name, "name": name, "source": "rtsp://127.0.0.1/x"}
        assert backend.client.post("/api/v1/cameras", json=camera).status_code == 200
        assert backend.client.post(f"/api/v1/cameras/{name}/start").status_code == 200
        body = {"name": name, "rule_type": "missing_hairnet", "conditions": {"zone": {"name": name}}}
        assert backend.client.post("/api/v1/alerts/rules", json=body).status_code == 200


def after(run_dir: Path, target: str | None = None, *, allow_writes: bool = False) -> CleanedUp:
    return clean_up(run_dir, target=target, settings_file=None, allow_writes=allow_writes)


@dataclass(frozen=True)
class Said:
    """What the command answered."""

    code: int
    out: str
    error: str


Cleanup = Callable[..., Said]


@pytest.fixture
def cleanup(capsys: pytest.CaptureFixture[str]) -> Cleanup:
    def call(run_dir: Path, *words: str) -> Said:
        capsys.readouterr()
        code = main(["cleanup", str(run_dir), *words])
        return Said(code, *capsys.readouterr())

    return call


def begun_run(run_dir: Path, target: str, *, owned: bool = False) -> Path:
    """A run that was killed before it asked anything."""
    manifest = new_manifest(
        "run", seed=1, target=target, owned=owned, stages=(25,), quick=False, expected=(), omitted={}
    )
    start_run(run_dir, manifest, load_catalog(), Policy())
    return run_dir


def has_begun(journal: Path) -> bool:
    return journal.exists() and journal.stat().st_size > 0


def killed_on(backend: Running, run_dir: Path, selection: str, after_s: float) -> bool:
    words = (f"--target={url(backend)}", "--stage=25", "-k", selection)
    return killed_run(run_dir, words, partial(has_begun, run_dir / JOURNAL_DIR / "main.jsonl"), after_s)


def test_a_run_that_is_killed_at_any_of_twenty_moments_leaves_nothing_that_could_be_deleted(
    backend: Running, tmp_path: Path
) -> None:
    make_strangers(backend)
    strangers = cameras(backend), rules(backend)
    draw = random.Random(20)
    cut_short = removed = 0
    disabled: set[int] = set()
    for number in range(KILLS):
        run_dir = tmp_path / f"run-{number}"
        cut_short += killed_on(backend, run_dir, SELECTIONS[number % len(SELECTIONS)], draw.uniform(0, 0.6))
        done = after(run_dir).swept
        assert done is not None
        assert done.left == []
        removed += len(done.removed)
        disabled |= {int(name.split()[1]) for name in (*done.neutralised, *done.neutral_before)}
        assert set(cameras(backend)) == set(strangers[0]), run_dir
        again = after(run_dir).swept
        assert again is not None
        assert (again.removed, again.neutralised, again.gone, again.left) == ([], [], [], [])
    assert cut_short > KILLS / 2
    assert removed > KILLS / 4
    left = rules(backend)
    assert cameras(backend) == strangers[0]
    assert {number: left.pop(number) for number in strangers[1]} == strangers[1]
    assert not [rule for rule in left.values() if rule["enabled"]]
    assert set(left) == disabled, "every rule of the runs is counted, and no other"
    assert disabled


def test_a_load_that_is_killed_is_cleaned_up_after(backend: Running, tmp_path: Path, cleanup: Cleanup) -> None:
    make_strangers(backend)
    strangers = cameras(backend), rules(backend)
    run_dir = tmp_path / "run"
    with subprocess.Popen(command(url(backend), run_dir, "--blocks", "30"), stdout=subprocess.DEVNULL) as locust:
        wait_for_block(run_dir)
        with_it = children_of(locust.pid)
        assert "is still at work" in cleanup(run_dir).error
        locust.kill()
    for process in with_it:
        wait_until(lambda process=process: not is_alive(process), 20)  # type: ignore[misc]  # bound at once
    assert set(cameras(backend)) > set(strangers[0])
    done = after(run_dir).swept
    assert done is not None
    assert done.left == []
    left = rules(backend)
    assert (cameras(backend), {number: left.pop(number) for number in strangers[1]}) == strangers
    assert {f"rule {number}" for number in left} == {*done.neutralised, *done.neutral_before}
    assert not [rule for rule in left.values() if rule["enabled"]]


@pytest.fixture
def two() -> Iterator[tuple[Running, Running]]:
    """Control and candidate as backends of their own, with a state each."""
    with running("--percent", "0") as control, running("--percent", "100") as candidate:
        yield control, candidate


def seen(two: tuple[Running, Running]) -> list[tuple[dict[str, Any], dict[int, Any]]]:
    return [(cameras(side), rules(side)) for side in two]


def new_rules(two: tuple[Running, Running], strangers: list[tuple[dict[str, Any], dict[int, Any]]]) -> set[str]:
    """The rules of runs, in the words of the clean-up; none of them may still be enabled."""
    found = set()
    for side, before, words in zip(two, strangers, ("", " on candidate"), strict=True):
        assert cameras(side) == before[0]
        left = rules(side)
        assert {number: left.pop(number) for number in before[1]} == before[1]
        assert not [rule for rule in left.values() if rule["enabled"]]
        found |= {f"rule {number}{words}" for number in left}
    return found


def test_a_run_on_two_backends_is_cleaned_up_after_on_both_each_through_its_own_url(
    two: tuple[Running, Running], tmp_path: Path
) -> None:
    for side in two:
        make_strangers(side)
    strangers = seen(two)
    settings = tmp_path / "rollout.toml"
    told = f'[target]\ncontrol_url = "{url(two[0])}"\ncandidate_url = "{url(two[1])}"\n'
    settings.write_text(told, encoding="utf-8")
    removed: set[str] = set()
    disabled: set[str] = set()
    selections = ("parity and start", "parity and alerts and POST", "race and start")
    for number, selection in enumerate(selections * 5):
        if number >= len(selections) and removed:
            break  # what a kill leaves depends on its moment
        run_dir = tmp_path / f"run-{number}"
        journal = run_dir / JOURNAL_DIR / "main.jsonl"

        def is_on_both(journal: Path = journal) -> bool:
            return journal.exists() and b'"home":"candidate"' in journal.read_bytes()

        assert killed_run(run_dir, (f"--settings={settings}", "-k", selection), is_on_both, 0.07 * number)
        done = after(run_dir).swept
        assert done is not None
        assert done.left == []
        removed |= set(done.removed)
        disabled |= {*done.neutralised, *done.neutral_before}
        again = after(run_dir).swept
        assert again is not None
        assert (again.removed, again.neutralised, again.gone, again.left) == ([], [], [], [])
    assert new_rules(two, strangers) == disabled
    assert {words.endswith(" on candidate") for words in disabled} == {True, False}
    assert removed


def test_a_killed_load_on_two_backends_is_cleaned_up_after_on_both(
    two: tuple[Running, Running], tmp_path: Path, cleanup: Cleanup
) -> None:
    strangers = seen(two)
    run_dir = tmp_path / "run"
    urls = {"RELEASE_GATE__TARGET__CONTROL_URL": url(two[0]), "RELEASE_GATE__TARGET__CANDIDATE_URL": url(two[1])}
    words = command(url(two[0]), run_dir, "--blocks", "30")
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, env={**os.environ, **urls}) as locust:
        wait_for_block(run_dir)
        with_it = children_of(locust.pid)
        assert "is still at work" in cleanup(run_dir).error
        locust.kill()
    for process in with_it:
        wait_until(lambda process=process: not is_alive(process), 20)  # type: ignore[misc]  # bound at once
    assert all(len(cameras(side)) > len(before[0]) for side, before in zip(two, strangers, strict=True))
    assert "only there is anything its" in cleanup(run_dir, "--target", url(two[1])).error
    done = after(run_dir).swept
    assert done is not None
    assert done.left == []
    assert {words.endswith(" on candidate") for words in done.removed} == {True, False}
    assert new_rules(two, strangers) == {*done.neutralised, *done.neutral_before}


def test_what_the_run_put_on_an_arm_in_its_own_way_is_undone_in_that_way(tmp_path: Path, cleanup: Cleanup) -> None:
    """The settings of today may put requests on an arm in another way, or say nothing of it."""
    with running("--percent", "25") as backend:
        manifest = new_manifest(
            "run", seed=1, target=url(backend), owned=False, stages=(25,), quick=False, expected=(), omitted={},
            routing=Routing("header", "X-Arm", "old", "new"),
        )  # fmt: skip
        start_run(tmp_path / "run", manifest, load_catalog(), Policy())
        settings = _settings(manifest, None, None, allow_writes=False)
        assert (settings.routing, settings.target.urls) == (manifest.routing, (url(backend),))
        assert cleanup(tmp_path / "run").code == 0
    secret = replace(manifest, routing=Routing("header", "X-Arm", "[redacted 12345678]", "new"))
    with pytest.raises(UsageError, match=r"kept nowhere.*--settings"):
        _settings(secret, None, None, allow_writes=False)


def test_the_command_tells_what_it_did_and_judging_again_gives_the_same_verdict(
    backend: Running, tmp_path: Path, cleanup: Cleanup
) -> None:
    run_dir = tmp_path / "run"
    assert killed_on(backend, run_dir, "parity and alerts", 0.3)
    before = judge_run(run_dir)
    first, second = cleanup(run_dir), cleanup(run_dir)
    assert (first.code, second.code) == (0, 0), first.error + second.error
    assert "cannot be deleted, neutralised" in first.out
    assert "nothing to do" in second.out
    again = judge_run(run_dir)
    assert (again.verdict, again.findings) == (before.verdict, before.findings)
    assert set(again.leftovers) >= set(before.leftovers)


def test_what_may_not_be_touched_is_exit_code_11_and_stands_in_the_report(
    backend: Running, tmp_path: Path, cleanup: Cleanup
) -> None:
    run_dir = begun_run(tmp_path / "run", url(backend))
    name = f"gate-{read_manifest(run_dir).tag}-somebody"
    backend.client.post("/api/v1/cameras", json={"id": name, "name": name, "source": "rtsp://127.0.0.1/x"})
    done = cleanup(run_dir)
    assert done.code == 11, done.error
    assert f"{name} in reading 'cameras' (not in the run's journal, so it was left alone)" in done.out
    assert name in str(judge_run(run_dir).leftovers)
    assert name in (run_dir / "gate.json").read_text(encoding="utf-8")
    assert name in cameras(backend)


def test_the_target_of_the_suites_own_is_gone_already(tmp_path: Path, cleanup: Cleanup) -> None:
    done = cleanup(begun_run(tmp_path / "run", "embedded", owned=True))
    assert (done.code, done.error) == (0, "")
    assert "nothing to do" in done.out


@pytest.mark.parametrize(
    ("target", "words", "said"),
    [
        ("http://127.0.0.1:9", ("--target", "http://127.0.0.1:10"), "only there is anything its"),
        ("http://192.0.2.1:80", (), "--allow-writes"),
        ("http://[redacted 12345678]@127.0.0.1:9", (), "credentials are kept nowhere"),
    ],
)
def test_a_target_that_is_not_the_runs_or_not_allowed_is_refused(
    tmp_path: Path, cleanup: Cleanup, target: str, words: tuple[str, ...], said: str
) -> None:
    done = cleanup(begun_run(tmp_path / "run", target), *words)
    assert done.code == 2
    assert said in done.error


def test_a_folder_that_holds_no_run_is_refused(tmp_path: Path, cleanup: Cleanup) -> None:
    assert cleanup(tmp_path / "nowhere").code == 2


def test_a_target_that_does_not_answer_is_told_and_nothing_counts_as_done(tmp_path: Path, cleanup: Cleanup) -> None:
    run_dir = begun_run(tmp_path / "run", "http://127.0.0.1:9")
    writer = JournalWriter(run_dir, "main")
    writer.note(Making("camera", ("gate-x-main001-000001",)))
    writer.close()
    done = cleanup(run_dir)
    assert done.code == 11, done.error
    assert "camera gate-x-main001-000001 (could not be removed" in done.out


def test_a_run_without_a_tag_is_nobodys_to_clean_up(tmp_path: Path, cleanup: Cleanup) -> None:
    run_dir = begun_run(tmp_path / "run", "http://127.0.0.1:9")
    text = (run_dir / "run.json").read_text(encoding="utf-8")
    (run_dir / "run.json").write_text(text.replace(read_manifest(run_dir).tag, ""), encoding="utf-8")
    done = cleanup(run_dir)
    assert (done.code, "older version" in done.error) == (2, True), done.error
