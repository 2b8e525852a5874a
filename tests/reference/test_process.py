from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.reference.running import LONGEST_S, command, environment, running
from verification.reference.defects import DEFECTS


def ask(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*options), capture_output=True, text=True, timeout=LONGEST_S, check=False, env=environment(**variables)
    )


@pytest.mark.parametrize("percent", ["ten", "101", "-1", "12.5", "", "+10", "1e1"])
def test_a_broken_percent_is_refused_in_one_line(percent: str) -> None:
    for answer in (ask(f"--percent={percent}"), ask(ROLLOUT_PERCENT=percent)):
        assert answer.returncode == 2
        assert answer.stdout == ""
        assert answer.stderr.count("\n") == 1
        assert repr(percent) in answer.stderr
        assert "0 to 100" in answer.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--defect", "no-such"), "no-such"),
        (("--port", "70000"), "70000"),
        (("--device-scale", "2"), "'2'"),
        (("--state-dir", "/dev/null/x"), "/dev/null/x"),
        (("--host", "203.0.113.1"), "203.0.113.1"),
    ],
)
def test_what_cannot_be_started_is_said_in_one_line(options: tuple[str, ...], words: str) -> None:
    answer = ask(*options)
    assert answer.returncode == 2
    assert words in answer.stderr.splitlines()[-1]
    assert "Traceback" not in answer.stderr


def test_a_camera_file_that_is_no_list_of_cameras_is_named(tmp_path: Path) -> None:
    (tmp_path / "cameras.yaml").write_text("cameras: {a: 1}\n")
    answer = ask("--state-dir", str(tmp_path))
    assert answer.returncode == 2
    assert "cameras.yaml" in answer.stderr
    assert "must be a list" in answer.stderr


def test_a_missing_package_is_named_with_the_extra_that_brings_it(tmp_path: Path) -> None:
    (tmp_path / "fastapi.py").write_text("raise ModuleNotFoundError('No module named fastapi', name='fastapi')\n")
    answer = ask(PYTHONPATH=f"{tmp_path}{os.pathsep}{Path.cwd()}")
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1
    assert "'fastapi'" in answer.stderr
    assert "release-gate[reference]" in answer.stderr


def test_defects_are_listed_as_text_and_as_json() -> None:
    text, machine = ask("--list-defects"), ask("--list-defects", "--json")
    described = json.loads(machine.stdout)
    assert [entry["name"] for entry in described] == list(DEFECTS)
    for entry in described:
        assert entry["wrong"] in text.stdout
        assert entry["sufferer"] in text.stdout


def test_it_ends_when_its_standard_input_ends() -> None:
    with running() as backend:
        assert backend.client.get("/api/ping").json() == {"ok": True}
    assert backend.process.returncode == 0


def test_it_ends_even_when_the_parent_is_killed() -> None:
    program = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen({command('--exit-with-stdin')!r}, stdin=subprocess.PIPE)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        ready = json.loads(parent.stdout.readline())
        assert httpx.get(f"http://127.0.0.1:{ready['port']}/api/ping").status_code == 200
        parent.kill()
        # The backend has inherited this pipe, so reading comes to an end only when the backend has.
        assert parent.stdout.read() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(number: signal.Signals, tmp_path: Path) -> None:
    with running("--state-dir", str(tmp_path)) as backend:
        values = {"id": "oven", "name": "n", "source": "s"}
        backend.client.post("/api/v1/cameras", json=values)
        backend.client.post("/api/v1/cameras/oven/start")
        backend.process.send_signal(number)
        assert backend.process.wait(LONGEST_S) == 0
    assert (tmp_path / "logs" / "oven.log").read_text().endswith("INFO stopped\n")


def test_state_outlives_a_restart_and_counters_do_not(tmp_path: Path) -> None:
    rule = {"name": "kept", "rule_type": "t", "conditions": {}}
    for start in range(2):
        with running("--state-dir", str(tmp_path), "--percent", "100") as backend:
            metrics = backend.client.get("/api/v1/monitoring/metrics").json()
            assert metrics["requests"]["total"] == 0
            created = backend.client.post("/api/v1/alerts/rules", json=rule)
            assert created.headers["x-served-by"] == "domain"
            count = backend.client.get("/api/v1/alerts/rules", params={"force_domain": "false"}).json()["count"]
            assert count == start + 1


@pytest.mark.parametrize(
    ("variables", "served"),
    [
        ({}, "legacy"),
        ({"ROLLOUT_PERCENT": "100"}, "legacy"),
        ({"USE_DOMAIN_SERVICE": "true"}, "domain"),
        ({"USE_DOMAIN_SERVICE": "true", "ROLLOUT_PERCENT": "0"}, "legacy"),
        ({"USE_DOMAIN_SERVICE": "false", "ROLLOUT_PERCENT": "100"}, "legacy"),
    ],
)
def test_the_environment_is_the_flag(variables: dict[str, str], served: str) -> None:
    with running(**variables) as backend:
        answers = [backend.client.get("/api/v1/cameras") for _ in range(5)]
    assert {answer.headers["x-served-by"] for answer in answers} == {served}


def test_standard_output_holds_the_ready_line_only(tmp_path: Path) -> None:
    with running("--state-dir", str(tmp_path)) as backend:
        backend.client.get("/api/v1/cameras")
        backend.client.get("/api/v1/nothing")
        assert backend.process.stdin is not None
        assert backend.process.stdout is not None
        backend.process.stdin.close()
        assert backend.process.stdout.read() == ""


def test_a_backend_that_dies_takes_the_request_with_it() -> None:
    with running("--defect", "backend-dies") as backend:
        path, forced = "/api/v1/cameras/nobody/status", {"force_domain": "true"}
        for _ in range(24):
            assert backend.client.get(path, params=forced).status_code == 200
            assert backend.client.get(path, params={"force_domain": "false"}).status_code == 200
        with pytest.raises(httpx.TransportError):
            backend.client.get(path, params=forced)
        assert backend.process.wait(LONGEST_S) != 0


def test_a_flag_that_survives_its_restart_is_still_on_at_0_percent(tmp_path: Path) -> None:
    served = []
    for percent in ("0", "100", "0"):
        with running(
            "--defect", "flag-survives-restart", "--state-dir", str(tmp_path), "--percent", percent
        ) as backend:
            served.append(backend.client.get("/api/v1/cameras").headers["x-served-by"])
    assert served == ["legacy", "domain", "domain"]


def test_a_broken_percent_counts_as_100_where_that_defect_is_planted() -> None:
    with running("--defect", "broken-percent-as-100", "--percent", "ten") as backend:
        assert backend.client.get("/api/v1/cameras").headers["x-served-by"] == "domain"
