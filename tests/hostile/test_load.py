"""The load's client against the same list, and Locust itself against the rows that could hang, crash or grow it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.hostile.rows import MOST_BYTES, ROWS, TOO_LARGE, TOO_LATE, Row
from tests.hostile.server import HostileServer
from tests.hostile.test_reports import steering_in
from tests.load.staging import blocks, end, locust
from verification.core.histogram import TOP_BIN
from verification.settings import HANDED, Settings

BY_NAME = {row.name: row for row in ROWS}
TIMEOUT_S, LATE_S = 1.0, 1.0
REFRESH = "POST /cameras/refresh"

ASK_ALL = """
import json, sys
from gevent import monkey
monkey.patch_all()
from time import perf_counter
from locust.contrib.fasthttp import FastHttpSession
from loadtests.client import Client
from verification.core.model import Arm, Request

for host in sys.argv[2:]:
    session = FastHttpSession(host, request_event=None, user=None)
    client = Client(session, host, "Server-Timing", max_body_bytes=int(sys.argv[1]))
    begun = perf_counter()
    reply = client.ask(Request("GET", "/x"), Arm.CONTROL, 1.0)
    told = [reply.status, reply.failure, reply.timed_out, reply.ok, reply.length, perf_counter() - begun]
    print(json.dumps(told), flush=True)
"""


@pytest.fixture(scope="module")
def replies() -> dict[str, tuple[int, str | None, bool, bool, int, float]]:
    """What the client makes of each row, asked in a process of its own: gevent changes the whole process it is in."""
    servers = [HostileServer(row.behaviour) for row in ROWS]
    for server in servers:
        server.__enter__()
    try:
        child = [sys.executable, "-c", ASK_ALL, str(MOST_BYTES), *(server.url for server in servers)]
        done = subprocess.run(child, capture_output=True, text=True, timeout=180, check=False)
    finally:
        for server in servers:
            server.__exit__(None, None, None)
    assert done.returncode == 0, done.stderr
    return dict(zip(BY_NAME, map(tuple, map(json.loads, done.stdout.splitlines())), strict=True))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_load_ends_each_request_in_time_and_within_its_bound(
    row: Row, replies: dict[str, tuple[int, str | None, bool, bool, int, float]]
) -> None:
    status, failure, timed_out, ok, length, took_s = replies[row.name]
    assert took_s < TIMEOUT_S + LATE_S
    assert length <= MOST_BYTES
    assert ok is (200 <= status < 300 and failure is None)
    assert failure is None or not steering_in(failure)
    assert not timed_out or failure is not None
    if status == 0:
        assert failure is not None
    if row.expected == TOO_LARGE:
        assert TOO_LARGE in (failure or "")
    if row.name.startswith("length too long"):
        assert failure is not None
    if row.expected == TOO_LATE:
        assert timed_out


@pytest.mark.parametrize(
    "name",
    [
        "endless body",
        "a byte at a time",
        "gzip bomb in a gzip",
        "reset before the answer",
        "reset within the body",
        "endless headers",
        "endless interim answers",
        "script and steering in headers",
    ],
)
def test_a_stage_against_a_hostile_target_ends_in_time_with_its_errors_counted(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed = Settings.model_validate({"target": {"max_body_bytes": MOST_BYTES}})
    monkeypatch.setenv(HANDED, handed.model_dump_json(exclude_unset=True))
    bounds = ("--drain-seconds", "1", "--rate", "40")
    with HostileServer(BY_NAME[name].behaviour) as server:
        begun = time.monotonic()
        ran = locust(server.url, tmp_path, "--endpoints", REFRESH, *bounds)
    assert time.monotonic() - begun < 45
    assert ran.returncode in (10, 11, 12), ran.stderr
    assert "Traceback" not in ran.stderr
    assert not steering_in(ran.stdout + ran.stderr)
    assert end(tmp_path).finished > 0
    cells = [cell for block in blocks(tmp_path) for cell in block.cells]
    assert cells
    if name != "script and steering in headers":
        assert all(cell.errors == cell.requests == cell.intended[TOP_BIN] for cell in cells)
