"""A run's journal on the disk: what it is about to make on a target that is not its own, and what became of it.

reports/<run>/journal/*.jsonl, one file for each writing process. Whoever writes one holds it locked, so that nobody
cleans up after a run that is still at work. Evidence holds none of this: no verdict depends on it.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import get_args

from verification.core.errors import EvidenceError
from verification.core.journal import Entry, Making
from verification.evidence import EvidenceWriter, read_file

JOURNAL_DIR = "journal"


class JournalWriter:
    """Appends to `journal/<name>.jsonl`, and holds the file locked until it is closed or the process ends."""

    def __init__(self, run_dir: Path, name: str) -> None:
        self._writer = EvidenceWriter(run_dir, name, JOURNAL_DIR)
        try:
            fcntl.flock(self._writer.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._writer.close()
            raise EvidenceError(
                f"{self._writer.path}: another process writes it. Wait until that has ended, or end it."
            ) from None
        except OSError:
            return  # a file system without locks: then nobody is warned

    def note(self, entry: Entry) -> None:
        """Write one entry. What is about to be made reaches the disk first; the rest the target can tell, too."""
        self._writer.append(entry, sync=isinstance(entry, Making))

    def close(self) -> None:
        """Release the file; more calls do nothing."""
        self._writer.close()


def read_journal(run_dir: Path) -> tuple[Entry, ...]:
    """All entries of a run, each process's in their order. What a kill cut off was not made yet."""
    found = [entry for path in _files(run_dir) for entry in read_file(path).records]
    return tuple(entry for entry in found if isinstance(entry, get_args(Entry)))


def writer_at_work(run_dir: Path) -> Path | None:
    """A journal of the run that a process holds open; None when all have ended."""
    for path in _files(run_dir):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                continue
            return path
        except OSError:
            continue  # a file system without locks
        finally:
            os.close(descriptor)
    return None


def _files(run_dir: Path) -> list[Path]:
    return sorted((run_dir / JOURNAL_DIR).glob("*.jsonl"))
