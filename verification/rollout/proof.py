"""What shows that a backend is at a percent, or that everything is served by the old implementation again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from verification.catalog.requests import fill
from verification.core.arms import implementation
from verification.core.cases import Catalog, Shape
from verification.core.compare import compare_values
from verification.core.documents import Names
from verification.core.exceedance import TAIL_SHARE, Stratum
from verification.core.histogram import TOP_BIN, bin_of, edge_ms, merge, quantile_ms, total
from verification.core.judge.flag import judge_exposure
from verification.core.model import Arm, Exchange, Implementation, Request, Verdict
from verification.core.rates import exposure_interval
from verification.core.records import Exposure
from verification.core.redact import Redactor
from verification.core.state import document
from verification.drive.caller import Caller, json_body
from verification.drive.connect import connect
from verification.drive.flag import EXPOSURE_REQUESTS, measure_exposure
from verification.rollout.look import counters_of, requests_of_a_look
from verification.settings import Settings

ROLLED_BACK_REQUESTS = 200
_LEAST_BASELINE = 100
"""Requests of control before that make a baseline."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was seen, each in a sentence. It is a proof where nothing is wrong."""

    shown: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    def and_(self, other: Proof) -> Proof:
        """Both."""
        return Proof((*self.shown, *other.shown), (*self.wrong, *other.wrong))


def prove_percent(settings: Settings, percent: int) -> Proof:
    """The two monitoring endpoints answer, and unforced requests are served in the share that is set."""
    with connect(settings, settings.target.urls[0], Redactor(os.urandom(32))) as caller:
        return _monitoring(caller, settings).and_(_share(caller, settings, percent, EXPOSURE_REQUESTS))


def prove_rollback(settings: Settings, catalog: Catalog, baseline: Sequence[Stratum]) -> Proof:
    """Nothing is served by the rewrite, neither unforced nor forced to control; reads are equal; errors and latency are
    those of control before, which `baseline` holds."""
    with connect(settings, settings.target.urls[0], Redactor(os.urandom(32))) as caller:
        proof = _share(caller, settings, 0, ROLLED_BACK_REQUESTS)
        proof = proof.and_(_by_request(caller, catalog))
        return proof.and_(_as_before(caller, settings, catalog, baseline))


def _monitoring(caller: Caller, settings: Settings) -> Proof:
    if not settings.has_monitoring:
        return Proof()
    proof = Proof()
    for path in (settings.monitoring.health, settings.monitoring.metrics):
        exchange = caller.call(Request("GET", path), Arm.CONTROL, force=False)
        if isinstance(json_body(exchange), dict) and exchange.answer is not None and exchange.answer.status == 200:
            proof = proof.and_(Proof((f"{path} answers",)))
        else:
            proof = proof.and_(Proof(wrong=(f"{path}: {_said(exchange)}",)))
    return proof


def _said(exchange: Exchange) -> str:
    if exchange.answer is None:
        return f"no answer ({exchange.failure})"
    return f"status {exchange.answer.status}, and no JSON object of status 200"


def _share(caller: Caller, settings: Settings, percent: int, requests: int) -> Proof:
    """Who serves requests that nobody put on an arm: by what the answers name, or else by what the backend counts."""
    if not settings.routing.flag:
        if settings.percent.is_known and settings.percent.check is not None:
            # Asked after it had been set, or setting it would have failed.
            return Proof((f"{settings.percent.check.path} tells {percent} %",))
        return Proof(wrong=(f"no flag routes requests here ({settings.routing.told} does), so {_NOTHING}",))
    before = _counted(caller, settings)
    exposure = measure_exposure(caller, percent, settings.arm.probe, requests)
    source = "named by the answers"
    if not exposure.legacy + exposure.domain:
        after = _counted(caller, settings)
        moved = None if before is None or after is None else (after[0] - before[0], after[1] - before[1])
        # Less than before comes from another process, or one that began anew.
        if moved is None or min(moved) < 0 or sum(moved) < requests:
            return Proof(wrong=(_UNSEEN.format(requests=requests),))
        exposure = Exposure(percent, *moved, 0)
        source = "counted by the backend"
    row, findings = judge_exposure(exposure, source, settings.rates)
    wrong = tuple(finding.reason for finding in findings if finding.verdict is not Verdict.PROMOTE)
    shown = f"{row.domain} of {row.total} unforced requests served by domain ({source}) at {percent} %"
    return Proof(() if wrong else (shown,), wrong)


