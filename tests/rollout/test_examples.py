"""What is shipped for other tools parses, and Flagger's hooks do what they say with real answers of our server.

Flagger's rules are modelled here and held to its own contract (data/) first. Argo's files: test_argo.
"""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.rollout import releases
from tests.rollout.releases import ALL, served
from verification.core.model import Verdict
from verification.rollout.serve import TOKEN

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples" / "rollout"
FLAGGER = json.loads((HERE / "data/flagger_webhook_contract.json").read_text(encoding="utf-8"))
FILES = sorted(path for path in EXAMPLES.iterdir() if path.suffix in (".yaml", ".yml"))


def documents(name: str) -> list[Any]:
    return list(yaml.safe_load_all((EXAMPLES / name).read_text(encoding="utf-8")))


def passes(status: int) -> bool:
    """Flagger's own test of a webhook's answer."""
    return 200 <= status <= 202


def effect(hook: str, status: int | None) -> str:
    """What Flagger does with an answer; None: there was none."""
    is_good = status is not None and passes(status)
    if hook == "rollback":
        return "roll back" if is_good else "keep going"
    if hook == "event":
        return "noted" if is_good else "not noted"
    if is_good:
        return "pass"
    return "wait" if hook.startswith("confirm-") else "failed check"


EFFECTS = {
    "pass": {"pass"},
    "start": {"pass"},
    "FAIL": {"wait", "failed check", "not noted"},
    "fail": {"wait", "failed check", "not noted", "keep going"},
    "wait": {"wait"},
    "failedChecks": {"failed check"},
    "ROLL BACK NOW": {"roll back"},
    "keep going": {"keep going"},
}
HOOK_TYPES = (
    "confirm-rollout", "pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion", "rollback",
)  # fmt: skip


def hooks_meant(text: str) -> list[str]:
    if text.startswith("any"):
        return [hook for hook in HOOK_TYPES if hook != "rollback" or "except" not in text]
    if text == "confirm-*":
        return [hook for hook in HOOK_TYPES if hook.startswith("confirm-")]
    return text.split("|")


@pytest.mark.parametrize("row", FLAGGER["status_semantics"], ids=lambda row: f"{row['status']} {row['hook']}")
def test_the_model_of_flagger_says_what_its_contract_says(row: dict[str, Any]) -> None:
    status = row["status"] if isinstance(row["status"], int) else None
    meant = next(said for told, said in EFFECTS.items() if row["effect"].startswith(told))
    # A 204 fails on every hook, and a failing rollback hook keeps going.
    for hook in hooks_meant(row["hook"]):
        assert effect(hook, status) in meant | ({"keep going"} if row["effect"].startswith("FAIL") else set()), hook


def canary() -> dict[str, Any]:
    (document,) = documents("flagger-canary.yaml")
    assert isinstance(document, dict)
    return document


WEBHOOKS = canary()["spec"]["analysis"]["webhooks"]
WANTED = {
    "confirm-rollout": {"PROMOTE": "pass"},
    "confirm-traffic-increase": {"PROMOTE": "pass"},
    "confirm-promotion": {"PROMOTE": "pass"},
    "rollout": {"PROMOTE": "pass", "collecting": "pass"},
    "rollback": {"ROLLBACK": "roll back"},
    "event": dict.fromkeys(ALL, "noted"),
}
OTHERWISE = {"rollout": "failed check", "rollback": "keep going"}


@pytest.mark.parametrize("name", ALL)
def test_the_shipped_hooks_do_with_each_verdict_what_the_table_says(tmp_path: Path, name: str) -> None:
    example = FLAGGER["request"]["example"]
    with served(tmp_path / "l", ALL[name]) as ask:
        for hook in WEBHOOKS:
            kind, path = hook["type"], urlsplit(hook["url"]).path
            # The made-up stage is at 10 %; the shipped promotion waits for another.
            metadata = {**hook.get("metadata", {}), **({"stage_percent": "10"} if "metadata" in hook else {})}
            answer = ask(path, {**example, "metadata": metadata})
            assert answer.status in (200, 403)
            assert effect(kind, answer.status) == WANTED[kind].get(name, OTHERWISE.get(kind, "wait")), kind


@pytest.mark.parametrize("phase", FLAGGER["phases"])
def test_the_phase_of_the_canary_changes_no_answer(tmp_path: Path, phase: str) -> None:
    with served(tmp_path / "l", releases.PROMOTED) as ask:
        for request in (FLAGGER["request"]["example"], FLAGGER["event_request_example"]):
            body = {**request, "phase": phase}
            statuses = [ask(f"/flagger/{path}", body).status for path in ("confirm", "check", "rollback", "event")]
            assert statuses == [200, 200, 403, 200]


def test_the_hooks_of_the_canary_go_to_separate_paths_and_each_kind_is_there() -> None:
    paths = {hook["type"]: urlsplit(hook["url"]).path for hook in WEBHOOKS}
    assert set(paths) == set(WANTED)
    assert {kind for kind, path in paths.items() if path == "/flagger/rollback"} == {"rollback"}
    assert {paths["confirm-rollout"], paths["confirm-traffic-increase"], paths["confirm-promotion"]} == {
        "/flagger/confirm"
    }
    assert (paths["rollout"], paths["event"]) == ("/flagger/check", "/flagger/event")


