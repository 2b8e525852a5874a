"""Ledgers as the tests need them."""

from __future__ import annotations

from pathlib import Path

from tests.core.release.builders import BEGAN, feedback, gate, look, rolled_back, seen, started
from verification.core.model import Arm, Verdict
from verification.core.release.events import Decided, Event, FeedbackResolved, Found, Judged, Notified, Told, Written
from verification.rollout.ledger import Ledger

WROTE = Written(
    seen=(seen(Arm.CANDIDATE, read="PUT /a"),),
    differing=("PUT /a: state x",),
    worded=("PUT /a: header:y",),
    unproven=(("PUT /b", "noise"),),
    left=("camera 1",),
)

EVERY_KIND: list[Event] = [
    started(),
    look(0),
    look(1, unasked=3, written=WROTE),
    gate(p95_change=0.1, p95_low=-0.1),
    feedback(),
    FeedbackResolved("f1", "mended", "otto"),
    Found(10, "rates.errors", Verdict.HOLD, "Errors", "many"),
    Judged(10, Verdict.HOLD, ("Errors: many",), "wait"),
    Decided(10, "hold", "maria", "wait for the night"),
    rolled_back(detail=("nothing by domain",)),
    Told("flagger", "Synced"),
    Notified(7),
]


def filled(path: Path, lines: int = 4) -> None:
    with Ledger(path) as ledger:
        for number in range(lines):
            ledger.append(Told("test", f"text {number}"), BEGAN)


def texts(path: Path) -> list[str]:
    with Ledger(path, create=False) as ledger:
        assert ledger.broken() == []
        return [event.text for _, _, event in ledger.events() if isinstance(event, Told)]
