"""--plan shows everything and sends nothing; what will be written to another machine is told before it is."""

from __future__ import annotations

import ast
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.plugin.running import gate
from tests.reference.running import running
from verification.plugin import STAGE_GATE_DIR
from verification.preview import KEYS


@contextmanager
def listening() -> Iterator[tuple[str, list[socket.socket]]]:
    """An address where every connection is counted."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        met: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    met.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", met
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for connection in met:
                connection.close()


def test_a_plan_opens_no_connection_and_writes_nothing(tmp_path: Path) -> None:
    with listening() as (url, met):
        ran = gate(tmp_path / "run", f"--target={url}", "--stage=25", "--plan", "-k", "(parity and refresh) or force")
        assert met == []
    assert ran.code == 0, ran.text
    assert not ran.run_dir.exists()
    lines = [" ".join(line.split()) for line in ran.text.splitlines()]
    assert "W 4 to 12 candidate POST /api/v1/cameras/refresh" in lines
    assert "W 30 to 90 control DELETE /api/v1/cameras/{camera}" in lines
    assert "cases" in lines
    assert "forcing an arm" in lines
    assert "races" not in lines
    assert any(line.startswith("camera: at most ") and "removed again" in line for line in lines)
    assert any(line.startswith("rule: at most ") and "cannot be deleted" in line for line in lines)
    assert "flag:refuse: the backend is not ours to start" in lines


def test_a_plan_for_two_urls_opens_no_connection_to_either(tmp_path: Path) -> None:
    with listening() as (old, met_old), listening() as (new, met_new):
        settings = tmp_path / "rollout.toml"
        settings.write_text(f'[target]\ncontrol_url = "{old}"\ncandidate_url = "{new}"\nready = "/up"\n', "utf-8")
        ran = gate(tmp_path / "run", f"--settings={settings}", "--plan")
        assert (met_old, met_new) == ([], [])
    assert ran.code == 0, ran.text
    assert not ran.run_dir.exists()
    lines = [" ".join(line.split()) for line in ran.text.splitlines()]
    assert f"plan for {old} and {new}: what a run would send. Nothing is sent now." in lines
    assert "Around each step GET /up asks whether the target is there." in lines
    assert any(line.startswith("across arms: each side has a state of its own") for line in lines)
    for part in ("rollback drills", "rollback certificate", "monitoring", "exposure", "forcing an arm", "witnesses"):
        assert part not in lines
    assert not [line for line in lines if " the flag " in line or ("routed" in line and "flag" not in line)]


@pytest.mark.parametrize("words", [(), ("-n", "2")])
def test_without_the_option_the_target_is_asked(tmp_path: Path, words: tuple[str, ...]) -> None:
    """What the plan's test counts is really counted; with workers, a plan still sends nothing."""
    with listening() as (url, met):
        planned = gate(tmp_path / "plan", f"--target={url}", "--stage=25", "--plan", *words)
        assert (planned.code, met) == (0, []), planned.text
        if not words:
            settings = tmp_path / "rollout.toml"
            settings.write_text("[target]\ntimeout_s = 1\n", encoding="utf-8")
            gate(tmp_path / "run", f"--target={url}", "--stage=25", f"--settings={settings}", "-k", "refresh")
            assert met


def test_a_plan_needs_no_permission_and_refuses_what_a_run_would(tmp_path: Path) -> None:
    asked = gate(tmp_path / "run", "--target=http://192.0.2.1:80", "--stage=25", "--plan", "-k", "witness")
    assert asked.code == 0, asked.text
    assert "plan for http://192.0.2.1:80" in asked.text
    wrong = gate(tmp_path / "run", "--target=http://192.0.2.1:80", "--stage=125", "--plan")
    assert (wrong.code, "from 0 to 100" in wrong.text) == (2, True)


def test_a_plan_tells_how_the_percent_would_be_changed(tmp_path: Path) -> None:
    settings = tmp_path / "rollout.toml"
    settings.write_text('[percent.http]\npath = "/flag"\nbody = "{percent}"\n', "utf-8")
    with listening() as (url, met):
        words = (f"--settings={settings}", f"--target={url}", "--allow-percent-change", "--plan", "-k", "force")
        told = gate(tmp_path / "run", *words, "--stage=25", "--stage=50").text
        untold = gate(tmp_path / "run", f"--target={url}", "--stage=25", "--plan", "-k", "force").text
        assert met == []
    assert "the percent of the backend is set to 25, 50 and back at the end, by PUT /flag" in told
    assert "the percent of the backend" not in untold


def test_what_will_be_written_to_another_machine_is_told_before_it_is(tmp_path: Path) -> None:
    with running("--percent", "25") as backend:
        port = str(backend.client.base_url).rsplit(":", 1)[1].strip("/")
        # This machine by a name that is not one of a loopback.
        words = (f"--target=http://0.0.0.0:{port}", "--stage=25", "--allow-writes", "-k", "parity and refresh")
        told = gate(tmp_path / "run", *words).text
        near = gate(tmp_path / "near", f"--target=http://127.0.0.1:{port}", *words[1:]).text
    lines = [" ".join(line.split()) for line in told.splitlines()]
    # Five cases on three sides, three times at most, and a request sent twice on up to three passages of three kinds.
    assert "at most 63 POST /api/v1/cameras/refresh" in lines
    assert told.index("this run will write to") < told.index("[100%]"), "before the first dot"
    assert "this run will write to" not in near


def test_every_test_of_the_stage_gate_has_its_place_in_the_plan() -> None:
    defined = [
        node.name
        for path in STAGE_GATE_DIR.glob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert sorted(defined) == sorted(KEYS)
