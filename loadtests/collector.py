"""Gathers what the workers report, checks that nothing was lost on the way, and writes it as evidence.

Workers number their reports and count the requests in them. A gap, a count that does not add up, or a worker that never
finished makes the worker a lost one, and the stage's numbers are then the sum of what arrived.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from verification.core.records import LoadBlock, LoadCell, LoadEnd, LoadWorker, Record


@dataclass(frozen=True, slots=True)
class Report:
    """A delta: the blocks one worker finished since its last report. `sent` counts the requests of all so far."""

    worker: str
    number: int
    sent: int
    blocks: tuple[LoadBlock, ...]


@dataclass(frozen=True, slots=True)
class Farewell:
    """A worker's last word: its totals, and what it could not remove."""

    worker: str
    reports: int
    sent: int
    scheduled: int
    finished: int
    dropped: int
    skipped: dict[str, int]
    lag_p95_ms: float
    cpu_percent: float
    leftover: tuple[str, ...]
    clock_step_s: float = 0.0
    complete: bool = True
    """True when the timetable was kept to its end and the last answers were waited for."""


def to_wire(message: Report | Farewell) -> dict[str, Any]:
    """The message as plain dicts and lists, for Locust's msgpack."""
    return asdict(message)


def report_from_wire(data: Mapping[str, Any]) -> Report:
    """The report that `to_wire` took apart."""
    blocks = tuple(
        LoadBlock(**{**block, "cells": tuple(LoadCell(**cell) for cell in block["cells"])}) for block in data["blocks"]
    )
    return Report(data["worker"], data["number"], data["sent"], blocks)


def farewell_from_wire(data: Mapping[str, Any]) -> Farewell:
    """The farewell that `to_wire` took apart."""
    return Farewell(**{**data, "leftover": tuple(data["leftover"])})


@dataclass(slots=True)
class _Account:
    reports: int = 0
    requests: int = 0
    faithful: bool = True
    farewell: Farewell | None = None


@dataclass(slots=True)
class Collector:
    """One stage's reports from all its workers; `append` takes the records."""

    stage_percent: int
    workers: tuple[str, ...]
    append: Callable[[Record], None]
    blocks: int = 0
    requests: int = 0
    failures: int = 0
    _lost: set[str] = field(default_factory=set)
    _accounts: dict[str, _Account] = field(default_factory=dict)

    def receive(self, report: Report) -> None:
        """Write a report's blocks and hold its number and count against what came before."""
        account = self._account(report.worker)
        arrived = sum(cell.requests for block in report.blocks for cell in block.cells)
        account.reports += 1
        account.requests += arrived
        if account.reports != report.number or account.requests != report.sent:
            account.faithful = False
        for block in report.blocks:
            self.append(block)
        self.blocks += len(report.blocks)
        self.requests += arrived
        self.failures += sum(cell.errors for block in report.blocks for cell in block.cells)

    def part(self, farewell: Farewell) -> None:
        """A worker has finished; its totals must match what arrived from it."""
        account = self._account(farewell.worker)
        account.farewell = farewell
        if farewell.reports != account.reports or farewell.sent != account.requests:
            account.faithful = False

    def lose(self, worker: str) -> None:
        """A worker has gone away; if it had finished before, nothing is lost."""
        if self._account(worker).farewell is None:
            self._lost.add(worker)

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """Workers that have neither finished nor gone away."""
        return tuple(name for name in self.workers if self._account(name).farewell is None and name not in self._lost)

    @property
    def unparted(self) -> tuple[str, ...]:
        """Workers that never said farewell, gone or not."""
        return tuple(name for name in self.workers if self._account(name).farewell is None)

    @property
    def lost(self) -> tuple[str, ...]:
        """Workers whose numbers are incomplete."""
        return tuple(name for name in self.workers if name in self._lost or not self._account(name).faithful)

    def end(self, aborted: str | None) -> LoadEnd:
        """The closing record. Workers that never finished are lost; `aborted` says why the stage ended early."""
        farewells = [account.farewell for account in self._accounts.values() if account.farewell is not None]
        skipped: Counter[str] = Counter()
        for farewell in farewells:
            skipped.update(farewell.skipped)
        return LoadEnd(
            self.stage_percent,
            scheduled=sum(farewell.scheduled for farewell in farewells),
            finished=sum(farewell.finished for farewell in farewells),
            dropped=sum(farewell.dropped for farewell in farewells),
            workers=tuple(
                LoadWorker(
                    farewell.worker,
                    farewell.finished,
                    farewell.lag_p95_ms,
                    farewell.cpu_percent,
                    farewell.clock_step_s,
                )
                for farewell in farewells
            ),
            lost_workers=tuple(name for name in self.workers if name in (*self.lost, *self.unparted)),
            leftover=tuple(name for farewell in farewells for name in farewell.leftover),
            aborted=aborted,
            skipped=dict(skipped),
        )

    def _account(self, worker: str) -> _Account:
        return self._accounts.setdefault(worker, _Account())
