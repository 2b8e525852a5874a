"""Sketches -> the text of a first catalog, which loads as it stands and which a person then edits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from verification.catalog import build
from verification.catalog.entries import CatalogFile
from verification.catalog.likely import UNNAMED
from verification.catalog.mistakes import Mistakes
from verification.catalog.references import References
from verification.catalog.resource_guess import guessed_resources
from verification.catalog.sketch import NO_BODY, Sketch, placeholders
from verification.catalog.source import JsonDumper, Source
from verification.catalog.withheld import Withheld
from verification.core.errors import UsageError
from verification.core.model import Json

READS_FILE, WRITES_FILE = "reads.yaml", "writes.yaml"
_MOST_LOADED = 10
_WRITES = "it writes, and nobody has said yet what it may write to: `given`, `reads` and `load` are missing"
_DELETES = "it deletes: it may only ever name what the run made itself; `given`, `reads` and `load` are missing"
_SCHEMA_LINE = "# yaml-language-server: $schema=catalog.schema.json\n"
_READS_HEAD = """\
# A first catalog, written by `python -m verification init`. Read it, correct it, keep it.
# What bears `disabled` is not asked, and every report says so; delete that line once its reason is gone.
# {{fill_in_…}} stands where only you know a value: write one that control and candidate both have. Until then the
# catalog is refused as soon as that endpoint is enabled.
# Each mask is a guess from a name, a format or a value: say why the field varies and who answers for it, or take it
# out. A run names each mask that never fired. What has no mask must be equal.
# `status` is what control must answer; a case that answers something else proves nothing.
"""
_WRITES_HEAD = """\
# What changes something on the service. Nothing of it is sent while it bears `disabled`.
# To enable one: say under `resources` how a thing is made and removed, under `readings` where its state shows; give
# the endpoint the things it needs (`given`, then {{token}} in its requests), its `reads` and its `load`, and delete
# `disabled`. Where a POST only asks and changes nothing, set `writes: false` instead.
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """The files of a first catalog, and what a person should know of them."""

    files: dict[str, str]
    asked: tuple[str, ...]
    """Endpoints that a run would ask as the files stand."""
    disabled: dict[str, str]
    """Endpoint -> why it is not asked yet."""
    left_out: tuple[str, ...]
    """Endpoints that the notation cannot say at all, with the reason."""


def draft(sketches: dict[str, Sketch], withheld: Withheld, owner: str | None = None) -> Draft:
    """Write the sketches down as a catalog. Raises UsageError where not one of them can be."""
    written: dict[str, dict[str, Json]] = {}
    left_out: list[str] = []
    for sketch in sketches.values():
        for case in sketch.cases:
            case.query = withheld.pairs("query", case.query)
            if case.body is not NO_BODY:
                case.body = withheld.value("body", case.body)
    for sketch in sorted(sketches.values(), key=lambda one: (one.route, one.method)):
        whole = withheld.everywhere(_entry(sketch, owner or UNNAMED))
        entry, problem = _usable(whole if isinstance(whole, dict) else {})
        if entry is None:
            left_out.append(f"{withheld.text(sketch.id)}: {problem}")
        else:
            written[str(entry["id"])] = entry
    if not written:
        raise UsageError(f"nothing of it can be said in a catalog: {'; '.join(left_out[:3])}")
    reads = [entry for entry in written.values() if not entry["writes"]]
    writes = [entry for entry in written.values() if entry["writes"]]
    files = {}
    if reads:
        files[READS_FILE] = _text(_READS_HEAD, reads)
    if writes:
        guesses = withheld.everywhere(guessed_resources(sketches))
        files[WRITES_FILE] = _text(_WRITES_HEAD + _commented(guesses), writes)
    disabled = {name: str(entry["disabled"]) for name, entry in written.items() if "disabled" in entry}
    return Draft(files, tuple(name for name in written if name not in disabled), disabled, tuple(left_out))


