"""A figure that a simulation must reach, and the file that tells what was simulated and what came of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """What must hold of the cells, as a share of runs; `configuration` and `scope` tell of which."""

    figure: str
    measured: float
    least: float
    most: float
    configuration: str = ""
    scope: str = ""

    @property
    def met(self) -> bool:
        """True when it lies within its limits."""
        return self.least <= self.measured <= self.most

    @property
    def told(self) -> str:
        """The measured share, its limits, and whether it is met."""
        limits = f"{self.least:.1%} to {self.most:.1%}"
        return f"{self.measured:>9.2%}{limits:>18}  {'met' if self.met else 'NOT MET'}"


def write(path: Path, figures: Sequence[Figure], cells: Sequence[Any], **facts: object) -> int:
    """Write figures, cells (dataclasses) and facts as JSON; the exit code: 0 when every figure is met."""
    path.parent.mkdir(parents=True, exist_ok=True)
    report = {
        **facts,
        "figures": [asdict(row) | {"met": row.met} for row in figures],
        "cells": [asdict(cell) for cell in cells],
    }
    path.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return 0 if all(row.met for row in figures) else 1
