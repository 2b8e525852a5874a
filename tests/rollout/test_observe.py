"""Looking for days: nothing is counted twice or lost, whatever ends the process, and one process looks at a time."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.production.deployment import Deployment
from tests.rollout.releasing import PLAN, Release
from verification.core.errors import UsageError
from verification.core.model import Arm, Verdict
from verification.core.release.events import Look
from verification.core.release.plan import ReleasePlan
from verification.rollout import clock
from verification.rollout.clock import SystemClock
from verification.rollout.look import _fallbacks, counters_of, take_look
from verification.rollout.observe import Observer, pace
from verification.settings.target import FALLBACK_WORDS

KILLS = 50
OFTEN = [{**PLAN[0], "every_hours": 0.3 / 3600}, *PLAN[1:]]
"""A look every 0.3 s."""


def looks(release: Release) -> list[Look]:
    return [event for _, _, event in release.ledger.events() if isinstance(event, Look)]


def settings_file(release: Release, folder: Path) -> Path:
    """The release's settings as a person would have them in a file."""
    tables = ["".join(f"{name} = {value}\n" for name, value in stage.items()) for stage in release.plan]
    plan = "".join(f"[[release.stages]]\n{table}" for table in tables)
    path = folder / "rollout.toml"
    path.write_text(
        f'[target]\nurl = "{release.backend.url}"\n[witness]\nheader = "X-Served-By"\n'
        f'[release]\nneeds_gate = false\nledger = "{release.ledger.path}"\n'
        f"[release.look]\nrequests = 2\nnatural = 4\n{plan}"
    )
    return path


def observe_command(file: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "verification", "observe", "--settings", str(file), *words]


def observing(file: Path, *words: str) -> subprocess.Popen[str]:
    command = observe_command(file, *words)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def looks_told(said: Path) -> set[int]:
    """The numbers of the looks that a process has told of in whole lines."""
    *lines, _cut_off = said.read_text().split("\n")
    return {int(line.split(" look ")[1].split(" ")[0]) for line in lines if " look " in line}


