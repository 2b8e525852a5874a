"""Counterexamples of earlier runs, read back as data: whatever such a file says, it can only be walked on the target
that a person named, with requests of a known form. It is never executed and holds no credentials."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from pydantic import TypeAdapter, ValidationError

from verification.catalog.entries import Method
from verification.catalog.mistakes import shown, unknown
from verification.catalog.placeholders import ABSENT, RUN, tokens_in
from verification.core.cases import Catalog, RequestSpec, Twin
from verification.core.errors import CatalogError
from verification.core.model import Json
from verification.core.sequences import COUNTEREXAMPLE_SCHEMA, Sequence, digest, redacted

FOLDER = "counterexamples"
SECRET_VARIABLE = "RELEASE_GATE_SECRET"  # noqa: S105  # the variable's name
MOST_BYTES, MOST_STEPS, MOST_KEPT = 2_000_000, 200, 20
_ADAPTER: TypeAdapter[Sequence] = TypeAdapter(Sequence)
_LEFT_OUT = re.compile(r"\[redacted(?: [0-9a-f]{8})?\]")
_PATH = re.compile(r"/(?!/)[!-~]*")


@dataclass(frozen=True, slots=True)
class Kept:
    """A counterexample of an earlier run: where it stands, and the sequence under the key of its replay."""

    path: Path
    sequence: Sequence


def read_counterexample(path: Path, catalog: Catalog, environment: Mapping[str, str]) -> Kept:
    """The sequence in a file, checked against the catalog. Raises CatalogError that says what is wrong with it.

    Where the file leaves out a secret, the value of RELEASE_GATE_SECRET takes its place.
    """
    sequence = _parsed(path)
    problem = next(_problems(sequence, catalog), None)
    if problem is not None:
        raise CatalogError(f"{path}: {problem}")
    name = digest(sequence)
    if _leaves_out(sequence):
        secret = environment.get(SECRET_VARIABLE)
        if not secret:
            raise CatalogError(f"{path}: it leaves out a secret; put it into the environment as {SECRET_VARIABLE}")
        sequence = redacted(sequence, lambda text: _LEFT_OUT.sub(lambda _: json.dumps(secret)[1:-1], text))
    return Kept(path, replace(sequence, key=f"replay:{name}"))


def earlier_counterexamples(
    report_dir: Path, catalog: Catalog, environment: Mapping[str, str]
) -> tuple[list[Kept], dict[str, str]]:
    """What earlier runs found, the newest first, each sequence once; and why a file of theirs cannot be used."""
    kept: dict[str, Kept] = {}
    unusable: dict[str, str] = {}
    files = sorted(report_dir.glob(f"*/{FOLDER}/*.json"), key=lambda file: (file.parent.parent.name, file.name))
    for path in reversed(files):
        if path.parent.parent.is_symlink() or len(kept) == MOST_KEPT:
            continue
        try:
            found = read_counterexample(path, catalog, environment)
        except CatalogError as error:
            unusable[f"replay:{path.stem}"] = str(error)
        else:
            kept.setdefault(found.sequence.key, found)
    return list(kept.values()), unusable


def _parsed(path: Path) -> Sequence:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise CatalogError(f"{path}: is larger than {MOST_BYTES} bytes, which no counterexample is")
        document: Json = json.loads(path.read_bytes())
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CatalogError(f"{path}: is no JSON: {error}") from error
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != COUNTEREXAMPLE_SCHEMA:
        raise CatalogError(f"{path}: has schema {shown(schema)}; valid: {COUNTEREXAMPLE_SCHEMA}")
    try:
        return _ADAPTER.validate_json(json.dumps(document.get("sequence")), strict=True)
    except (ValidationError, RecursionError) as error:
        told = error.errors(include_url=False)[0] if isinstance(error, ValidationError) else None
        place = ".".join(map(str, told["loc"])) if told else "sequence"
        raise CatalogError(f"{path}: sequence.{place}: {told['msg'] if told else 'is nested too deeply'}") from error


def _problems(sequence: Sequence, catalog: Catalog) -> Iterator[str]:
    """What is wrong with the sequence, first things first."""
    if not 0 < len(sequence.steps) <= MOST_STEPS or len(sequence.steps) != len(sequence.routing):
        yield f"it has {len(sequence.steps)} steps and {len(sequence.routing)} arms; valid: 1 to {MOST_STEPS}, alike"
        return
    for name in sequence.reads:
        if name not in catalog.readings:
            yield unknown("reading", name, catalog.readings)
    known = {ABSENT, RUN, *(twin.token for twin in sequence.given)}
    for twin in sequence.given:
        yield from _twin_problems(twin, catalog)
    endpoints = [endpoint.id for endpoint in catalog.endpoints]
    for number, step in enumerate(sequence.steps, start=1):
        if step.endpoint is not None and step.endpoint not in endpoints:
            yield f"step {number}: {unknown('endpoint', step.endpoint, endpoints)}"
        if step.creates is not None and step.creates not in catalog.resources:
            yield f"step {number}: {unknown('resource', step.creates, catalog.resources)}"
        yield from (f"step {number}: {problem}" for problem in _request_problems(step.request))
        # What a step that shrinking left out would have created is an id of nobody.
        strange = {token for token in tokens_in(step.request) - known if not token.startswith("made")}
        yield from (f"step {number}: {unknown('token', token, known)}" for token in sorted(strange))


def _twin_problems(twin: Twin, catalog: Catalog) -> Iterator[str]:
    if twin.resource not in catalog.resources:
        yield unknown("resource", twin.resource, catalog.resources)
        return
    states = catalog.resources[twin.resource].states
    yield from (unknown("state", state, states) for state in twin.states if state not in states)


def _request_problems(request: RequestSpec) -> Iterator[str]:
    if request.method not in get_args(Method):
        yield unknown("method", request.method, get_args(Method))
    if not _PATH.fullmatch(request.path):
        yield f"{shown(request.path)} is no path on the target; valid: printable ASCII that begins with one slash"
    if request.content_type is not None and not request.content_type.isprintable():
        yield f"{shown(request.content_type)} is no content type"


def _leaves_out(sequence: Sequence) -> bool:
    texts = json.dumps([[step.request.path, step.request.query, step.request.body] for step in sequence.steps])
    raw = "".join(step.request.raw_body or "" for step in sequence.steps)
    fields = json.dumps([twin.fields for twin in sequence.given])
    return _LEFT_OUT.search(texts + raw + fields) is not None