_NOTHING = "nothing shows the share; [percent] check can name what tells it"
_UNSEEN = (
    "of {requests} unforced requests no answer named who served it, and the backend's counters did not move by as "
    "many: nothing shows the share. Name a witness ([witness] header or body), or count unforced requests, too"
)


def _counted(caller: Caller, settings: Settings) -> tuple[int, int] | None:
    """(legacy, domain) as the backend counts them; None where it does not."""
    if not settings.has_monitoring:
        return None
    told = counters_of(json_body(caller.call(Request("GET", settings.monitoring.metrics), Arm.CONTROL, force=False)))
    return None if told is None or told.legacy is None or told.domain is None else (told.legacy, told.domain)


def _by_request(caller: Caller, catalog: Catalog) -> Proof:
    """Forced to control, every read is served by the old implementation; and unforced it is answered alike."""
    wrong = []
    for name, spec in catalog.readings.items():
        request = fill(spec.request, {})
        forced, unforced = (caller.call(request, Arm.CONTROL, force=force) for force in (True, False))
        if implementation(forced.served_by) is Implementation.DOMAIN:
            wrong.append(f"{name}, forced to control, is served by domain")
        if implementation(unforced.served_by) is Implementation.DOMAIN:
            wrong.append(f"{name}, unforced, is served by domain")
        told = [document(spec, one, Names(())) for one in (forced, unforced)]
        if any(one.answer is None or one.answer.status != 200 for one in (forced, unforced)):
            wrong.append(f"{name} is not answered with status 200, forced to control and unforced")
        elif compare_values(Shape(), name, *told).differences:
            wrong.append(f"{name} is answered differently unforced and forced to control")
    number = len(catalog.readings)
    return Proof(
        () if wrong else (f"{number} reads forced to control: legacy, and equal to unforced ones",), tuple(wrong)
    )


def _as_before(caller: Caller, settings: Settings, catalog: Catalog, baseline: Sequence[Stratum]) -> Proof:
    """Unforced reads as they are now against control's of the looks before: errors and P95 back inside."""
    requests = list(requests_of_a_look(settings, catalog).values())
    times: dict[int, int] = {}
    errors = by_domain = 0
    for number in range(ROLLED_BACK_REQUESTS):
        exchange = caller.call(requests[number % len(requests)], Arm.CONTROL, force=False)
        failed = exchange.answer is None or exchange.answer.status >= settings.rates.error_status_from
        errors += failed
        by_domain += implementation(exchange.served_by) is Implementation.DOMAIN
        place = TOP_BIN if failed else bin_of(exchange.elapsed_ms)
        times[place] = times.get(place, 0) + 1
    share = errors / ROLLED_BACK_REQUESTS
    told = f"{errors} errors in {ROLLED_BACK_REQUESTS} unforced reads"
    proof = Proof((told,)) if share <= settings.rates.hold_error_rate else Proof(wrong=(f"{told}: more than allowed",))
    if by_domain:
        proof = proof.and_(Proof(wrong=(f"domain served {by_domain} of {ROLLED_BACK_REQUESTS} unforced reads",)))
    return proof.and_(_p95_as_before(times, settings, baseline))


def _p95_as_before(times: dict[int, int], settings: Settings, baseline: Sequence[Stratum]) -> Proof:
    before = merge(*(stratum.arms[0] for stratum in baseline))
    if total(before) < _LEAST_BASELINE:
        return Proof(("no baseline of the latency is known from looks",))
    now_ms, then_ms = quantile_ms(times, 0.95), quantile_ms(before, 0.95)
    told = f"P95 {now_ms:.4g} ms, {then_ms:.4g} ms on control before"
    latency = settings.latency
    limit_ms = max(then_ms * latency.hold_ratio, then_ms + latency.floor_ms)
    slow = sum(count for number, count in times.items() if edge_ms(number) > limit_ms)
    # 200 requests know their own P95 only roughly: what counts is whether more than 5 % are proven to be slower.
    is_back = exposure_interval(slow, sum(times.values()))[0] <= TAIL_SHARE
    return Proof((told,)) if is_back else Proof(wrong=(f"{told}: more than {latency.hold_ratio - 1:+.0%}",))
