"""The description that a service not written here serves of itself becomes a catalog that loads and runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.examples.serving import parity, served
from tests.plugin.running import verification

pytestmark = pytest.mark.examples


def test_jupyter_servers_own_description_becomes_a_catalog_that_runs(tmp_path: Path) -> None:
    """It is Swagger 2.0. One endpoint is switched on by giving it its value, in the file and without Python."""
    first = tmp_path / "first"
    with served("jupyter-server", tmp_path) as settings:
        text = settings.read_text(encoding="utf-8")
        control = re.search(r'control_url = "(.*)"', text)
        assert control is not None
        written = verification("init", "--openapi", f"{control[1]}/api/spec.yaml", "--output", first)
        assert written.returncode == 0, written.stderr
        assert (
            "disabled, no value is known for {fill_in_section_name}: GET /api/config/{section_name}" in written.stdout
        )
        reads = first / "reads.yaml"
        plain = reads.read_text(encoding="utf-8")
        edited = plain.replace("    disabled: no value is known for {fill_in_section_name}\n", "")
        reads.write_text(edited.replace("{fill_in_section_name}", "notebook"), encoding="utf-8")
        listed = verification("catalog", "--file", first)
        assert listed.returncode == 0, listed.stderr
        mine = tmp_path / "mine.toml"
        mine.write_text(re.sub(r'path = ".*"', f'path = "{first}"', text), encoding="utf-8")
        ran = parity(mine, tmp_path / "run")
    assert ran.code in (0, 10, 11, 12), ran.text
    compared = {case["endpoint"] for case in ran.report["cases"]}
    assert "GET /api/config/{section_name}" in compared
    assert len(compared) >= 8
    equal = {case["endpoint"] for case in ran.report["cases"] if case["result"] == "EQUAL"}
    assert {"GET /api/kernels", "GET /api/sessions", "GET /api/config/{section_name}"} <= equal, ran.text
