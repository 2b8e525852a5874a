"""Proposed masks as a patch to the catalog's files: lines are inserted, everything else stays as a person wrote it."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from verification.catalog.load import catalog_files
from verification.catalog.source import Location, Source, read
from verification.core.cases import Mask
from verification.core.proposal import Proposal

_OPEN_KEY = re.compile(r"\s*(?:- )?[\w\"'/ -]+:\s*(?:&[\w-]+\s*)?(?:#.*)?$")
"""A key whose value stands in the lines below it."""
_EMPTY_SHAPE = re.compile(r"^(\s*)((?:error_)?shape):\s*\{\}\s*$")


@dataclass(frozen=True, slots=True)
class Patch:
    """A unified diff, and the proposals whose place in the files could not be changed by inserting lines."""

    text: str
    by_hand: tuple[Proposal, ...]


def mask_patch(proposals: Iterable[Proposal], directory: Path, root: Path) -> Patch:
    """A patch that puts the proposed masks into the catalog in `directory`; paths in it are relative to `root`.

    Raises CatalogError where a file cannot be read.
    """
    left = [proposal for proposal in proposals if proposal.mask is not None]
    parts: list[str] = []
    for file in catalog_files(directory):
        source, _ = read(file)
        before = file.read_text(encoding="utf-8").splitlines(keepends=True)
        insertions: dict[tuple[int, str], list[str]] = {}
        for proposal in list(left):
            lines = _insertion(source, before, proposal)
            if lines is not None:
                left.remove(proposal)
                insertions[lines[0], proposal.path] = lines[1]
        after = _with(before, insertions)
        if after != before and _is_yaml("".join(after)):
            name = file.resolve().relative_to(root.resolve()) if file.resolve().is_relative_to(root.resolve()) else file
            parts += difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")
    return Patch("".join(parts), tuple(left))


def entry(mask: Mask, indent: int = 0) -> list[str]:
    """The mask as lines of YAML. Texts are written as JSON writes them, which YAML reads alike."""
    values: dict[str, object] = {"path": mask.path, "predicate": mask.predicate}
    values |= {
        name: value
        for name, value in (("minimum", mask.minimum), ("maximum", mask.maximum), ("pattern", mask.pattern))
        if value is not None
    }
    values |= {"reason": mask.reason, "owner": mask.owner}
    lines = [f"{name}: {_scalar(name, value)}" for name, value in values.items()]
    return [f"{' ' * indent}{'- ' if number == 0 else '  '}{line}\n" for number, line in enumerate(lines)]


def _scalar(name: str, value: object) -> str:
    if name == "predicate":
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)


def _insertion(source: Source, text: list[str], proposal: Proposal) -> tuple[int, list[str]] | None:
    """(how many lines stand above, the lines to insert); None where this file has no fitting place."""
    shape = _shape_of(source, proposal)
    if shape is None or proposal.mask is None:
        return None
    masks = (*shape, "masks")
    if masks in source.lines:
        line = _key_line(text, source.lines[masks], "masks")
        return None if line is None else (line, entry(proposal.mask, _indent(text[line - 1]) + 2))
    line = _key_line(text, source.lines[shape], proposal.part)
    if line is None:
        return None
    indent = _indent(text[line - 1]) + 2
    return line, [f"{' ' * indent}masks:\n", *entry(proposal.mask, indent + 2)]


def _shape_of(source: Source, proposal: Proposal) -> Location | None:
    """Where the shape of the proposal's endpoint or reading stands in this file."""
    endpoints = source.at(("endpoints",))
    for number, endpoint in enumerate(endpoints if isinstance(endpoints, list) else []):
        if isinstance(endpoint, dict) and endpoint.get("id") == proposal.owner:
            found: Location = ("endpoints", number, proposal.part)
            return found if found in source.lines else None
    reading: Location = ("readings", proposal.owner, proposal.part)
    return reading if reading in source.lines else None


def _key_line(text: list[str], line: int, key: str) -> int | None:
    """The number of the line that opens the key, at or just above `line`; None where its value stands beside it."""
    for number in (line, line - 1):
        if 0 < number <= len(text) and text[number - 1].strip().startswith(f"{key}:"):
            opens = _OPEN_KEY.match(text[number - 1]) or _EMPTY_SHAPE.match(text[number - 1])
            return number if opens else None
    return None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _with(text: list[str], insertions: dict[tuple[int, str], list[str]]) -> list[str]:
    """The text with the insertions below their lines; an empty shape written as `{}` is opened."""
    below: dict[int, list[str]] = {}
    for (number, _), lines in sorted(insertions.items()):
        known = below.setdefault(number, [])
        known += lines[1:] if known and lines[0].strip() == "masks:" else lines
    result: list[str] = []
    for number, line in enumerate(text, 1):
        opened = _EMPTY_SHAPE.sub(r"\1\2:", line.rstrip("\n")) + "\n" if number in below else line
        result += [opened, *below.get(number, [])]
    return result


def _is_yaml(text: str) -> bool:
    try:
        yaml.compose(text)
    except yaml.YAMLError:
        return False
    return True
