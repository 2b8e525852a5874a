"""Writes sample pages to look at in a browser: `python -m tests.reporting.pages FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.reporting import sample
from verification.core.model import Verdict
from verification.reporting import gate_html

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    pages = {verdict.value: sample.judgement(verdict) for verdict in Verdict} | {"EMPTY": sample.empty()}
    for name, judged in pages.items():
        (folder / f"{name}.html").write_bytes(gate_html.render(judged, sample.evidence(judged)))
    hostile, evidence = sample.hostile()
    (folder / "HOSTILE.html").write_bytes(gate_html.render(hostile, evidence))
