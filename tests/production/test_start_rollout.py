"""The example's script does what a deployment's own does, and ends nothing that it did not start."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.production.deployment import EXAMPLE, Deployment, deployed
from verification.drive.named_target import NamedTarget

RULE = {"name": "kept", "rule_type": "t", "conditions": {}}


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with deployed(tmp_path / "state", percent=100) as one:
        yield one


def pid(deployment: Deployment) -> int:
    return int((deployment.state_dir / "backend.pid").read_text(encoding="ascii"))


@pytest.mark.parametrize("percent", ["101", "-1", "ten", "", "12.5", "1000", "\u0665"])
def test_a_percent_outside_0_to_100_is_refused_before_anything_is_touched(tmp_path: Path, percent: str) -> None:
    answer = Deployment(1, tmp_path / "state").at(percent)
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "state").exists()


def test_a_restart_keeps_port_and_state_and_changes_the_percent(deployment: Deployment) -> None:
    with httpx.Client(base_url=deployment.url) as client:
        assert client.post("/api/v1/alerts/rules", json=RULE).status_code == 200
        before, first = client.get("/api/v1/monitoring/metrics").json(), pid(deployment)
        moved = deployment.at("0")
        assert moved.returncode == 0
        assert "0 %" in moved.stdout
        assert pid(deployment) != first
        after = client.get("/api/v1/monitoring/metrics").json()
        rules = client.get("/api/v1/alerts/rules").json()["items"]
    assert [rule["name"] for rule in rules] == ["kept"]
    assert (before["requests"]["total"], after["requests"]["total"]) == (1, 0)
    assert [line.split("percent ")[1].split(",")[0] for line in deployment.log.splitlines() if "percent" in line] == [
        "100",
        "0",
    ]


def test_it_looks_like_the_real_deployment_and_is_asked_on_this_machine_only(deployment: Deployment) -> None:
    answer = httpx.get(f"{deployment.url}/api/v1/cameras", params={"force_domain": "true"})
    assert answer.status_code == 200
    assert not {"x-served-by", "server-timing"} & set(answer.headers)
    assert httpx.get(f"{deployment.url}/api/v1/cameras").status_code == 200
    used = httpx.get(f"{deployment.url}/api/v1/monitoring/metrics").json()["domain_service"]
    assert (used["usage_count"], used["old_count"]) == (1, 0)
    listening = Path("/proc/net/tcp")
    if listening.exists():
        # 0A is LISTEN, and 0100007F is 127.0.0.1 as the kernel writes it.
        rows = [row.split() for row in listening.read_text(encoding="ascii").splitlines()[1:]]
        assert [row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{deployment.port:04X}")] == [
            f"0100007F:{deployment.port:04X}"
        ]


def test_the_suite_moves_it_by_the_profiles_command(deployment: Deployment, tmp_path: Path) -> None:
    target = NamedTarget(deployment.settings(tmp_path), 100)
    target.set_percent(100)
    first = pid(deployment)
    target.set_percent(25)
    assert pid(deployment) != first
    target.close()
    assert deployment.log.rstrip().count("INFO reference percent") == 3
    assert "percent 100" in deployment.log.splitlines()[-2]


def test_a_process_whose_number_merely_stands_in_the_file_is_left_alone(tmp_path: Path) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    with bystander:
        (tmp_path / "state").mkdir()
        (tmp_path / "state" / "backend.pid").write_text(str(bystander.pid), encoding="ascii")
        assert Deployment(1, tmp_path / "state").at("stop").returncode == 0
        assert bystander.poll() is None
        assert bystander.stdin is not None
        bystander.stdin.close()
        assert bystander.wait(20) == 0


def test_a_port_that_something_else_has_is_told_and_left_alone(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        answer = Deployment(port, tmp_path / "state").at("10")
    assert answer.returncode == 1
    assert f"127.0.0.1:{port}" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_backend_that_cannot_start_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    answer = Deployment(port, tmp_path / "state", ("--defect", "no-such")).at("10")
    assert answer.returncode == 1
    assert "no-such" in answer.stderr.splitlines()[-1]
    assert Deployment(port, tmp_path / "state").at("stop").returncode == 0


def test_the_profile_is_what_the_suite_reads_and_its_command_is_there(tmp_path: Path) -> None:
    from verification.settings import load_settings

    settings = load_settings(EXAMPLE / "rollout.toml", {})
    root = EXAMPLE.parents[1]
    assert settings.witness.first.place == "none"
    assert settings.witness.second.none
    assert settings.percent.command[-1] == "{percent}"
    assert (root / settings.percent.command[1]).samefile(EXAMPLE / "start_rollout.py")
    assert settings.target.log_file == EXAMPLE / "state" / "backend.log"
    # What stands commented out for a backend that signs is what the suite knows by itself.
    text = (EXAMPLE / "rollout.toml").read_text(encoding="utf-8")
    kept = [line[2:] if line.startswith(("# header", "# legacy", "# domain", "# counter")) else line
            for line in text.splitlines() if line != "none = true"]  # fmt: skip
    mended = tmp_path / "rollout.toml"
    mended.write_text("\n".join(kept), encoding="utf-8")
    assert load_settings(mended, {}).witness.first.header == "X-Served-By"
    assert not load_settings(mended, {}).witness.second.none
