"""The load of one stage, workers added up: what came in as blocks, as histograms and counts that can be asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from verification.core.histogram import Bins, Histogram, merge, total
from verification.core.latency import Stratum
from verification.core.model import Clock
from verification.core.records import Evidence, LoadBlock, LoadEnd, LoadStart
from verification.core.said import say

Key = tuple[int, str, str, str]
STREAMS = ("control", "candidate")
LEAST_TOLD = 0.99
"""Share of each arm's requests that must tell the server's time: where it lacks on fast ones, the P95 of the rest is
that of an arm slower than this one is."""


@dataclass(slots=True)
class Counts:
    """Requests of one stream, added up."""

    requests: int = 0
    errors: int = 0
    timeouts: int = 0
    legacy: int = 0
    domain: int = 0
    unwitnessed: int = 0


CAPPED = say("nobody can delete what they create, and load.max_rules caps that")


@dataclass(slots=True)
class StageLoad:
    """Everything that one stage's load has brought, workers added up."""

    percent: int
    start: LoadStart | None = None
    end: LoadEnd | None = None
    bins: dict[Key, Bins] = field(default_factory=dict)
    """(block, kind, endpoint, stream) -> histogram from the intended start."""
    others: dict[Clock, dict[Key, Bins]] = field(default_factory=lambda: defaultdict(dict))
    """The same for the other clocks, in mixed blocks."""
    counts: dict[tuple[str, str, str], Counts] = field(default_factory=lambda: defaultdict(Counts))
    """(kind, endpoint, stream) -> counts."""
    told: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    """(endpoint, stream) -> requests of mixed blocks whose answer told the server's time."""
    by_worker: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    seen: set[int] = field(default_factory=set)
    """The blocks that came, those without any request too: a block of a low rate may be empty by chance."""
    natural_shares: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Natural block -> (legacy, domain)."""
    unaccounted: int = 0
    """Requests without an error of which no cell says who served them, or that nobody did."""
    misplaced: set[int] = field(default_factory=set)
    """Blocks that came as another kind than the plan has."""
    untimed: int = 0
    """Requests that stand on a clock of the client's, intended or sent, more or less than once."""

    def add(self, block: LoadBlock) -> None:
        """Add what one worker saw of one block."""
        self.seen.add(block.block)
        if self.start is not None and self.kind_of(block.block) != block.kind:
            self.misplaced.add(block.block)
        if block.kind == "natural":
            served = [(cell.legacy, cell.domain) for cell in block.cells]
            legacy, domain = self.natural_shares.get(block.block, (0, 0))
            self.natural_shares[block.block] = legacy + sum(a for a, _ in served), domain + sum(b for _, b in served)
        for cell in block.cells:
            told = cell.legacy + cell.domain + cell.unwitnessed
            self.unaccounted += max(0, cell.requests - cell.errors - told)
            key = (block.block, block.kind, cell.endpoint, cell.stream)
            _add(self.bins, key, cell.intended)
            if block.kind == "mixed":
                _add(self.others[Clock.SENT], key, cell.sent)
                _add(self.others[Clock.SERVER], key, cell.server)
                self.told[cell.endpoint, cell.stream] += total(cell.server)
            counts = self.counts[block.kind, cell.endpoint, cell.stream]
            for name in ("requests", "errors", "timeouts", "legacy", "domain", "unwitnessed"):
                setattr(counts, name, getattr(counts, name) + getattr(cell, name))
            self.by_worker[block.worker] += cell.requests
            self.untimed += max(abs(cell.requests - total(bins)) for bins in (cell.intended, cell.sent))

    @property
    def is_whole(self) -> bool:
        """Whether the timetable was kept to the end of its plan; False where it ended when enough was known."""
        return self.end is None or self.end.stopped_after is None

    def held_back(self, endpoint: str | None) -> int:
        """Arrivals of an endpoint that a cap held back; None asks for no endpoint."""
        return self.end.skipped.get(endpoint, 0) if self.end is not None and endpoint is not None else 0

    @property
    def measured_s(self) -> float:
        """Length of the time blocks that came; 0 where the plan is not known."""
        return len(self.seen) * self.start.block_s if self.start else 0.0

    def plans(self, kind: str) -> bool:
        """Whether the timetable has blocks of a kind; True where the plan is not known."""
        return self.start is None or kind in self.start.kinds

    def kind_of(self, block: int) -> str | None:
        """Kind of a time block; None where the plan is not known."""
        return self.start.kinds[block] if self.start and block < len(self.start.kinds) else None

    @property
    def endpoints(self) -> list[str]:
        """The endpoints in the order of the plan, then any other that was seen."""
        planned = list(self.start.endpoints) if self.start else []
        return list(dict.fromkeys([*planned, *sorted({endpoint for _, _, endpoint, _ in self.bins})]))

    def has_server_times(self, endpoint: str) -> bool:
        """Whether the server told its own time for nearly all requests of an endpoint, on both arms."""
        arms = [(self.counts["mixed", endpoint, stream].requests, self.told[endpoint, stream]) for stream in STREAMS]
        return all(0 < LEAST_TOLD * asked <= told for asked, told in arms)

    def stratum(self, endpoint: str, clock: Clock = Clock.INTENDED) -> Stratum:
        """Both arms of an endpoint in the mixed blocks, block by block in time order."""
        by_key = self.bins if clock is Clock.INTENDED else self.others[clock]
        blocks = sorted({block for block, kind, _, _ in self.bins if kind == "mixed"})
        pairs = tuple(
            (
                by_key.get((block, "mixed", endpoint, "control"), {}),
                by_key.get((block, "mixed", endpoint, "candidate"), {}),
            )
            for block in blocks
        )
        return Stratum(blocks=pairs, group=str(self.percent))

    def pooled(self, kind: str, stream: str, endpoint: str | None = None) -> Histogram:
        """All requests of a stream in one kind of block."""
        found = (
            bins
            for (_, of_kind, name, of_stream), bins in self.bins.items()
            if of_kind == kind and of_stream == stream and endpoint in (None, name)
        )
        return merge(*found)

    def per_block(self, kind: str, stream: str) -> list[Bins]:
        """Per block of a kind, all endpoints of a stream together."""
        found: dict[int, list[Bins]] = {}
        for (block, of_kind, _, of_stream), bins in self.bins.items():
            if of_kind == kind:
                of_block = found.setdefault(block, [])
                if of_stream == stream:
                    of_block.append(bins)
        return [merge(*found[block]) for block in sorted(found)]

    def in_usual_mix(self, stream: str) -> list[Bins]:
        """Per mixed block, all endpoints of a stream, each with the share that it has among the requests of control
        alone; in hundredths of requests.

        Later mixed blocks ask open endpoints more often. Held against blocks of the usual mix as they stand, they would
        look slower or faster for what they asked, not for how it was served.
        """
        usual: dict[str, int] = defaultdict(int)
        found: dict[int, dict[str, Bins]] = {}
        for (block, kind, name, of_stream), bins in self.bins.items():
            if kind == "mixed":
                of_block = found.setdefault(block, {})
                if of_stream == stream:
                    of_block[name] = bins
            elif (kind, of_stream) == ("control", "control"):
                usual[name] += total(bins)
        return [_reweighted(found[block], usual) for block in sorted(found)]

    def per_block_pairs(self) -> list[tuple[Bins, Bins]]:
        """Per mixed block, all endpoints of control and of candidate in their usual mix."""
        control, candidate = (self.in_usual_mix(stream) for stream in STREAMS)
        return list(zip(control, candidate, strict=True))

    def sum(self, stream: str, endpoint: str | None = None) -> Counts:
        """Counts of a stream over all kinds of blocks."""
        result = Counts()
        for (_, name, of_stream), counts in self.counts.items():
            if of_stream == stream and endpoint in (None, name):
                for attribute in ("requests", "errors", "timeouts", "legacy", "domain", "unwitnessed"):
                    setattr(result, attribute, getattr(result, attribute) + getattr(counts, attribute))
        return result


