"""One observer for each ledger, however it ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
from pathlib import Path

import pytest

from verification.core.errors import EvidenceError, UsageError
from verification.rollout.ledger import sole_observer

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "release.sqlite"


# One observer


def _hold(path: Path, told: int) -> None:
    with sole_observer(path):
        os.write(told, b"held")
        signal.pause()


def test_a_second_observer_is_refused_and_the_right_is_free_after_a_kill(path: Path) -> None:
    reading, writing = os.pipe()
    child = FORK.Process(target=_hold, args=(path, writing))
    child.start()
    assert child.pid is not None
    assert os.read(reading, 4) == b"held"
    with pytest.raises(UsageError, match=f"observed by process {child.pid} already"), sole_observer(path):
        pass
    other_name = path.with_name("other.sqlite")
    other_name.symlink_to(path)
    with pytest.raises(UsageError, match="already"), sole_observer(other_name):
        pass
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    os.close(reading)
    os.close(writing)
    with sole_observer(path):
        assert path.with_name("release.sqlite.observed").read_text() == str(os.getpid())


def test_a_backend_that_an_observer_started_does_not_keep_the_right(path: Path) -> None:
    with sole_observer(path):
        backend = subprocess.Popen(["sleep", "60"])
    try:
        with sole_observer(path):
            assert backend.poll() is None
    finally:
        backend.kill()
        backend.wait()


def test_the_right_is_free_after_an_error_and_the_error_is_not_hidden(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), sole_observer(path):
        raise ZeroDivisionError
    with sole_observer(path):
        assert path.with_name("release.sqlite.observed").exists()


def test_observers_of_two_ledgers_do_not_stand_in_each_others_way(path: Path) -> None:
    with sole_observer(path), sole_observer(path.with_name("other.sqlite")):
        assert path.with_name("other.sqlite.observed").exists()


def test_a_right_that_cannot_be_written_down_is_named() -> None:
    with (
        pytest.raises(EvidenceError, match=r"/proc/.*release\.sqlite\.observed"),
        sole_observer(Path("/proc/self/release.sqlite")),
    ):
        pass


def test_a_lock_that_the_file_system_refuses_is_no_other_observer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with pytest.raises(EvidenceError, match="cannot be locked: No locks available"), sole_observer(path):
        pass
