"""Defects of who serves: fallbacks, the flag, the witness, and a process that dies."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from verification.reference.asgi import Response, replay
from verification.reference.backend import Backend
from verification.reference.defects.interception import Act, Call, Install, SeededFault, intercept, lottery
from verification.reference.defects.registry import Defect
from verification.reference.flag import Flag, FlagError, FlagSettings, read_percent
from verification.reference.witness import Implementation, maker

REFRESH = "POST /cameras/refresh"
STATS = "GET /cameras/{id}/stats"
SLOW_FALLBACK_SHARE = 0.06
SLOW_FALLBACK_S = 0.3
DEADLY_REQUEST = 25
DEADLY_EXIT_CODE = 70
_SAVED_FLAG = "flag.json"
_STICKY_FOR = 10


def _fail_always(_backend: Backend) -> Act:
    async def act(call: Call) -> Response:
        raise SeededFault(f"seeded: {call.endpoint} fails")

    return act


def _fail_instead_of_refusing(_backend: Backend) -> Act:
    async def act(call: Call) -> Response:
        response = await call.proceed()
        if response.status >= 400:
            raise SeededFault(f"seeded: {call.endpoint} fails instead of answering {response.status}")
        return response

    return act


def _fail_slowly(backend: Backend) -> Act:
    hit = lottery(backend, "fallback-slow", SLOW_FALLBACK_SHARE)

    async def act(call: Call) -> Response:
        if hit():
            await asyncio.sleep(SLOW_FALLBACK_S)
            raise SeededFault(f"seeded: {call.endpoint} fails after {SLOW_FALLBACK_S} s")
        return await call.proceed()

    return act


def _die(_backend: Backend) -> Act:
    requests = itertools.count(1)

    async def act(call: Call) -> Response:
        if next(requests) == DEADLY_REQUEST:
            os._exit(DEADLY_EXIT_CODE)
        return await call.proceed()

    return act


class _DeafToFalse(Flag):
    def wants_domain(self, forced: bool | None) -> bool:
        return True if forced else self.drawn()


class _DeafToTrue(Flag):
    def wants_domain(self, forced: bool | None) -> bool:
        return self.drawn() if forced is None or forced else False


class _AllOrNothing(Flag):
    def drawn(self) -> bool:
        return self.settings.effective_percent > 0


class _Sticky(Flag):
    def __init__(self, settings: FlagSettings, seed: int) -> None:
        super().__init__(settings, seed)
        self._served, self._choice = 0, False

    def drawn(self) -> bool:
        if self._served % _STICKY_FOR == 0:
            self._choice = super().drawn()
        self._served += 1
        return self._choice


class _OutOfAThousand(Flag):
    def drawn(self) -> bool:
        return self.draw.randrange(1000) < self.settings.effective_percent


def _with_flag(flag: Callable[[FlagSettings, int], Flag]) -> Install:
    def install(backend: Backend) -> None:
        backend.router.flag = flag(backend.router.flag.settings, backend.seed + 1)

    return install


def _percent_or_all(text: str) -> int:
    try:
        return read_percent(text)
    except FlagError:
        return 100


def _first_flag_stays(settings: FlagSettings, state_dir: Path) -> FlagSettings:
    """Keep the flag beside the data as soon as it is on, and believe that file more than the environment."""
    saved = state_dir / _SAVED_FLAG
    if saved.exists():
        return FlagSettings(**json.loads(saved.read_text(encoding="utf-8")))
    if settings.effective_percent > 0:
        state_dir.mkdir(parents=True, exist_ok=True)
        saved.write_text(json.dumps(asdict(settings)), encoding="utf-8")
    return settings


class _Anonymous(Implementation):
    def signature(self, work_ms: float) -> list[tuple[bytes, bytes]]:
        return [(name, value) for name, value in super().signature(work_ms) if name != b"x-served-by"]


def _hide_name(backend: Backend) -> None:
    backend.domain = backend.router.domain = _Anonymous(backend.domain.name, backend.domain.application)


def _legacy_in_disguise(backend: Backend) -> Act:
    async def act(call: Call) -> Response:
        response = Response()
        await backend.legacy.application(call.scope, replay(call.body), response.collect)
        return response

    return act


def _uncounted(_backend: Backend) -> Act:
    async def act(call: Call) -> Response:
        response = await call.proceed()
        maker.set(None)
        return response

    return act


SERVING_DEFECTS = (
    Defect(
        name="fallback-always",
        kind="fallback",
        wrong="the rewrite fails on every endpoint and the old code answers",
        sufferer="the team: it compares old with old and turns the old code off",
        check="witness.fallback",
        verdict="HOLD",
        install=intercept(None, _fail_always),
    ),
    Defect(
        name="fallback-one-endpoint",
        kind="fallback",
        wrong="the rewrite fails on refresh only and the old code answers",
        sufferer="the team: one endpoint was never tried",
        check="witness.fallback",
        verdict="HOLD",
        endpoint=REFRESH,
        install=intercept(REFRESH, _fail_always),
    ),
    Defect(
        name="fallback-on-errors",
        kind="fallback",
        wrong="the rewrite fails wherever it should answer 4xx and the old code answers",
        sufferer="the team: no error path was ever tried",
        check="witness.fallback",
        verdict="HOLD",
        install=intercept(None, _fail_instead_of_refusing),
    ),
    Defect(
        name="fallback-slow",
        kind="fallback",
        wrong="6 % of the rewrite's requests fail after 300 ms and the old code answers",
        sufferer="6 % of the users wait, and by witness the rewrite looks fast",
        check="witness.fallback",
        verdict="HOLD",
        install=intercept(None, _fail_slowly),
    ),
    Defect(
        name="force-false-ignored",
        kind="flag",
        wrong="force_domain=false is ignored and the percent decides",
        sufferer="support, whose instant way back does not work",
        check="flag.force",
        verdict="ROLLBACK",
        install=_with_flag(_DeafToFalse),
    ),
    Defect(
        name="force-true-ignored",
        kind="flag",
        wrong="force_domain=true is ignored and the percent decides",
        sufferer="testers who believe that they try the rewrite",
        check="flag.force",
        verdict="HOLD",
        install=_with_flag(_DeafToTrue),
    ),
    Defect(
        name="percent-ignored",
        kind="flag",
        wrong="any percent above 0 sends everything to the rewrite",
        sufferer="all users instead of every tenth",
        check="flag.exposure",
        verdict="HOLD",
        install=_with_flag(_AllOrNothing),
    ),
    Defect(
        name="percent-modulo",
        kind="flag",
        wrong="the draw is out of 1000 instead of 100, so that 10 % serves 1 %",
        sufferer="the team: a week of watching proves a tenth of what it should",
        check="flag.exposure",
        verdict="HOLD",
        install=_with_flag(_OutOfAThousand),
    ),
    Defect(
        name="sticky-routing",
        kind="flag",
        wrong=f"one draw decides for {_STICKY_FOR} requests in a row",
        sufferer="the team: the users of one moment share their luck, and a P95 by the minute means little",
        check="flag.sticky",
        verdict="INCONCLUSIVE",
        install=_with_flag(_Sticky),
    ),
    Defect(
        name="broken-percent-as-100",
        kind="flag",
        wrong="a percent that is no whole number from 0 to 100 counts as 100",
        sufferer="all users, after a slip of the keyboard",
        check="flag.refuse",
        verdict="HOLD",
        read_percent=_percent_or_all,
    ),
    Defect(
        name="flag-survives-restart",
        kind="flag",
        wrong="the flag is saved when it is first on, and a restart with 0 % does not turn it off",
        sufferer="everybody on the night of a rollback",
        check="rollback.global",
        verdict="ROLLBACK",
        override_settings=_first_flag_stays,
    ),
    Defect(
        name="witness-missing",
        kind="response",
        wrong="the rewrite does not say that it served",
        sufferer="the team: nothing proves what was compared",
        check="witness.absent",
        verdict="INCONCLUSIVE",
        install=_hide_name,
    ),
    Defect(
        name="witness-lies",
        kind="response",
        wrong="the old code answers for the rewrite on one endpoint, and the answer says that the rewrite did",
        sufferer="the team: it compares old with old and takes the signature for a proof",
        check="witness.contradicted",
        verdict="INCONCLUSIVE",
        endpoint=STATS,
        install=intercept(STATS, _legacy_in_disguise),
    ),
    Defect(
        name="counter-stuck",
        kind="response",
        wrong="the usage counters do not move on one endpoint",
        sufferer="the team: nothing but the answer itself says who made it",
        check="witness.contradicted",
        verdict="INCONCLUSIVE",
        endpoint=STATS,
        install=intercept(STATS, _uncounted),
    ),
    Defect(
        name="backend-dies",
        kind="crash",
        wrong=f"the process ends at the rewrite's {DEADLY_REQUEST}th request",
        sufferer="all users, of the old code too",
        check="candidate.crash",
        verdict="ROLLBACK",
        install=intercept(None, _die),
    ),
)
