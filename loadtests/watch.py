"""Reads a stage's evidence while it is measured and says what is still open: a process of its own, with low priority.

Judging takes a tenth of a second, which in the load generator would be a lag for every request that is due meanwhile.
Prints one line of JSON for each look that differs from the one before, and ends with the process that started it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

if (root := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.insert(0, root)  # started by its path, from any folder

from verification.core.judge.progress import Progress, stage_progress
from verification.core.judge.stage_load import gather_stages
from verification.core.records import LoadBlock, LoadStart
from verification.evidence import EVIDENCE_DIR, decode, read_file, read_manifest, read_policy

LOOK_EVERY_S = 1.5
NICENESS = 19


class Watch:
    """The evidence of one stage as it grows, beside that of the stages before it."""

    def __init__(self, run_dir: Path, evidence_name: str, percent: int) -> None:
        self._policy = read_policy(run_dir)
        owed = read_manifest(run_dir).expected
        loads = [int(key.removeprefix("load:")) for key in owed if key.startswith("load:")]
        self._planned, self._is_last = sum(stage > 0 for stage in loads), percent >= max(loads, default=0)
        self._path = run_dir / EVIDENCE_DIR / f"{evidence_name}.jsonl"
        self._percent = percent
        self._read = 0
        self._starts: list[LoadStart] = []
        self._blocks: list[LoadBlock] = []
        for path in sorted(self._path.parent.glob("load-*.jsonl")):
            if path != self._path:
                self._take(read_file(path).records)

    def look(self) -> Progress:
        """What is open after the time blocks that all workers have reported."""
        with self._path.open("rb") as file:
            file.seek(self._read)
            lines = file.read()
        whole = lines.rfind(b"\n") + 1
        self._read += whole
        self._take(tuple(decode(line) for line in lines[:whole].splitlines()))
        stages = gather_stages(self._starts, self._complete())
        return stage_progress(stages, self._percent, self._policy, planned=self._planned, is_last=self._is_last)

    def _take(self, records: tuple[object, ...]) -> None:
        for record in records:
            if isinstance(record, LoadStart):
                self._starts.append(record)
            elif isinstance(record, LoadBlock):
                self._blocks.append(record)

    def _complete(self) -> tuple[LoadBlock, ...]:
        workers = {start.stage_percent: start.workers for start in self._starts}
        came = Counter((block.stage_percent, block.block) for block in self._blocks)
        return tuple(
            block
            for block in self._blocks
            if block.stage_percent != self._percent or came[self._percent, block.block] >= workers.get(self._percent, 1)
        )


def main(arguments: list[str]) -> int:
    """`watch.py RUN EVIDENCE_NAME PERCENT SECONDS`: look until the stage may end, or that long."""
    run_dir, name, percent, seconds = arguments
    os.nice(NICENESS)
    parent, deadline_s = os.getppid(), time.monotonic() + float(seconds)
    watch, told = Watch(Path(run_dir), name, int(percent)), None
    while time.monotonic() < deadline_s and os.getppid() == parent:
        progress = watch.look()
        if progress != told:
            told = progress
            said = {"open": progress.open_endpoints, "ends_because": progress.ends_because}
            print(json.dumps(said), flush=True)
        if progress.ends_because:
            break
        time.sleep(LOOK_EVERY_S)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
