"""The journal is on the disk before the request that it speaks of, and held by who writes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from verification.core.errors import EvidenceError
from verification.core.journal import Made, Making, Unmade
from verification.journal import JOURNAL_DIR, JournalWriter, read_journal, writer_at_work

MAKING = Making("camera", ("a", "b"))
HOLD = """
import sys, time
from pathlib import Path
from verification.core.journal import Making
from verification.journal import JournalWriter
writer = JournalWriter(Path(sys.argv[1]), "other")
writer.note(Making("camera", ("x",)))
print("holds", flush=True)
time.sleep(60)
"""


def test_what_was_noted_comes_back_in_order_from_every_process(tmp_path: Path) -> None:
    for name, entries in (("gw0", (MAKING, Made("rule", "7"))), ("main", (Unmade("rule", "7"),))):
        writer = JournalWriter(tmp_path, name)
        for entry in entries:
            writer.note(entry)
        writer.close()
    assert read_journal(tmp_path) == (MAKING, Made("rule", "7"), Unmade("rule", "7"))


def test_what_a_kill_cut_off_is_left_out(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, "main")
    writer.note(MAKING)
    writer.close()
    with (tmp_path / JOURNAL_DIR / "main.jsonl").open("a") as file:
        file.write('{"record": "Mak')
    assert read_journal(tmp_path) == (MAKING,)


def test_an_announcement_is_flushed_and_what_the_target_can_tell_too_need_not_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    writer = JournalWriter(tmp_path, "main")
    writer.note(Unmade("camera", "a"))
    assert flushed == []
    writer.note(MAKING)
    assert len(flushed) == 1
    writer.close()


def test_a_process_at_work_is_seen_and_a_killed_one_is_not(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        assert writer_at_work(tmp_path) == tmp_path / JOURNAL_DIR / "other.jsonl"
        with pytest.raises(EvidenceError, match="another process writes it"):
            JournalWriter(tmp_path, "other")
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    assert writer_at_work(tmp_path) is None
    assert read_journal(tmp_path) == (Making("camera", ("x",)),)


def test_a_run_that_made_nothing_has_an_empty_journal(tmp_path: Path) -> None:
    assert read_journal(tmp_path) == ()
    assert writer_at_work(tmp_path) is None
