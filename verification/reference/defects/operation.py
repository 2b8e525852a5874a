"""Defects of operation: what monitoring says, how long answers take, and how many are errors."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from verification.reference.asgi import Response
from verification.reference.backend import Backend
from verification.reference.defects.interception import Act, Call, Install, intercept, lottery, set_body, wrapped
from verification.reference.defects.registry import Defect
from verification.reference.monitoring import Monitoring, build_monitoring
from verification.reference.shape import count_forced_only

STATS = "GET /cameras/{id}/stats"
LOGS = "GET /cameras/{id}/logs"
BATCH = "POST /cameras/batch-status"
LOCK_HELD_S = 0.012
STALL_S = 0.5
STALL_PERIOD_S = 5.0


def _stretch(endpoint: str, factor: float, share: float = 1.0) -> Install:
    """Make the rewrite take `factor` times as long on that share of an endpoint's requests."""

    def make(backend: Backend) -> Act:
        hit = lottery(backend, endpoint, share)

        async def act(call: Call) -> Response:
            started = time.perf_counter()
            response = await call.proceed()
            if hit():
                await asyncio.sleep((time.perf_counter() - started) * (factor - 1.0))
            return response

        return act

    return intercept(endpoint, make)


def _hold_global_lock(backend: Backend) -> None:
    """Every request needs the lock for a moment; the rewrite keeps it for long."""
    lock = asyncio.Lock()

    async def keep(call: Call) -> Response:
        async with lock:
            await asyncio.sleep(LOCK_HELD_S)
        return await call.proceed()

    async def need(call: Call) -> Response:
        async with lock:
            pass
        return await call.proceed()

    backend.domain.application = wrapped(backend.domain.application, None, keep)
    backend.legacy.application = wrapped(backend.legacy.application, None, need)


def _fail_openly(name: str, share: float) -> Install:
    def make(backend: Backend) -> Act:
        hit = lottery(backend, name, share)

        async def act(call: Call) -> Response:
            response = await call.proceed()
            if hit():
                response.status = 500
                set_body(response, {"detail": "seeded: internal error"})
            return response

        return act

    return intercept(None, make)


def _stall(backend: Backend) -> None:
    async def stall() -> None:
        while True:
            await asyncio.sleep(STALL_PERIOD_S - STALL_S)
            # Blocking on purpose: nothing in the process moves, whichever arm it belongs to.
            time.sleep(STALL_S)  # noqa: ASYNC251, RUF100

    backend.background.append(stall)


class _Shapeless(Monitoring):
    def metrics(self) -> dict[str, Any]:
        return {key: value for key, value in super().metrics().items() if key != "response_time"}


class _Sickening(Monitoring):
    def health(self) -> dict[str, Any]:
        health = super().health()
        if self.counters.served["domain"] == 0:
            return health
        return {
            **health,
            "status": "degraded",
            "checks": {**health["checks"], "domain_services": {"status": "degraded"}},
        }


def _with_monitoring(monitoring: type[Monitoring]) -> Install:
    def install(backend: Backend) -> None:
        backend.monitoring = monitoring(backend.engine, backend.file, backend.mirror, backend.metrics)
        backend.router.own = build_monitoring(backend.monitoring)

    return install


OPERATION_DEFECTS = (
    Defect(
        name="usage-counts-forced-only",
        kind="monitoring",
        wrong="the usage counter leaves out requests that the flag routed",
        sufferer="the team, which steers the release by that number",
        check="monitoring.usage",
        verdict="INCONCLUSIVE",
        install=count_forced_only,
    ),
    Defect(
        name="metrics-without-times",
        kind="monitoring",
        wrong="/monitoring/metrics lacks response_time",
        sufferer="whoever watches the response times during the release",
        check="monitoring.shape",
        verdict="HOLD",
        install=_with_monitoring(_Shapeless),
    ),
    Defect(
        name="health-degrades",
        kind="monitoring",
        wrong="/monitoring/health is degraded as soon as the rewrite has served",
        sufferer="users of whatever the health check speaks of",
        check="monitoring.health",
        verdict="ROLLBACK",
        install=_with_monitoring(_Sickening),
    ),
    Defect(
        name="p95-plus-30",
        kind="latency",
        wrong="the rewrite takes 1.3 times as long for statistics",
        sufferer="users of one page, a little",
        check="latency.p95",
        verdict="HOLD",
        endpoint=STATS,
        install=_stretch(STATS, 1.3),
    ),
    Defect(
        name="p95-plus-120",
        kind="latency",
        wrong="the rewrite takes 2.2 times as long for logs",
        sufferer="users of one page, clearly",
        check="latency.p95",
        verdict="ROLLBACK",
        endpoint=LOGS,
        install=_stretch(LOGS, 2.2),
    ),
    Defect(
        name="p95-plus-80",
        kind="release",
        wrong="the rewrite takes 1.8 times as long for batch-status",
        sufferer="users of one page, clearly, from the day on which it was deployed",
        check="latency.p95",
        verdict="HOLD",
        endpoint=BATCH,
        install=_stretch(BATCH, 1.8),
    ),
    Defect(
        name="slow-tail",
        kind="latency",
        wrong="6 % of the rewrite's batch-status requests take ten times as long; the median stays",
        sufferer="every sixteenth user, behind a fine average",
        check="latency.p95",
        verdict="ROLLBACK",
        endpoint=BATCH,
        install=_stretch(BATCH, 10.0, share=0.06),
    ),
    Defect(
        name="global-lock",
        kind="latency",
        wrong=f"the rewrite holds a lock for {LOCK_HELD_S * 1000:.0f} ms that every request needs, the old code's too",
        sufferer="users of the old code beside the rewrite; the ratio of the arms hides it",
        check="latency.interference",
        verdict="HOLD",
        install=_hold_global_lock,
    ),
    Defect(
        name="stall-both-arms",
        kind="latency",
        wrong=f"the whole process stands still for {STALL_S * 1000:.0f} ms every {STALL_PERIOD_S:.0f} s, on both arms",
        sufferer="all users, but not because of the rewrite",
        check="latency.p95",
        verdict="PROMOTE",
        forbidden=("HOLD", "ROLLBACK"),
        install=_stall,
    ),
    Defect(
        name="errors-2-percent",
        kind="errors",
        wrong="2 % of the rewrite's requests answer 500",
        sufferer="every fiftieth user",
        check="rates.errors",
        verdict="HOLD",
        install=_fail_openly("errors-2-percent", 0.02),
    ),
    Defect(
        name="errors-8-percent",
        kind="errors",
        wrong="8 % of the rewrite's requests answer 500",
        sufferer="every twelfth user",
        check="rates.errors",
        verdict="ROLLBACK",
        install=_fail_openly("errors-8-percent", 0.08),
    ),
)
