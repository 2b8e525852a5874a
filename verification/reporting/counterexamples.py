"""Counterexamples as files: the sequence as data to replay, and its curl commands to read. Nothing in them runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from verification.core.judgement import Counterexample, Judgement
from verification.core.model import Json
from verification.core.records import Manifest
from verification.core.sequences import COUNTEREXAMPLE_SCHEMA, digest
from verification.evidence import save
from verification.reporting import curl

_LONGEST_COMMAND = 4_000


def write_counterexamples(judgement: Judgement, folder: Path) -> None:
    """One file for each counterexample of the run, named by what its sequence does."""
    folder.mkdir(exist_ok=True)
    for counterexample in judgement.counterexamples:
        content = json.dumps(_document(judgement, counterexample), indent=2).encode() + b"\n"
        save(folder / f"{digest(counterexample.sequence)}.json", content)


def commands(counterexample: Counterexample, manifest: Manifest) -> list[str]:
    """The steps as they were sent, one curl command each; a remark where one cannot be typed into a shell."""
    to = manifest.target, manifest.routing
    sent = [curl.command(exchange, *to, _LONGEST_COMMAND) for exchange in counterexample.exchanges]
    return [command or "# this body cannot be typed into a shell; replay the file" for command in sent]


def _document(judgement: Judgement, counterexample: Counterexample) -> Json:
    return {
        "schema": COUNTEREXAMPLE_SCHEMA,
        "run": judgement.manifest.run_id,
        "seed": judgement.manifest.seed,
        "found_by": counterexample.key,
        "verdict": counterexample.verdict.value,
        "reason": counterexample.reason,
        "curl": commands(counterexample, judgement.manifest),
        "sequence": asdict(counterexample.sequence),
    }
