"""`gate.json`: the whole judgement for machines, schema `gate/1`. Strict JSON: what is not finite is null.

The keys that an Argo Rollouts web metric picks come first. `templates/gate.schema.json` describes every key.
"""

from __future__ import annotations

import math

import orjson
from pydantic import TypeAdapter

from verification.core.judgement import Judgement
from verification.core.model import Json, Verdict

SCHEMA = "gate/1"
_ADAPTER = TypeAdapter(Judgement)
_ORDER = (
    "findings",
    "cases",
    "parity",
    "fields",
    "latency",
    "distributions",
    "interference",
    "population",
    "forecast",
    "rates",
    "exposures",
    "drills",
    "certificate",
    "searches",
    "races",
    "counterexamples",
    "scores",
    "witnesses",
    "load",
    "knee",
    "masks",
    "accepted",
    "not_measured",
    "leftovers",
    "thresholds",
    "duration_s",
    "manifest",
)


def render(judgement: Judgement) -> bytes:
    """The document as UTF-8, its keys always in the same order."""
    whole: dict[str, Json] = _clean(_ADAPTER.dump_python(judgement))
    whole["accepted"] = [finding for finding in whole["findings"] if finding["accepted"] is not None]
    whole["not_measured"] = [{"what": what, "why": why} for what, why in whole["not_measured"]]
    manifest = whole["manifest"]
    stage = _highest_judged_stage(judgement)
    document = {
        "schema": SCHEMA,
        "stage_percent": stage,
        "verdict": judgement.verdict.value,
        "promote": judgement.verdict is Verdict.PROMOTE,
        "rollback": judgement.verdict is Verdict.ROLLBACK,
        "reasons": whole["reasons"],
        "p95": _p95(judgement, stage),
        **{key: manifest[key] for key in ("seed", "versions", "commit", "host")},
        **{key: whole[key] for key in _ORDER},
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _highest_judged_stage(judgement: Judgement) -> int | None:
    """The highest stage with judged latency or load; without any, the highest the run was about."""
    judged = {row.stage_percent for row in judgement.latency} | {row.stage_percent for row in judgement.load}
    return max(
        (percent for percent in judged if percent is not None), default=max(judgement.manifest.stages, default=None)
    )


def _p95(judgement: Judgement, stage: int | None) -> dict[str, float | None]:
    """The change over all endpoints at that stage; every number null where there is none, so that paths stay valid."""
    found = [row.change for row in judgement.latency if row.endpoint is None and row.stage_percent == stage]
    change, low, high = (found[0].change, found[0].low, found[0].high) if found else (None, None, None)
    return {"change": _clean(change), "low": _clean(low), "high": _clean(high)}


def _clean(value: Json) -> Json:
    """JSON has no infinity and no lone surrogate: null says that the data set no number, `?` stands for the other."""
    if isinstance(value, str):
        return str(value).encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_clean(str(key)): _clean(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        # Wider than any JSON reader's integers: kept exactly, as text.
        return str(value)
    return value
