"""Calls sent at the same moment: a rewrite often loses a lock, and then an answered change is gone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from verification.catalog.requests import fill
from verification.core.cases import RequestSpec, Twin
from verification.core.errors import TargetError
from verification.core.model import Arm, Exchange, Json, Request
from verification.core.records import Race
from verification.drive.caller import Caller, json_body
from verification.drive.probe import Prober

CALLS = 8
ROUNDS = 4
NAME = "auto-start of many cameras in one file"
_CHANGE = RequestSpec("PUT", "/api/v1/cameras/{camera}/auto-start", query=(("auto_start", "true"),))
_LIST = Request("GET", "/api/v1/cameras")


def race_auto_start(caller: Caller, prober: Prober, arm: Arm) -> list[Race]:
    """Several rounds: switch `auto_start` on for many cameras at once, then count whose change is there."""
    return [_one_round(caller, prober, arm) for _ in range(ROUNDS)]


def _one_round(caller: Caller, prober: Prober, arm: Arm) -> Race:
    twins = prober.workshop.make(tuple(Twin(f"camera{number}", "camera") for number in range(CALLS)))
    try:
        requests = [fill(_CHANGE, {"camera": twin.actual}) for twin in twins]
        answers = _at_once(caller, requests, arm)
        applied = _auto_started(caller)
    finally:
        prober.leftover += prober.workshop.remove(twins)
    ok = [twin.actual for twin, answer in zip(twins, answers, strict=True) if _succeeded(answer)]
    return Race(arm.value, NAME, CALLS, len(ok), sum(actual in applied for actual in ok))


def _at_once(caller: Caller, requests: list[Request], arm: Arm) -> list[Exchange]:
    """All requests in flight together: each thread waits at the barrier before it sends."""
    barrier = Barrier(len(requests), timeout=30)

    def send(request: Request) -> Exchange:
        barrier.wait()
        return caller.call(request, arm)

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests))


def _succeeded(exchange: Exchange) -> bool:
    return exchange.answer is not None and exchange.answer.status < 300


def _auto_started(caller: Caller) -> set[str]:
    body: Json = json_body(caller.call(_LIST, Arm.CONTROL))
    cameras = body.get("cameras") if isinstance(body, dict) else None
    if not isinstance(cameras, list):
        raise TargetError("GET /api/v1/cameras gives no list of cameras; the race cannot be judged")
    return {camera["id"] for camera in cameras if isinstance(camera, dict) and camera.get("auto_start") is True}
