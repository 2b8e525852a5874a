"""One worker's part in a stage: set up, keep the timetable, drain, clean up, tell what was seen."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time, time
from typing import Any, TextIO

import gevent
from gevent.event import AsyncResult, Event
from gevent.lock import RLock
from gevent.pool import Pool
from locust.contrib.fasthttp import FastHttpSession

from loadtests.client import Client
from loadtests.collector import Farewell, Report, to_wire
from loadtests.options import MAX_IN_FLIGHT
from loadtests.pools import Pools, load_name
from loadtests.recorder import Outcome, Recorder
from loadtests.reply import Reply
from loadtests.timetable import WARM_UP, Arrival, Source, StagePlan, arrivals
from verification.core.arms import Routing
from verification.core.cases import Catalog
from verification.core.errors import GateError
from verification.core.model import Arm, Request
from verification.core.witness import Witness
from verification.settings import handed_settings
from verification.settings.authentication import authentication

SET_UP_TIMEOUT_S = 20.0
TIMER_ERROR_S = 0.001
DEAD_AFTER_S, DEAD_AFTER_REQUESTS = 5.0, 20
"""So long and so often without a single answer, of either arm, and the target counts as gone."""
READY, REPORT, FAILED, DONE = "gate_ready", "gate_report", "gate_failed", "gate_done"
"""Messages from a worker."""
PREPARE, GO, FAVOUR, END, STOP = "gate_prepare", "gate_go", "gate_favour", "gate_end", "gate_stop"
"""Messages to a worker: FAVOUR says what to ask more often, END shortens the timetable, STOP breaks it off."""

Send = Callable[[str, dict[str, Any]], None]
Observe = Callable[[Arrival, Outcome, Reply], None]


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker is told: the plan that all share, and its own place in it."""

    plan: StagePlan
    worker: int
    workers: int
    run: str
    host: str
    endpoints: tuple[str, ...]
    error_status_from: int
    max_rules: int | None
    """This worker's share; None: unlimited."""
    max_twins: int
    max_in_flight: int | None
    """This worker's share; None: no cap of the target's."""
    server_time_header: str
    max_body_bytes: int
    witness: Witness
    routing: Routing
    raw_samples: str | None

    @property
    def name(self) -> str:
        """The worker's name in the evidence."""
        return f"w{self.worker}"

    @property
    def pool_size(self) -> int:
        """The largest pool of this worker."""
        return max(1, self.max_twins // self.workers)

    @property
    def prefix(self) -> str:
        """Begins the name of everything that the worker makes."""
        return f"gate-{self.run}-{self.name}"

    def to_wire(self) -> dict[str, Any]:
        """As plain dicts and lists, for Locust's msgpack."""
        return asdict(self)

    @staticmethod
    def from_wire(data: Mapping[str, Any]) -> Assignment:
        """The assignment that `to_wire` took apart."""
        told = data["plan"]
        plan = StagePlan(**{**told, "kinds": tuple(told["kinds"]), "ramp_rates": tuple(told["ramp_rates"])})
        parts = {"witness": Witness(**data["witness"]), "routing": Routing(**data["routing"])}
        return Assignment(**{**data, "plan": plan, "endpoints": tuple(data["endpoints"]), **parts})


class WorkerStage:
    """One worker's stage, from its assignment to its farewell. `observe` hears of every recorded request."""

    def __init__(
        self, assignment: Assignment, catalog: Catalog, session: FastHttpSession, send: Send, observe: Observe
    ):
        self._assignment = assignment
        self._catalog = catalog
        self._send = send
        self._observe = observe
        # Each worker reads what authenticates it where it runs: a secret is not sent from one to the other.
        headers = authentication(handed_settings().target.authentication)
        self._client = Client(
            session,
            assignment.host,
            assignment.server_time_header,
            assignment.witness,
            assignment.routing,
            headers,
            assignment.max_body_bytes,
        )
        self._prefix = assignment.prefix
        # An embedded target, which has no cap, ends with all that it holds.
        remembers = assignment.max_rules is not None
        self._pools = Pools(catalog, self._ask_for_set_up, self._prefix, assignment.pool_size, remembers=remembers)
        self._recorder = Recorder(assignment.plan.stage_percent, assignment.plan.kinds, assignment.name)
        self._in_flight = Pool(min(MAX_IN_FLIGHT, assignment.max_in_flight or MAX_IN_FLIGHT))
        self._samples = _Samples(assignment) if assignment.raw_samples else None
        self._creations = 0
        self._answered_at_s = perf_counter()
        self._unanswered = 0
        self._gone = False
        self._reports = self._sent = 0
        self._cpu_percent = self._clock_step_s = 0.0
        self._closing = RLock()
        self._closed = False
        self._complete = False
        self._blocks = len(assignment.plan.kinds)
        self._favours: list[tuple[int, frozenset[str]]] = []
        self.go: AsyncResult[float] = AsyncResult()
        """Set to the seconds until the timetable begins."""
        self.over = Event()

    def run(self) -> None:
        """Carry the stage out; returns when it is over. A failed set-up is reported, not raised."""
        try:
            sources = self._set_up()
            if sources is not None:
                self._keep(sources, perf_counter() + float(self.go.get()))
        finally:
            self.close()

    def favour(self, endpoints: Iterable[str], from_block: int) -> None:
        """Ask these endpoints more often, from that time block on."""
        self._favours.append((from_block, frozenset(endpoints)))

    def _favoured(self, block: int) -> frozenset[str]:
        said = [endpoints for from_block, endpoints in self._favours if from_block <= block]
        return said[-1] if said else frozenset()

    def end_after(self, blocks: int) -> None:
        """Keep the timetable for the first `blocks` time blocks only."""
        self._blocks = min(self._blocks, blocks)

    def close(self) -> None:
        """End at once if still under way, remove what was made, report the rest and say farewell; once only."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._in_flight.kill()
            leftover = self._pools.remove()
            recorder = self._recorder
            report = self.report()
            if report is not None:
                self._send(REPORT, to_wire(report))
            farewell = Farewell(
                worker=self._assignment.name,
                reports=self._reports,
                sent=self._sent,
                scheduled=recorder.scheduled,
                finished=recorder.finished,
                dropped=recorder.dropped,
                skipped=dict(recorder.skipped),
                lag_p95_ms=recorder.lag_p95_ms,
                cpu_percent=self._cpu_percent,
                leftover=leftover,
                clock_step_s=self._clock_step_s,
                complete=self._complete or self._gone,
            )
            if self._samples is not None:
                self._samples.close()
            self._send(DONE, to_wire(farewell))
            self.over.set()

    def report(self) -> Report | None:
        """What was finished since the last report; None when nothing was."""
        blocks = tuple(self._recorder.take())
        if not blocks:
            return None
        self._reports += 1
        self._sent += sum(cell.requests for block in blocks for cell in block.cells)
        return Report(self._assignment.name, self._reports, self._sent, blocks)

    def _ask_for_set_up(self, request: Request, arm: Arm) -> Reply:
        return self._client.ask(request, arm, SET_UP_TIMEOUT_S)

    def _set_up(self) -> tuple[Source, ...] | None:
        failure, sources = None, None
        try:
            sources = self._pools.fill([self._catalog.endpoint(name) for name in self._assignment.endpoints])
        except GateError as error:
            failure = str(error)
        self._send(READY, {"worker": self._assignment.name, "failure": failure, "twins": self._pools.made})
        return sources

    def _keep(self, sources: tuple[Source, ...], begin: float) -> None:
        """Send every request when it is due, whatever became of the earlier ones; then wait for the last answers."""
        plan, recorder = self._assignment.plan, self._recorder
        names = {"run": load_name(self._prefix), "absent": f"{self._prefix}-absent"}
        first_block = self._answered_at_s = begin + plan.warm_up_s
        cpu_before_s, clock_before_s, wall_before_s = process_time(), perf_counter(), time()
        own = self._assignment
        for arrival in arrivals(plan, sources, own.worker, own.workers, names, self._favoured):
            due = first_block + arrival.due_s
            _wait_until(due)
            if arrival.block >= self._blocks:
                break
            recorder.enter(arrival.block)
            self._begin(arrival, due)
        gevent.sleep(max(first_block + plan.block_s * self._blocks - perf_counter(), 0))
        recorder.complete(self._blocks)
        took_s = perf_counter() - clock_before_s
        self._cpu_percent = 100 * (process_time() - cpu_before_s) / took_s
        self._clock_step_s = time() - wall_before_s - took_s
        # Every request has its own limit of drain_s; the second more is for a scheduler that is late.
        self._in_flight.join(timeout=plan.drain_s + 1)
        self._complete = True

    def _begin(self, arrival: Arrival, due: float) -> None:
        cap = self._assignment.max_rules
        if arrival.creates is not None:
            if cap is not None and self._creations >= cap:
                self._recorder.skip(arrival.block, arrival.endpoint)
                return
            self._creations += 1
        if self._in_flight.full():
            self._recorder.drop(arrival.block)
            return
        self._recorder.start(arrival.block)
        self._in_flight.spawn(self._exchange, arrival, due)

    def _exchange(self, arrival: Arrival, due: float) -> None:
        begun = perf_counter()
        if arrival.block != WARM_UP:
            self._recorder.lag((begun - due) * 1000)
        reply = self._client.ask(arrival.request, arrival.arm, self._assignment.plan.drain_s)
        outcome = Outcome(
            intended_ms=(reply.done_at_s - due) * 1000,
            sent_ms=(reply.done_at_s - reply.sent_at_s) * 1000,
            server_ms=reply.server_ms,
            served_by=reply.served_by,
            failed=reply.is_error(self._assignment.error_status_from) and not reply.timed_out,
            timed_out=reply.timed_out,
        )
        self._notice(reply)
        if arrival.creates is not None and reply.ok:
            self._pools.created(arrival.creates, reply.body, arrival.arm or Arm.CONTROL)
        if arrival.block == WARM_UP:
            return
        self._recorder.finish(arrival.block, arrival.endpoint, arrival.stream, outcome)
        if self._samples is not None:
            self._samples.add(arrival, due, outcome)
        self._observe(arrival, outcome, reply)

    def _notice(self, reply: Reply) -> None:
        """Tell the leader, once, that the target is gone; going on would only fill the evidence with errors."""
        if reply.status:
            self._answered_at_s, self._unanswered = reply.done_at_s, 0
            return
        self._unanswered += 1
        silent_s = reply.done_at_s - self._answered_at_s
        if silent_s > DEAD_AFTER_S and self._unanswered >= DEAD_AFTER_REQUESTS and not self._gone:
            self._gone = True
            asked = f"{self._unanswered} requests in {silent_s:.0f} s, the last: {reply.failure}"
            self._send(FAILED, {"reason": f"The target stopped answering: {asked}."})


class _Samples:
    """Raw times of every request in a file of its own, to check the histograms against."""

    def __init__(self, assignment: Assignment) -> None:
        path = Path(str(assignment.raw_samples))
        path = path.with_name(f"{path.stem}-{assignment.name}{path.suffix}")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = path.open("w", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file)
        self._rows.writerow(("endpoint", "stream", "block", "due_s", "intended_ms", "sent_ms", "failed"))

    def add(self, arrival: Arrival, due: float, outcome: Outcome) -> None:
        lost = outcome.failed or outcome.timed_out
        which = arrival.endpoint, arrival.stream, arrival.block
        self._rows.writerow((*which, due, outcome.intended_ms, outcome.sent_ms, int(lost)))

    def close(self) -> None:
        self._file.close()


def _wait_until(due: float) -> None:
    """Sleep until `due` on the monotonic clock; answers are let in even when it has passed.

    The event loop's timers end up to 1 ms late, which would be 5 % of a P95 of 20 ms. So the last millisecond is spent
    in empty turns of the loop: half a millisecond of CPU for each arrival, and a lag of some 0.1 ms.
    """
    gevent.sleep(max(due - perf_counter() - TIMER_ERROR_S, 0))
    while perf_counter() < due:
        gevent.sleep(0)


def new_run_token() -> str:
    """A short token that makes the names of this run's twins its own, even when a seed is used twice."""
    return f"{int(time() * 1000) & 0xFFFFFFFF:08x}"
