"""The run's folder: evidence is appended line by line and is on disk before the next step is taken.

reports/<run>/
    run.json            the manifest, written before anything is sent
    catalog.json        the catalog as it was, so that the verdict can be recomputed later
    policy.json         the policy as it was
    evidence/*.jsonl    one record a line, one file for each writing process
    journal/*.jsonl     what is made on a target that is not ours, written before it is made; see `verification.journal`
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_args

import orjson
from pydantic import TypeAdapter, ValidationError

from verification.core.cases import Catalog
from verification.core.errors import EvidenceError
from verification.core.journal import Entry
from verification.core.policy import Policy
from verification.core.records import Evidence, Manifest, Record
from verification.core.redact import redact_text
from verification.manifest import SCHEMA

RUN_FILE, CATALOG_FILE, POLICY_FILE, EVIDENCE_DIR = "run.json", "catalog.json", "policy.json", "evidence"

_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    kind.__name__: TypeAdapter(kind) for kind in (*get_args(Record), *get_args(Entry))
}
_FIELD_OF_KIND = {
    "Comparison": "comparisons",
    "Exposure": "exposures",
    "ForcedCall": "forced",
    "Drill": "drills",
    "Monitoring": "monitoring",
    "Usage": "usage",
    "WitnessCheck": "witness_checks",
    "RaceRound": "races",
    "SequenceComparison": "sequences",
    "SequenceSearch": "searches",
    "LogTail": "logs",
    "Leftover": "leftovers",
    "Cleanup": "cleanups",
    "Mishap": "mishaps",
    "RunEnd": "run_ends",
    "Ramp": "ramps",
    "LoadStart": "load_starts",
    "LoadBlock": "load_blocks",
    "LoadFavour": "load_favours",
    "LoadEnd": "load_ends",
}

_OF_THE_LOAD = b'{"record":"LoadBlock"'


def encode(record: Record | Entry) -> bytes:
    """One record as one line of JSON."""
    kind = type(record).__name__
    # Not "kind": two records have a field of that name.
    document = {"record": kind, **_ADAPTERS[kind].dump_python(record, mode="json")}
    try:
        return orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        # Half a surrogate pair or an integer beyond 64 bits, which a hostile answer may hold and orjson refuses.
        return json.dumps(document).encode() + b"\n"


def decode(line: bytes) -> Record:
    """The record of one line; ValueError says what is wrong with it."""
    try:
        # orjson turns integers beyond 64 bits into floats and refuses half a surrogate pair; the load has neither, and
        # nearly all lines of a long run are its.
        document = orjson.loads(line) if line.startswith(_OF_THE_LOAD) else json.loads(line)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    kind = document.pop("record", None) if isinstance(document, dict) else None
    if kind not in _ADAPTERS:
        raise ValueError(f"unknown kind of record {kind!r}")
    record: Record = _ADAPTERS[kind].validate_python(document)
    return record


class EvidenceWriter:
    """Appends records to `<folder>/<name>.jsonl`; each is flushed to the disk before `append` returns."""

    def __init__(self, run_dir: Path, name: str, folder: str = EVIDENCE_DIR) -> None:
        self.path = run_dir / folder / f"{name}.jsonl"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    @property
    def descriptor(self) -> int:
        """The open file, for whoever must lock it."""
        return self._descriptor

    def append(self, record: Record | Entry, *, sync: bool = True) -> None:
        """Write one record; EvidenceError when the disk does not take it. Then no half of it is left in the file.

        Without `sync` it outlives this process, but perhaps not the machine.
        """
        line = encode(record)
        written = 0
        try:
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
            if sync:
                os.fsync(self._descriptor)
        except OSError as error:
            self._take_back(written)
            raise _unwritable(self.path, error) from error

    def _take_back(self, written: int) -> None:
        """Remove the half line, or a later record would continue it and make both unreadable."""
        with suppress(OSError):
            os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)

    def close(self) -> None:
        """Release the file; more calls do nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class FileContent:
    """The records of one evidence file. `torn` tells that its last line was cut off by a kill."""

    records: tuple[Record, ...]
    torn: bool


