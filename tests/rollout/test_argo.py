"""The shipped AnalysisTemplates parse, and do with real answers of our server what they say.

Argo's rules are modelled in `argo` and held to its own vectors (data/) first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import repeat
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.rollout import argo
from tests.rollout.argo import MetricRun, Unsayable, WebMetric, at_path, holds
from tests.rollout.releases import ALL, EACH_VERDICT, served
from verification.core.model import Verdict
from verification.core.release.plan import USUAL_STAGES

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples" / "rollout"
CASES = json.loads((HERE / "data/argo_web_metric_cases.json").read_text(encoding="utf-8"))["cases"]


def shipped(name: str) -> Any:
    return yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_the_model_of_the_web_metric_passes_argos_own_cases(case: dict[str, Any]) -> None:
    scheme = "htp" if case["expected_error"] == "unsupported protocol scheme" else "http"
    metric = WebMetric(f"{scheme}://server/", case["successCondition"], case["failureCondition"], case["jsonPath"])
    found = metric.measure(case["http_status"], case["response_body"] or "")
    assert found.phase == case["expected_phase"]
    if found.phase == argo.ERROR:
        assert (case["expected_error"] or "") in found.message
    elif case["expected_value"] is not None:
        assert found.value == case["expected_value"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("result.a == 1 || result.b", True),
        ("!(result.a == 1) && result.missing", False),
        ("result.a != 2 && (result.b || result.a > 5)", False),
        ("result.missing == nil", True),
        ("all(result.c, {# > 1 && # < 4})", True),
        ("any(result.c, {# == -2})", False),
        ("result.c[0] == 2", True),
        ("result['a'] == 1.0", True),
        ("result.b == 0", False),
        ("asInt(result.n) == 7 && asFloat(result.n) < 7.5", True),
    ],
)
def test_the_condition_language_is_understood(condition: str, expected: bool) -> None:
    result = {"a": 1, "b": False, "c": [2, 3], "n": "7"}
    assert holds(condition, result) is expected


@pytest.mark.parametrize(
    "condition",
    [
        "", "result", "result.a", "result.b > 1", "result.a.b == 1", "result.a ==", "asInt(result.b)", "(true",
        "true true", "any(result.a, {# > 1})", "&& true", "result.a > true", "'open", "asInt(result.t) == 1",
        "sum(result.c)", "true && nope",
    ],
)  # fmt: skip
def test_what_is_no_condition_is_an_error_and_no_answer(condition: str) -> None:
    with pytest.raises(Unsayable):
        holds(condition, {"a": 1, "b": "x", "c": [1], "t": "x"})


def test_a_path_finds_what_is_there_and_nothing_else() -> None:
    document = {"a": [{"b": 1}]}
    assert at_path(document, "{$}") == document
    assert at_path(document, "{$.a[0].b}") == 1
    for path in ("{$.a[1].b}", "{$.b}", "$.a", "{$.a.b}"):
        with pytest.raises(Unsayable):
            at_path(document, path)


def template(**arguments: str) -> dict[str, Any]:
    """The only metric of the shipped template, its arguments filled in as Argo does: textually."""
    document = shipped("argo-analysis-template.yaml")
    spec = document["spec"]
    values = {one["name"]: one["value"] for one in spec["args"] if "value" in one} | {"token": "t"}
    text = json.dumps(spec["metrics"])
    for name, value in (values | {key.replace("_", "-"): value for key, value in arguments.items()}).items():
        text = text.replace(f"{{{{args.{name}}}}}", value)
    assert "{{" not in text
    (metric,) = json.loads(text)
    assert isinstance(metric, dict)
    return metric


def web_metric(metric: dict[str, Any]) -> WebMetric:
    web = metric["provider"]["web"]
    return WebMetric(web["url"], metric["successCondition"], metric["failureCondition"], web.get("jsonPath"))


def run_of(metric: dict[str, Any]) -> MetricRun:
    return MetricRun(
        metric.get("failureLimit", 0),
        int(metric.get("inconclusiveLimit", 0)),
        metric.get("consecutiveErrorLimit", 4),
        metric.get("consecutiveSuccessLimit", 0),
        metric.get("count"),
    )


PHASES = {
    Verdict.PROMOTE: argo.SUCCESSFUL,
    Verdict.HOLD: argo.INCONCLUSIVE,
    Verdict.INCONCLUSIVE: argo.INCONCLUSIVE,
    Verdict.ROLLBACK: argo.FAILED,
}


@pytest.mark.parametrize("verdict", Verdict)
def test_the_shipped_conditions_say_what_the_verdict_says(tmp_path: Path, verdict: Verdict) -> None:
    metric = web_metric(template(stage_percent="10"))
    with served(tmp_path / "l", EACH_VERDICT[verdict]) as ask:
        answer = ask(urlsplit(metric.url).path)
    assert metric.measure(answer.status, answer.body).phase == PHASES[verdict]


@pytest.mark.parametrize("name", ALL)
def test_the_promote_of_another_stage_is_not_taken_and_a_rollback_is(tmp_path: Path, name: str) -> None:
    metric = web_metric(template(stage_percent="25"))
    with served(tmp_path / "l", ALL[name]) as ask:
        answer = ask(urlsplit(metric.url).path)
    expected = argo.FAILED if name == "ROLLBACK" else argo.INCONCLUSIVE
    assert metric.measure(answer.status, answer.body).phase == expected


def taken(metric: dict[str, Any], phases: Sequence[str]) -> tuple[str, int]:
    """How a run of these measurements ends, and after how many."""
    run = run_of(metric)
    for number, phase in enumerate(phases, start=1):
        ended = run.take(phase)
        if ended != argo.RUNNING:
            return ended, number
    return argo.RUNNING, len(phases)


@pytest.mark.parametrize("stage", USUAL_STAGES, ids=lambda stage: str(stage.percent))
def test_a_stage_may_collect_for_its_longest_window_and_then_promote(stage: Any) -> None:
    looks = int(stage.most_hours / stage.every_hours)
    metric = template(stage_percent=str(stage.percent), looks=str(looks))
    assert metric["interval"] == "1h"
    assert taken(metric, [*repeat(argo.INCONCLUSIVE, looks), argo.SUCCESSFUL]) == (argo.SUCCESSFUL, looks + 1)


def test_the_default_of_looks_fits_the_first_stage_and_the_examples_their_own() -> None:
    first = USUAL_STAGES[0]
    assert run_of(template(stage_percent="10")).inconclusive_limit >= int(first.most_hours / first.every_hours)
    text = (EXAMPLES / "argo-analysis-template.yaml").read_text(encoding="utf-8")
    named = re.findall(r'stage-percent, value: "(\d+)"}, {name: looks, value: "(\d+)"', text)
    hours = {str(stage.percent): str(int(stage.most_hours / stage.every_hours)) for stage in USUAL_STAGES}
    assert dict(named)
    assert all(hours[percent] == looks for percent, looks in named)


def test_a_run_of_holds_never_ends_successful() -> None:
    metric = template(stage_percent="10")
    assert "count" not in metric
    ended, number = taken(metric, list(repeat(argo.INCONCLUSIVE, 1000)))
    assert (ended, number) == (argo.INCONCLUSIVE, 49)


@pytest.mark.parametrize("phase", [argo.FAILED, argo.ERROR])
def test_the_first_rollback_and_the_first_blind_hour_end_the_run(phase: str) -> None:
    metric = template(stage_percent="10")
    assert taken(metric, [argo.INCONCLUSIVE, phase, argo.SUCCESSFUL]) == (phase, 2)
    assert web_metric(metric).measure(502, "").phase == argo.ERROR


def test_the_token_of_the_template_comes_from_a_secret() -> None:
    document = shipped("argo-analysis-template.yaml")
    (token,) = [one for one in document["spec"]["args"] if one["name"] == "token"]
    assert "value" not in token
    assert token["valueFrom"]["secretKeyRef"] == {"name": "release-gate", "key": "token"}
    (header,) = template(stage_percent="10")["provider"]["web"]["headers"]
    assert header == {"key": "Authorization", "value": "Bearer t"}


def test_the_job_runs_once_and_anything_but_promote_fails_it() -> None:
    document = shipped("argo-analysis-job.yaml")
    (metric,) = document["spec"]["metrics"]
    job = metric["provider"]["job"]["spec"]
    assert (metric["count"], metric["failureLimit"], job["backoffLimit"]) == (1, 0, 0)
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert "successCondition" not in metric
    for verdict in Verdict:
        phase = argo.SUCCESSFUL if verdict.exit_code == 0 else argo.FAILED
        assert taken({**metric, "failureLimit": 0}, [phase])[0] == phase
        assert (phase == argo.SUCCESSFUL) is (verdict is Verdict.PROMOTE)
