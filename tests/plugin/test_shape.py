"""With nothing but rollout.toml changed, the embedded backend stands in the real deployment's shape."""

from __future__ import annotations

from pathlib import Path

from tests.plugin.running import gate
from verification.core.judge.witness import FIRST_NEEDED

PROFILE = """\
[target]
shape = "production"
[witness]
none = true
[witness.second]
none = true
"""


def test_in_the_real_shape_a_gate_run_is_inconclusive_and_names_the_missing_witness_first(tmp_path: Path) -> None:
    (tmp_path / "rollout.toml").write_text(PROFILE, encoding="utf-8")
    found = gate(tmp_path / "run", f"--settings={tmp_path / 'rollout.toml'}", "-k", "refresh or monitoring")
    assert found.code == 11, found.text
    report = found.report
    assert {finding["verdict"] for finding in report["findings"]} == {"INCONCLUSIVE"}
    assert any(FIRST_NEEDED in reason for reason in report["reasons"])
    assert FIRST_NEEDED in (tmp_path / "run" / "gate.md").read_text(encoding="utf-8")
    assert "witness.absent" in {finding["rule"] for finding in report["findings"]}
    assert {case["result"] for case in report["cases"]} == {"INCONCLUSIVE"}
