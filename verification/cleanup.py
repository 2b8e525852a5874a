"""What a run has left on its target is undone afterwards, whatever ended the run; nothing else is touched."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from verification.core.errors import UsageError
from verification.core.journal import Cleanup
from verification.core.model import Exchange
from verification.core.records import Manifest
from verification.core.redact import Redactor, redact_text
from verification.drive.connect import connect
from verification.drive.sweeper import Sweeper, Swept
from verification.evidence import RUN_FILE, EvidenceWriter, read_manifest, read_run
from verification.journal import JournalWriter, read_journal, writer_at_work
from verification.manifest import redacted_routing
from verification.run import conclude
from verification.settings import Settings, load_settings, require_allowed_target
from verification.settings.target import ArmSettings

NAME = "cleanup"
_MOST_NAMED = 20
_REDACTED = "[redacted"
_FOLDERS = (".", "ramp")
"""The ramp before the load keeps a folder of its own, and makes twins of its own."""


@dataclass(frozen=True, slots=True)
class CleanedUp:
    """What came of a clean-up. `swept` is None where the target ended with its run."""

    target: str
    swept: Swept | None

    @property
    def is_complete(self) -> bool:
        """True when nothing is left that could be deleted, and nobody has to look."""
        return self.swept is None or not self.swept.left


def clean_up(run_dir: Path, *, target: str | None, settings_file: Path | None, allow_writes: bool) -> CleanedUp:
    """Undo what the run in this folder has left on the target that it named; safe to repeat.

    Raises UsageError for a target that is not the run's, is not allowed to be written to, or is still being asked by
    that run, and EvidenceError for a folder that cannot be read.
    """
    manifest = read_manifest(run_dir)
    if manifest.owned:
        return CleanedUp(manifest.target, None)
    if not manifest.tag:
        raise UsageError(
            f"{run_dir}: an older version made this run and named nothing after it, so nobody can tell what is its. "
            "Its gate.json lists what it left."
        )
    settings = _settings(manifest, target, settings_file, allow_writes=allow_writes)
    folders = [run_dir / name for name in _FOLDERS if (run_dir / name / RUN_FILE).exists()]
    for folder in folders:
        _require_ended(folder)
    swept = Swept()
    for folder in folders:
        swept.add(sweep(folder, settings))
    _record(run_dir, swept)
    return CleanedUp(manifest.target, swept)


def _settings(manifest: Manifest, target: str | None, file: Path | None, *, allow_writes: bool) -> Settings:
    """Settings whose target is the run's: the one that was named, else the file's, else the manifest's."""
    run = {"allow_writes": True} if allow_writes else {}
    settings = load_settings(file, {"run": run, **({"target": {"url": target}} if target else {})})
    urls, made_against = settings.target.urls, _urls(manifest)
    if urls and tuple(redact_text(url) for url in urls) != made_against:
        # Settings made for another target hold its credentials, too.
        raise UsageError(
            f"{'--target' if target else '[target] in the settings'} {redact_text(' and '.join(urls))}: the run was "
            f"made against {' and '.join(made_against)}, and only there is anything its. Name that one with --target, "
            "or its --settings."
        )
    if redacted_routing(settings.routing) != manifest.routing:
        settings = _asking_as(settings, manifest)
    elif not urls:
        settings = _at(settings, made_against)
    require_allowed_target(settings)
    return settings


def _urls(manifest: Manifest) -> tuple[str, ...]:
    """The base URLs that the run was made against, redacted."""
    routing = manifest.routing
    return (routing.control, routing.candidate) if routing.by == "url" else (manifest.target,)


def _at(settings: Settings, urls: tuple[str, ...]) -> Settings:
    """Settings that name no target, with the run's."""
    if any(_REDACTED in url for url in urls):
        raise UsageError(
            f"The run was made against {' and '.join(urls)}; credentials are kept nowhere. Name it with "
            f"{'--target URL' if len(urls) == 1 else '--settings FILE, as control_url and candidate_url'}."
        )
    names = ("url",) if len(urls) == 1 else ("control_url", "candidate_url")
    named = settings.target.model_copy(update=dict(zip(names, urls, strict=True)))
    return settings.model_copy(update={"target": named})


def _asking_as(settings: Settings, manifest: Manifest) -> Settings:
    """Settings that put requests on another arm than the run did, or on none: with the run's way."""
    routing = manifest.routing
    settings = settings if settings.target.urls else _at(settings, _urls(manifest))
    if routing.by == "url":
        return settings
    if _REDACTED in routing.control + routing.candidate:
        raise UsageError(
            f"The run put its requests on an arm by {routing.told} with a value that is kept nowhere, and the settings "
            "have another. Name the run's --settings."
        )
    way = {"path": True} if routing.by == "path" else {routing.by: routing.name}
    values = {"control": routing.control, "candidate": routing.candidate, "flag": routing.flag}
    arm = ArmSettings.model_validate({**way, **values})
    return settings.model_copy(update={"arm": arm})


def _require_ended(folder: Path) -> None:
    busy = writer_at_work(folder)
    if busy is not None:
        raise UsageError(
            f"{busy}: a process of this run is still at work (a load goes on to its end when the gate is killed). "
            "Wait for it or end it, then clean up."
        )


def sweep(
    folder: Path,
    settings: Settings,
    *,
    longest_s: float | None = None,
    hear: Callable[[Exchange], None] | None = None,
) -> Swept:
    """Undo what the journals in a run's folder name and its target still has; its processes must have ended.

    EvidenceError for a folder that cannot be read, or that somebody else cleans up. After `longest_s` nothing is asked
    any more, and what may be there is left. `hear` is told of each exchange.
    """
    run, swept = read_run(folder), Swept()
    entries = read_journal(folder)
    journal = JournalWriter(folder, NAME)
    try:
        redactor = Redactor(os.urandom(32))
        with connect(settings, settings.target.urls[0], redactor, longest_s=longest_s, hear=hear) as caller:
            for home in run.catalog.homes:
                sweeper = Sweeper(caller, run.catalog, journal.note, home)
                swept.add(sweeper.sweep(entries, f"gate-{run.evidence.manifest.tag}-"))
    finally:
        journal.close()
    return swept


def _record(run_dir: Path, swept: Swept) -> None:
    """The run's evidence tells what was done after it; where nothing was, it stays as it is."""
    if not (swept.removed or swept.neutralised or swept.left):
        return
    record = Cleanup(datetime.now(UTC), tuple(swept.removed), tuple(swept.neutralised), tuple(swept.left))
    with EvidenceWriter(run_dir, NAME) as writer:
        writer.append(record)
    conclude(run_dir)


def cleanup_lines(done: CleanedUp) -> list[str]:
    """What a person is told."""
    if done.swept is None:
        return [f"nothing to do: the target of this run ({done.target}) was the suite's own and ended with it"]
    swept = done.swept
    lines = [
        *_told("removed", swept.removed),
        *_told("cannot be deleted, neutralised now", swept.neutralised),
        *_told("cannot be deleted, neutralised before", swept.neutral_before),
        *_told("gone already", swept.gone),
        *_told("could not be cleaned up", swept.left, most=1000),
    ]
    if not (swept.removed or swept.neutralised or swept.left):
        lines.append(f"nothing to do: nothing of this run that could be deleted is left on {done.target}")
    return lines


def _told(what: str, names: list[str], most: int = _MOST_NAMED) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return [f"{len(names)} {what}: {', '.join(names[:most])}{more}"]
