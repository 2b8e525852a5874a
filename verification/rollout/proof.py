"""What shows that a backend is at a percent, or that everything is served by the old implementation again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from verification.core.arms import implementation
from verification.core.cases import Catalog, ReadingSpec, Shape
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
from verification.drive.flag import EXPOSURE_REQUESTS, measure_exposure, usage_counters
from verification.rollout.heard import is_error
from verification.rollout.look import PROBE, requests_of_a_look
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
        proof = proof.and_(_by_request(caller, settings, catalog))
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
    domain, legacy = usage_counters(caller, settings.monitoring.metrics)
    return None if legacy is None or domain is None else (legacy, domain)


def _by_request(caller: Caller, settings: Settings, catalog: Catalog) -> Proof:
    """Forced to control, every read is served by the old implementation; and unforced it is answered alike."""
    wrong, named, requests = [], 0, requests_of_a_look(settings, catalog)
    for name, request in requests.items():
        forced, unforced = (caller.call(request, Arm.CONTROL, force=force) for force in (True, False))
        for how, one in (("forced to control", forced), ("unforced", unforced)):
            served = implementation(one.served_by)
            named += served is Implementation.LEGACY
            if served is Implementation.DOMAIN:
                wrong.append(f"{name}, {how}, is served by domain")
        if any(is_error(one, settings) for one in (forced, unforced)):
            wrong.append(f"{name} ends in an error, forced to control or unforced")
        elif name != PROBE and _parts(catalog.readings[name], forced, unforced):
            wrong.append(f"{name} is answered differently unforced and forced to control, or not with status 200")
    told = f"{len(requests)} reads, forced to control and unforced: {named} of {2 * len(requests)} answers name legacy"
    witness = settings.first_witness
    has_witness = witness.address or witness.header is not None or witness.body is not None
    if has_witness and named < 2 * len(requests):
        wrong.append(told)
    return Proof(() if wrong else (f"{told}, none names domain; answered alike",), tuple(wrong))


def _parts(spec: ReadingSpec, forced: Exchange, unforced: Exchange) -> bool:
    """Whether a reading is answered differently; one that is no state at all (a status but 200) is no equal either."""
    told = [document(spec, one, Names(())) for one in (forced, unforced)]
    readable = all(one.answer is not None and one.answer.status == 200 for one in (forced, unforced))
    return not readable or bool(compare_values(Shape(), spec.name, *told).differences)


def _as_before(caller: Caller, settings: Settings, catalog: Catalog, baseline: Sequence[Stratum]) -> Proof:
    """Unforced reads as they are now against control's of the looks before: errors and P95 back inside."""
    requests = list(requests_of_a_look(settings, catalog).values())
    times: dict[int, int] = {}
    errors = by_domain = 0
    for number in range(ROLLED_BACK_REQUESTS):
        exchange = caller.call(requests[number % len(requests)], Arm.CONTROL, force=False)
        failed = is_error(exchange, settings)
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
