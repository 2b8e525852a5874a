"""Leads a stage on the master or the local runner: tells workers what to do, begins together, gathers, ends."""

from __future__ import annotations

import logging
import math
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from loadtests.collector import Collector, farewell_from_wire, report_from_wire
from loadtests.onlooker import Onlooker
from loadtests.options import StageOptions, own_catalog
from loadtests.pools import Made as Twin
from loadtests.pools import makings
from loadtests.stages import END, FAVOUR, GO, PREPARE, Assignment, new_run_token
from loadtests.timetable import CONTROL_ONLY, StagePlan, block_kinds
from loadtests.verdict import open_folder
from verification.core.errors import GateError, TargetError, UsageError
from verification.core.journal import Made, Note, forget
from verification.core.model import Arm
from verification.core.records import LoadFavour, LoadStart
from verification.evidence import EVIDENCE_DIR, EvidenceWriter, read_manifest
from verification.journal import JournalWriter

BEGIN_IN_S = 1.0
"""Between the last worker's readiness and the first request. A delay and not a time of day: hosts' clocks differ."""
MARGIN_S = 60.0
_CONNECT_TIMEOUT_S = 5.0

logger = logging.getLogger("loadtests")

Twins = tuple[Twin, ...]
"""What a worker made."""
SendTo = Callable[[str, dict[str, Any], str], None]
"""Sends a message to one worker, by Locust's id of it."""


