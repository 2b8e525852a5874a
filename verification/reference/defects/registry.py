"""What a seeded defect is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verification.reference.backend import Backend
from verification.reference.flag import FlagSettings

KINDS = (
    "response",
    "state",
    "identity",
    "fallback",
    "flag",
    "monitoring",
    "latency",
    "errors",
    "sequence",
    "concurrency",
    "crash",
    "release",
)
VERDICTS = ("PROMOTE", "INCONCLUSIVE", "HOLD", "ROLLBACK")


def _nothing(_backend: Backend) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Defect:
    """One planted fault.

    `check` is the rule of the finding that must report it, `verdict` the verdict that this finding must carry. A
    control with which nothing is wrong has an empty `check`: no finding may report it.
    `forbidden` names verdicts that the run as a whole must not end with; it is set where nothing is wrong with the
    rewrite. `endpoint` is the one endpoint that a fault touches, None where it touches more.

    A fault replaces parts of a backend that is put together already (`install`), reads the percent in another way
    (`read_percent`), or changes what the flag was read as (`override_settings`, given the folder of the state).
    """

    name: str
    kind: str
    wrong: str
    sufferer: str
    check: str
    verdict: str
    endpoint: str | None = None
    forbidden: tuple[str, ...] = ()
    install: Callable[[Backend], None] = _nothing
    read_percent: Callable[[str], int] | None = None
    override_settings: Callable[[FlagSettings, Path], FlagSettings] | None = None

    def describe(self) -> dict[str, Any]:
        """Everything about it that a machine can read."""
        return {
            "name": self.name,
            "kind": self.kind,
            "wrong": self.wrong,
            "sufferer": self.sufferer,
            "check": self.check,
            "verdict": self.verdict,
            "endpoint": self.endpoint,
            "forbidden": list(self.forbidden),
        }
