"""A release of a real backend on a clock of its own."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.production.deployment import Deployment
from tests.rollout.calendar import Calendar
from verification.catalog.load import load_catalog
from verification.core.model import Verdict
from verification.rollout import control
from verification.rollout.ledger import Ledger
from verification.rollout.observe import Observer
from verification.settings import Settings

# The contract's windows; later stages are looked at less often, so that four weeks of looks take minutes.
PLAN: list[dict[str, float]] = [
    {"percent": 10, "least_hours": 24, "most_hours": 48, "looks": 22, "requests": 700, "every_hours": 1},
    {"percent": 25, "least_hours": 72, "most_hours": 120, "looks": 34, "requests": 700, "every_hours": 2},
    {"percent": 50, "least_hours": 168, "most_hours": 240, "looks": 26, "requests": 700, "every_hours": 6},
    {"percent": 100, "least_hours": 168, "most_hours": 336, "looks": 26, "requests": 700, "every_hours": 6},
]


def ask(backend: Deployment, method: str, path: str, body: object = None) -> None:
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(backend.url + path, data=data, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


class Release:
    """`more` lays over the settings, for example another [percent]."""

    def __init__(self, backend: Deployment, folder: Path, **more: Any) -> None:
        self.clock, self.said = Calendar(), list[str]()
        self.backend, self.folder, self.more = backend, folder, more
        self.requests, self.plan = 12, PLAN
        self.ledger = Ledger(folder / "release.sqlite")
        self.catalog = load_catalog()

    @property
    def settings(self) -> Settings:
        look = {"requests": self.requests, "natural": 30}
        plan = {"stages": self.plan, "needs_gate": False, "look": look, "ledger": self.ledger.path}
        # The example's profile is of the real shape; this backend tells who served.
        sections = {"release": plan, "witness": {"header": "X-Served-By"}, **self.more}
        return control.allowed(self.backend.settings(self.folder, **sections), change_percent=False)

    def start(self, percent: int, override: str | None = None) -> control.Outcome:
        return control.start(self.settings, self.ledger, percent, self.clock, who="maria", override=override)

    def observe(self, longest: timedelta | None = None, *, until: Sequence[Verdict] = ()) -> Verdict:
        observer = Observer(self.settings, self.catalog, self.ledger, self.clock, self.said.append)
        return observer.run(longest, lambda verdict: verdict in until)

    def roll_back(self) -> control.Outcome:
        return control.rollback(self.settings, self.catalog, self.ledger, self.clock, who="maria", why="broken")
