"""One stage under load: `locust -f loadtests/locustfile.py --headless --host URL --stage PERCENT`.

Sends an open-loop timetable to both arms side by side, writes evidence, and exits with the gate's code: 0 PROMOTE,
10 HOLD, 11 INCONCLUSIVE, 12 ROLLBACK, 2 interrupted or misused.
Works alone, with --processes and with --master/--worker.

How a stage runs: the master (or the local runner) sends every worker its assignment; a worker makes its twins and says
it is ready; when all are, they begin together; finished time blocks go to the master, which writes them; then the
worker removes its twins and says farewell.
"""

from __future__ import annotations

import signal
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import gevent
import locust.stats
from locust import FastHttpUser, LoadTestShape, events, task
from locust.env import Environment
from locust.runners import STATE_MISSING, LocalRunner, MasterRunner, WorkerRunner

if (root := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.insert(0, root)  # `locust -f` from another folder, without an installed package

from loadtests.collector import to_wire
from loadtests.coordinator import Coordinator
from loadtests.options import MAX_IN_FLIGHT, add_to, endpoints_for, own_catalog, stage_options
from loadtests.orphans import remover
from loadtests.recorder import Outcome
from loadtests.reply import Reply
from loadtests.stages import (
    DONE,
    END,
    FAILED,
    FAVOUR,
    GO,
    PREPARE,
    READY,
    REPORT,
    STOP,
    Assignment,
    WorkerStage,
)
from loadtests.timetable import Arrival
from loadtests.verdict import stage_verdict
from verification.core.errors import GateError
from verification.core.histogram import bin_of, quantile_ms
from verification.core.printable import visible
from verification.core.redact import redact_text
from verification.settings import handed_settings
from verification.settings.authentication import trusted

LOCAL_REPORT_INTERVAL_S = 1.0
FAREWELL_TIMEOUT_S = 15.0
LOCAL = "local"
INTERRUPTED = 2
"""Exit code of a run that was stopped by hand or could not be carried out as asked."""


class Process:
    """What this process holds of a stage: a worker's part, the leader's part, or both when it runs alone."""

    def __init__(self) -> None:
        self.assignment: Assignment | None = None
        self.stage: WorkerStage | None = None
        self.coordinator: Coordinator | None = None
        self.refused = False
        self.ending = False
        self.last_words: tuple[str, ...] = ()


process = Process()
hooks: Any = events  # the methods of its members carry no types


class OpenLoop(FastHttpUser):
    """The one user of each worker: it keeps the timetable. Each request has a greenlet of its own."""

    concurrency = MAX_IN_FLIGHT
    connection_timeout = network_timeout = 600.0  # the stage's own limit for a whole answer is always shorter
    insecure = False  # Locust's default believes any certificate

    @staticmethod
    def ssl_context_factory() -> ssl.SSLContext:
        """The certificates that the settings name, or the system's."""
        return trusted(handed_settings().target.ca_file)

    @task
    def keep_the_timetable(self) -> None:
        """Carry this worker's stage out, then wait to be stopped."""
        if process.stage is None and process.assignment is not None:
            runner = self.environment.runner
            process.stage = WorkerStage(
                process.assignment, own_catalog(), self.client, runner.send_message, _observer(self.environment)
            )
            if isinstance(runner, LocalRunner):
                gevent.spawn(_report_locally, process.stage, runner)
            process.stage.run()
        gevent.sleep(1)


class StageShape(LoadTestShape):
    """One user for each worker until the stage is over."""

    _users: int | None = None

    def tick(self) -> tuple[int, float] | None:
        """Called by Locust every second."""
        coordinator = process.coordinator
        if coordinator is not None:
            coordinator.watch(_alive(self.runner))
        if process.refused or (coordinator is not None and coordinator.over):
            self._users, process.refused = None, False
            return None
        if self._users is None:
            self._users = max(1, getattr(self.runner, "worker_count", 1))
        return self._users, float(self._users)


def _bucket(milliseconds: float) -> float:
    """Locust's own table on the gate's bins, instead of its two significant digits."""
    middle: float = quantile_ms({bin_of(max(milliseconds, 1e-3)): 1}, 0.5)
    return middle


def _init(environment: Any, **_: Any) -> None:
    runner = environment.runner
    if isinstance(runner, WorkerRunner | LocalRunner):
        runner.register_message(PREPARE, _prepare)
        runner.register_message(GO, _go)
        runner.register_message(FAVOUR, _favour)
        runner.register_message(END, _end_early)
    if isinstance(runner, WorkerRunner):
        runner.register_message(STOP, _stop, concurrent=True)
        hooks.report_to_master.add_listener(_add_report)
    if isinstance(runner, MasterRunner | LocalRunner):
        runner.register_message(READY, lambda msg, **_: _lead(lambda leader: leader.ready(**msg.data)))
        runner.register_message(REPORT, lambda msg, **_: _lead(lambda leader: leader.receive(msg.data)))
        runner.register_message(FAILED, lambda msg, **_: _lead(lambda leader: leader.abort(msg.data["reason"])))
        runner.register_message(DONE, lambda msg, **_: _lead(lambda leader: leader.part(msg.data)))
        hooks.test_start.add_listener(_lead_off)
        hooks.worker_report.add_listener(_hear_report)
    # Registered after the runner's own, and `quitting` is fired in reverse: we end before connections are cut.
    hooks.test_stopping.add_listener(_end)
    hooks.quitting.add_listener(_end)
    if not isinstance(runner, WorkerRunner) and environment.parsed_options.headless:
        # Locust installs its own only after a headless run is over; until then SIGTERM would leave our twins behind.
        gevent.signal_handler(signal.SIGTERM, lambda: gevent.spawn(runner.quit))
    hooks.quit.add_listener(_speak_last)


def _prepare(msg: Any, **_: Any) -> None:
    process.assignment, process.stage = Assignment.from_wire(msg.data), None


def _go(msg: Any, **_: Any) -> None:
    if process.stage is not None:
        process.stage.go.set(msg.data["begin_in_s"])


def _favour(msg: Any, **_: Any) -> None:
    if process.stage is not None:
        process.stage.favour(msg.data["endpoints"], msg.data["from_block"])


def _end_early(msg: Any, **_: Any) -> None:
    if process.stage is not None:
        process.stage.end_after(msg.data["blocks"])


def _stop(**_: Any) -> None:
    if process.stage is not None:
        process.stage.close()


def _add_report(data: dict[str, Any], **_: Any) -> None:
    report = process.stage.report() if process.stage is not None else None
    if report is not None:
        data[REPORT] = to_wire(report)


def _hear_report(data: dict[str, Any], **_: Any) -> None:
    if REPORT in data:
        _lead(lambda leader: leader.receive(data[REPORT]))


def _report_locally(stage: WorkerStage, runner: LocalRunner) -> None:
    while not stage.over.wait(LOCAL_REPORT_INTERVAL_S):
        report = stage.report()
        if report is not None:
            runner.send_message(REPORT, to_wire(report))


def _lead(step: Callable[[Coordinator], None]) -> None:
    if process.coordinator is not None:
        step(process.coordinator)


def _lead_off(environment: Environment, **_: Any) -> None:
    """The test starts: open the evidence and send the assignments."""
    runner: Any = environment.runner
    parsed = environment.parsed_options
    try:
        options = stage_options(parsed, environment.host, endpoints_for(parsed))
        clients = (
            (LOCAL,) if isinstance(runner, LocalRunner) else tuple(sorted(_alive(runner), key=runner.get_worker_index))
        )
        process.coordinator = Coordinator(
            options, clients, runner.send_message, _progress, remover(options, OpenLoop.ssl_context_factory)
        )
        process.coordinator.start()
    except GateError as error:
        print(error, file=sys.stderr, flush=True)
        environment.process_exit_code = INTERRUPTED
        process.refused = True


def _end(environment: Environment, **_: Any) -> None:
    """Whatever ends the test: workers clean up and report; the leader hears them out and ends the evidence."""
    coordinator = process.coordinator
    if process.ending:
        return  # a worker that quits now makes Locust stop, and come here, a second time
    process.ending = True
    interrupted = coordinator is not None and (
        not coordinator.over or (coordinator.cut_short and coordinator.failure is None)
    )
    try:
        if process.stage is not None:
            process.stage.close()
        if coordinator is not None:
            _conclude(environment, coordinator, interrupted=interrupted)
            process.coordinator = None
        elif isinstance(environment.runner, WorkerRunner):
            environment.process_exit_code = 0  # the verdict is the leader's
    finally:
        process.ending = False


def _conclude(environment: Environment, coordinator: Coordinator, *, interrupted: bool) -> None:
    if isinstance(environment.runner, MasterRunner):
        _hear_farewells(environment.runner, coordinator)
    coordinator.end(interrupted=interrupted)
    judgement = stage_verdict(coordinator.run_dir, coordinator.options.stage_percent)
    process.last_words = (
        *((coordinator.failure,) if coordinator.failure else ()),
        f"{judgement.verdict.value} for the load at {coordinator.options.stage_percent} %",
        *judgement.reasons,
        f"Evidence: {coordinator.run_dir}",
    )
    environment.process_exit_code = INTERRUPTED if interrupted else judgement.verdict.exit_code


def _hear_farewells(runner: MasterRunner, coordinator: Coordinator) -> None:
    """Let workers that are still there clean up and report, for a bounded time."""
    if coordinator.assigned:
        runner.send_message(STOP)
    give_up_at = perf_counter() + (FAREWELL_TIMEOUT_S if coordinator.assigned else 0)
    while perf_counter() < give_up_at and coordinator.missed(_alive(runner)):
        gevent.sleep(0.1)


def _alive(runner: Any) -> frozenset[str]:
    """Locust's ids of the workers that it still hears."""
    if not isinstance(runner, MasterRunner):
        return frozenset({LOCAL})
    return frozenset(client.id for client in runner.clients.all if client.state != STATE_MISSING)


def _observer(environment: Environment) -> Callable[[Arrival, Outcome, Reply], None]:
    """Tells Locust's own statistics, so that its table, UI, CSV and HTML show the same requests."""

    request: Any = environment.events.request

    def observe(arrival: Arrival, outcome: Outcome, reply: Reply) -> None:
        lost = outcome.failed or outcome.timed_out
        request.fire(
            request_type=arrival.request.method,
            name=arrival.endpoint,
            response_time=outcome.intended_ms,
            response_length=reply.length,
            exception=(reply.failure or f"status {reply.status}") if lost else None,
            context={"stream": arrival.stream},
        )

    return observe


def _speak_last(**_: Any) -> None:
    for line in process.last_words:
        _progress(line)


def _progress(line: str) -> None:
    print(visible(redact_text(line)), flush=True)


def _command_line(parser: Any, **_: Any) -> None:
    add_to(parser)


locust.stats.bucket_response_time = _bucket  # type: ignore[assignment]  # made to be replaced; keys may be floats
hooks.init_command_line_parser.add_listener(_command_line)
hooks.init.add_listener(_init)
