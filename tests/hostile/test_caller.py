"""Whatever a target does, its exchange is recorded in time, within its bound, and can be read back and judged."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.hostile.rows import MOST_BYTES, MOST_HEAD_BYTES, ROWS, Row
from tests.hostile.server import Conversation, HostileServer, head
from verification.core.model import Arm, Exchange, Request
from verification.core.records import ForcedCall
from verification.core.redact import Redactor
from verification.drive.caller import Caller
from verification.evidence import EvidenceWriter, read_file

TIMEOUT_S, LATE_S = 1.0, 1.0
ASK = Request("GET", "/cameras")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_hostile_answer_is_recorded_in_time_and_within_its_bound(row: Row, tmp_path: Path) -> None:
    with (
        HostileServer(row.behaviour) as server,
        Caller(server.url, Redactor(b"salt"), timeout_s=TIMEOUT_S, max_body_bytes=MOST_BYTES) as caller,
    ):
        begun = time.monotonic()
        exchange = caller.call(ASK, Arm.CONTROL)
        took_s = time.monotonic() - begun
    assert took_s < TIMEOUT_S + LATE_S
    assert (exchange.answer is None) is (exchange.failure is not None)
    if exchange.answer is None:
        assert isinstance(row.expected, str), exchange.failure
        assert row.expected in (exchange.failure or "")
        assert len(exchange.failure or "") < 1000
    else:
        assert exchange.answer.status == row.expected
        assert len(exchange.answer.raw) <= MOST_BYTES
        assert sum(len(name) + len(value) for name, value in exchange.answer.headers) <= MOST_HEAD_BYTES
    assert len(server.asked) == 1
    with EvidenceWriter(tmp_path, "main") as writer:
        writer.append(ForcedCall("force", 10, "GET /cameras", exchange))
        path = writer.path
    (read,) = read_file(path).records
    assert isinstance(read, ForcedCall)
    assert read.exchange == exchange


FORGED = b'{"forged": true}'
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n" + FORGED


@pytest.mark.parametrize(
    "first",
    [
        head("Content-Length: 2") + b"\r\nok",
        head("Content-Length: 0") + b"\r\n",
        head("Transfer-Encoding: chunked") + b"\r\n2\r\nok\r\n0\r\n\r\n",
        head(status="204 No Content") + b"\r\n",
    ],
    ids=["length", "no length", "chunks", "204"],
)
def test_the_rest_of_an_answer_is_never_taken_for_the_next_one(first: bytes) -> None:
    """Else one arm could answer for the other."""

    def behave(talk: Conversation) -> None:
        talk.send(first + WHOLE if len(server.asked) == 1 else head("Content-Length: 4") + b"\r\ntrue")

    with HostileServer(behave) as server, Caller(server.url, Redactor(b"salt"), timeout_s=TIMEOUT_S) as caller:
        exchanges = [caller.call(ASK, Arm.CONTROL) for _ in range(3)]
    assert exchanges[0].answer is not None
    assert "longer than it said" in (exchanges[1].failure or "")
    assert exchanges[2].answer is not None
    assert exchanges[2].answer.body == "true"


def test_connections_are_kept_between_requests() -> None:
    connections: set[int] = set()

    def behave(talk: Conversation) -> None:
        connections.add(id(talk.sock))
        talk.answer(b"{}")

    with HostileServer(behave) as server, Caller(server.url, Redactor(b"salt"), timeout_s=TIMEOUT_S) as caller:
        assert all(caller.call(ASK, Arm.CONTROL).answer is not None for _ in range(5))
    assert len(connections) == 1


def test_a_target_that_takes_no_request_is_given_up_in_time() -> None:
    def behave(talk: Conversation) -> None:
        raise AssertionError(f"{talk.target} came to its end")

    with HostileServer(behave) as server, Caller(server.url, Redactor(b"salt"), timeout_s=TIMEOUT_S) as caller:
        server.reads = False
        exchange = caller.call(Request("POST", "/x", (), "x" * 10_000_000), Arm.CONTROL)
    assert exchange.elapsed_ms < (TIMEOUT_S + LATE_S) * 1000
    assert "could not be sent within 1 s" in (exchange.failure or "")


def test_threads_have_a_deadline_each() -> None:
    """A late call must not take the time of one that another thread began later."""

    def behave(talk: Conversation) -> None:
        if "slow" in talk.target:
            talk.wait()
        time.sleep(0.6)
        talk.answer(b"{}")

    with HostileServer(behave) as server, Caller(server.url, Redactor(b"salt"), timeout_s=TIMEOUT_S) as caller:

        def call(path: str, after_s: float) -> Exchange:
            time.sleep(after_s)
            return caller.call(Request("GET", path), Arm.CONTROL)

        with ThreadPoolExecutor(2) as threads:
            slow, quick = threads.map(call, ("/slow", "/quick"), (0.0, 0.7))
    assert "no whole answer within 1 s" in (slow.failure or "")
    assert quick.answer is not None
