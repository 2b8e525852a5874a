"""A run against hostile targets ends, is judged from its folder, and holds a finding for each thing that was done."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import chain

import pytest

from tests.hostile.conftest import HostileRun
from tests.hostile.gathering import BOTH, CANDIDATE, case_id, modes
from tests.hostile.rows import MOST_BYTES, MOST_HEAD_BYTES, ROWS, TOO_LARGE, Row
from tests.hostile.server import HostileServer
from verification.core.model import Answer, Verdict
from verification.drive.named_target import NamedTarget
from verification.run import judge_run
from verification.settings import Settings

BY_NAME = {row.name: row for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_a_candidate_does_is_a_finding(row: Row, hostile_run: HostileRun) -> None:
    told = [found for found in hostile_run.judgement.findings if found.case == case_id(row, CANDIDATE)]
    assert any(found.verdict is not Verdict.PROMOTE for found in told)
    (case,) = [case for case in hostile_run.judgement.cases if case.case == case_id(row, CANDIDATE)]
    assert case.result != "EQUAL"


@pytest.mark.parametrize("row", [row for row in ROWS if BOTH in modes(row)], ids=lambda row: row.name)
def test_what_both_arms_do_is_never_worth_a_promotion(row: Row, hostile_run: HostileRun) -> None:
    """Equal nonsense on both arms is equal; the monitoring that answers the same nonsense is a finding."""
    assert hostile_run.judgement.verdict is Verdict.ROLLBACK
    assert sum(case.case == case_id(row, BOTH) for case in hostile_run.judgement.cases) == 1
    shapes = [found for found in hostile_run.judgement.findings if found.rule == "monitoring.shape"]
    assert len(shapes) >= sum(BOTH in modes(row) for row in ROWS)


def test_the_folder_alone_gives_the_same_judgement(hostile_run: HostileRun) -> None:
    assert judge_run(hostile_run.run_dir) == hostile_run.judgement


def test_no_answer_in_the_evidence_is_larger_than_its_bound(hostile_run: HostileRun) -> None:
    evidence = hostile_run.run.evidence
    probes = [probe for comparison in evidence.comparisons for probe in comparison.probes]
    exchanges = [probe.exchange for probe in probes if probe.exchange is not None]
    exchanges += [reading.exchange for probe in probes for reading in probe.readings]
    exchanges += [call.exchange for call in evidence.forced]
    exchanges += chain.from_iterable((one.health, one.metrics) for one in evidence.monitoring)
    answers: list[Answer] = [exchange.answer for exchange in exchanges if exchange.answer is not None]
    assert len(answers) > len(ROWS)
    assert all(len(answer.raw) <= MOST_BYTES for answer in answers)
    assert all(sum(map(len, chain(*answer.headers))) <= MOST_HEAD_BYTES for answer in answers)


@pytest.mark.parametrize("row", [row for row in ROWS if isinstance(row.expected, str)], ids=lambda row: row.name)
def test_a_target_that_does_that_is_not_ready_and_says_why(row: Row) -> None:
    with HostileServer(row.behaviour) as server:
        settings = Settings.model_validate({"target": {"url": server.url, "timeout_s": 0.3, "max_body_bytes": 2000}})
        begun = time.monotonic()
        death = NamedTarget(settings, 25).death()
    assert time.monotonic() - begun < 2
    assert death is not None
    assert "/api/ping does not answer" in death


MEMORY_BOUND = """
import resource, sys
from verification.core.model import Arm, Request
from verification.core.redact import Redactor
from verification.drive.caller import Caller
with Caller(sys.argv[1], Redactor(b"salt"), timeout_s=5, max_body_bytes=200_000) as caller:
    caller.call(Request("GET", "/warm"), Arm.CONTROL)
    pages = int(open("/proc/self/statm").read().split()[0])
    most = pages * resource.getpagesize() + 30_000_000
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    print(caller.call(Request("GET", "/"), Arm.CONTROL).failure)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is set by what Linux tells of a process")
@pytest.mark.parametrize(
    "name", ["endless body", "gzip bomb", "gzip bomb in a gzip", "gzip bomb in three headers", "raw deflate bomb"]
)
def test_what_grows_is_stopped_before_it_takes_memory(name: str) -> None:
    """A child that may take 30 MB more than it has; the bombs unpack to 100 MB."""
    with HostileServer(BY_NAME[name].behaviour) as server:
        child = [sys.executable, "-c", MEMORY_BOUND, server.url]
        done = subprocess.run(child, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, f"Unreadable: the answer is {TOO_LARGE}"), done.stderr