def _entry(sketch: Sketch, owner: str) -> dict[str, Json]:
    writes = sketch.method != "GET"
    doubts = list(dict.fromkeys(_doubts(sketch)))
    entry: dict[str, Json] = {"id": sketch.id, "path": sketch.path, "writes": writes}
    if doubts:
        entry["disabled"] = "; ".join(doubts)
    entry["request"] = {"path": sketch.cases[0].path} if sketch.cases else {"path": sketch.path}
    masks: list[Json] = [{"path": path, **mask, "owner": owner} for path, mask in sketch.masks.items()]
    entry["shape"] = {"masks": masks} if masks else {}
    if sketch.messages:
        entry["error_shape"] = {"messages": list(sketch.messages)}
    first = next((case for case in sketch.cases if _succeeds(case.status)), None)
    if sketch.fields and first is not None:
        entry["fields"] = dict(sketch.fields)
        entry["derive_from"] = first.id
    base = entry["request"]
    entry["cases"] = [
        {"id": case.id, "title": case.title}
        | ({"request": request} if (request := _without(case.request(), base)) else {})
        | ({"status": case.status} if case.status is not None else {})
        for case in sketch.cases
    ]
    if first is not None and (not writes or sketch.weight is not None):
        requests = [_without(case.request(), base) for case in sketch.cases if _succeeds(case.status)][:_MOST_LOADED]
        weight = 1.0 if sketch.weight is None else sketch.weight
        entry["load"] = {"weight": int(weight) if weight.is_integer() else weight, "requests": list(requests)}
    return entry


def _without(request: dict[str, Json], base: Json) -> dict[str, Json]:
    """What a case's request says beyond the endpoint's own."""
    return {key: value for key, value in request.items() if not isinstance(base, dict) or base.get(key) != value}


def _succeeds(status: int | None) -> bool:
    return status is not None and status < 300


def _doubts(sketch: Sketch) -> Iterator[str]:
    if sketch.method != "GET":
        yield _DELETES if sketch.method == "DELETE" else _WRITES
    named = sorted({name for case in sketch.cases for name in placeholders(case.request())})
    if named:
        yield f"no value is known for {', '.join(named)}"
    if not any(_succeeds(case.status) for case in sketch.cases):
        yield "no case of it is known to succeed: one with `status` 200 to 299 is missing"
    yield from sketch.doubts


def _usable(entry: dict[str, Json]) -> tuple[dict[str, Json] | None, str]:
    """The entry as the loader takes it: without what it refuses, or disabled with the loader's own words."""
    problem = ""
    for left_out in ((), ("fields", "derive_from"), ("fields", "derive_from", "shape"), ("load",)):
        tried = {key: {} if key == "shape" and key in left_out else value for key, value in entry.items()
                 if key not in left_out or key == "shape"}  # fmt: skip
        problem, is_valid = _refusal(tried)
        if not problem:
            return tried, ""
        if is_valid and "fields" not in tried:
            return {**tried, "disabled": f"the catalog would refuse it: {problem}"}, ""
    return None, problem


def _refusal(entry: dict[str, Json]) -> tuple[str, bool]:
    """What the loader says against an endpoint, and whether it would at least take it disabled."""
    value: dict[str, Json] = {"endpoints": [entry]}
    try:
        file = CatalogFile.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'][2:]))}: {first['msg']}", False
    mistakes = Mistakes()
    build.endpoints([(Source(Path("draft"), value, {}), file)], References({}, {}, {}, mistakes))
    return (mistakes.found[0].problem, True) if mistakes.found else ("", True)


def _text(head: str, entries: list[dict[str, Json]]) -> str:
    blocks = "\n".join(_yaml([entry]) for entry in entries)
    indented = "".join(f"  {line}\n" if line else "\n" for line in blocks.splitlines())
    return f"{_SCHEMA_LINE}{head.format()}\nendpoints:\n{indented}"


def _yaml(value: Json) -> str:
    return str(yaml.dump(value, Dumper=JsonDumper, sort_keys=False, allow_unicode=True, width=110))


def _commented(value: Json) -> str:
    """Guesses that only a person can confirm, as comments."""
    if not value:
        return ""
    lines = "".join(f"# {line}\n" for line in _yaml(value).splitlines())
    return f"#\n# A guess, to begin with. Check it, move it out of the comment:\n{lines}".replace("{", "{{").replace(
        "}", "}}"
    )
