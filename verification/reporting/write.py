"""All reports of a run into its folder, each whole or not at all, and `reports/latest` at the newest."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from verification.core.errors import EvidenceError
from verification.core.judgement import Judgement
from verification.core.records import Evidence
from verification.evidence import save
from verification.reporting import allure, gate_html, gate_json, gate_md, junit


def write_reports(
    judgement: Judgement, evidence: Evidence, run_dir: Path, *, allure_dir: Path | None = None
) -> dict[str, Path]:
    """Write every format; one that fails does not keep the others from being written, and is named at the end."""
    formats: dict[str, Callable[[], bytes]] = {
        "gate.json": lambda: gate_json.render(judgement),
        "gate.md": lambda: gate_md.render(judgement),
        "junit.xml": lambda: junit.render(judgement),
        "gate.html": lambda: gate_html.render(judgement, evidence),
    }
    written: dict[str, Path] = {}
    failed: list[str] = []
    for name, render in formats.items():
        try:
            save(run_dir / name, render())
            written[name] = run_dir / name
        except EvidenceError as error:
            failed.append(str(error))
    if allure_dir is not None:
        try:
            allure.write_results(judgement, allure_dir)
            written["allure"] = allure_dir
        except OSError as error:
            failed.append(f"{allure_dir}: {error.strerror or error}")
    with suppress(OSError):
        # Only a convenience: a run must not fail because its neighbour folder is read-only.
        _point_latest_at(run_dir)
    if failed:
        raise EvidenceError(
            "reports could not be written: " + "; ".join(failed) + ". The evidence is complete; make room, then run "
            f"`python -m verification judge {run_dir}`."
        )
    return written


def _point_latest_at(run_dir: Path) -> None:
    """A relative link, replaced in one step; where links cannot be made, a text file names the folder."""
    folder = run_dir.resolve()
    link, draft = folder.parent / "latest", folder.parent / f".latest.{os.getpid()}"
    draft.unlink(missing_ok=True)
    try:
        draft.symlink_to(folder.name)
        draft.replace(link)
    except (OSError, NotImplementedError):
        draft.unlink(missing_ok=True)
        (folder.parent / "latest.txt").write_text(f"{folder.name}\n", encoding="utf-8")
