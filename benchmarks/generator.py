"""What sending and recording the gate's load costs the client, beside a plain FastHttpUser of Locust's.

    python -m benchmarks.generator [--rounds 8] [--seconds 1.5] [--json FILE]

One process asks one small server, as fast as ten greenlets can, in rounds of three kinds in random order:

plain       FastHttpUser as anybody uses it: its client, and Locust's own statistics
recorded    the same, and each request goes to the gate's recorder (three clocks, witness, time block)
gate        as the gate sends it: drawn from the timetable, a greenlet of its own, its client, recorder and statistics

Counted are requests for each CPU second of the client, which the server and other work on the machine hardly change;
each figure is the median over the rounds of a round's number over that of the plain round beside it.
Exit code 0 when every figure is met.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import gevent
from gevent.pool import Pool
from locust import FastHttpUser
from locust.env import Environment

from benchmarks.figure import Figure, write
from loadtests.client import Client
from loadtests.recorder import Outcome, Recorder
from loadtests.timetable import MIXED, Source, StagePlan, arrivals
from verification.core.cases import RequestSpec
from verification.core.model import Arm

BACKEND = Path(__file__).resolve().parents[1] / "tests" / "load" / "tiny_backend.py"
ENDPOINT, PATH = "GET /cameras/{id}/status", "/api/v1/cameras/one/status"
GREENLETS = 10
MOST_RECORDING_COST = 0.05
PLAIN, RECORDED, GATE = "plain", "recorded", "gate"


@dataclass(frozen=True, slots=True)
class Row:
    """One round: what was asked, in which time."""

    kind: str
    requests: int
    cpu_s: float
    wall_s: float

    @property
    def per_cpu_second(self) -> float:
        """Requests for each second of the client's processor time."""
        return self.requests / self.cpu_s


class Bench:
    """A client process with everything that a round needs."""

    def __init__(self, host: str) -> None:
        self.host = host
        user_class = type("PlainUser", (FastHttpUser,), {"host": host, "abstract": False})
        self.environment = Environment(user_classes=[user_class])
        # The runner is what makes Locust keep its statistics.
        self.environment.create_local_runner()
        self.user: Any = user_class(self.environment)
        gate_user: Any = user_class(self.environment)
        self.client = Client(gate_user.client, host, "Server-Timing")
        self.recorder = Recorder(25, (MIXED,), "w0")

    def plain(self, stop_at: float) -> int:
        """Closed loops of a plain user."""
        return self._loops(stop_at, lambda: self.user.client.get(PATH, name=ENDPOINT))

    def recorded(self, stop_at: float) -> int:
        """The same, each request recorded."""

        def ask() -> None:
            sent = perf_counter()
            response = self.user.client.get(PATH, name=ENDPOINT)
            took_ms = (perf_counter() - sent) * 1000
            recorder.start(0)
            outcome = Outcome(took_ms, took_ms, took_ms, response.headers.get("X-Served-By"), False, False)
            recorder.finish(0, ENDPOINT, "candidate", outcome)

        recorder = self.recorder
        return self._loops(stop_at, ask)

    def gate(self, stop_at: float) -> int:
        """The timetable without its waiting."""
        plan = StagePlan(25, 1, 1e6, 1e6, (MIXED,), 0.0, 10.0)
        sources = (Source(ENDPOINT, 1.0, (RequestSpec("GET", PATH),)),)
        in_flight, asked = Pool(GREENLETS), 0
        for arrival in arrivals(plan, sources, 0, 1, {"run": "bench", "absent": "none"}):
            if perf_counter() >= stop_at:
                break
            asked += 1
            in_flight.spawn(self._ask, arrival.request, arrival.arm)
        in_flight.join()
        return asked

    def _ask(self, request: Any, arm: Arm | None) -> None:
        reply = self.client.ask(request, arm, 10.0)
        took_ms = (reply.done_at_s - reply.sent_at_s) * 1000
        self.recorder.start(0)
        outcome = Outcome(took_ms, took_ms, reply.server_ms, reply.served_by, not reply.ok, reply.timed_out)
        self.recorder.finish(0, ENDPOINT, "candidate", outcome)
        request_event: Any = self.environment.events.request  # its methods carry no types
        request_event.fire(
            request_type=request.method, name=ENDPOINT, response_time=took_ms, response_length=reply.length,
            exception=None, context={},
        )  # fmt: skip

    def _loops(self, stop_at: float, ask: Callable[[], object]) -> int:
        asked = count()

        def loop() -> None:
            while perf_counter() < stop_at:
                ask()
                next(asked)

        gevent.joinall([gevent.spawn(loop) for _ in range(GREENLETS)], raise_error=True)
        return next(asked)


@contextmanager
def _server() -> Iterator[str]:
    words = [sys.executable, str(BACKEND), "--delay-ms", "0"]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{int(server.stdout.readline())}" if server.stdout else ""
    finally:
        server.kill()
        server.wait()


def measure(bench: Bench, kind: str, seconds: float) -> Row:
    """One round."""
    cpu, wall = process_time(), perf_counter()
    requests: int = getattr(bench, kind)(wall + seconds)
    return Row(kind, requests, process_time() - cpu, perf_counter() - wall)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 0 when every figure is met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generator", description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=1.5, help="length of a round of one kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=Path("reports/benchmarks/generator.json"))
    options = parser.parse_args(arguments)
    draw = random.Random(options.seed)
    rows: list[Row] = []
    with _server() as host:
        bench = Bench(host)
        for kind in (PLAIN, RECORDED, GATE):
            measure(bench, kind, 0.5)
        for _ in range(options.rounds):
            kinds = draw.sample((PLAIN, RECORDED, GATE), 3)
            rows += [measure(bench, kind, options.seconds) for kind in kinds]
    by_kind = {kind: [row.per_cpu_second for row in rows if row.kind == kind] for kind in (PLAIN, RECORDED, GATE)}
    shares = {
        kind: statistics.median(mine / plain for mine, plain in zip(by_kind[kind], by_kind[PLAIN], strict=True))
        for kind in by_kind
    }
    for kind, each in by_kind.items():
        print(
            f"{kind:12}{statistics.median(each):>8.0f} requests for each CPU second of the client, {shares[kind]:.3f}"
        )
    table = [Figure("throughput with recording", shares[RECORDED], 1 - MOST_RECORDING_COST, 2, "generator", "of plain")]
    for figure in table:
        print(f"{figure.configuration:12}{figure.figure:32}{figure.scope:16}{figure.told}")
    return write(options.json, table, rows, seed=options.seed, shares=shares)


if __name__ == "__main__":
    sys.exit(main())
