"""`examples/serve.py` says in one sentence what is wrong, and with which exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.serving import OFFLINE
from tests.plugin.running import ROOT

pytestmark = pytest.mark.examples
NOBODY = "http://127.0.0.1:9"
"""The discard port, where nobody listens."""


def serve(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "examples/serve.py", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_registry_out_of_reach_is_told_apart_from_all_else(tmp_path: Path) -> None:
    done = serve("datasette", "--keep", str(tmp_path), PIP_INDEX_URL=f"{NOBODY}/simple", PIP_EXTRA_INDEX_URL="")
    assert done.returncode == OFFLINE, done.stderr
    assert "the package registry cannot be reached" in done.stderr


@pytest.mark.parametrize("text", ["", "[target", '[target]\nurl = "http://127.0.0.1:8000"', "target = 1"])
def test_settings_without_two_addresses_are_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    settings = tmp_path / "rollout.toml"
    settings.write_text(text, encoding="utf-8")
    done = serve("datasette", "--settings", str(settings))
    assert done.returncode == 2
    assert "control_url" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_port_for_both_is_refused(tmp_path: Path) -> None:
    settings = tmp_path / "rollout.toml"
    settings.write_text(f'[target]\ncontrol_url = "{NOBODY}"\ncandidate_url = "{NOBODY}"', encoding="utf-8")
    done = serve("datasette", "--settings", str(settings))
    assert done.returncode == 2
    assert "not the same" in done.stderr


def test_a_release_that_an_example_has_not_is_refused(tmp_path: Path) -> None:
    done = serve("datasette", "--keep", str(tmp_path), "--older")
    assert done.returncode == 2
    assert "requirements-older.txt" in done.stderr
