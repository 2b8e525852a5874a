"""`gate.json`: the whole judgement for machines, schema `gate/1`. Strict JSON: what is not finite is null."""

from __future__ import annotations

import math

import orjson
from pydantic import TypeAdapter

from verification.core.judgement import Judgement, LatencyRow
from verification.core.model import Json, Verdict

SCHEMA = "gate/1"
_ADAPTER = TypeAdapter(Judgement)


def render(judgement: Judgement) -> bytes:
    """The document; the keys that an Argo web metric reads come first."""
    whole: dict[str, Json] = _ADAPTER.dump_python(judgement, mode="json")
    manifest = whole.pop("manifest")
    accepted = [finding for finding in whole["findings"] if finding["accepted"] is not None]
    document = {
        "schema": SCHEMA,
        "stage_percent": _stage(judgement),
        "verdict": whole.pop("verdict"),
        "promote": judgement.verdict is Verdict.PROMOTE,
        "rollback": judgement.verdict is Verdict.ROLLBACK,
        "reasons": whole.pop("reasons"),
        "p95": _p95(judgement),
        "seed": manifest["seed"],
        "commit": manifest["commit"],
        "versions": manifest["versions"],
        "host": manifest["host"],
        "accepted": accepted,
        **whole,
        "manifest": manifest,
    }
    text = orjson.dumps(_finite(document), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
    return text + b"\n"


def _stage(judgement: Judgement) -> int | None:
    return max(judgement.manifest.stages, default=None)


def _p95(judgement: Judgement) -> Json:
    row = _headline(judgement)
    if row is None:
        return None
    return {"change": row.change.change, "low": row.change.low, "high": row.change.high}


def _headline(judgement: Judgement) -> LatencyRow | None:
    """All endpoints at the highest stage that was measured."""
    whole = [row for row in judgement.latency if row.endpoint is None and row.stage_percent]
    return max(whole, key=lambda row: row.stage_percent or 0, default=None)


def _finite(value: Json) -> Json:
    """JSON has no infinity; null says that the data set no bound. Lone surrogates become question marks."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _finite(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
