"""gate.json is strict JSON, in a stable order, as its schema says, and an Argo web metric can read it."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.reporting import measured, sample
from verification.core import judgement as judgement_module
from verification.core.arms import Routing
from verification.core.judgement import Judgement
from verification.core.latency import P95Change
from verification.core.model import Difference, Finding, MaskedDifference, Verdict
from verification.core.paired import FieldTest
from verification.core.rates import RateBound
from verification.core.records import Manifest
from verification.core.score.result import ComparatorScore, LeftOut, Survivor
from verification.reporting import gate_json

SCHEMA = json.loads((Path(gate_json.__file__).parent / "templates" / "gate.schema.json").read_text(encoding="utf-8"))
JUDGEMENTS = {verdict.value: sample.judgement(verdict) for verdict in Verdict} | {
    "empty": sample.empty(),
    "hostile": sample.hostile()[0],
}


def rendered(judged: Judgement) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    document: dict[str, Any] = json.loads(gate_json.render(judged).decode("utf-8"), parse_constant=refuse)
    return document


@pytest.mark.parametrize("judged", JUDGEMENTS.values(), ids=JUDGEMENTS)
def test_every_document_keeps_the_committed_schema(judged: Judgement) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(rendered(judged))


def test_the_schema_refuses_what_is_no_gate_document() -> None:
    validator = Draft202012Validator(SCHEMA)
    document = rendered(sample.judgement())
    assert not validator.is_valid({**document, "schema": "gate/2"})
    assert not validator.is_valid({**document, "verdict": "GREEN"})
    assert not validator.is_valid({key: value for key, value in document.items() if key != "p95"})


@pytest.mark.parametrize(
    "kind",
    [
        *(getattr(judgement_module, name) for name in ("CaseResult", "EndpointParity", "MaskUse", "LatencyRow")),
        *(getattr(judgement_module, name) for name in ("Distribution", "PopulationRow", "RateRow", "ExposureRow")),
        *(getattr(judgement_module, name) for name in ("DrillRow", "LoadRow", "FieldParity", "ForecastRow", "KneeRow")),
        *(ComparatorScore, LeftOut, Survivor),
        *(FieldTest, P95Change, RateBound, Finding, Difference, MaskedDifference, Manifest, Routing),
    ],
)
def test_the_schema_names_exactly_the_fields_that_exist(kind: type[Any]) -> None:
    described = SCHEMA["$defs"][kind.__name__]
    assert set(described["properties"]) == {field.name for field in fields(kind)} == set(described["required"])


def test_the_keys_that_a_rollout_controller_reads_come_first() -> None:
    document = rendered(sample.judgement(Verdict.HOLD))
    first = ["schema", "stage_percent", "verdict", "promote", "rollback", "reasons", "p95"]
    assert list(document)[: len(first)] == first
    assert (document["schema"], document["stage_percent"], document["verdict"]) == ("gate/1", 100, "HOLD")
    assert list(document["p95"]) == ["change", "low", "high"]
    assert list(document) == SCHEMA["required"]


@pytest.mark.parametrize("verdict", list(Verdict))
def test_promote_and_rollback_are_true_for_their_verdict_alone(verdict: Verdict) -> None:
    document = rendered(sample.judgement(verdict))
    assert document["promote"] is (verdict is Verdict.PROMOTE)
    assert document["rollback"] is (verdict is Verdict.ROLLBACK)


def test_the_headline_change_is_that_of_the_highest_judged_stage() -> None:
    judged = sample.judgement()
    row = next(row for row in judged.latency if (row.stage_percent, row.endpoint) == (100, None))
    assert rendered(judged)["p95"] == {"change": row.change.change, "low": row.change.low, "high": row.change.high}


def test_a_stage_that_was_planned_but_not_measured_is_not_called_judged() -> None:
    judged = sample.judgement()
    judged = replace(
        judged,
        latency=tuple(row for row in judged.latency if row.stage_percent in (0, 10)),
        load=tuple(row for row in judged.load if row.stage_percent <= 10),
    )
    assert rendered(judged)["stage_percent"] == 10


def test_a_run_without_latency_keeps_the_paths_with_null() -> None:
    document = rendered(sample.empty())
    assert document["p95"] == {"change": None, "low": None, "high": None}
    assert (document["stage_percent"], document["verdict"]) == (None, "INCONCLUSIVE")


def test_what_is_not_finite_is_null_everywhere() -> None:
    change = replace(measured.change(math.inf), low=-math.inf, high=math.nan, z_hold=math.inf)
    judged = sample.judgement()
    finding = replace(judged.findings[0], numbers={"deep": [{"a": math.nan}]})
    judged = replace(judged, latency=(replace(judged.latency[0], change=change),), findings=(finding,))
    document = rendered(judged)
    found = document["latency"][0]["change"]
    assert [found[key] for key in ("change", "low", "high", "z_hold")] == [None] * 4
    assert document["findings"][0]["numbers"] == {"deep": [{"a": None}]}


def test_accepted_findings_stand_apart_and_among_all() -> None:
    document = rendered(sample.judgement())
    assert [finding["case"] for finding in document["accepted"]] == ["null-channels"]
    assert document["accepted"][0] in document["findings"]


def test_the_same_judgement_gives_the_same_bytes() -> None:
    assert gate_json.render(sample.judgement()) == gate_json.render(sample.judgement())
