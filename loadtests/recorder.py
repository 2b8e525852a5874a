"""What one worker saw, block by block: counts and log-bin histograms. Memory does not grow with the requests.

A request belongs to the block of its intended start, however late it ends; a block is handed over when the timetable
has left it and its last request has finished.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from loadtests.timetable import WARM_UP
from verification.core.arms import implementation
from verification.core.histogram import TOP_BIN, bin_of, quantile_ms
from verification.core.model import Implementation
from verification.core.records import LoadBlock, LoadCell

_Place = tuple[int, str, str]
"""Time block, endpoint and stream."""
_BATCH = 64
"""Requests that are counted at once: between two requests the code for it is cold and takes three times as long. So few
that nobody waits for it: a tenth of a millisecond."""


class Outcome(NamedTuple):
    """How one request ended. Times in ms, from the intended start and from sending; `server_ms` as the answer told.

    One is made for each request while others wait, and a tuple is made three times as fast as a frozen dataclass.
    """

    intended_ms: float
    sent_ms: float
    server_ms: float | None
    served_by: str | None
    failed: bool
    """Answered with an error, or the transport failed."""
    timed_out: bool
    """Not answered within the limit; then `failed` is not set."""


@dataclass(slots=True)
class _Cell:
    requests: int = 0
    errors: int = 0
    timeouts: int = 0
    legacy: int = 0
    domain: int = 0
    unwitnessed: int = 0
    intended: Counter[int] = field(default_factory=Counter)
    sent: Counter[int] = field(default_factory=Counter)
    server: Counter[int] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        intended_ms, sent_ms, server_ms, served_by, failed, timed_out = outcome
        self.requests += 1
        if failed or timed_out:
            self.errors += 1
            self.timeouts += timed_out
            intended = sent = TOP_BIN
        else:
            intended, sent = bin_of(intended_ms), bin_of(sent_ms)
        self.intended[intended] += 1
        self.sent[sent] += 1
        if server_ms is not None:
            self.server[bin_of(server_ms)] += 1
        witness = implementation(served_by)
        if witness is Implementation.LEGACY:
            self.legacy += 1
        elif witness is Implementation.DOMAIN:
            self.domain += 1
        elif not (failed or timed_out):
            # A request without a good answer has nothing to name; a good answer that names nobody lacks its witness.
            self.unwitnessed += 1


class Recorder:
    """Collects the outcomes of one worker and hands over finished blocks."""

    def __init__(self, stage_percent: int, kinds: tuple[str, ...], worker: str) -> None:
        self.worker = worker
        self.scheduled = self.dropped = 0
        self._finished = 0
        self._pending: list[tuple[_Place, Outcome]] = []
        self.skipped: Counter[str] = Counter()
        self._stage_percent = stage_percent
        self._kinds = kinds
        self._lag: Counter[int] = Counter()
        self._open: Counter[int] = Counter()
        self._cells: dict[_Place, _Cell] = {}
        self._entered = 0
        self._next_block = 0
        self._handed: set[int] = set()

    def enter(self, block: int) -> None:
        """The timetable has reached `block`; earlier ones get no more arrivals."""
        self._entered = max(self._entered, block)

    def start(self, block: int) -> None:
        """A request of `block` is on its way."""
        if block != WARM_UP:
            self.scheduled += 1
            self._open[block] += 1

    def drop(self, block: int) -> None:
        """A request of `block` was due and could not be sent."""
        if block != WARM_UP:
            self.scheduled += 1
            self.dropped += 1

    def skip(self, block: int, endpoint: str) -> None:
        """A request was due and was held back by a cap that protects the target."""
        if block != WARM_UP:
            self.scheduled += 1
            self.skipped[endpoint] += 1

    def lag(self, milliseconds: float) -> None:
        """How late after its intended start a request was begun."""
        self._lag[bin_of(max(milliseconds, 1e-3))] += 1

    def finish(self, block: int, endpoint: str, stream: str, outcome: Outcome) -> None:
        """A request that was started has ended."""
        if block == WARM_UP:
            return
        self._pending.append(((block, endpoint, stream), outcome))
        if len(self._pending) >= _BATCH:
            self._settle()

    def _settle(self) -> None:
        """Count what has ended since the last time."""
        cells = self._cells
        for place, outcome in self._pending:
            cell = cells.get(place)
            if cell is None:
                cell = cells[place] = _Cell()
            cell.add(outcome)
            self._open[place[0]] -= 1
        self._finished += len(self._pending)
        self._pending.clear()

    @property
    def finished(self) -> int:
        """Requests that have ended."""
        return self._finished + len(self._pending)

    def complete(self, blocks: int) -> None:
        """The timetable has ended after so many blocks, or in the one that had begun: none gets more arrivals."""
        self._entered = max(blocks, self._entered + 1)

    def take(self) -> list[LoadBlock]:
        """The blocks that became complete since the last call, each exactly once."""
        self._settle()
        done = [block for block in range(self._next_block, self._entered) if self._is_ready(block)]
        self._handed.update(done)
        while self._next_block in self._handed:
            self._handed.discard(self._next_block)
            self._next_block += 1
        return [self._block(block) for block in done]

    @property
    def lag_p95_ms(self) -> float:
        """95th percentile of the scheduling lag; 0 before the first request."""
        return quantile_ms(self._lag, 0.95) if self._lag else 0.0

    def _is_ready(self, block: int) -> bool:
        return block not in self._handed and not self._open[block]

    def _block(self, block: int) -> LoadBlock:
        self._open.pop(block, None)
        places = sorted(place for place in self._cells if place[0] == block)
        cells = tuple(_frozen(*place[1:], self._cells.pop(place)) for place in places)
        return LoadBlock(self._stage_percent, block, self._kinds[block], self.worker, cells)


def _frozen(endpoint: str, stream: str, cell: _Cell) -> LoadCell:
    return LoadCell(
        endpoint,
        stream,
        cell.requests,
        cell.errors,
        cell.timeouts,
        cell.legacy,
        cell.domain,
        cell.unwitnessed,
        dict(cell.intended),
        dict(cell.sent),
        dict(cell.server),
    )
