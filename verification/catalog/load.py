"""Catalog files -> one frozen `Catalog`. Every mistake of every file is told at once, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from verification.catalog import build
from verification.catalog.entries import CatalogFile
from verification.catalog.mistakes import Mistake, Mistakes, shown, unknown
from verification.catalog.references import Place, References
from verification.catalog.source import Location, Source, read
from verification.core.cases import Catalog
from verification.core.errors import CatalogError

SHIPPED = Path(__file__).parent / "data"
"""The catalog that comes with the suite."""

_SUFFIXES = (".yaml", ".yml")
_SECTIONS = ("resources", "readings", "pools")


def load_catalog(path: Path | None = None, *, separate_state: bool = False) -> Catalog:
    """The catalog in a file, or in all YAML files of a folder together; None: the shipped one.

    `separate_state` tells that control and candidate each keep a state of their own.
    Raises CatalogError that names, for every mistake, file, line, entry, field and value, and what would be valid.
    """
    mistakes = Mistakes()
    files: list[tuple[Source, CatalogFile]] = []
    for name in catalog_files(SHIPPED if path is None else path):
        source, notation = read(name)
        mistakes.found += notation
        if not notation:
            entry = _validated(source, mistakes)
            if entry is not None:
                files.append((source, entry))
    # Names are looked up only in whole files: a broken file would make each name it declares look unknown.
    mistakes.raise_if_any()
    references = _references(files, mistakes)
    endpoints = build.endpoints(files, references)
    catalog = Catalog(
        endpoints,
        {name: build.resource(name, entry) for name, entry in references.resources.items()},
        {name: build.reading(name, entry) for name, entry in references.readings.items()},
        {name: build.pool(name, entry) for name, entry in references.pools.items()},
        build.races(files, references),
        separate_state,
        {entry.id: entry.disabled for _, file in files for entry in file.endpoints if entry.disabled is not None},
    )
    if not endpoints and not mistakes.found:
        all_off = f": all {len(catalog.disabled)} of it are `disabled`, enable" if catalog.disabled else "; add"
        raise CatalogError(f"{path or SHIPPED}: the catalog has no endpoint to ask{all_off} at least one")
    mistakes.raise_if_any()
    return catalog


def select(catalog: Catalog, endpoint_ids: Iterable[str]) -> Catalog:
    """The catalog with only these endpoints, in the catalog's order. CatalogError where one of them is unknown."""
    wanted = list(endpoint_ids)
    valid = [endpoint.id for endpoint in catalog.endpoints]
    problems = [unknown("endpoint of the catalog", name, valid) for name in wanted if name not in valid]
    if problems:
        raise CatalogError("\n".join(problems))
    if not wanted:
        raise CatalogError(f"no endpoint was selected; valid: {', '.join(valid)}")
    kept = tuple(endpoint for endpoint in catalog.endpoints if endpoint.id in wanted)
    races = {
        name: race for name, race in catalog.races.items() if {call.endpoint for call in race.calls} <= set(wanted)
    }
    return replace(catalog, endpoints=kept, races=races)


def catalog_files(path: Path) -> list[Path]:
    """The files of a catalog in their order. CatalogError where there is none."""
    if path.is_file():
        return [path]
    found = sorted(file for file in path.glob("*") if file.suffix in _SUFFIXES) if path.is_dir() else []
    if not found:
        raise CatalogError(
            f"{path}: there is no catalog; name a YAML file, or a folder with {' or '.join(_SUFFIXES)} files"
        )
    return found


def _validated(source: Source, mistakes: Mistakes) -> CatalogFile | None:
    try:
        return CatalogFile.model_validate(source.value)
    except ValidationError as error:
        mistakes.found += [_mistake(source, detail) for detail in error.errors(include_url=False)]
        return None


def _mistake(source: Source, detail: ErrorDetails) -> Mistake:
    location = tuple(step for step in detail["loc"] if step != "[key]")
    entry, rest = _entry(source, location)
    problem = f"{detail['msg'].removeprefix('Value error, ')}; here stands {shown(detail['input'])}"
    if detail["type"] == "extra_forbidden":
        problem = unknown("key here", str(location[-1]), _valid_keys(location[:-1]))
    elif detail["type"] == "missing":
        problem = "this key is missing"
    elif detail["type"] == "string_type" and isinstance(detail["input"], int | float):
        problem += "; put it in quotes to make it text"
    return Mistake(source.file, source.line(location), entry, ".".join(map(str, rest)), problem)


def _entry(source: Source, location: Location) -> tuple[str, Location]:
    """The words that name the entry around a place, and the place within it."""
    if len(location) < 2:
        return "", location
    section, name = location[:2]
    if section in (*_SECTIONS, "races"):
        return f"{str(section).removesuffix('s')} {shown(name)}", location[2:]
    if section != "endpoints":
        return "", location
    words = f"endpoint {shown(source.at((*location[:2], 'id')) or name)}"
    if len(location) >= 4 and location[2] == "cases":
        return f"{words}, case {shown(source.at((*location[:4], 'id')) or location[3])}", location[4:]
    return words, location[2:]


def _valid_keys(location: Location) -> list[str]:
    """The keys that the model at that place has; the way there is found through the annotations."""
    model: type[BaseModel] = CatalogFile
    for step in location:
        field = model.model_fields.get(str(step))
        model = (_model_in(field.annotation) if field is not None else None) or model
    return list(model.model_fields)


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)


def _references(files: list[tuple[Source, CatalogFile]], mistakes: Mistakes) -> References:
    """All that has a name, over all files; a name that two files declare is a mistake."""
    references = References({}, {}, {}, mistakes)
    for source, file in files:
        for section in _SECTIONS:
            merged = getattr(references, section)
            for name, entry in getattr(file, section).items():
                if name in merged:
                    place = Place(source, (section, name), f"{section.removesuffix('s')} {shown(name)}")
                    references.note(place, (), "another file declares this name already")
                merged[name] = entry
    for source, file in files:
        build.check_named(source, file, references)
    return references