def _reweighted(block: Mapping[str, Bins], usual: Mapping[str, int]) -> Bins:
    """A block's endpoints together, in hundredths of requests; as they stand where nothing is known of the mix."""
    there = {name: total(bins) for name, bins in block.items() if bins}
    wanted = {name: usual.get(name, 0) for name in there}
    if not any(wanted.values()):
        wanted = there
    parts = []
    for name, requests in there.items():
        weight = 100 * sum(there.values()) * wanted[name] / sum(wanted.values()) / requests
        bins = Histogram.of(block[name])
        parts.append(Histogram(bins.numbers, np.rint(weight * bins.counts).astype(np.int64)))
    return merge(*parts)


def _add(to: dict[Key, Bins], key: Key, bins: Bins) -> None:
    """Add a worker's histogram; the only one is kept as it is, for copies are most of what judging would hold."""
    known = to.get(key)
    to[key] = bins if known is None else merge(known, bins)


def gather(evidence: Evidence) -> list[StageLoad]:
    """The stages of a run in ascending order."""
    return gather_stages(evidence.load_starts, evidence.load_blocks, evidence.load_ends)


def gather_stages(
    starts: Iterable[LoadStart], blocks: Iterable[LoadBlock], ends: Iterable[LoadEnd] = ()
) -> list[StageLoad]:
    """The stages of these records in ascending order."""
    stages: dict[int, StageLoad] = {}
    for start in starts:
        stages.setdefault(start.stage_percent, StageLoad(start.stage_percent)).start = start
    for block in blocks:
        stages.setdefault(block.stage_percent, StageLoad(block.stage_percent)).add(block)
    for end in ends:
        stages.setdefault(end.stage_percent, StageLoad(end.stage_percent)).end = end
    return [stages[percent] for percent in sorted(stages)]