def read_file(path: Path) -> FileContent:
    """All records of one evidence file. A cut-off last line is reported, any other broken line is an error."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read: {error.strerror}.") from error
    complete, rest = lines[:-1], lines[-1]
    records = []
    for number, line in enumerate(complete, start=1):
        try:
            records.append(decode(line))
        except (ValueError, ValidationError) as error:
            raise EvidenceError(
                f"{path}, line {number}: is no evidence record: {error}. "
                "The file was edited or damaged; judge a copy without that line to see what the rest says."
            ) from error
    return FileContent(tuple(records), torn=bool(rest))


def start_run(run_dir: Path, manifest: Manifest, catalog: Catalog, policy: Policy) -> None:
    """Create the run's folder with its manifest, catalog and policy, before anything is asked."""
    try:
        (run_dir / EVIDENCE_DIR).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(run_dir, error) from error
    save(run_dir / RUN_FILE, TypeAdapter(Manifest).dump_json(manifest, indent=2))
    # A catalog may hold the credentials of what it creates; judging needs none of them.
    save(run_dir / CATALOG_FILE, redact_text(TypeAdapter(Catalog).dump_json(catalog).decode()).encode())
    save(run_dir / POLICY_FILE, policy.model_dump_json(indent=2).encode())


def save(path: Path, content: bytes) -> None:
    """Write a whole file so that a reader sees the old one or the new one, never half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise _unwritable(path, error) from error


@dataclass(frozen=True, slots=True)
class Run:
    """A run's folder, read back: all that a verdict depends on."""

    evidence: Evidence
    catalog: Catalog
    policy: Policy


def read_run(run_dir: Path) -> Run:
    """Read a run's folder; EvidenceError says which file is missing or damaged."""
    # The schema first: a manifest of another version is none that is damaged.
    schema = _load(run_dir / RUN_FILE, TypeAdapter(dict[str, Any])).get("schema", SCHEMA)
    if schema != SCHEMA:
        raise EvidenceError(f"{run_dir / RUN_FILE}: has schema {schema!r}, this version reads {SCHEMA!r}.")
    manifest = read_manifest(run_dir)
    groups: dict[str, list[Record]] = {}
    torn = []
    for path, content in _files(run_dir):
        if content.torn:
            torn.append(path.name)
        for record in content.records:
            groups.setdefault(_FIELD_OF_KIND[type(record).__name__], []).append(record)
    known = {field.name for field in fields(Evidence)}
    evidence = Evidence(
        manifest=manifest,
        torn_files=tuple(torn),
        **{name: tuple(records) for name, records in groups.items() if name in known},  # type: ignore[arg-type]  # grouped by kind above
    )
    return Run(
        evidence,
        catalog=_load(run_dir / CATALOG_FILE, TypeAdapter(Catalog)),
        policy=read_policy(run_dir),
    )


def read_manifest(run_dir: Path) -> Manifest:
    """What the run is and owes."""
    manifest: Manifest = _load(run_dir / RUN_FILE, TypeAdapter(Manifest))
    return manifest


def read_policy(run_dir: Path) -> Policy:
    """The policy as it was when the run began."""
    policy: Policy = _load(run_dir / POLICY_FILE, TypeAdapter(Policy))
    return policy


def _files(run_dir: Path) -> Iterator[tuple[Path, FileContent]]:
    for path in sorted((run_dir / EVIDENCE_DIR).glob("*.jsonl")):
        yield path, read_file(path)


def _load(path: Path, adapter: TypeAdapter[Any]) -> Any:
    try:
        return adapter.validate_json(path.read_bytes())
    except OSError as error:
        raise EvidenceError(
            f"{path}: cannot be read: {error.strerror}. Name the folder of one run, for example reports/latest."
        ) from error
    except ValidationError as error:
        raise EvidenceError(f"{path}: is damaged: {error.errors()[0]['msg']}.") from error


def _unwritable(path: Path, error: OSError) -> EvidenceError:
    return EvidenceError(
        f"{path}: cannot be written: {error.strerror or error}. What was measured before is kept. "
        "Free some space or name another folder with --run-dir."
    )
