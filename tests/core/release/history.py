"""Releases told event by event, as a ledger would hold them, and what is seen of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from tests.core.latencies import draw, histogram
from verification.core.histogram import TOP_BIN, Histogram, merge
from verification.core.model import Arm, Verdict
from verification.core.policy import Policy
from verification.core.release.chain import FIRST, Line, line
from verification.core.release.events import Event, GateRun, Judged, Look, RolledBack, Seen, Started
from verification.core.release.plan import PlannedStage, ReleasePlan
from verification.core.release.view import ReleaseView, view_of

BEGAN = datetime(2026, 11, 2, 8, tzinfo=UTC)
TARGET = "http://backend.example:8000"
PLAN = ReleasePlan(
    stages=(
        PlannedStage(percent=10, least_hours=24, most_hours=48, looks=22, requests=700),
        PlannedStage(percent=25, least_hours=72, most_hours=120, looks=65, requests=2000),
        PlannedStage(percent=50, least_hours=168, most_hours=240, looks=150, requests=3000),
        PlannedStage(percent=100, least_hours=24, most_hours=336, looks=22, requests=700),
    ),
    needs_gate=True,
)


class History:
    """Events one after the other; every look comes an hour after the one before."""

    def __init__(self) -> None:
        self.events: list[tuple[int, datetime, Event]] = []
        self.now = BEGAN
        self.percent = 0

    def add(self, *events: Event) -> History:
        for event in events:
            self.events.append((len(self.events) + 1, self.now, event))
        return self

    def wait(self, hours: float) -> History:
        self.now += timedelta(hours=hours)
        return self

    def start(self, percent: int, *, is_proven: bool = True, override: str | None = None, detail: str = "") -> History:
        told = detail or f"100 of 1000 unforced requests served by domain at {percent} %"
        self.add(Started(percent, self.percent, "maria", is_proven, told, 3.2, override))
        if is_proven:
            self.percent, self.began = percent, self.now
        return self

    def look(
        self, number: int, *, errors: int = 0, slower: float = 1.0, requests: int = 40, differing: tuple[str, ...] = ()
    ) -> History:
        """So many looks: of each the requests of each arm, the errors on candidate."""
        for _ in range(number):
            slot = int((self.now - self.began) / timedelta(hours=1))
            rng = np.random.default_rng(len(self.events))
            control = histogram(draw(rng, requests, 20.0))
            candidate = merge(histogram(draw(rng, requests - errors, 20.0 * slower)), {TOP_BIN: errors})
            seen = (
                Seen("cameras", Arm.CONTROL, requests, 0, requests, 0, 0, Histogram.of(control)),
                Seen("cameras", Arm.CANDIDATE, requests, errors, 0, requests - errors, 0, Histogram.of(candidate)),
            )
            domain = int(rng.binomial(200, self.percent / 100))
            look = Look(
                self.percent, slot, self.now, self.now, 2.0, seen, 200 - domain, domain,
                health="healthy", consistent=True, differing=differing,
            )  # fmt: skip
            self.add(look).wait(1)
        return self

    def gate(
        self, verdict: Verdict = Verdict.PROMOTE, *, low: float | None = -0.012, high: float | None = 0.084
    ) -> History:
        reasons = () if verdict is Verdict.PROMOTE else ("P95 of all endpoints: +61 %",)
        run_id = f"20261102-{self.percent:06}-4711"
        run = GateRun(self.percent, run_id, self.now, verdict, reasons, 0.031, low, high)
        return self.add(run)

    def judge(self, verdict: Verdict, action: str = "") -> History:
        return self.add(Judged(self.percent, verdict, (), action))

    def roll_back(self, *, is_proven: bool = True, why: str = "errors") -> History:
        detail = ("0 % is set", "200 of 200 unforced reads served by legacy", "P95 21 ms, 20 ms on control before")
        self.add(RolledBack(self.percent, "maria", why, is_proven, detail, 4.2))
        self.percent = 0
        return self

    def pass_stage(self, percent: int, hours: int) -> History:
        """A stage with all that it needs."""
        return self.start(percent).look(hours).gate().judge(Verdict.PROMOTE)

    @property
    def chain(self) -> list[Line]:
        """The lines as a ledger would chain them; what stands in them says nothing here."""
        lines: list[Line] = []
        for number, at, event in self.events:
            previous = lines[-1].hash if lines else FIRST
            lines.append(line(number, at, type(event).__name__, f"{number}", previous))
        return lines

    def view(
        self,
        percent: int | None = None,
        *,
        target: str = TARGET,
        plan: ReleasePlan = PLAN,
        ledger: str = "release.sqlite",
    ) -> ReleaseView:
        return view_of(self.chain, self.events, plan, Policy(), self.now, percent=percent, target=target, ledger=ledger)
