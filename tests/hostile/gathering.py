"""A run against hostile targets: every row of the list as a case, on candidate alone and on both arms."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx

from tests.drive.service import CASE, ENDPOINT, LIST, MAKE, Service
from tests.drive.service import CATALOG as TINY
from tests.hostile.rows import MOST_BYTES, ROWS, TOO_LATE, Row
from tests.hostile.server import MARKUP, NAME, STEERING, Conversation, HostileServer
from verification.core.cases import Case, Catalog, RequestSpec
from verification.core.model import Arm, Request
from verification.core.policy import Policy
from verification.core.records import ForcedCall, Leftover, LogTail, Mishap, Monitoring, Record
from verification.core.redact import Redactor, redact_text
from verification.core.sequences import Sequence, Step
from verification.core.witness import SecondWitnessSettings
from verification.drive import flag
from verification.drive.caller import Caller
from verification.drive.probe import Prober
from verification.drive.sequence import Walker
from verification.drive.witness import check, second_witness
from verification.evidence import EvidenceWriter, start_run
from verification.manifest import new_manifest
from verification.settings.target import UNASKED_CAMERA, MonitoringSettings

TIMEOUT_S = 0.1
CANDIDATE, BOTH = "candidate", "both"
HEALTH, METRICS = (Request("GET", path) for path in (MonitoringSettings().health, MonitoringSettings().metrics))
OFF = Step("off", RequestSpec("POST", "/cameras/{camera}/off"), ENDPOINT.id)


def modes(row: Row) -> tuple[str, ...]:
    """Where a row is tried. Both arms late is one thing however it comes about, so silence stands for it."""
    return (CANDIDATE,) if row.expected == TOO_LATE and row.name != "silence" else (CANDIDATE, BOTH)


def case_id(row: Row, mode: str) -> str:
    return f"{mode}: {row.name}"


def catalog() -> Catalog:
    """The tiny service's catalog, with a case for each row and mode: all the same, on another target each."""
    cases = tuple(replace(CASE, id=case_id(row, mode), title=row.name) for row in ROWS for mode in modes(row))
    return replace(TINY, endpoints=(replace(ENDPOINT, cases=cases), replace(MAKE, reads=ENDPOINT.reads)))


def honest_but(row: Row, mode: str) -> Callable[[Conversation], None]:
    """The tiny service over sockets; what the row says where the arm is forced to candidate, or always."""
    service, lock = Service(), threading.Lock()

    def behave(talk: Conversation) -> None:
        if mode == BOTH or "force_domain=true" in talk.target:
            row.behaviour(talk)
            return
        with lock:
            said = service.answer(httpx.Request(talk.method, f"http://tiny{talk.target}", content=talk.body))
        served = f"X-Served-By: {said.headers['x-served-by']}"
        head = f"HTTP/1.1 {said.status_code} X\r\n{served}\r\nContent-Length: {len(said.content)}\r\n\r\n"
        talk.send(head.encode() + said.content)

    return behave


def gather(run_dir: Path) -> Catalog:
    """Ask them all and leave the evidence in the folder; returns the catalog."""
    whole = catalog()
    redactor = Redactor(b"salt of this run")
    endpoint = whole.endpoints[0]
    expected = tuple(f"parity:{endpoint.id}:{case.id}" for case in endpoint.cases)
    manifest = new_manifest(
        run_dir.name, seed=1, target="http://127.0.0.1:1", owned=False, stages=(10,), quick=False,
        expected=expected, omitted={NAME: MARKUP},
    )  # fmt: skip
    start_run(run_dir, manifest, whole, Policy())
    with EvidenceWriter(run_dir, "main") as writer:
        for row in ROWS:
            for mode in modes(row):
                case = next(case for case in endpoint.cases if case.id == case_id(row, mode))
                with (
                    HostileServer(honest_but(row, mode)) as server,
                    Caller(server.url, redactor, timeout_s=TIMEOUT_S, max_body_bytes=MOST_BYTES) as caller,
                ):
                    for record in _asked(row, mode, Prober(caller, whole, "tag", 1), caller, case):
                        writer.append(record)
        for text in (NAME, MARKUP + STEERING):
            writer.append(LogTail(10, 1, (redact_text(text), "falling back to legacy " + text)))
            writer.append(Leftover((text,)))
            writer.append(Mishap("backend-unready", text, 10, text))
    return whole


def _asked(row: Row, mode: str, prober: Prober, caller: Caller, case: Case) -> list[Record]:
    """Everything that the drive does, once."""
    endpoint = replace(ENDPOINT, cases=(case,))
    records: list[Record] = [comparison for comparison, _ in prober.compare(endpoint, case)]
    records.append(ForcedCall("force", 10, endpoint.id, caller.call(HEALTH, Arm.CANDIDATE)))
    if mode == CANDIDATE:
        records.append(ForcedCall("force", 10, MAKE.id, prober.call_once(MAKE, Arm.CANDIDATE, force=True)))
        key = f"sequence:routed:cameras:{ROWS.index(row)}"
        sequence = Sequence(key, CASE.given, (OFF, OFF), (Arm.CONTROL, Arm.CANDIDATE), (LIST.name,))
        records.append(Walker(caller, TINY, prober.workshop).compare(sequence)[0])
    else:
        health, metrics = (caller.call(ask, Arm.CONTROL, force=False) for ask in (HEALTH, METRICS))
        records.append(Monitoring("before", 10, health, metrics))
        records += flag.measure_usage(caller, 10, UNASKED_CAMERA, METRICS.path, requests=1)
        second = second_witness(SecondWitnessSettings(), caller, None)
        records.append(check(prober, replace(MAKE, id=endpoint.id), 10, second))
    records.append(Leftover(tuple(prober.leftover)))
    return records