def test_the_canary_promotes_only_with_the_stage_of_its_last_step(tmp_path: Path) -> None:
    analysis = canary()["spec"]["analysis"]
    (promotion,) = [hook for hook in WEBHOOKS if hook["type"] == "confirm-promotion"]
    assert promotion["metadata"]["stage_percent"] == str(analysis["stepWeights"][-1])
    with served(tmp_path / "l", releases.PROMOTED) as ask:
        body = {**FLAGGER["request"]["example"], "metadata": promotion["metadata"]}
        assert effect("confirm-promotion", ask("/flagger/confirm", body).status) == "wait"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_yaml_file_parses_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert all(isinstance(document, dict) for document in yaml.safe_load_all(text))
    assert text.startswith("# ")


def test_the_readme_names_every_file_and_no_other() -> None:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    named = {
        name for row in re.findall(r"^\| (`.*?) \|", readme, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)
    }
    there = {path.name for path in EXAMPLES.iterdir()} - {"README.md"}
    assert {"release-gate-observe" + name if name.startswith(".") else name for name in named} == there


def containers(document: dict[str, Any]) -> list[dict[str, Any]]:
    spec = document["spec"]
    spec = spec["jobTemplate"]["spec"] if document["kind"] == "CronJob" else spec
    found: list[dict[str, Any]] = spec["template"]["spec"]["containers"]
    return found


def test_the_cron_job_looks_once_an_hour_never_twice_at_a_time_and_never_again() -> None:
    claim, job = documents("kubernetes-cronjob.yaml")
    spec = job["spec"]
    assert (spec["schedule"], spec["concurrencyPolicy"]) == ("0 * * * *", "Forbid")
    assert spec["jobTemplate"]["spec"]["backoffLimit"] == 0
    assert spec["jobTemplate"]["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    (container,) = containers(job)
    assert container["command"][:5] == ["python", "-m", "verification", "observe", "--once"]
    (volume,) = [one for one in spec["jobTemplate"]["spec"]["template"]["spec"]["volumes"] if one["name"] == "ledger"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


def test_the_server_in_kubernetes_has_its_token_from_a_secret() -> None:
    deployment, service = documents("kubernetes-serve.yaml")
    (container,) = containers(deployment)
    assert container["command"][:4] == ["python", "-m", "verification", "serve"]
    (variable,) = container["env"]
    assert variable["name"] == TOKEN
    assert "value" not in variable
    port = service["spec"]["ports"][0]["port"]
    assert container["ports"][0]["containerPort"] == port
    for hook in WEBHOOKS:
        assert urlsplit(hook["url"]).port == port
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read(EXAMPLES / name, encoding="utf-8")
    return parser


def test_the_timer_starts_the_look_and_a_verdict_is_no_failure_of_it() -> None:
    service, timer = unit("release-gate-observe.service"), unit("release-gate-observe.timer")
    assert service["Service"]["Type"] == "oneshot"
    assert "-m verification observe --once" in service["Service"]["ExecStart"]
    codes = {str(verdict.exit_code) for verdict in Verdict if verdict is not Verdict.PROMOTE}
    assert set(service["Service"]["SuccessExitStatus"].split()) == codes
    assert timer["Timer"]["OnCalendar"] == "hourly"
    assert timer["Install"]["WantedBy"] == "timers.target"


def test_the_reports_of_ci_are_kept_when_the_gate_is_red() -> None:
    (gitlab,) = documents("gitlab-ci.yml")
    job = gitlab["release-gate"]
    folder = "reports/ci"
    assert f"--run-dir {folder}" in job["script"][-1]
    assert job["artifacts"]["when"] == "always"
    assert job["artifacts"]["reports"]["junit"] == f"{folder}/junit.xml"
    assert "allow_failure" not in job
    jenkins = (EXAMPLES / "Jenkinsfile").read_text(encoding="utf-8")
    always = jenkins.partition("always {")[2]
    assert f"--run-dir {folder}" in jenkins
    assert f"junit '{folder}/junit.xml'" in always
    assert f"archiveArtifacts artifacts: '{folder}/**'" in always
    assert jenkins.count("{") == jenkins.count("}")


def test_the_look_on_github_keeps_its_ledger_and_one_look_at_a_time() -> None:
    (workflow,) = documents("github-actions.yml")
    assert workflow["concurrency"] == {"group": "release", "cancel-in-progress": False}
    job = workflow["jobs"]["look"]
    assert "self-hosted" in job["runs-on"]
    ledgers = [step["env"]["RELEASE_GATE__RELEASE__LEDGER"] for step in job["steps"] if "env" in step]
    assert len(ledgers) == 2
    assert len(set(ledgers)) == 1
    assert Path(ledgers[0]).is_absolute()
    last = job["steps"][-1]
    assert last["if"] == "always()"
    assert "GITHUB_STEP_SUMMARY" in last["run"]
    assert int(re.findall(r"head -c (\d+)", last["run"])[0]) < 1024 * 1024