def until_told(said: Path, observer: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while not looks_told(said):
        assert observer.poll() is None, said.read_text()
        assert time.monotonic() < end, "no look was taken"
        time.sleep(0.01)


@pytest.mark.weeks
def test_killed_at_random_moments_no_look_is_counted_twice_or_lost(backend: Deployment, tmp_path: Path) -> None:
    release = Release(backend, tmp_path)
    release.plan = OFTEN
    release.clock.begin_now()
    assert release.start(10).is_proven
    file, dice = settings_file(release, tmp_path), random.Random(7)
    told: set[int] = set()
    for number in range(KILLS):
        output = tmp_path / f"said-{number}"
        with output.open("w") as words:
            observer = subprocess.Popen(observe_command(file), stdout=words, stderr=subprocess.STDOUT)
        before = len(told)
        try:
            if number % 2:
                # Anywhere, also before anything is looked at.
                time.sleep(dice.uniform(0.3, 2.0))
            else:
                # However slow the machine is, within or between the looks that follow one.
                until_told(output, observer)
                time.sleep(dice.uniform(0.0, 0.6))
        finally:
            observer.send_signal(signal.SIGKILL)
            observer.wait(30)
        told |= looks_told(output)
        assert number % 2 or len(told) > before
        assert release.ledger.broken() == []
    kept = [look.slot for look in looks(release)]
    assert len(told) >= KILLS // 2
    assert len(kept) == len(set(kept))
    assert told <= set(kept)

    before = len(kept)
    goes_on = observing(file, "--once")
    said, _err = goes_on.communicate(timeout=60)
    assert goes_on.returncode in (10, 11), said
    assert len(looks(release)) == before + 1
    assert release.ledger.broken() == []


def test_two_observers_on_one_ledger_the_second_refuses(backend: Deployment, tmp_path: Path) -> None:
    release = Release(backend, tmp_path)
    release.plan = OFTEN
    release.clock.begin_now()
    assert release.start(10).is_proven
    file = settings_file(release, tmp_path)
    first = observing(file)
    try:
        assert first.stdout is not None
        assert " look " in first.stdout.readline()
        second = observing(file)
        said, _ = second.communicate(timeout=30)
        assert second.returncode == 2
        assert f"is being observed by process {first.pid}" in said
    finally:
        first.send_signal(signal.SIGINT)
        said, _ = first.communicate(timeout=30)
    assert first.returncode == 2
    assert "`observe` goes on from there" in said


def test_a_look_is_taken_once_for_its_hour(backend: Deployment, tmp_path: Path) -> None:
    release = Release(backend, tmp_path)
    release.requests = 2
    assert release.start(10).is_proven
    observer = Observer(release.settings, release.catalog, release.ledger, release.clock, release.said.append)
    observer.once()
    observer.once()
    assert [look.slot for look in looks(release)] == [0]
    assert "has been taken already" in release.said[-1]
    release.clock.sleep(3600)
    observer.once()
    assert [look.slot for look in looks(release)] == [0, 1]
    assert {one.arm for one in looks(release)[0].seen} == set(Arm)


def test_looks_that_were_missed_are_named(backend: Deployment, tmp_path: Path) -> None:
    release = Release(backend, tmp_path)
    release.requests = 2
    assert release.start(10).is_proven
    release.observe(timedelta(hours=2))
    release.clock.sleep(5 * 3600)
    release.observe(timedelta(minutes=1))
    found = {one.rule: one for one in release.ledger.standing().found}
    assert found["release.gap"].reason == "4 of 8 looks were not taken: number 3 to 6"
    assert found["release.gap"].verdict is Verdict.INCONCLUSIVE


def test_a_clock_that_was_set_is_named(backend: Deployment, tmp_path: Path) -> None:
    release = Release(backend, tmp_path)
    release.requests = 2
    assert release.start(10).is_proven
    observer = Observer(release.settings, release.catalog, release.ledger, release.clock, release.said.append)
    observer.run(timedelta(minutes=1))
    release.clock.stepped = timedelta(hours=3)
    observer.run(timedelta(minutes=1))
    assert looks(release)[-1].clock_step_s == pytest.approx(3 * 3600, abs=1)
    found = {one.rule: one for one in release.ledger.standing().found}
    assert "the clock was set or the machine slept, by up to +10800 s" in found["release.clock"].reason


def once(release: Release) -> Look:
    """A look by a process of its own."""
    Observer(release.settings, release.catalog, release.ledger, release.clock, release.said.append).once()
    return looks(release)[-1]


@pytest.mark.parametrize("hours", [3, -1.5])
def test_a_clock_that_was_set_between_two_processes_is_named(backend: Deployment, tmp_path: Path, hours: float) -> None:
    release = Release(backend, tmp_path)
    release.requests = 2
    assert release.start(10).is_proven
    first = once(release)
    assert (first.boot_id, first.clock_step_s) == (release.clock.boot_id, 0.0)
    release.clock.stepped = timedelta(hours=hours)
    release.clock.sleep(3 * 3600)
    assert once(release).clock_step_s == pytest.approx(3600 * hours, abs=1)
    found = {one.rule: one for one in release.ledger.standing().found}
    assert f"the clock was set or the machine slept, by up to {3600 * hours:+.0f} s" in found["release.clock"].reason
    release.clock.sleep(3600)
    assert once(release).clock_step_s == pytest.approx(0, abs=1)


@pytest.mark.parametrize("before", ["another start of the machine", None])
def test_where_the_machine_was_started_anew_or_tells_nothing_no_step_is_claimed(
    backend: Deployment, tmp_path: Path, before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = Release(backend, tmp_path)
    release.requests = 2
    assert release.start(10).is_proven
    with monkeypatch.context() as earlier:
        if before is None:
            earlier.setattr(release.clock, "uptime", lambda: None)
        else:
            earlier.setattr(release.clock, "boot_id", before)
        assert once(release).boot_id == before
    release.clock.stepped = timedelta(hours=3)
    assert once(release).clock_step_s == 0.0
    monkeypatch.setattr(release.clock, "uptime", lambda: None)
    release.clock.sleep(3600)
    assert once(release).boot_s is None


def test_the_machines_uptime_goes_on_from_process_to_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = (
        "from verification.rollout.clock import SystemClock as S; one = S().uptime(); print(one.boot_id, one.seconds)"
    )
    before, own = SystemClock().uptime(), SystemClock()
    said = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, timeout=60, check=True).stdout
    after = own.uptime()
    assert before is not None
    assert after is not None
    boot_id, seconds = said.split()
    assert before.boot_id == boot_id == after.boot_id
    assert before.seconds < float(seconds) < after.seconds
    monkeypatch.setattr(clock, "_BOOT_ID", tmp_path / "nowhere")
    assert own.uptime() is None
    (tmp_path / "nowhere").write_text("\n")
    assert own.uptime() is None
    monkeypatch.undo()
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    assert own.uptime() is None


def test_looks_are_taken_no_more_often_than_asked_for_and_keep_their_slots(backend: Deployment, tmp_path: Path) -> None:
    release = Release(backend, tmp_path)
    release.requests = 2
    assert release.start(10).is_proven
    observer = Observer(
        release.settings, release.catalog, release.ledger, release.clock, release.said.append, timedelta(hours=2)
    )
    observer.run(timedelta(hours=6, minutes=30))
    assert [look.slot for look in looks(release)] == [0, 2, 4, 6]
    assert [line for line in release.said if "the stage can never be passed" in line] == [release.said[0]]
    # The first look of another stage waits for nothing.
    assert release.start(25, override="meanwhile").is_proven
    observer.run(timedelta(minutes=1))
    assert release.ledger.standing().looks[-1].slot == 0
    assert len([line for line in release.said if line.startswith("--every")]) == 1


def test_what_an_interval_comes_to_is_said_by_number() -> None:
    plan = ReleasePlan()
    stage = plan.stages[0]
    assert pace(plan, stage, timedelta(hours=1)) == (None, True)
    told, can_pass = pace(plan, stage, timedelta(minutes=30))
    assert can_pass
    assert told is not None
    assert "--every 0.5 h: the plan looks every 1 h at 10 %, and more often gains nothing" in told
    told, can_pass = pace(plan, stage, timedelta(minutes=66))
    assert can_pass
    assert told is not None
    assert "44 looks at most" in told
    assert "never" not in told
    told, can_pass = pace(plan, stage, timedelta(hours=2))
    assert not can_pass
    assert told is not None
    assert "at 10 % that gives 25 looks at most in the longest window, 48 h; 22 are needed, 49 are due, and 9" in told
    assert "[[release.stages]]" in told


def test_a_backend_that_does_not_answer_is_held_after_two_looks(backend: Deployment, tmp_path: Path) -> None:
    release = Release(backend, tmp_path)
    release.requests = 2
    assert release.start(10).is_proven
    release.observe(timedelta(minutes=30))
    assert backend.at("stop").returncode == 0
    release.clock.sleep(3600)
    assert release.observe(timedelta(minutes=20)) is not Verdict.PROMOTE
    release.clock.sleep(3600)
    assert release.observe(timedelta(minutes=20)) is Verdict.HOLD
    assert {one.rule for one in release.ledger.standing().found} >= {"target.silent"}


def test_a_stage_that_is_moved_while_it_is_looked_at_keeps_no_look_of_the_former(
    backend: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = Release(backend, tmp_path)
    release.requests = 2
    assert release.start(10).is_proven

    def moved_meanwhile(*words: object) -> Look:
        look = take_look(*words)  # type: ignore[arg-type]  # handed on
        assert release.start(25, override="meanwhile").is_proven
        return look

    monkeypatch.setattr("verification.rollout.observe.take_look", moved_meanwhile)
    release.observe(timedelta(minutes=1))
    assert looks(release) == []
    assert any("the stage was left while look 0 was taken" in line for line in release.said)


def test_without_a_stage_there_is_nothing_to_observe(backend: Deployment, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no stage of the plan runs"):
        Release(backend, tmp_path).observe(timedelta(hours=1))


@pytest.mark.parametrize(
    "metrics",
    [None, [], "x", {}, *({"requests": told} for told in (3, {"total": -1}, {"total": True}, {"total": "9"}))],
)
def test_metrics_of_another_form_are_no_counters(metrics: object) -> None:
    assert counters_of(metrics) is None


def test_server_errors_are_counted_by_status_and_what_is_no_status_is_left_out() -> None:
    by_status = {"200": 90, "404": 4, "500": 5, "503": 1, "five": 7, "502": "x"}
    found = counters_of({"requests": {"total": 100, "by_status": by_status}, "domain_service": {"usage_count": 10}})
    assert found is not None
    assert (found.requests, found.server_errors, found.legacy, found.domain) == (100, 6, None, 10)


def test_lines_of_a_fallback_are_counted_once_from_look_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "backend.log"
    assert _fallbacks(None, FALLBACK_WORDS, None) == (None, None)
    assert _fallbacks(log, FALLBACK_WORDS, 5) == (None, 5)
    log.write_text(f"{FALLBACK_WORDS}\n")
    lines, at = _fallbacks(log, FALLBACK_WORDS, None)
    assert lines == 0
    with log.open("a") as file:
        file.write(f"well\n{FALLBACK_WORDS}: POST /x\n{FALLBACK_WORDS}: GET /y\n")
    assert _fallbacks(log, FALLBACK_WORDS, at) == (2, log.stat().st_size)
    assert _fallbacks(log, FALLBACK_WORDS, log.stat().st_size) == (0, log.stat().st_size)
    # A log that was begun anew, and one that is longer than is read at once.
    log.write_text(f"{FALLBACK_WORDS}\n")
    assert _fallbacks(log, FALLBACK_WORDS, 500) == (1, log.stat().st_size)
    monkeypatch.setattr("verification.rollout.look._MOST_LOG_BYTES", len(FALLBACK_WORDS) + 1)
    log.write_text(f"{FALLBACK_WORDS}\n" * 2)
    lines, at = _fallbacks(log, FALLBACK_WORDS, 0)
    assert (lines, at) == (1, len(FALLBACK_WORDS) + 1)
    assert _fallbacks(log, FALLBACK_WORDS, at) == (1, log.stat().st_size)


def test_a_line_of_the_log_that_is_being_written_counts_when_it_is_whole(tmp_path: Path) -> None:
    log = tmp_path / "backend.log"
    log.write_text(f"well\nWARNING {FALLBACK_WORDS[:9]}")
    lines, at = _fallbacks(log, FALLBACK_WORDS, 0)
    assert (lines, at) == (0, len("well\n"))
    with log.open("a") as file:
        file.write(f"{FALLBACK_WORDS[9:]}: POST /x\n")
    assert _fallbacks(log, FALLBACK_WORDS, at) == (1, log.stat().st_size)


def test_words_of_a_fallback_are_those_of_the_settings_and_a_line_counts_once(tmp_path: Path) -> None:
    log = tmp_path / "backend.log"
    log.write_text(f"old code took over: old code took over\n{FALLBACK_WORDS}\nthe old code took over\n")
    assert _fallbacks(log, "old code took over", 0) == (2, log.stat().st_size)
