"""Masks learned from the noise of a run: proposed as a patch to the catalog, never applied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from verification.catalog.load import SHIPPED
from verification.catalog.patch import Patch, entry, mask_patch
from verification.core.errors import EvidenceError
from verification.core.proposal import Proposal, propose_masks
from verification.evidence import read_run

PATCH_FILE = "masks.patch"
NOBODY = "to be named"


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a run's noise suggests. `file` holds the patch; None where there is nothing to patch."""

    pairs: int
    """Cases in which control was asked twice and answered both times."""
    proposals: tuple[Proposal, ...]
    patch: Patch
    file: Path | None


def learn_masks(run_dir: Path, owner: str | None = None, catalog_dir: Path | None = None) -> Lesson:
    """Propose masks for what differed between control and control in a run, and write the patch into its folder.

    Raises EvidenceError for a folder that is no run or holds no comparison, CatalogError where the catalog cannot be
    read.
    """
    if not run_dir.is_dir():
        raise EvidenceError(f"{run_dir}: is no folder of a run. Name one below reports/, for example reports/latest.")
    run = read_run(run_dir)
    asked_twice = [one for one in run.evidence.comparisons if one.side("control") and one.side("control-again")]
    if not asked_twice:
        raise EvidenceError(
            f"{run_dir}: holds no case in which control was asked twice, so there is no noise to learn from. "
            "Run `pytest -m stage_gate -k parity --repeat 5` first."
        )
    proposals = propose_masks(run.catalog, asked_twice, owner or NOBODY)
    patch = mask_patch(proposals, catalog_dir or SHIPPED, Path.cwd())
    file = run_dir.resolve() / PATCH_FILE if patch.text else None
    if file is not None:
        file.write_text(patch.text, encoding="utf-8")
    return Lesson(len(asked_twice), proposals, patch, file)


def lesson_lines(lesson: Lesson) -> Iterator[str]:
    """What to read in a terminal: the patch, what must be done by hand, what has no mask, and what to do next."""
    yield f"{lesson.pairs} pairs of control with control, {len(lesson.proposals)} places that differ by themselves"
    for proposal in lesson.proposals:
        if proposal.mask is None:
            where = f"{proposal.owner} {proposal.path or '(whole answer)'}"
            yield f"no mask proposed: {where}, {proposal.seen} times: {proposal.objection}"
    for proposal in lesson.patch.by_hand:
        if proposal.mask is not None:
            yield f"to be written by hand at {proposal.owner}, {proposal.part}.masks:"
            yield "".join(entry(proposal.mask, 2)).rstrip()
    if lesson.file is None:
        return
    yield lesson.patch.text.rstrip()
    yield "Nothing was changed. Read each mask, say why the field varies and who answers for it, then:"
    yield f"patch -p1 < {lesson.file}"
