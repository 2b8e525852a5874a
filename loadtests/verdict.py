"""From a run's folder to the exit code of a stage that Locust measured alone."""

from __future__ import annotations

from pathlib import Path

from verification.core.model import Verdict
from verification.core.records import LoadEnd
from verification.evidence import EVIDENCE_DIR, read_file


def stage_exit_code(run_dir: Path, evidence_name: str) -> int:
    """The gate's exit code for the stage in that evidence file; incomplete evidence is INCONCLUSIVE."""
    records = read_file(run_dir / EVIDENCE_DIR / f"{evidence_name}.jsonl").records
    ends = [record for record in records if isinstance(record, LoadEnd)]
    complete = bool(ends) and ends[-1].aborted is None and not ends[-1].lost_workers and ends[-1].finished > 0
    return (Verdict.PROMOTE if complete else Verdict.INCONCLUSIVE).exit_code