@dataclass(slots=True)
class Coordinator:
    """One stage on the master or the local runner."""

    options: StageOptions
    clients: tuple[str, ...]
    """Locust's ids of the workers, in the order of their names w0, w1, ..."""
    send_to: SendTo
    on_progress: Callable[[str], None]
    remove: Callable[[Twins], tuple[str, ...]]
    """Removes twins that nobody else will, and names what is left."""
    run_dir: Path = field(init=False)
    assigned: bool = False
    """True once workers were told what to do."""
    over: bool = False
    cut_short: bool = False
    """True once a worker has parted before the end of its timetable."""
    failure: str | None = None
    """Why the stage could not be measured; None while it can."""
    collector: Collector = field(init=False)
    _plan: StagePlan = field(init=False)
    _writer: EvidenceWriter = field(init=False)
    _unready: set[str] = field(init=False)
    _deadline_s: float = math.inf
    _begun: bool = False
    _ended: bool = False
    _twins: dict[str, Twins] = field(default_factory=dict)
    _told: int = 0
    _onlooker: Onlooker | None = None
    _first_block_s: float = math.inf
    """When the first time block began, on the monotonic clock."""
    _stopped_after: int | None = None
    _favoured: tuple[str, ...] = ()
    _run: str = field(init=False)
    _journal: JournalWriter | None = None  # none for a target that is thrown away afterwards
    _note: Note = forget

    def __post_init__(self) -> None:
        options = self.options
        self.run_dir = options.run_dir or Path("reports") / f"load-{datetime.now(UTC):%Y%m%d-%H%M%S}-{new_run_token()}"
        self._plan = StagePlan(
            stage_percent=options.stage_percent,
            seed=options.seed,
            rate_per_s=options.rate_per_s,
            block_s=options.block_s,
            kinds=(CONTROL_ONLY,) * len(options.ramp_rates)
            or block_kinds(options.blocks, options.seed, options.stage_percent, natural=options.routing.flag),
            warm_up_s=options.warm_up_s,
            drain_s=options.drain_s,
            ramp_rates=options.ramp_rates,
        )
        names = tuple(f"w{number}" for number in range(len(self.clients)))
        _refuse_to_mix(self.run_dir / EVIDENCE_DIR / f"{options.evidence_name}.jsonl")
        open_folder(self.run_dir, options)
        # Stages of one run share its tag, and no name of theirs may be taken already.
        self._run = f"{read_manifest(self.run_dir).tag or 'untagged'}-{new_run_token()}"
        self._writer = EvidenceWriter(self.run_dir, options.evidence_name)
        if options.max_rules is not None:
            self._journal = JournalWriter(self.run_dir, options.evidence_name)
            self._note = self._journal.note
        self.collector = Collector(options.stage_percent, names, self._writer.append)
        self._unready = set(names)

    def start(self) -> None:
        """Write the opening record and send every worker its assignment."""
        options, plan = self.options, self._plan
        self._writer.append(
            LoadStart(
                plan.stage_percent,
                plan.seed,
                plan.rate_per_s,
                plan.block_s,
                plan.kinds,
                options.endpoints,
                len(self.clients),
                version("locust"),
                options.capped,
            )
        )
        self._deadline_s = perf_counter() + MARGIN_S + plan.warm_up_s + plan.measured_s + plan.drain_s
        try:
            _reach(options.host)
        except TargetError as error:
            self.abort(str(error))
            return
        workers = len(self.clients)
        if workers > (options.max_in_flight or workers):
            self.abort(f"{workers} workers are more than the {options.max_in_flight} requests that may be under way.")
            return
        self.assigned = True
        for number, client in enumerate(self.clients):
            assignment = Assignment(
                plan=plan,
                worker=number,
                workers=workers,
                run=self._run,
                host=options.host,
                endpoints=options.endpoints,
                error_status_from=options.error_status_from,
                max_rules=_share(options.max_rules, number, workers),
                max_twins=options.max_twins,
                max_in_flight=_share(options.max_in_flight, number, workers),
                server_time_header=options.server_time_header,
                max_body_bytes=options.max_body_bytes,
                witness=options.witness,
                routing=options.routing,
                raw_samples=str(options.raw_samples.resolve()) if options.raw_samples else None,
            )
            # Workers may be on other hosts; what they will make stands in the journal here before they hear of it.
            for making in makings(own_catalog(), assignment.endpoints, assignment.prefix, assignment.pool_size):
                self._note(making)
            self.send_to(PREPARE, assignment.to_wire(), client)

    def ready(self, worker: str, failure: str | None, twins: Iterable[Iterable[str]]) -> None:
        """A worker has set up or failed to; when all have, the timetable begins on all of them."""
        self._twins[worker] = tuple((resource, name, arm) for resource, name, arm in twins)
        for resource, actual, home in self._twins[worker]:
            self._note(Made(resource, actual, Arm(home)))
        if failure is not None:
            self.abort(failure)
        self._unready.discard(worker)
        self._begin_when_ready()

    def receive(self, data: dict[str, Any]) -> None:
        """A worker's report. A disk that takes no more ends the stage; what was written before is kept."""
        try:
            self.collector.receive(report_from_wire(data))
        except GateError as error:
            self.abort(str(error))

    def part(self, data: dict[str, Any]) -> None:
        """A worker's farewell."""
        farewell = farewell_from_wire(data)
        self.collector.part(farewell)
        # A worker may part before the test is known to be stopped; half a timetable is never a whole stage.
        self.cut_short = self.cut_short or not farewell.complete
        self._see_whether_over()

    def watch(self, alive: frozenset[str]) -> None:
        """Called every second with the ids of the workers that are still there."""
        for number, client in enumerate(self.clients):
            name = f"w{number}"
            if client not in alive and name in self.collector.waiting_for:
                logger.error("Worker %s (%s) is gone; the stage is measured to its end without it.", name, client)
                self.collector.lose(name)
                self._unready.discard(name)
                self._begin_when_ready()
        if perf_counter() > self._deadline_s:
            self.abort(f"The stage was not over {MARGIN_S:g} s after its planned end; workers may hang.")
        self._favour()
        self._end_early()
        self._see_whether_over()
        self._tell()

    def abort(self, reason: str) -> None:
        """Give the stage up; the first reason stays."""
        if self.failure is None:
            self.failure = reason
            logger.error("%s", reason)
        self.over = True

    def end(self, *, interrupted: bool) -> None:
        """Write the closing record, once. `interrupted` tells that the test was stopped before the stage was over."""
        if self._ended:
            return
        self._ended = True
        if (interrupted or self.cut_short) and self.failure is None:
            self.failure = "The load was stopped before its end."
        self.over = True
        if self._onlooker is not None:
            self._onlooker.close()
        try:
            end = self.collector.end(self.failure)
            leftover = (*end.leftover, *self._orphans())
            self._writer.append(replace(end, leftover=leftover, stopped_after=self._stopped_after))
        except GateError as error:
            self.failure = str(error)
            logger.error("%s", error)  # a full disk needs its sentence, not our stack
        finally:
            self._writer.close()
            if self._journal is not None:
                self._journal.close()

    def missed(self, alive: frozenset[str]) -> bool:
        """True while a worker that is still there has not said farewell."""
        waiting = self.collector.waiting_for
        return any(client in alive and f"w{number}" in waiting for number, client in enumerate(self.clients))

    def _begin_when_ready(self) -> None:
        if self._unready or self._begun or self.over:
            return
        self._begun = True
        for client in self.clients:
            self.send_to(GO, {"begin_in_s": BEGIN_IN_S}, client)
        plan = self._plan
        self._first_block_s = perf_counter() + BEGIN_IN_S + plan.warm_up_s
        if not self.options.whole and plan.stage_percent > 0:
            longest_s = self._deadline_s - perf_counter()
            self._onlooker = Onlooker(self.run_dir, self.options.evidence_name, plan.stage_percent, longest_s)

    def _favour(self) -> None:
        """Send later requests where the verdict is open, as soon as it is decided elsewhere."""
        found = self._onlooker.open if self._onlooker is not None else ()
        if found == self._favoured or not 0 < len(found) < len(self.options.endpoints):
            return
        self._favoured = found
        from_block = self._block_now() + 2
        self._writer.append(LoadFavour(self._plan.stage_percent, from_block, found))
        for client in self.clients:
            self.send_to(FAVOUR, {"endpoints": found, "from_block": from_block}, client)

    def _block_now(self) -> int:
        return math.floor((perf_counter() - self._first_block_s) / self._plan.block_s)

    def _end_early(self) -> None:
        """Shorten the timetable once it has said enough; what is under way still counts."""
        because = self._onlooker.ends_because if self._onlooker is not None else ""
        # Near to the end, a worker that hears of it late would have more blocks than the others.
        if because and self._stopped_after is None and (blocks := self._block_now() + 2) + 1 < len(self._plan.kinds):
            self._stopped_after = blocks
            self.on_progress(f"stage {self._plan.stage_percent} %: {because}; ends after {blocks} blocks")
            for client in self.clients:
                self.send_to(END, {"blocks": blocks}, client)

    def _see_whether_over(self) -> None:
        if not self.collector.waiting_for:
            self.over = True

    def _orphans(self) -> tuple[str, ...]:
        """What workers left behind that never came to remove it."""
        left: list[str] = []
        for worker in self.collector.unparted if self.assigned else ():
            known = self._twins.get(worker)
            left += self.remove(known) if known is not None else (f"whatever is named gate-{self._run}-{worker}-*",)
        return tuple(left)

    def _tell(self) -> None:
        total = (self._stopped_after or len(self._plan.kinds)) * len(self.clients)
        tenth = self.collector.blocks * 10 // total
        if tenth > self._told:
            self._told = tenth
            self.on_progress(
                f"stage {self._plan.stage_percent} %: {self.collector.blocks}/{total} time blocks, "
                f"{self.collector.requests} requests, {self.collector.failures} errors{self._still_open()}"
            )

    def _still_open(self) -> str:
        open_ones = len(self._onlooker.open) if self._onlooker is not None else 0
        return f", P95 of {open_ones} endpoints not decided" if open_ones else ""


def _refuse_to_mix(path: Path) -> None:
    if path.exists() and path.stat().st_size:
        raise UsageError(
            f"{path} holds the evidence of an earlier stage. Name another folder with --run-dir, or another file with "
            "--evidence-name; nothing was sent."
        )


def _share(cap: int | None, number: int, workers: int) -> int | None:
    return None if cap is None else cap // workers + (number < cap % workers)


def _reach(host: str) -> None:
    """TargetError when nothing listens there, before any worker begins."""
    parts = urlsplit(host)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise TargetError(
            f"The target {parts.scheme}://{parts.hostname}:{port} cannot be reached: {error.strerror or error}. "
            "Start it, or check --host."
        ) from error
