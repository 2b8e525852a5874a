"""The percent of a named backend is set in the declared way, seen to have taken effect, and taken back."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.serving import serving
from verification.core.errors import TargetError
from verification.drive.named_target import NamedTarget, put_back
from verification.settings import Settings


class Backend(BaseHTTPRequestHandler):
    """Keeps the percent that it is told, or another one, and tells it."""

    percent: ClassVar[str] = "25"
    obeys: ClassVar[bool] = True
    refuses: ClassVar[bool] = False

    def do_GET(self) -> None:
        self._answer(200, {"rollout": {"percent": int(Backend.percent)}})

    def do_PUT(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if Backend.obeys:
            Backend.percent = str(told["percent"])
        self._answer(500 if Backend.refuses else 200, {})

    def _answer(self, status: int, body: object) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # the base class names it so
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Backend.percent, Backend.obeys, Backend.refuses = "25", True, False
    with serving(Backend) as url:
        yield url


def named(url: str, ready_timeout_s: float = 5.0, **percent: Any) -> Settings:
    target = {"url": url, "ready": "/ready", "ready_timeout_s": ready_timeout_s}
    run = {"allow_percent_change": True, "allow_restart": True}
    return Settings.model_validate({"target": target, "percent": percent, "run": run})


BY_HTTP: dict[str, Any] = {"http": {"path": "/flags", "body": '{"percent": {percent}, "on": {enabled}}'}}
CHECK: dict[str, Any] = {"check": {"path": "/flags", "field": "rollout.percent"}}


def test_a_call_sets_the_percent_and_the_backend_tells_it(url: str) -> None:
    target = NamedTarget(named(url, **BY_HTTP, **CHECK), 25)
    target.set_percent(50)
    assert Backend.percent == "50"
    target.close()
    assert Backend.percent == "25"


def test_a_percent_that_did_not_take_effect_is_told(url: str) -> None:
    Backend.obeys = False
    target = NamedTarget(named(url, 0.5, **BY_HTTP, **CHECK), 25)
    with pytest.raises(TargetError, match=r"set to 50 %: /flags tells rollout.percent = 25, not 50"):
        target.set_percent(50)


def test_a_refused_call_is_told(url: str) -> None:
    Backend.refuses = True
    with pytest.raises(TargetError, match=r"percent\.http PUT /flags: status 500"):
        NamedTarget(named(url, **BY_HTTP), 25).set_percent(50)


def test_a_file_is_written_anew_as_a_whole(url: str, tmp_path: Path) -> None:
    flags = {"path": str(tmp_path / "flags.env"), "text": "USE={enabled}\nPERCENT={percent}\n"}
    change: dict[str, Any] = {"file": flags}
    target = NamedTarget(named(url, **change), 25)
    target.set_percent(0)
    assert (tmp_path / "flags.env").read_text() == "USE=false\nPERCENT=0\n"
    target.close()
    assert (tmp_path / "flags.env").read_text() == "USE=true\nPERCENT=25\n"
    assert [path.name for path in tmp_path.iterdir()] == ["flags.env"]
    with pytest.raises(TargetError, match="cannot be written"):
        NamedTarget(named(url, file={"path": str(tmp_path / "no" / "x"), "text": "a"}), 25).set_percent(50)


def test_a_command_gets_its_environment_and_no_shell(url: str, tmp_path: Path) -> None:
    script = f"import os; open({str(tmp_path / 'seen')!r}, 'w').write(os.environ['PERCENT'] + os.environ['ON'])"
    environment = {"PERCENT": "{percent}", "ON": "{enabled}; rm -rf /"}
    settings = named(url, command=[sys.executable, "-c", script], environment=environment)
    NamedTarget(settings, 25).set_percent(10)
    assert (tmp_path / "seen").read_text() == "10true; rm -rf /"


def test_a_command_that_leaves_a_backend_running_is_not_waited_for(url: str, tmp_path: Path) -> None:
    late = f"import time; time.sleep(3); open({str(tmp_path / 'late')!r}, 'w')"
    script = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {late!r}])"
    NamedTarget(named(url, command=[sys.executable, "-c", script]), 25).set_percent(10)
    assert not (tmp_path / "late").exists()


def test_a_backend_that_the_measurement_has_moved_is_put_back_and_not_believed_to_stand_where_it_stood(
    url: str,
) -> None:
    settings = named(url, **BY_HTTP)
    ours = NamedTarget(settings, 10)
    ours.set_percent(10)
    NamedTarget(settings, 100, knows_percent=False).set_percent(100)
    ours.forget()
    ours.set_percent(10)
    assert Backend.percent == "10"
    NamedTarget(settings, 100, knows_percent=False).set_percent(100)
    put_back(settings, 10)
    assert Backend.percent == "10"
    put_back(Settings(), 10)
