"""All reports of a run into its folder, each whole or not at all, and `reports/latest` at the newest."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from verification.core.errors import EvidenceError
from verification.core.judgement import Judgement
from verification.core.records import Evidence
from verification.evidence import save
from verification.reporting import allure, gate_html, gate_json, gate_md, junit
from verification.reporting.counterexamples import write_counterexamples
from verification.reporting.texts import LANGUAGES


def write_reports(
    judgement: Judgement, evidence: Evidence, run_dir: Path, *, allure_dir: Path | None = None
) -> dict[str, Path]:
    """Write every format; returns format -> path.

    A format that fails does not keep the others from being written. EvidenceError at the end names each that failed.
    """
    renderers: dict[str, Callable[[], bytes]] = {
        "gate.json": lambda: gate_json.render(judgement),
        **{gate_md.file_name(lang): partial(gate_md.render, judgement, lang) for lang in LANGUAGES},
        "junit.xml": lambda: junit.render(judgement),
        **{gate_html.file_name(lang): partial(gate_html.render, judgement, evidence, lang) for lang in LANGUAGES},
    }
    writers = {run_dir / name: partial(_render, run_dir / name, render) for name, render in renderers.items()}
    if judgement.counterexamples:
        folder = run_dir / "counterexamples"
        writers[folder] = partial(write_counterexamples, judgement, folder)
    if allure_dir is not None:
        writers[allure_dir] = partial(allure.write_results, judgement, evidence, allure_dir)
    failed: dict[Path, Exception] = {}
    for path, write in writers.items():
        try:
            write()
        except Exception as error:  # noqa: BLE001  # a broken writer must not cost the reader the other formats
            failed[path] = error
    with suppress(OSError):
        # Only a convenience: a run must not fail because its neighbour folder is read-only.
        _point_latest_at(run_dir)
    if failed:
        raise _unwritten(failed, run_dir) from next(iter(failed.values()))
    return {path.name if path != allure_dir else "allure": path for path in writers}


def _render(path: Path, render: Callable[[], bytes]) -> None:
    save(path, render())


def _unwritten(failed: dict[Path, Exception], run_dir: Path) -> EvidenceError:
    reasons = "; ".join(_reason(path, error) for path, error in failed.items())
    return EvidenceError(
        f"reports could not be written: {reasons} The evidence and the other formats are complete; when that is "
        f"mended, run `python -m verification judge {run_dir}`."
    )


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, EvidenceError):
        return str(error)
    if isinstance(error, OSError):
        return f"{path}: {error.strerror or error}."
    return f"{path}: {type(error).__name__}: {error}; this is a fault of the suite."


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
