"""A first catalog for a foreign service: from its OpenAPI document, from recorded traffic, from its access log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from verification.catalog import access_log
from verification.catalog.draft import Draft, draft
from verification.catalog.foreign import MOST_BYTES, parse
from verification.catalog.har import record
from verification.catalog.openapi import describe, self_contained
from verification.catalog.schema import FILE
from verification.catalog.sketch import Sketch, line
from verification.catalog.swagger import modern
from verification.catalog.withheld import Withheld
from verification.core.arms import DEFAULT_ROUTING
from verification.core.errors import UsageError
from verification.core.model import Json
from verification.core.redact import redact_text

MOST_CASES = 100
MOST_LOG_BYTES = 5_000_000_000
_LONGEST_LINE = 20_000


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a first catalog comes from, and what it should hold."""

    openapi: tuple[str, ...] = ()
    """Addresses or files."""
    har: tuple[Path, ...] = ()
    access_log: tuple[Path, ...] = ()
    more_cases: int = 0
    """Cases that Schemathesis draws for each endpoint."""
    seed: int = 1
    left_out: tuple[str, ...] = ()
    """Query parameters that are none of a request's own."""
    owner: str | None = None


@dataclass(slots=True)
class _Found:
    """What the sources gave so far."""

    sketches: dict[str, Sketch] = field(default_factory=dict)
    withheld: Withheld = field(default_factory=Withheld)
    notes: list[str] = field(default_factory=list)


def write_first_catalog(sources: Sources, folder: Path, *, force: bool = False) -> Iterator[str]:
    """Write a first catalog into the folder and yield what a person should read.

    Raises UsageError where a source cannot be used or the folder holds something and `force` is not set, TargetError
    where an address does not answer. Nothing is written before everything is read.
    """
    if not sources.openapi and not sources.har:
        raise UsageError("init: name what to begin with: --openapi URL-or-file, --har FILE, or both")
    if not 0 <= sources.more_cases <= MOST_CASES:
        raise UsageError(f"--more-cases {sources.more_cases}: valid: 0 to {MOST_CASES} for each endpoint")
    if sources.more_cases and not sources.openapi:
        raise UsageError("--more-cases: cases are drawn from an OpenAPI document; name one with --openapi")
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not force):
        raise UsageError(f"{folder}: holds something already; name another --output, or overwrite with --force")
    found = _Found()
    left_out = frozenset({*sources.left_out, DEFAULT_ROUTING.name})
    for origin in sources.openapi:
        _describe(found, origin, left_out, sources)
    for file in sources.har:
        recorded = record(parse(_read(file), str(file)), str(file), found.withheld, found.sketches, left_out)
        found.sketches = recorded.sketches
        found.notes += recorded.notes
    if sources.access_log:
        _weigh(found, sources.access_log)
    made = draft(found.sketches, found.withheld, sources.owner)
    _write(made, folder)
    return _lines(made, found, folder)


def _describe(found: _Found, origin: str, left_out: frozenset[str], sources: Sources) -> None:
    shown = redact_text(origin.partition("?")[0])
    if "://" in origin:
        from verification.drive.document import fetch  # a client, which a file does not wait for

        content = fetch(origin)
    else:
        content = _read(Path(origin))
    document = modern(parse(content, shown))
    described = describe(document, shown, left_out)
    found.withheld.names |= described.secret_names
    found.notes += [f"{shown}: {note}" for note in described.notes]
    if described.guarded:
        found.notes.append(
            f"{shown}: {described.guarded} endpoints ask for authentication, which is no matter of a catalog"
        )
    if sources.more_cases:
        _draw(found, self_contained(document, left_out), described.sketches, sources)
    for name, sketch in described.sketches.items():
        found.sketches.setdefault(name, sketch)


def _draw(found: _Found, document: Json, sketches: dict[str, Sketch], sources: Sources) -> None:
    from verification.drive.generation import more_cases  # a generator, which nobody else waits for

    cases, without = more_cases(document, sources.more_cases, sources.seed)
    found.notes += [line(note) for note in without]
    for sketch in sketches.values():
        for case in cases.get((sketch.method, sketch.route), ()):
            case.path = sketch.prefix + case.path
            sketch.add(case, len(sketch.cases) + 1)


def _weigh(found: _Found, files: tuple[Path, ...]) -> None:
    asked = access_log.count((one for file in files for one in _log_lines(file)), found.sketches)
    named = ", ".join(map(str, files))
    if not asked.endpoints:
        raise UsageError(
            f"{named}: none of its lines asks an endpoint of the description or recording ({asked.elsewhere} ask "
            f"something else, {asked.unreadable} are no request); valid: common or combined format, with the paths "
            "that the service itself sees"
        )
    access_log.weigh(asked, found.sketches)
    found.notes.append(
        f"{named}: weights from {sum(asked.endpoints.values())} requests; {asked.elsewhere} asked something else, "
        f"{asked.unreadable} lines are no request"
    )


def _log_lines(file: Path) -> Iterator[str]:
    left = MOST_LOG_BYTES
    try:
        with file.open("rb") as stream:
            while left > 0 and (text := stream.readline(_LONGEST_LINE)):
                left -= len(text)
                yield text.decode("utf-8", "replace")
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _write(made: Draft, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in made.files.items():
            (folder / name).write_text(text, encoding="utf-8")
        (folder / FILE.name).write_bytes(FILE.read_bytes())
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {error.strerror}") from error


def _lines(made: Draft, found: _Found, folder: Path) -> Iterator[str]:
    """What to read in a terminal: what is asked, what is not yet and why, what was left out, what to do next."""
    yield f"{len(made.asked) + len(made.disabled)} endpoints in {', '.join(str(folder / name) for name in made.files)}"
    yield f"{len(made.asked)} of them can be asked as they stand"
    for reason in dict.fromkeys(made.disabled.values()):
        names = [line(name) for name, other in made.disabled.items() if other == reason]
        yield f"disabled, {line(reason, 300)}: {', '.join(names)}"
    for problem in made.left_out:
        yield f"left out: {line(problem, 300)}"
    for note in found.notes:
        yield line(found.withheld.text(note), 300)
    for what, times in sorted(found.withheld.told.items()):
        yield f"secret withheld: {line(what)} ({times} times)"
    if found.withheld.told:
        yield "In the place of a secret stands {fill_in_…}, and headers are never written."
    yield "Nothing was asked of the service's endpoints. Read the files, confirm or remove each mask, then:"
    yield f"python -m verification catalog --file {folder}"
